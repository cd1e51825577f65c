# SPDX-License-Identifier: GPL-2.0-only
"""Compile-time builds must not change: two build folders, compared object by object."""

import re
import tomllib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection

from anypage.disassembly import instruction

# struct bug_entry with relative pointers and CONFIG_DEBUG_BUGVERBOSE (include/asm-generic/bug.h):
# two displacements of 4 bytes, then the line in 2 bytes and the flags in 2.
_BUG_ENTRY, _BUG_LINE = 12, slice(8, 10)

# Names that end in a counter of the compiler or of __COUNTER__.
_COUNTER = re.compile(r"(?<=\D)\d+$|\.\d+$")

# Not objects of the kernel, or made of others that are compared themselves.
_LEFT_OUT = re.compile(
    r"(^|/)(\.tmp_.*|vmlinux(\.o|\.unstripped)|.*\.mod\.o)$|^(scripts|tools|usr)/"
)

_WORD, _AROUND = 4, 6  # bytes of an instruction; instructions that are shown
_NOT_LOADED = re.compile(r"^\.(debug|comment|note|llvm|gnu\.warning|modinfo)")


@dataclass(frozen=True, slots=True)
class Difference:
    """The first section of an object that is not the same, and where in it.

    what: bytes, relocations, or "" for a section that only one object has.
    """

    path: str
    section: str
    what: str
    offset: int
    detail: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Objects by result. missing and added are in one of the two folders only."""

    identical: tuple[str, ...]
    differing: tuple[Difference, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]


def explained(page_size: str) -> dict[str, str]:
    """Objects that may differ in a build for 4k, 16k or 64k, and why: facts/identity.toml."""
    text = resources.files("anypage.facts").joinpath("identity.toml").read_text()
    known = tomllib.loads(text)
    return {**known["object"], **known.get(page_size, {})}


def compare(before: Path, after: Path, jobs: int = 2) -> Comparison:
    """Compare the objects of two build folders.

    Code and data have to be the same, byte for byte, and so do their relocations. Line numbers in
    __bug_table and the counters at the end of generated names do not count.
    """
    old, new = set(_objects(before)), set(_objects(after))
    both = sorted(old & new)
    with ProcessPoolExecutor(jobs) as pool:
        results = list(pool.map(partial(_difference, before, after), both, chunksize=16))
    return Comparison(
        identical=tuple(p for p, d in zip(both, results, strict=True) if d is None),
        differing=tuple(d for d in results if d is not None),
        missing=tuple(sorted(old - new)),
        added=tuple(sorted(new - old)),
    )


def code_around(folder: Path, difference: Difference) -> list[str]:
    """The instructions of an object about the first difference; [] when that is not in code."""
    if not difference.section.startswith(".text") or difference.what != "bytes":
        return []
    data = _contents(folder / difference.path)[difference.section]["bytes"]
    middle = difference.offset // _WORD * _WORD
    start, end = max(0, middle - _AROUND * _WORD), middle + _AROUND * _WORD
    return [
        instruction(int.from_bytes(data[at : at + _WORD], "little"), at)
        for at in range(start, min(end, len(data)), _WORD)
    ]


def _objects(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.o"):
        relative = str(path.relative_to(folder))
        if not _LEFT_OUT.search(relative):
            yield relative


def _difference(before: Path, after: Path, path: str) -> Difference | None:
    old, new = _contents(before / path), _contents(after / path)
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            where = "before" if name in old else "after"
            return Difference(path, name, "", 0, f"the section is there only {where}")
        for what in ("bytes", "relocations"):
            a, b = old[name][what], new[name][what]
            if a == b:
                continue
            same = zip(a, b, strict=False)
            at = next((i for i, (x, y) in enumerate(same) if x != y), min(len(a), len(b)))
            detail = f"{what}: {len(a)} before, {len(b)} after; first difference at {at}"
            return Difference(path, name, what, at, detail)
    return None


def _contents(path: Path) -> dict[str, dict[str, Any]]:
    """The loaded sections of an object by name; several of one name are taken together."""
    contents: dict[str, dict[str, Any]] = {}
    with path.open("rb") as file:
        elf = ELFFile(file)
        loaded = {i: s for i, s in enumerate(elf.iter_sections()) if _is_loaded(s)}
        for section in loaded.values():
            own = contents.setdefault(section.name, {"bytes": b"", "relocations": []})
            own["bytes"] += _normalised(section)
        for section in elf.iter_sections():
            if isinstance(section, RelocationSection) and section["sh_info"] in loaded:
                name = loaded[section["sh_info"]].name
                contents[name]["relocations"] += sorted(_relocations(elf, section))
    return contents


def _is_loaded(section: Any) -> bool:
    return bool(section["sh_flags"] & SH_FLAGS.SHF_ALLOC) and not _NOT_LOADED.match(section.name)


def _normalised(section: Any) -> bytes:
    if section["sh_type"] == "SHT_NOBITS":
        return b"%d zero bytes" % section["sh_size"]
    data = bytearray(section.data())
    if section.name == "__bug_table":
        for entry in range(0, len(data), _BUG_ENTRY):
            data[entry + _BUG_LINE.start : entry + _BUG_LINE.stop] = b"\0\0"
    return bytes(data)


def _relocations(elf: Any, section: Any) -> Iterator[tuple[int, int, str, int]]:
    symbols = elf.get_section(section["sh_link"])
    for relocation in section.iter_relocations():
        symbol = symbols.get_symbol(relocation["r_info_sym"])
        index, addend = symbol["st_shndx"], relocation.entry.get("r_addend", 0)
        if symbol["st_info"]["bind"] == "STB_LOCAL" and isinstance(index, int):
            target = elf.get_section(index).name
            addend += symbol["st_value"]
        else:
            target = _COUNTER.sub("", symbol.name)
        yield relocation["r_offset"], relocation["r_info_type"], target, addend
