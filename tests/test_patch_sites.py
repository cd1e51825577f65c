# SPDX-License-Identifier: GPL-2.0-only
"""Patch sites: what each has to be at each page size, and that a wrong one is seen."""

import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from anypage.boot import Machine, boot, jobs_of
from anypage.build import Build, build
from anypage.errors import AnypageError
from anypage.geometry import Geometry, PageSize
from anypage.measure.elf import Kernel
from anypage.patch_sites import expected, patch_sites


@pytest.mark.parametrize(
    ("kind", "meanings"),
    [
        ("page_mask", [("mov", (2**64 - (1 << s),)) for s in (12, 14, 16)]),
        ("pmd_index", [("ubfx", (21, 9)), ("ubfx", (25, 11)), ("ubfx", (29, 13))]),
        ("pgd_index", [("ubfx", (39, 9)), ("ubfx", (47, 1)), ("ubfx", (42, 6))]),
        ("thread_size_order", [("mov", (2,)), ("mov", (0,)), ("mov", (0,))]),
        ("vmemmap_start", [("movk lsl", (n, 32)) for n in (0xFDFF, 0xFF7F, 0xFFDF)]),
        ("pud_folded", [("nop", ()), ("nop", ()), ("b", ())]),
    ],
)
def test_what_an_instruction_does_follows_from_the_geometry(
    kind: str, meanings: list[tuple[str, tuple[int, ...]]]
) -> None:
    assert [expected(kind, Geometry(size)) for size in PageSize] == meanings


def test_a_kind_that_nobody_described_is_an_error() -> None:
    with pytest.raises(AnypageError, match="'page_sift' is no kind"):
        expected("page_sift", Geometry(PageSize.SIZE_4K))


def test_what_is_no_elf_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "vmlinux").write_bytes(b"MZ" * 100)
    with pytest.raises(AnypageError, match="cannot read the patch sites"):
        patch_sites(tmp_path / "vmlinux")


def test_an_elf_file_without_a_table_has_no_sites() -> None:
    assert patch_sites(Path(sys.executable).resolve()) is None


@pytest.mark.slow
def test_every_site_of_the_image_is_right(image: Build) -> None:
    sites = patch_sites(image.objects / "vmlinux")
    assert sites is not None
    assert sites.wrong == ()
    assert sites.count == image.sites
    assert sites.total > 3000


# What has to change for the immediate, or the whole, to be another one.
_FLIPS = {
    "page_shift": 1 << 5,
    "page_mask": 1 << 6,
    "pte_index": 1 << 16,
    "and_page_mask": 1 << 10,
    "add_lsl_page": 1 << 10,
    "vmemmap_start": 1 << 12,
    "pud_folded": 1 << 31,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", _FLIPS)
def test_a_site_that_is_wrong_is_seen(image: Build, tmp_path: Path, kind: str) -> None:
    data = bytearray((image.objects / "vmlinux").read_bytes())
    address, offset = _first_site(image.objects / "vmlinux", kind)
    (word,) = struct.unpack_from("<I", data, offset)
    struct.pack_into("<I", data, offset, word ^ _FLIPS[kind])
    (tmp_path / "vmlinux").write_bytes(data)
    sites = patch_sites(tmp_path / "vmlinux")
    assert sites is not None
    assert {(w.address, w.kind) for w in sites.wrong} == {(address, kind)}
    assert PageSize.SIZE_64K in {w.page_size for w in sites.wrong}


@pytest.mark.slow
@pytest.mark.full
def test_the_debug_flavour_catches_a_wrong_site_at_boot(tree: Path, tmp_path: Path) -> None:
    built = build(tree, page_size="boot", config="virt+debug")
    vmlinux = built.objects / "vmlinux"
    kernel = Kernel("debug", built.image, vmlinux)
    # In a function that has not run when the kernel checks.
    address, _ = _first_site(
        vmlinux, "page_size", lambda a: kernel.function(a) == "shmem_fallocate"
    )
    image = bytearray(built.image.read_bytes())
    (word,) = struct.unpack_from("<I", image, address - kernel.base)
    struct.pack_into("<I", image, address - kernel.base, word ^ _FLIPS["page_shift"])
    (tmp_path / "Image").write_bytes(image)
    # The check runs before there is another console.
    jobs = jobs_of([Machine()], ["16k"], append="earlycon")
    (verdict,) = boot(tmp_path / "Image", jobs, timeout=900)
    assert not verdict.passed
    assert "page size: shmem_fallocate" in verdict.console
    assert "1 patched instructions or values are wrong" in verdict.console


def _first_site(
    vmlinux: Path, kind: str, wanted: Callable[[int], bool] = lambda address: True
) -> tuple[int, int]:
    """Its address, and where it is in the file."""
    with vmlinux.open("rb") as file:
        elf = ELFFile(file)
        symbols, section = (elf.get_section_by_name(n) for n in (".symtab", ".page_const"))
        assert isinstance(symbols, SymbolTableSection)
        assert section is not None
        found = symbols.iter_symbols()
        kinds = {s.name: s["st_value"] for s in found if s.name.startswith("page_const_insn_")}
        names = [n.removeprefix("page_const_insn_") for n in sorted(kinds, key=kinds.__getitem__)]
        for index, (distance, number) in enumerate(struct.iter_unpack("<iI", section.data())):
            address = section["sh_addr"] + 8 * index + distance
            if [*names, "pud_folded"][number] == kind and wanted(address):
                return address, next(elf.address_offsets(address))
    raise LookupError(kind)
