# SPDX-License-Identifier: GPL-2.0-only
"""Bytes: of an image, packed and not, of its parts in memory, and of its modules."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass

from anypage.measure.elf import Kernel

_GZIP, _ZSTD = 9, 19  # levels: scripts/Makefile.lib has 9 for gzip, and 22 for zstd
_MOST = 15


@dataclass(frozen=True, slots=True)
class Sizes:
    """All in bytes. modules: all files together, 0 without any."""

    image: int
    gzip: int
    zstd: int
    parts: Mapping[str, int]
    modules: int


def sizes(kernel: Kernel) -> Sizes:
    """The sizes of a kernel."""
    # Imported here: most commands do not need it.
    from zstandard import ZstdCompressor

    data = kernel.image.read_bytes()
    files = kernel.modules.rglob("*.ko") if kernel.modules else ()
    return Sizes(
        len(data),
        len(gzip.compress(data, _GZIP, mtime=0)),
        len(ZstdCompressor(level=_ZSTD).compress(data)),
        kernel.parts,
        sum(file.stat().st_size for file in files),
    )


def growth(
    before: Mapping[str, int], after: Mapping[str, int], most: int = _MOST
) -> list[tuple[str, int, int]]:
    """The names whose bytes grew, and the bytes before and after: at most as many, most first."""
    names = before.keys() | after.keys()
    rows = [(name, before.get(name, 0), after.get(name, 0)) for name in names]
    grown = [row for row in rows if row[2] > row[1]]
    return sorted(grown, key=lambda row: (row[1] - row[2], row[0]))[:most]
