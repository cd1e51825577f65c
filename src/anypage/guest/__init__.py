# SPDX-License-Identifier: GPL-2.0-only
"""What runs inside: the guest program, the initramfs that carries it, and its disks."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path

from anypage.cache import cache_dir, whole_file
from anypage.exercises import Exercise, discover
from anypage.guest import programs
from anypage.guest.archive import Entry, archive, file_at, folder_at, link_at, program_at
from anypage.guest.modules import Modules
from anypage.process import run

COMPILER = "aarch64-linux-gnu-gcc"
MODULES = ("vfat", "squashfs", "e1000e")
# What every script runs. dash is the shell: that of busybox would prefer busybox' own programs.
_BASE = {
    "packages": ("busybox-static", "dash", "diffutils"),
    "files": ("bin/busybox", "bin/dash", "usr/bin/cmp"),
}

_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")
# Position independent: the program then lives in the upper half of its address space, and the
# checks of page table geometry have the lower half to themselves.
_STATIC = ("-static-pie", "-fPIE")
_DISK_SIZE = 64 << 20  # bytes; the guest knows it for the swap disk


def program(name: str = "src", *, static: bool = True) -> Path:
    """An init of the guest, an arm64 executable.

    name: the folder of its source here. src: the checks; bench: the workloads of a measurement.
    """
    common = _here() / "common"
    texts = [path for folder in (_here() / name, common) for path in sorted(folder.glob("*.[ch]"))]
    return compiled(texts, [f"-I{common}"], static=static)


def compiled(texts: Sequence[Path], options: Sequence[str] = (), *, static: bool = True) -> Path:
    """The arm64 executable of C files and headers; made once for each text of these."""
    sources = [path for path in texts if path.suffix == ".c"]
    flags = (*_FLAGS, *_STATIC) if static else _FLAGS
    digest = hashlib.sha256("\0".join([COMPILER, *flags]).encode())
    for path in texts:
        digest.update(path.read_bytes())
    target = cache_dir("guest") / f"init-{digest.hexdigest()[:16]}"
    if not target.is_file():
        with whole_file(target) as part:
            command: list[str | Path] = [COMPILER, *flags, *options, *sources, "-o", part]
            run(command, what="cannot compile a program for the guest")
    return target


def _here() -> Path:
    return Path(str(resources.files(__name__)))


def module_files(folder: Path, names: Iterable[str] = MODULES) -> list[Path]:
    """The files of modules below folder (lib/modules/VERSION), dependencies first.

    Names that are not there are left out. AnypageError when modules.dep is missing.
    """
    return list(Modules.find(folder).with_needs(names))


def initramfs(
    expect: Mapping[str, object], modules: Iterable[Path] = (), more: Iterable[Entry] = ()
) -> bytes:
    """The checks, modules in load order, what to expect, and more."""
    files = list(modules)
    return archive(
        [
            program_at("init", program().read_bytes()),
            file_at("expect", "".join(f"{k} {v}\n" for k, v in expect.items()).encode()),
            file_at("modules/order", "".join(f"{path.name}\n" for path in files).encode()),
            *(file_at(f"modules/{path.name}", path.read_bytes()) for path in files),
            *more,
        ]
    )


def exercise_files(exercises: Iterable[Exercise], modules: Path | None) -> list[Entry]:
    """Scripts, and what they run: of Debian's packages, of ours, and modules of the kernel."""
    chosen = list(exercises)
    folder = programs.unpacked([*_BASE["packages"], *(p for e in discover() for p in e.packages)])
    paths = [*_BASE["files"], *(path for e in chosen for path in e.files)]
    order = "".join(f"{exercise.name} {exercise.seconds}\n" for exercise in chosen)
    entries = [file_at("exercises/order", order.encode())]
    for path in sorted((_here() / "library").glob("*.sh")):
        entries.append(file_at(f"exercises/library/{path.name}", path.read_bytes()))
    entries += [file_at(f"exercises/{e.name}", e.path.read_bytes()) for e in chosen]
    entries += [link_at("bin/sh", "dash"), link_at("sbin/modprobe", "../bin/busybox")]
    for exercise in chosen:
        for name in exercise.programs:
            binary = compiled([exercise.path.with_name(f"{name}.c")])
            entries.append(program_at(f"bin/{name}", binary.read_bytes()))
    entries += [program_at(p, d) for p, d in programs.with_libraries(folder, paths).items()]
    if modules:
        names = [name for exercise in chosen for name in exercise.modules]
        entries += Modules.find(modules).entries(names)
    return entries


def bench_initramfs() -> bytes:
    """The workloads of a measurement, and the programs and libraries that they run."""
    return archive(
        [
            *(folder_at(name) for name in ("bin", "dev", "lib", "proc", "tmp")),
            program_at("init", program("bench").read_bytes()),
            *(program_at(path, data) for path, data in programs.files().items()),
            program_at("bin/dynamic", program("bench", static=False).read_bytes()),
        ]
    )


def make_disks(folder: Path) -> dict[str, Path]:
    """New disk images in folder, by the serial number under which the guest looks for them."""
    disks = {name: folder / f"{name}.img" for name in ("ext4", "vfat", "swap")}
    for path in disks.values():
        with path.open("wb") as file:
            file.truncate(_DISK_SIZE)
    run(["/sbin/mkfs.ext4", "-q", "-F", disks["ext4"]], what="cannot make the ext4 disk")
    run(["/sbin/mkfs.vfat", disks["vfat"]], what="cannot make the vfat disk")
    (folder / "hello.txt").write_text("written by the host")
    run(["mcopy", "-i", disks["vfat"], folder / "hello.txt", "::"], what="cannot fill the disk")
    return disks
