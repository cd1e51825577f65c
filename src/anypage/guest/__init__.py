# SPDX-License-Identifier: GPL-2.0-only
"""What runs inside: the guest program, the initramfs that carries it, and its disks."""

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path

from anypage.cache import cache_dir, whole_file
from anypage.guest import programs
from anypage.guest.archive import Entry, archive, file_at, folder_at, program_at
from anypage.guest.modules import Modules, order_line
from anypage.process import run

COMPILER = "aarch64-linux-gnu-gcc"
COMPILER_32 = "arm-linux-gnueabihf-gcc"
_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")
# Position independent: the program then lives in the upper half of its address space, and the
# checks of page table geometry have the lower half to themselves.
_STATIC = ("-static-pie", "-fPIE")
_DISK_SIZE = 64 << 20  # bytes; the guest knows it for the swap disk


def program(name: str = "src", *, static: bool = True) -> Path:
    """An init of the guest, an arm64 executable.

    name: the folder of its source here. src: the checks; bench: the workloads of a measurement.
    """
    return compiled(*_sources(name), flags=(*_FLAGS, *_STATIC) if static else _FLAGS)


def program_32() -> Path | None:
    """A 32-bit program for the checks; None where its compiler is not installed."""
    if not shutil.which(COMPILER_32):
        return None
    return compiled(*_sources("compat"), flags=(*_FLAGS, "-static"), compiler=COMPILER_32)


def _sources(name: str) -> tuple[list[Path], list[str]]:
    """The texts of a program, and where it finds those that it shares."""
    common = _here() / "common"
    texts = [path for folder in (_here() / name, common) for path in sorted(folder.glob("*.[ch]"))]
    return texts, [f"-I{common}"]


def compiled(
    texts: Sequence[Path],
    options: Sequence[str] = (),
    *,
    flags: Sequence[str] = (*_FLAGS, *_STATIC),
    compiler: str = COMPILER,
) -> Path:
    """The executable of C files and headers; made once for each text of these."""
    sources = [path for path in texts if path.suffix == ".c"]
    digest = hashlib.sha256("\0".join([compiler, *flags]).encode())
    for path in texts:
        digest.update(path.read_bytes())
    target = cache_dir("guest") / f"init-{digest.hexdigest()[:16]}"
    if not target.is_file():
        with whole_file(target) as part:
            command: list[str | Path] = [compiler, *flags, *options, *sources, "-o", part]
            run(command, what="cannot compile a program for the guest")
    return target


def _here() -> Path:
    return Path(str(resources.files(__name__)))


def module_files(folder: Path) -> list[Path]:
    """The files of all modules below folder (lib/modules/VERSION), dependencies first.

    AnypageError when modules.dep is missing.
    """
    return Modules.find(folder).all()


def initramfs(
    expect: Mapping[str, object], modules: Iterable[Path] = (), more: Iterable[Entry] = ()
) -> bytes:
    """The checks, modules in load order, what to expect, and more."""
    files = list(modules)
    compat = program_32()
    return archive(
        [
            program_at("init", program().read_bytes()),
            *([program_at("compat", compat.read_bytes())] if compat else []),
            file_at("expect", "".join(f"{k} {v}\n" for k, v in expect.items()).encode()),
            file_at("modules/order", "".join(map(order_line, files)).encode()),
            *(file_at(f"modules/{path.name}", path.read_bytes()) for path in files),
            *more,
        ]
    )


def bench_initramfs() -> bytes:
    """The workloads of a measurement, and the programs and libraries that they run."""
    return archive(
        [
            *(folder_at(name) for name in ("bin", "dev", "lib", "proc", "tmp")),
            program_at("init", program("bench").read_bytes()),
            *(program_at(path, data) for path, data in programs.files("bench").items()),
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
