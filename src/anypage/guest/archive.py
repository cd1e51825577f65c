# SPDX-License-Identifier: GPL-2.0-only
"""An initramfs: a cpio archive (newc) that the kernel unpacks as its first file system."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

_MAGIC = b"070701"
_PROGRAM, _FILE, _FOLDER, _LINK = 0o100755, 0o100644, 0o40755, 0o120777


@dataclass(frozen=True, slots=True)
class Entry:
    """A path without a slash before it, type and mode, and content: of a link, where it leads."""

    path: str
    mode: int
    data: bytes = b""


def file_at(path: str, data: bytes) -> Entry:
    """A file that is read."""
    return Entry(path, _FILE, data)


def program_at(path: str, data: bytes) -> Entry:
    """A file that is run."""
    return Entry(path, _PROGRAM, data)


def folder_at(path: str) -> Entry:
    """An empty folder; those above an entry come by themselves."""
    return Entry(path, _FOLDER)


def link_at(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, _LINK, target.encode())


def archive(entries: Iterable[Entry]) -> bytes:
    """The archive; of two entries with one path, the first is taken."""
    whole = [*_with_folders(entries), Entry("TRAILER!!!", 0)]
    return b"".join(_newc(i, entry) for i, entry in enumerate(whole, 1))


def _with_folders(entries: Iterable[Entry]) -> Iterator[Entry]:
    seen: set[str] = set()
    for entry in entries:
        above = [str(path) for path in PurePosixPath(entry.path).parents]
        for folder in reversed(above[:-1]):
            if folder not in seen:
                yield folder_at(folder)
        if entry.path not in seen:
            yield entry
        seen |= {*above, entry.path}


def _newc(inode: int, entry: Entry) -> bytes:
    """One entry; Documentation/driver-api/early-userspace/buffer-format.rst of the kernel."""
    path = entry.path.encode() + b"\0"
    links = 2 if entry.mode == _FOLDER else 1
    size = len(entry.data)
    fields = (inode, entry.mode, 0, 0, links, 0, size, 0, 0, 0, 0, len(path), 0)
    head = _MAGIC + b"".join(b"%08X" % field for field in fields) + path
    return _padded(head) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
