# SPDX-License-Identifier: GPL-2.0-only
"""What runs inside: the guest program, the initramfs that carries it, and its disks."""

import errno
import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from anypage.cache import cache_dir, whole_file
from anypage.errors import AnypageError
from anypage.guest import programs
from anypage.process import run

COMPILER = "aarch64-linux-gnu-gcc"
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
    here = Path(str(resources.files(__name__)))
    common = here / "common"
    texts = [path for folder in (here / name, common) for path in sorted(folder.glob("*.[ch]"))]
    sources = [path for path in texts if path.suffix == ".c"]
    flags = (*_FLAGS, *_STATIC) if static else _FLAGS
    digest = hashlib.sha256("\0".join([COMPILER, *flags]).encode())
    for path in texts:
        digest.update(path.read_bytes())
    target = cache_dir("guest") / f"init-{digest.hexdigest()[:16]}"
    if not target.is_file():
        with whole_file(target) as part:
            command: list[str | Path] = [COMPILER, *flags, f"-I{common}", *sources, "-o", part]
            run(command, what="cannot compile the guest program")
    return target


def module_files(folder: Path) -> list[Path]:
    """The files of all modules below folder (lib/modules/VERSION), dependencies first.

    AnypageError when modules.dep is missing.
    """
    tables = list(folder.glob("**/modules.dep"))
    if not tables:
        raise AnypageError("no modules.dep", where=str(folder), remedy="run `make modules_install`")
    rows = (line.partition(":") for line in tables[0].read_text().splitlines())
    order: dict[str, None] = {}
    for module, _, after in rows:
        # modules.dep lists what a module needs, and what that needs, the deepest last.
        order |= dict.fromkeys([*reversed(after.split()), module])
    return [tables[0].parent / module for module in order]


@cache
def special_modules() -> dict[str, dict[str, Any]]:
    """facts/modules.toml, by the kernel's name of a module."""
    text = resources.files("anypage.facts").joinpath("modules.toml").read_text()
    return tomllib.loads(text)


def _order_line(file: Path) -> str:
    """How the guest loads a module: see guest/src/module.c."""
    facts = special_modules().get(file.name.split(".")[0].replace("-", "_"), {})
    error = getattr(errno, facts["refuses"]) if "refuses" in facts else 0
    stays = int(facts.get("stays", False))
    return f"{file.name} {error} {stays} {facts.get('parameters', '')}\n"


def initramfs(expect: Mapping[str, object], modules: Iterable[Path] = ()) -> bytes:
    """The checks, modules in load order, and what to expect."""
    files = list(modules)
    return _archive(
        [
            ("init", _PROGRAM, program().read_bytes()),
            ("expect", _FILE, "".join(f"{k} {v}\n" for k, v in expect.items()).encode()),
            ("modules", _FOLDER, b""),
            ("modules/order", _FILE, "".join(map(_order_line, files)).encode()),
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
            *((path, _PROGRAM, data) for path, data in programs.files().items()),
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
