# SPDX-License-Identifier: GPL-2.0-only
"""A kernel tree: where it is, its version, and whether it can be converted."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from anypage.errors import AnypageError
from anypage.repo import Repo

_FIELD = re.compile(r"^(VERSION|PATCHLEVEL|SUBLEVEL)\s*=\s*(\d+)\s*$", re.MULTILINE)
_SHOWN = 5

# What the first and the last step of a conversion leave in a tree.
_FIRST_MARK = ("include/asm-generic/page-limits.h", "")
_LAST_MARK = ("arch/arm64/Kconfig", "config ARM64_BOOT_TIME_PAGE_SIZE")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A kernel version, as the top Makefile has it."""

    version: int
    patchlevel: int
    sublevel: int = 0

    def __str__(self) -> str:
        return f"{self.version}.{self.patchlevel}.{self.sublevel}"

    @classmethod
    def parse(cls, text: str) -> "Version":
        """`6.12`, `6.12.117`; ValueError for anything else."""
        parts = [int(part) for part in text.split(".")]
        if not 2 <= len(parts) <= 3:
            raise ValueError(f"not a kernel version: {text}")
        return cls(*parts)


@cache
def supported() -> list[dict[str, Any]]:
    """The ranges of facts/versions.toml."""
    text = resources.files("anypage.facts").joinpath("versions.toml").read_text()
    return list(tomllib.loads(text)["kernel"])


def in_range(version: Version, first: str, until: str) -> bool:
    """Whether first <= version < until."""
    return Version.parse(first) <= version < Version.parse(until)


@dataclass(frozen=True, slots=True)
class KernelTree:
    """A kernel source tree. commit is the checked out one of a git repository, else None."""

    path: Path
    version: Version
    commit: str | None

    @classmethod
    def open(cls, path: Path) -> "KernelTree":
        """AnypageError when path is no kernel tree."""
        version = _version(path)
        commit = Repo(path).head() if (path / ".git").exists() else None
        return cls(path.absolute(), version, commit)

    def check_convertible(self) -> None:
        """AnypageError when the version is not supported, or the tree is not as it was released."""
        if not any(in_range(self.version, k["from"], k["until"]) for k in supported()):
            known = ", ".join(f"{k['from']}.y" for k in supported())
            raise AnypageError(
                f"Linux {self.version} is not supported",
                where=str(self.path),
                remedy=f"supported are {known}",
            )
        if self.is_converted:
            raise AnypageError(
                "the tree is converted already", where=str(self.path), remedy="nothing is to do"
            )
        if self._has(_FIRST_MARK):
            raise AnypageError(
                "the tree is half converted",
                where=f"{self.path}/{_FIRST_MARK[0]}",
                remedy="start from a pristine tree",
            )
        self._check_clean()

    @property
    def is_converted(self) -> bool:
        """Whether the page size can be chosen at boot."""
        return self._has(_LAST_MARK)

    def _has(self, mark: tuple[str, str]) -> bool:
        path = self.path / mark[0]
        return path.is_file() and mark[1] in path.read_text(errors="replace")

    def _check_clean(self) -> None:
        changes = Repo(self.path).changes() if self.commit else []
        if not changes:
            return
        shown = ", ".join(line[3:] for line in changes[:_SHOWN])
        more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        raise AnypageError(
            f"the tree has changes that are not committed: {shown}{more}",
            where=str(self.path),
            remedy="commit or stash them",
        )


def _version(path: Path) -> Version:
    try:
        makefile = (path / "Makefile").read_text(errors="replace")
        is_tree = (path / "Kconfig").is_file() and (path / "arch/arm64").is_dir()
    except OSError:
        makefile, is_tree = "", False
    fields = {name: int(value) for name, value in _FIELD.findall(makefile)}
    if not is_tree or len(fields) != 3:
        raise AnypageError("not a Linux kernel tree", where=str(path), remedy="name its top folder")
    return Version(fields["VERSION"], fields["PATCHLEVEL"], fields["SUBLEVEL"])
