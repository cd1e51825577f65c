# SPDX-License-Identifier: GPL-2.0-only
"""What runs inside: the guest program, the initramfs that carries it, and its disks."""

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path

from anypage.cache import cache_dir, whole_file
from anypage.errors import AnypageError
from anypage.guest import programs
from anypage.process import run

COMPILER = "aarch64-linux-gnu-gcc"
COMPILER_32 = "arm-linux-gnueabihf-gcc"
MODULES = ("vfat", "squashfs", "e1000e")

_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror")
# Position independent: the program then lives in the upper half of its address space, and the
# checks of page table geometry have the lower half to themselves.
_STATIC = ("-static-pie", "-fPIE")
_NEWC_MAGIC = b"070701"
_PROGRAM, _FILE, _FOLDER = 0o100755, 0o100644, 0o40755
_DISK_SIZE = 64 << 20  # bytes; the guest knows it for the swap disk


def program(name: str = "src", *, static: bool = True) -> Path:
    """An init of the guest, an arm64 executable; compiled once for each text of its source.

    name: the folder of its source here. src: the checks; bench: the workloads of a measurement.
    """
    return _compiled(name, COMPILER, (*_FLAGS, *_STATIC) if static else _FLAGS)


def program_32() -> Path | None:
    """A 32-bit program for the checks; None where its compiler is not installed."""
    if not shutil.which(COMPILER_32):
        return None
    return _compiled("compat", COMPILER_32, (*_FLAGS, "-static"))


def _compiled(name: str, compiler: str, flags: tuple[str, ...]) -> Path:
    here = Path(str(resources.files(__name__)))
    common = here / "common"
    texts = [path for folder in (here / name, common) for path in sorted(folder.glob("*.[ch]"))]
    sources = [path for path in texts if path.suffix == ".c"]
    digest = hashlib.sha256("\0".join([compiler, *flags]).encode())
    for path in texts:
        digest.update(path.read_bytes())
    target = cache_dir("guest") / f"init-{digest.hexdigest()[:16]}"
    if not target.is_file():
        with whole_file(target) as part:
            command: list[str | Path] = [compiler, *flags, f"-I{common}", *sources, "-o", part]
            run(command, what="cannot compile the guest program")
    return target


def module_files(folder: Path, names: Iterable[str] = MODULES) -> list[Path]:
    """The files of modules below folder (lib/modules/VERSION), dependencies first.

    Names that are not there are left out. AnypageError when modules.dep is missing.
    """
    tables = list(folder.glob("**/modules.dep"))
    if not tables:
        raise AnypageError("no modules.dep", where=str(folder), remedy="run `make modules_install`")
    base = tables[0].parent
    rows = (line.partition(":") for line in tables[0].read_text().splitlines())
    needs = {module: after.split() for module, _, after in rows}
    chosen: dict[str, None] = {}
    for name in names:
        for module in needs:
            if Path(module).name.split(".")[0].replace("-", "_") == name.replace("-", "_"):
                # modules.dep lists what a module needs, and what that needs, the deepest last.
                chosen |= dict.fromkeys([*reversed(needs[module]), module])
    extra = [m for m in needs if Path(m).name.startswith("nls_")] if "vfat" in names else []
    return [base / module for module in dict.fromkeys([*extra, *chosen])]


def initramfs(expect: Mapping[str, object], modules: Iterable[Path] = ()) -> bytes:
    """The checks, modules in load order, and what to expect."""
    files = list(modules)
    compat = program_32()
    return _archive(
        [
            ("init", _PROGRAM, program().read_bytes()),
            *([("compat", _PROGRAM, compat.read_bytes())] if compat else []),
            ("expect", _FILE, "".join(f"{k} {v}\n" for k, v in expect.items()).encode()),
            ("modules", _FOLDER, b""),
            ("modules/order", _FILE, "".join(f"{path.name}\n" for path in files).encode()),
            *((f"modules/{path.name}", _FILE, path.read_bytes()) for path in files),
        ]
    )


def bench_initramfs() -> bytes:
    """The workloads of a measurement, and the programs and libraries that they run."""
    folders = [(name, _FOLDER, b"") for name in ("bin", "dev", "lib", "proc", "tmp")]
    return _archive(
        [
            ("init", _PROGRAM, program("bench").read_bytes()),
            *folders,
            *((path, _PROGRAM, data) for path, data in programs.files("bench").items()),
            ("bin/dynamic", _PROGRAM, program("bench", static=False).read_bytes()),
        ]
    )


def _archive(entries: Iterable[tuple[str, int, bytes]]) -> bytes:
    """A cpio archive (newc) of paths, modes and texts."""
    whole = [*entries, ("TRAILER!!!", 0, b"")]
    return b"".join(_newc(i, *entry) for i, entry in enumerate(whole, 1))


def _newc(inode: int, name: str, mode: int, data: bytes) -> bytes:
    """One entry; Documentation/driver-api/early-userspace/buffer-format.rst of the kernel."""
    path = name.encode() + b"\0"
    links = 2 if mode & 0o40000 and not mode & 0o100000 else 1
    fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(path), 0)
    head = _NEWC_MAGIC + b"".join(b"%08X" % field for field in fields) + path
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


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
