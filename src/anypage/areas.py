# SPDX-License-Identifier: GPL-2.0-only
"""The areas of the kernel whose conversion is counted one by one."""

import tomllib
from functools import cache
from importlib import resources

REST = "everything else"


@cache
def areas() -> dict[str, tuple[str, ...]]:
    """facts/areas.toml: name -> the beginnings of its paths."""
    text = resources.files("anypage.facts").joinpath("areas.toml").read_text()
    return {name: tuple(beginnings) for name, beginnings in tomllib.loads(text).items()}


@cache
def area_of(path: str) -> str:
    """The area with the longest beginning of path, else REST."""
    known = [
        (len(beginning), name)
        for name, beginnings in areas().items()
        for beginning in beginnings
        if path.startswith(beginning)
    ]
    return max(known)[1] if known else REST
