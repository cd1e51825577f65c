# SPDX-License-Identifier: GPL-2.0-only
"""Exercises: subsystems used inside of the guest, through programs that nobody here wrote.

An exercise is one file here, NAME.sh: a POSIX shell script for the guest, whose head says what it
needs, as TOML in a comment, and then in words what it does. Nothing else knows it by name.

    # /// exercise
    # subsystems = ["ext4"]           what it exercises, by the names of facts/areas.toml or others
    # packages = ["e2fsprogs"]        Debian's packages for arm64, of which it uses
    # files = ["sbin/mkfs.ext4"]      these files; the libraries that they need come along
    # programs = ["mte"]              programs of our own beside it: mte.c
    # selftests = ["mm"]              tests of the kernel's tree, compiled: /selftests/mm
    # modules = ["ext4"]              modules of the kernel, if they are modules
    # disks = { scratch = "1G" }      empty disk images, as drives of QEMU
    # qemu = ["-device ..."]          QEMU's arguments; {folder}, {share}, {image}, {initramfs} and
    #                                 {guests} are paths; guests/ has what virtual machines inside
    #                                 of the guest boot: Image, and checks as 4k.cpio ...
    # words = ["..."]                 for the kernel's command line
    # el2 = true                      the CPUs have to start at EL2
    # acpi = true                     firmware has to start the image, and to describe the hardware
    # alone = true                    in a boot of its own
    # seconds = 300                   how long it may take on a slow machine
    # dies = "..."                    the last check that it begins ends the guest, and the console
    #                                 says this
    # ///

/exercises/library in the guest has the functions that scripts share: guest/library.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from anypage.console import Check
from anypage.errors import AnypageError

_HEAD = re.compile(r"^# /// exercise\n(?P<head>(?:#.*\n)*?)# ///\n(?P<text>(?:#.*\n)*)", re.M)


@dataclass(frozen=True, slots=True)
class Exercise:
    """One of them; the module says what its fields mean. path is that of its script."""

    name: str
    path: Path
    explanation: str
    subsystems: tuple[str, ...]
    packages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    selftests: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    disks: Mapping[str, str] = field(default_factory=dict)
    qemu: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    el2: bool = False
    acpi: bool = False
    alone: bool = False
    seconds: int = 300
    dies: str = ""

    def death(self, unfinished: str, console: str) -> Check | None:
        """The check that ended the guest as it should; unfinished is the last one that began."""
        begins = f'"start": "{unfinished}"'
        if not self.dies or not unfinished.startswith(f"{self.name}/"):
            return None
        return Check(unfinished, "passed") if self.dies in console.partition(begins)[2] else None


@cache
def discover() -> tuple[Exercise, ...]:
    """All exercises, by name."""
    folder = Path(str(resources.files(__name__)))
    return tuple(read(path) for path in sorted(folder.glob("*.sh")))


def read(path: Path) -> Exercise:
    """The exercise of a script. AnypageError when its head is missing or wrong."""
    match = _HEAD.search(path.read_text())
    if not match:
        raise AnypageError("no '# /// exercise' at its head", where=str(path))
    try:
        head = tomllib.loads(_uncommented(match["head"]))
    except tomllib.TOMLDecodeError as error:
        raise AnypageError(f"its head is no TOML: {error}", where=str(path)) from error
    known = {f.name for f in fields(Exercise)} - {"name", "path", "explanation"}
    unknown = sorted(set(head) - known)
    if unknown or "subsystems" not in head:
        what = f"unknown: {', '.join(unknown)}" if unknown else "no subsystems"
        raise AnypageError(f"its head has {what}", where=str(path), remedy=", ".join(sorted(known)))
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in head.items()
    }
    return Exercise(path.stem, path, _uncommented(match["text"]).strip(), **values)


def _uncommented(text: str) -> str:
    return "".join(line[1:].removeprefix(" ") for line in text.splitlines(keepends=True))


def select(names: Sequence[str]) -> tuple[Exercise, ...]:
    """Those with these names; `all` is all of them. AnypageError for a name that is none."""
    known = {exercise.name: exercise for exercise in discover()}
    wanted = list(known) if "all" in names else list(dict.fromkeys(names))
    for name in wanted:
        if name not in known:
            raise AnypageError(f"no exercise '{name}'", remedy=f"known: {', '.join(known)}")
    return tuple(known[name] for name in wanted)


def boots(chosen: Sequence[Exercise]) -> list[tuple[Exercise, ...]]:
    """Which of them share a boot: all but those that are alone."""
    together = tuple(exercise for exercise in chosen if not exercise.alone)
    alone = [(exercise,) for exercise in chosen if exercise.alone]
    return [*([together] if together else []), *alone]
