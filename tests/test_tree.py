# SPDX-License-Identifier: GPL-2.0-only
"""What a tree says of itself, and what is refused with one clear line."""

from pathlib import Path

import pytest
from kernel import small_tree

from anypage import build
from anypage.errors import AnypageError
from anypage.repo import Repo
from anypage.tree import KernelTree, Version


def test_the_version_is_that_of_the_makefile(tmp_path: Path) -> None:
    assert KernelTree.open(small_tree(tmp_path / "linux")).version == Version(6, 12, 9)


def test_a_folder_without_a_kernel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AnypageError, match="not a Linux kernel tree"):
        KernelTree.open(tmp_path)


def test_another_version_is_refused_and_the_supported_ones_are_named(tmp_path: Path) -> None:
    tree = KernelTree.open(small_tree(tmp_path / "linux", patchlevel=6))
    with pytest.raises(AnypageError, match=r"6\.6\.9 is not supported.*6\.12\.y"):
        tree.check_convertible()


def test_a_converted_tree_says_so(tmp_path: Path) -> None:
    path = small_tree(tmp_path / "linux")
    (path / "arch/arm64/Kconfig").write_text("config ARM64_BOOT_TIME_PAGE_SIZE\n\tbool\n")
    with pytest.raises(AnypageError, match="converted already"):
        KernelTree.open(path).check_convertible()


def test_a_pristine_tree_cannot_choose_its_page_size_at_boot(tmp_path: Path) -> None:
    with pytest.raises(AnypageError, match="cannot be chosen at boot"):
        build(small_tree(tmp_path / "linux"))


def test_a_half_converted_tree_is_refused(tmp_path: Path) -> None:
    path = small_tree(tmp_path / "linux")
    (path / "include/asm-generic").mkdir(parents=True)
    (path / "include/asm-generic/page-limits.h").touch()
    with pytest.raises(AnypageError, match="half converted"):
        KernelTree.open(path).check_convertible()


def test_changes_that_are_not_committed_are_named(tmp_path: Path) -> None:
    path = small_tree(tmp_path / "linux")
    repo = Repo(path)
    repo.git("init")
    repo.git("add", ".")
    repo.git("commit", "--message", "pristine")
    (path / "mm/memory.c").write_text("int changed;\n")
    with pytest.raises(AnypageError, match=r"not committed: mm/memory\.c"):
        KernelTree.open(path).check_convertible()
