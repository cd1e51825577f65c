# SPDX-License-Identifier: GPL-2.0-only
"""The instructions of a kernel that are patched for the page size: read, decoded and judged.

A kernel with CONFIG_ARM64_PATCH_PAGE_SIZE holds a table of them in its section .page_const, and for
each kind the instruction at 4K, 16K and 64K (arch/arm64/kernel/page_const_insns.S). Here each site
is decoded at each page size, as the kernel would leave it, and compared with what follows from the
geometry alone.
"""

import re
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from anypage.disassembly import instruction
from anypage.errors import AnypageError
from anypage.geometry import Geometry, PageSize

_NAME = "page_const_insn_"
_FOLDED = "pud_folded"
_SECTION = ".page_const"
_NOP = 0xD503201F
_WORD = (1 << 64) - 1
_PHYSICAL_BITS = 48
# MIN_THREAD_SHIFT, arch/arm64/include/asm/memory.h; with KASAN's instrumentation one more.
_THREAD_SHIFT, _KASAN = 14, "kasan_early_init"
_NUMBER = re.compile(r"#(-?(?:0x[0-9a-f]+|\d+))")

# The operation and its immediates, modulo 2**64.
Meaning = tuple[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A site whose instruction is not the one that a page size needs."""

    address: int
    kind: str
    page_size: PageSize
    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class Sites:
    """The sites of a kernel: how many of each kind, and those that are wrong."""

    count: Mapping[str, int]
    wrong: tuple[Wrong, ...]

    @property
    def total(self) -> int:
        return sum(self.count.values())


@dataclass(frozen=True, slots=True)
class _Table:
    """sites: address and index of a kind. insns: by page size, of each kind, with its name."""

    sites: tuple[tuple[int, int], ...]
    names: tuple[str, ...]
    insns: tuple[tuple[int, ...], ...]
    words: Mapping[int, int]
    thread_shift: int


def patch_sites(vmlinux: Path) -> Sites | None:
    """Read and judge the sites of a kernel; None when it has none, as its page size is a constant
    or a variable. AnypageError for what is no ELF file, or a table that leads out of the code.
    """
    try:
        with vmlinux.open("rb") as file:
            table = _read(ELFFile(file), vmlinux)
    except (OSError, ELFError, struct.error) as error:
        raise AnypageError(
            f"cannot read the patch sites: {error}",
            where=str(vmlinux),
            remedy="name the vmlinux of a build",
        ) from error
    if table is None:
        return None
    count = Counter(table.names[kind] for _, kind in table.sites)
    wrong = [w for address, kind in table.sites for w in _judge(table, address, kind)]
    return Sites(dict(count.most_common()), tuple(wrong))


def expected(kind: str, geometry: Geometry, thread_shift: int = _THREAD_SHIFT) -> Meaning:
    """What the instruction of a kind has to do, from the geometry alone.

    thread_shift: log2 of the bytes of the smallest stack. AnypageError for a kind that nobody has
    described.
    """
    meaning = _meanings(geometry, thread_shift).get(kind)
    if meaning is None:
        raise AnypageError(f"'{kind}' is no kind of patch site", remedy="describe it")
    operation, numbers = meaning
    return operation, tuple(n & _WORD for n in numbers)


@cache
def _meanings(g: Geometry, thread_shift: int) -> Mapping[str, Meaning]:
    shift, index = g.page_size.shift, g.bits_per_level
    pmd, pud, pgd = g.level_shift(2), g.level_shift(1), g.level_shift(g.first_level)
    cont_pte, cont_pmd = _log2(g.cont_pte_size), _log2(g.cont_pmd_size)
    thread = max(shift, thread_shift)
    section = g.section_bits
    output = 50  # PTE_ADDR_LOW, arch/arm64/include/asm/pgtable-hwdef.h
    vmemmap = -(1 << 30) - (1 << (g.va_bits - 1 - shift + 6))

    values = {
        "page_shift": shift,
        "ptrs_per_pte": g.entries,
        "ptrs_per_pud": g.table_entries(1) if g.levels > 3 else 1,
        "ptrs_per_pgd": g.table_entries(g.first_level),
        "pmd_order": pmd - shift,
        "pmd_nr": 1 << (pmd - shift),
        "pud_order": pud - shift,
        "cont_pte_order": cont_pte - shift,
        "cont_ptes": 1 << (cont_pte - shift),
        "cont_pmd_order": cont_pmd - pmd,
        "cont_pmds": 1 << (cont_pmd - pmd),
        "thread_shift": thread,
        "thread_size": 1 << thread,
        "thread_size_order": thread - shift,
        "max_page_order": g.max_page_order,
        "section_size_bits": section,
        "pfn_section_shift": section - shift,
        "nr_mem_sections": 1 << (_PHYSICAL_BITS - section),
        "thp_orders_anon": (2 << (pmd - shift)) - 1 & ~0b11,
        "tlbi_ttl_tg": (shift - 10) // 2,
        "swp_pfn_mask": (1 << (_PHYSICAL_BITS - shift)) - 1,
        "max_rw_count": (1 << 31) - (1 << shift),
        "llong_max_page": (1 << (63 - shift)) - 1,
        # MAX_GATHER_BATCH_COUNT, include/asm-generic/tlb.h: two words come before the pointers.
        "max_gather_batch_count": 10000 // ((1 << shift) // 8 - 2),
        "page_size": 1 << shift,
        "page_mask": -1 << shift,
        "page_low": (1 << shift) - 1,
    }
    for name, bits in (("pmd", pmd), ("pud", pud), ("pgdir", pgd)):
        values |= {f"{name}_shift": bits, f"{name}_size": 1 << bits, f"{name}_mask": -1 << bits}
    for name, bits in (("cont_pte", cont_pte), ("cont_pmd", cont_pmd)):
        values |= {f"{name}_shift": bits, f"{name}_size": 1 << bits, f"{name}_mask": -1 << bits}

    low = {"pmd": pmd, "pud": pud, "pgdir": pgd, "cont_pte": cont_pte, "cont_pmd": cont_pmd}
    pages, block = section - shift, pmd - shift
    return {
        **{name: ("mov", (value,)) for name, value in values.items()},
        **{f"orr_{name}_low": ("orr", ((1 << bits) - 1,)) for name, bits in low.items()},
        **{f"{op}_page": (op, (shift,)) for op in ("lsl", "lsr", "asr")},
        "and_page_mask": ("and", (-1 << shift,)),
        "and_page_low": ("and", ((1 << shift) - 1,)),
        "add_page": ("add lsl", ((1 << shift) >> 12, 12)),
        "cmp_page_size": ("cmp lsl", ((1 << shift) >> 12, 12)),
        "cmp_max_page_order": ("cmp", (g.max_page_order,)),
        "cmp_pmd_order": ("cmp", (pmd - shift,)),
        "tst_page_low": ("tst", ((1 << shift) - 1,)),
        "add_lsl_page": ("add lsl", (shift,)),
        "add_lsr_page": ("add lsr", (shift,)),
        "add_asr_page": ("add asr", (shift,)),
        "sub_asr_page": ("sub asr", (shift,)),
        "orr_lsl_page": ("orr lsl", (shift,)),
        "pte_index": ("ubfx", (shift, index)),
        "pmd_index": ("ubfx", (pmd, index)),
        "pud_index": ("ubfx", (pud, min(index, g.va_bits - pud))),
        "pgd_index": ("ubfx", (pgd, g.va_bits - pgd)),
        "pte_addr": ("and", ((1 << output) - (1 << shift),)),
        "pte_pfn": ("ubfx", (shift, output - shift)),
        "pmd_addr": ("and", ((1 << output) - (1 << pmd),)),
        "cont_pte_field": ("and", ((1 << cont_pte) - (1 << shift),)),
        "lsr_section": ("lsr", (pages,)),
        "and_section_low": ("and", ((1 << pages) - 1,)),
        # Of a section with one pageblock: a bit above all page numbers.
        "pageblock_in_section": ("ubfx", (block, pages - block) if pages > block else (50, 1)),
        "orr_pmd_nr_low": ("orr", ((1 << block) - 1,)),
        "and_pmd_nr_low": ("and", ((1 << block) - 1,)),
        "and_pmd_nr_mask": ("and", (-1 << block,)),
        "vmemmap_start": ("movk lsl", ((vmemmap >> 32) & 0xFFFF, 32)),
        _FOLDED: ("b" if g.levels < 4 else "nop", ()),
    }


def _judge(table: _Table, address: int, kind: int) -> list[Wrong]:
    name = table.names[kind]
    wrong = []
    for position, size in enumerate(PageSize):
        word = table.words[address] ^ table.insns[kind][0] ^ table.insns[kind][position]
        if name == _FOLDED:
            word = table.words[address] if size is PageSize.SIZE_64K else _NOP
        text = instruction(word, address)
        meaning = expected(name, Geometry(size), table.thread_shift)
        if _meaning(text, branch=name == _FOLDED) != meaning:
            operation, numbers = meaning
            told = " ".join([operation, *map(hex, numbers)])
            wrong.append(Wrong(address, name, size, text, told))
    return wrong


def _meaning(text: str, *, branch: bool) -> Meaning:
    """What the text of an instruction does, whichever its registers are."""
    operation, _, operands = text.partition(" ")
    if branch:  # wherever to
        return operation, ()
    shifts = re.findall(r", (lsl|lsr|asr) #", operands)
    numbers = tuple(int(n, 0) & _WORD for n in _NUMBER.findall(operands))
    return " ".join([operation, *shifts]), numbers


def _read(elf: ELFFile, vmlinux: Path) -> _Table | None:
    section = elf.get_section_by_name(_SECTION)
    if section is None:
        return None
    symbols = elf.get_section_by_name(".symtab")
    if not isinstance(symbols, SymbolTableSection):
        raise ELFError("no symbols")
    known = {s.name: s["st_value"] for s in symbols.iter_symbols()}
    found = {name: value for name, value in known.items() if name.startswith(_NAME)}
    names = [name.removeprefix(_NAME) for name in sorted(found, key=found.__getitem__)]
    memory = _Memory(elf, vmlinux)
    start = min(found.values(), default=0)
    insns = [memory.words(start + 12 * i, 3) for i in range(len(names))]
    sites = []
    for offset, (distance, kind) in enumerate(struct.iter_unpack("<iI", section.data())):
        if kind > len(names):
            raise AnypageError(f"a patch site of unknown kind {kind}", where=str(vmlinux))
        sites.append((section["sh_addr"] + 8 * offset + distance, kind))
    words = {address: memory.words(address, 1)[0] for address, _ in sites}
    # The branch is patched to a nop, and has no instruction of its own for each page size.
    thread_shift = _THREAD_SHIFT + (_KASAN in known)
    return _Table(tuple(sites), (*names, _FOLDED), (*insns, (0, 0, 0)), words, thread_shift)


class _Memory:
    """What an ELF file loads, by virtual address."""

    def __init__(self, elf: ELFFile, vmlinux: Path) -> None:
        self.where = str(vmlinux)
        loaded = [s for s in elf.iter_segments() if s["p_type"] == "PT_LOAD"]
        self.segments = [(s["p_vaddr"], s.data()) for s in loaded]

    def words(self, address: int, count: int) -> tuple[int, ...]:
        for start, data in self.segments:
            offset = address - start
            if 0 <= offset <= len(data) - 4 * count:
                return struct.unpack_from(f"<{count}I", data, offset)
        raise AnypageError(f"a patch site outside of the kernel: {address:#x}", where=self.where)


def _log2(size: int) -> int:
    return size.bit_length() - 1
