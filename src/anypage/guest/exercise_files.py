# SPDX-License-Identifier: GPL-2.0-only
"""What the guest gets for exercises: their scripts, and all that these run."""

from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

from anypage.exercises import Exercise, discover
from anypage.fetch import SERIES, fetch
from anypage.guest import compiled, programs, selftests
from anypage.guest.archive import Entry, file_at, link_at, program_at
from anypage.guest.modules import Modules

# What every script runs. dash is the shell: that of busybox would prefer busybox' own programs.
_PACKAGES = ("busybox-static", "dash", "diffutils")
_FILES = ("bin/busybox", "bin/dash", "usr/bin/cmp")


def exercise_files(exercises: Iterable[Exercise], modules: Path | None) -> list[Entry]:
    """For an initramfs: of Debian's packages, of ours, and modules of the kernel.

    modules is a folder with lib/modules. AnypageError when something cannot be got or compiled.
    """
    chosen = list(exercises)
    entries = [*_scripts(chosen), *_of_packages(chosen), *_of_ours(chosen), *_selftests(chosen)]
    if modules:
        names = [name for exercise in chosen for name in exercise.modules]
        entries += Modules.find(modules).entries(names)
    return entries


def _scripts(chosen: list[Exercise]) -> Iterator[Entry]:
    order = "".join(f"{exercise.name} {exercise.seconds}\n" for exercise in chosen)
    yield file_at("exercises/order", order.encode())
    yield from (file_at(f"exercises/{e.name}", e.path.read_bytes()) for e in chosen)
    library = Path(str(resources.files("anypage.guest"))) / "library"
    for path in sorted(library.glob("*.sh")):
        yield file_at(f"exercises/library/{path.name}", path.read_bytes())


def _of_packages(chosen: list[Exercise]) -> Iterator[Entry]:
    """The packages of all exercises make one folder, so that it is made once."""
    packages = [*_PACKAGES, *(package for e in discover() for package in e.packages)]
    paths = [*_FILES, *(path for e in chosen for path in e.files)]
    files = programs.with_libraries(programs.unpacked(packages), paths)
    yield from (program_at(path, data) for path, data in files.items())
    yield link_at("bin/sh", "dash")
    yield link_at("sbin/modprobe", "../bin/busybox")


def _of_ours(chosen: list[Exercise]) -> Iterator[Entry]:
    for exercise in chosen:
        for name in exercise.programs:
            binary = compiled([exercise.path.with_name(f"{name}.c")])
            yield program_at(f"bin/{name}", binary.read_bytes())


def _selftests(chosen: list[Exercise]) -> Iterator[Entry]:
    for suite in sorted({suite for exercise in chosen for suite in exercise.selftests}):
        folder = selftests.compiled(fetch(SERIES).path, suite)
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            yield program_at(f"selftests/{suite}/{path.relative_to(folder)}", path.read_bytes())
