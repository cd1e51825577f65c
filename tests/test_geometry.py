# SPDX-License-Identifier: GPL-2.0-only
"""The numbers are those of the Arm ARM (D8.2 to D8.5) and of arch/arm64 in Linux 6.12."""

import pytest

from anypage.errors import AnypageError
from anypage.geometry import Geometry, PageSize, va_sizes

KB, MB, GB, TB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
K4, K16, K64 = PageSize.SIZE_4K, PageSize.SIZE_16K, PageSize.SIZE_64K


@pytest.mark.parametrize("text", ["16k", "16K", " 16k", "16384"])
def test_a_page_size_has_one_meaning_in_every_spelling(text: str) -> None:
    assert PageSize.parse(text) is K16


@pytest.mark.parametrize("text", ["8k", "", "4kb", "0x1000", "-4k"])
def test_anything_else_is_no_page_size(text: str) -> None:
    with pytest.raises(AnypageError, match="use 4k, 16k or 64k"):
        PageSize.parse(text)


@pytest.mark.parametrize(
    ("page_size", "va_bits", "levels", "root_entries"),
    [
        (K4, 39, 3, 512),
        (K4, 48, 4, 512),
        (K4, 52, 5, 16),
        (K16, 36, 2, 2048),
        (K16, 47, 3, 2048),
        (K16, 48, 4, 2),
        (K16, 52, 4, 32),
        (K64, 42, 2, 8192),
        (K64, 48, 3, 64),
        (K64, 52, 3, 1024),
    ],
)
def test_levels_and_root_table(
    page_size: PageSize, va_bits: int, levels: int, root_entries: int
) -> None:
    geometry = Geometry(page_size, va_bits)
    assert geometry.levels == levels
    assert geometry.table_entries(geometry.first_level) == root_entries


def test_every_address_size_of_linux_has_a_geometry() -> None:
    every = [Geometry(size, bits) for size in PageSize for bits in va_sizes(size)]
    assert len(every) == 10
    for geometry in every:
        assert geometry.level_shift(geometry.first_level) < geometry.va_bits
        assert geometry.level_shift(geometry.first_level - 1) >= geometry.va_bits


@pytest.mark.parametrize(
    ("page_size", "entries", "pmd", "cont_pte", "cont_pmd", "hugetlb"),
    [
        (K4, 512, 2 * MB, 64 * KB, 32 * MB, (64 * KB, 2 * MB, 32 * MB, GB)),
        (K16, 2048, 32 * MB, 2 * MB, GB, (2 * MB, 32 * MB, GB)),
        (K64, 8192, 512 * MB, 2 * MB, 16 * GB, (2 * MB, 512 * MB, 16 * GB)),
    ],
)
def test_blocks_and_contiguous_sizes(
    page_size: PageSize,
    entries: int,
    pmd: int,
    cont_pte: int,
    cont_pmd: int,
    hugetlb: tuple[int, ...],
) -> None:
    geometry = Geometry(page_size)
    assert geometry.entries == entries
    assert (geometry.pmd_size, geometry.thp_size) == (pmd, pmd)
    assert geometry.cont_pte_size == cont_pte
    assert geometry.cont_pmd_size == cont_pmd
    assert geometry.hugetlb_sizes == hugetlb


def test_hugetlb_directories_as_the_kernel_names_them() -> None:
    assert Geometry(K4).hugetlb_names == (
        "hugepages-64kB",
        "hugepages-2048kB",
        "hugepages-32768kB",
        "hugepages-1048576kB",
    )


def test_block_sizes_grow_with_the_output_address() -> None:
    assert Geometry(K4).block_sizes() == (2 * MB, GB)
    assert Geometry(K16).block_sizes() == (32 * MB,)
    assert Geometry(K64).block_sizes() == (512 * MB,)
    assert Geometry(K4, 52).block_sizes(output_bits=52) == (2 * MB, GB, 512 * GB)
    assert Geometry(K16, 52).block_sizes(output_bits=52) == (32 * MB, 64 * GB)
    assert Geometry(K64, 52).block_sizes(output_bits=52) == (512 * MB, 4 * TB)


def test_an_address_size_that_a_granule_lacks_is_refused() -> None:
    with pytest.raises(AnypageError, match="39-bit .* 16k .*use one of 36, 47, 48, 52"):
        Geometry(K16, 39)
