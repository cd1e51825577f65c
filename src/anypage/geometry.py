# SPDX-License-Identifier: GPL-2.0-only
"""Page table geometry of arm64: what follows from a granule and a virtual address size.

Pure arithmetic over facts/granules.toml. Sizes are bytes; level 3 is the last level, the one
whose entries map pages (Arm ARM DDI 0487, D8.2: translation process).
"""

import enum
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from anypage.errors import AnypageError

DESCRIPTOR_SIZE = 8
LAST_LEVEL = 3


class PageSize(enum.IntEnum):
    """A translation granule, in bytes."""

    SIZE_4K = 4 << 10
    SIZE_16K = 16 << 10
    SIZE_64K = 64 << 10

    @classmethod
    def parse(cls, text: str) -> "PageSize":
        """The page size named `4k`, `16K`, `65536`, ...; AnypageError for anything else."""
        names = {name: size for size in cls for name in (size.label, str(int(size)))}
        size = names.get(text.strip().lower())
        if size is None:
            raise AnypageError(f"'{text}' is no page size", remedy="use 4k, 16k or 64k")
        return size

    @property
    def shift(self) -> int:
        return int(self).bit_length() - 1

    @property
    def label(self) -> str:
        """The spelling of the kernel command line: 4k, 16k, 64k."""
        return f"{int(self) >> 10}k"


@cache
def _granules() -> dict[str, dict[str, Any]]:
    text = resources.files("anypage.facts").joinpath("granules.toml").read_text()
    return tomllib.loads(text)


def va_sizes(page_size: PageSize) -> tuple[int, ...]:
    """The virtual address sizes, in bits, that Linux 6.12 offers for this granule."""
    return tuple(_granules()[page_size.label]["va_bits"])


@dataclass(frozen=True, slots=True)
class Geometry:
    """The page tables of one granule and one virtual address size (bits)."""

    page_size: PageSize
    va_bits: int = 48

    def __post_init__(self) -> None:
        offered = va_sizes(self.page_size)
        if self.va_bits not in offered:
            choices = ", ".join(str(bits) for bits in offered)
            raise AnypageError(
                f"no {self.va_bits}-bit address space with {self.page_size.label} pages",
                remedy=f"use one of {choices}",
            )

    @property
    def _facts(self) -> dict[str, Any]:
        return _granules()[self.page_size.label]

    @property
    def bits_per_level(self) -> int:
        """Address bits that one table of full size resolves."""
        return self.page_size.shift - 3

    @property
    def entries(self) -> int:
        """Descriptors in a table of full size."""
        return 1 << self.bits_per_level

    @property
    def levels(self) -> int:
        """Levels of translation (asm/pgtable-hwdef.h, ARM64_HW_PGTABLE_LEVELS)."""
        return -(-(self.va_bits - self.page_size.shift) // self.bits_per_level)

    @property
    def first_level(self) -> int:
        """Number of the root level; -1 for five levels (Arm ARM D8.2)."""
        return LAST_LEVEL + 1 - self.levels

    def level_shift(self, level: int) -> int:
        """Address bits below the index of `level`: one of its entries spans 1 << shift bytes."""
        return self.page_size.shift + (LAST_LEVEL - level) * self.bits_per_level

    def table_entries(self, level: int) -> int:
        """Descriptors that the table of `level` needs; the root may need less than a full one."""
        return min(self.entries, 1 << (self.va_bits - self.level_shift(level)))

    def block_sizes(self, *, output_bits: int = 48) -> tuple[int, ...]:
        """Sizes that one block descriptor can map, ascending (Arm ARM D8.3.1)."""
        key = "first_block_level_52" if output_bits > 48 else "first_block_level"
        first = max(int(self._facts[key]), self.first_level)
        return tuple(1 << self.level_shift(level) for level in range(LAST_LEVEL - 1, first - 1, -1))

    @property
    def pmd_size(self) -> int:
        """What one entry of level 2 spans (Linux PMD_SIZE)."""
        return 1 << self.level_shift(LAST_LEVEL - 1)

    @property
    def pud_size(self) -> int:
        """What one entry of level 1 spans (Linux PUD_SIZE)."""
        return 1 << self.level_shift(LAST_LEVEL - 2)

    @property
    def cont_pte_size(self) -> int:
        """What contiguous pages join to (Linux CONT_PTE_SIZE)."""
        return int(self.page_size) * int(self._facts["contiguous_pages"])

    @property
    def cont_pmd_size(self) -> int:
        """What contiguous blocks of level 2 join to (Linux CONT_PMD_SIZE)."""
        return self.pmd_size * int(self._facts["contiguous_blocks"])

    @property
    def max_page_order(self) -> int:
        """The largest order of the buddy allocator (Linux MAX_PAGE_ORDER)."""
        return int(self._facts["max_page_order"])

    @property
    def section_bits(self) -> int:
        """Log2 of the bytes of a memory section (Linux SECTION_SIZE_BITS)."""
        return int(self._facts["section_bits"])

    @property
    def thp_size(self) -> int:
        """A transparent huge page: /sys/kernel/mm/transparent_hugepage/hpage_pmd_size."""
        return self.pmd_size

    @property
    def hugetlb_sizes(self) -> tuple[int, ...]:
        """Ascending; arch/arm64/mm/hugetlbpage.c, hugetlbpage_init()."""
        sizes = {self.cont_pte_size, self.pmd_size, self.cont_pmd_size}
        if self._facts["pud_blocks"]:
            sizes.add(self.pud_size)
        return tuple(sorted(sizes))

    @property
    def hugetlb_names(self) -> tuple[str, ...]:
        """The directories below /sys/kernel/mm/hugepages, by size."""
        return tuple(f"hugepages-{size >> 10}kB" for size in self.hugetlb_sizes)
