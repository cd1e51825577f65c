# SPDX-License-Identifier: GPL-2.0-only
"""Which subsystem a file belongs to, by MAINTAINERS, and how its commits are titled."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath

_THE_REST = "THE REST"


@dataclass(frozen=True, slots=True, order=True)
class Subsystem:
    """prefix begins the subject of a commit; title is that of the section in MAINTAINERS."""

    prefix: str
    title: str


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    files: tuple[str, ...]
    excluded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Maintainers:
    """The sections of a MAINTAINERS file; F: and X: mean what scripts/get_maintainer.pl says."""

    sections: tuple[_Section, ...]

    @classmethod
    def parse(cls, text: bytes) -> "Maintainers":
        """The sections that name files; anything that is no section is passed over."""
        return cls(tuple(_sections(text.decode(errors="replace"))))

    def subsystem(self, path: str) -> Subsystem:
        """That of the section whose pattern says most about path."""
        best, title = 0, _THE_REST
        for section in self.sections:
            size = max((len(p) for p in section.files if _covers(p, path)), default=0)
            if size > best and not any(_covers(p, path) for p in section.excluded):
                best, title = size, section.title
        return Subsystem(prefix_of(path), title)


def _sections(text: str) -> Iterable[_Section]:
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        patterns = {
            key: tuple(line[2:].strip() for line in lines if line.startswith(key))
            for key in ("F:", "X:")
        }
        if patterns["F:"] and lines[0] != _THE_REST:
            yield _Section(lines[0], patterns["F:"], patterns["X:"])


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    """A trailing slash covers all below; * and ? do not cross a slash."""
    text = "".join({"*": "[^/]*", "?": "[^/]"}.get(c, re.escape(c)) for c in pattern)
    return re.compile(text if pattern.endswith("/") else text + r"(?:/|\Z)")


def _covers(pattern: str, path: str) -> bool:
    fixed = re.split(r"[*?]", pattern, maxsplit=1)[0]
    return path.startswith(fixed) and _regex(pattern).match(path) is not None


@cache
def _prefixes() -> dict[str, str]:
    text = resources.files("anypage.facts").joinpath("subsystems.toml").read_text()
    return dict(tomllib.loads(text)["prefix"])


def prefix_of(path: str) -> str:
    """The prefix of a commit for path, as the kernel's log has them."""
    known = [folder for folder in _prefixes() if path.startswith(folder)]
    if not known:
        return _by_path(path)
    folder = max(known, key=len)
    prefix = _prefixes()[folder]
    rest = PurePosixPath(path[len(folder) :]).parts
    if not prefix.endswith("*"):
        return prefix
    name = rest[0] if rest else ""
    return prefix[:-1] + PurePosixPath(name).stem.replace("_", "-")


def _by_path(path: str) -> str:
    parts = PurePosixPath(path).parts
    if parts[0] == "include":
        return PurePosixPath(parts[-1]).stem.replace("_", "-")
    if len(parts) > 2 and parts[0] in ("drivers", "sound", "fs", "arch"):
        return f"{parts[1]}: {parts[2]}" if len(parts) > 3 else parts[1]
    return parts[0]
