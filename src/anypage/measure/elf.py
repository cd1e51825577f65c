# SPDX-License-Identifier: GPL-2.0-only
"""What an ELF file of a kernel tells: its sizes, its symbols, and whose an address is."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from anypage.boot import page_size_of, read_image
from anypage.errors import AnypageError
from anypage.geometry import PageSize

# Symbols between which a part of the kernel lies: arch/arm64/kernel/vmlinux.lds.S.
_PARTS = {
    "text": ("_stext", "_etext"),
    "rodata": ("__start_rodata", "__init_begin"),
    "init": ("__init_begin", "__init_end"),
    "data": ("_sdata", "_edata"),
    "bss": ("__bss_start", "__bss_stop"),
    # The first page tables of the kernel, which stay in use.
    "tables": ("__bss_stop", "_end"),
}
# What the compiler adds to the name of a function of which it made several, or parts.
_SUFFIX = re.compile(r"\.(?:isra|constprop|part|cold)(?:\.\d+)*")


@dataclass(frozen=True)
class Kernel:
    """An image, and the ELF file of the same build.

    modules: a folder with the modules that belong to it. baselines: the names of kernels that it is
    compared with: the first of them that runs at the same page size.
    """

    name: str
    image: Path
    vmlinux: Path
    modules: Path | None = None
    baselines: tuple[str, ...] = ()

    @cached_property
    def page_size(self) -> PageSize | None:
        """The one that it is built for; None when it is chosen at boot."""
        return page_size_of(read_image(self.image))

    @property
    def base(self) -> int:
        """The virtual address of its first byte, without KASLR."""
        return self._address("_text")

    @property
    def size(self) -> int:
        """Bytes from there to its end."""
        return self._address("_end") - self.base

    @cached_property
    def parts(self) -> Mapping[str, int]:
        """Bytes of functions, and of each of _PARTS with its alignment."""
        parts = {n: self._address(end) - self._address(start) for n, (start, end) in _PARTS.items()}
        return {"functions": self.code, **parts}

    @cached_property
    def code(self) -> int:
        """Bytes of all functions, without what aligns them and their sections."""
        return sum({a: size for _, a, size, is_code in self._read[1] if is_code}.values())

    @cached_property
    def sections(self) -> Mapping[str, int]:
        """Bytes of each section that is in memory, by name."""
        return self._read[0]

    @cached_property
    def objects(self) -> Mapping[str, int]:
        """Bytes of all functions and variables of a name; numbers in it do not count."""
        sizes: Counter[str] = Counter()
        for name, _, size, _ in self._read[1]:
            sizes[plain(name)] += size
        return sizes

    def function(self, address: int) -> str:
        """The name of the function at an address, without what the compiler added; "" for none."""
        starts, names = self._functions
        index = bisect_right(starts, address) - 1
        return names[index] if index >= 0 else ""

    def by_function(self, counts: Iterable[tuple[int, int]]) -> Counter[str]:
        """Counts of addresses to counts of functions."""
        found: Counter[str] = Counter()
        for address, count in counts:
            found[self.function(address)] += count
        return found

    @cached_property
    def _functions(self) -> tuple[list[int], list[str]]:
        starts = {address: plain(name) for name, address, _, is_code in self._read[1] if is_code}
        return sorted(starts), [starts[address] for address in sorted(starts)]

    def _address(self, name: str) -> int:
        if name not in self._addresses:
            raise AnypageError(f"no symbol {name}", where=str(self.vmlinux))
        return self._addresses[name]

    @cached_property
    def _addresses(self) -> Mapping[str, int]:
        return {name: address for name, address, _, _ in self._read[1]}

    @cached_property
    def _read(self) -> tuple[dict[str, int], list[tuple[str, int, int, bool]]]:
        """Sizes of sections, and symbols: name, address, size, whether it is code."""
        try:
            with self.vmlinux.open("rb") as file:
                elf = ELFFile(file)
                headers = list(elf.iter_sections())
                symbols = next(h for h in headers if isinstance(h, SymbolTableSection))
                code = {i for i, h in enumerate(headers) if h["sh_flags"] & SH_FLAGS.SHF_EXECINSTR}
                sizes = {
                    h.name: h["sh_size"] for h in headers if h["sh_flags"] & SH_FLAGS.SHF_ALLOC
                }
                found = [
                    (s.name, s["st_value"], s["st_size"], s["st_shndx"] in code)
                    for s in symbols.iter_symbols()
                    if s.name and not s.name.startswith("$") and s["st_shndx"] != "SHN_UNDEF"
                ]
                return sizes, found
        except (OSError, ELFError, StopIteration) as error:
            raise AnypageError(
                "cannot read the symbols of the kernel",
                where=str(self.vmlinux),
                remedy="a measurement needs the vmlinux of the same build",
            ) from error


def plain(name: str) -> str:
    """The name of a function or variable as the source has it."""
    return re.sub(r"\.\d+$", "", _SUFFIX.sub("", name))
