# SPDX-License-Identifier: GPL-2.0-only
"""Other architectures build what they built before."""

from dataclasses import replace
from pathlib import Path

import pytest
from kernel import small_tree

from anypage.architectures import architectures, build_objects
from anypage.compile_time import compare_trees
from anypage.errors import AnypageError
from anypage.make import failed_targets

LOG = """\
make[5]: *** [/tree/scripts/Makefile.build:234: fs/fcntl.o] Error 1
make[5]: *** [/tree/scripts/Makefile.build:234: mm/slub.o] Terminated
make[4]: *** [/tree/arch/sparc/vdso/Makefile:50: arch/sparc/vdso/vdso64.so.dbg] Error 1
make[4]: *** [/tree/scripts/Makefile.build:471: fs] Error 2
make[3]: *** [/tree/scripts/Makefile.vmlinux:34: vmlinux] Error 1
make[2]: *** [/tree/Makefile:1153: vmlinux] Error 2
make: *** [Makefile:236: __sub-make] Error 2
"""


def test_a_missing_compiler_is_named_with_its_package(tmp_path: Path) -> None:
    missing = replace(architectures()["riscv"], prefix="none-")
    with pytest.raises(AnypageError, match="none-gcc") as error:
        build_objects(small_tree(tmp_path), missing)
    assert "gcc-riscv64-linux-gnu" in error.value.remedy


def test_what_make_did_not_build_is_known() -> None:
    vdso = "arch/sparc/vdso/vdso64.so.dbg"
    assert failed_targets(LOG) == {"fs/fcntl.o", "mm/slub.o", "vmlinux", vdso}
    assert failed_targets("make: nothing to be done\n") == set()


def test_a_kernel_that_the_conversion_alone_breaks_is_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    monkeypatch.setattr("anypage.compile_time.build_objects", lambda tree, architecture: tree)
    result = compare_trees(before, after, "alpha", "", "")
    assert (result.unexplained, list(result.broken)) == ({}, ["vmlinux"])
    (before / "vmlinux").touch()
    result = compare_trees(before, after, "alpha", "", "")
    assert (result.unexplained, result.broken) == ({"vmlinux": "only before"}, {})


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("name", list(architectures()))
def test_an_architecture_builds_the_same_objects(pristine: Path, tree: Path, name: str) -> None:
    result = compare_trees(pristine, tree, name, "", "")
    assert result.identical > 500
    assert result.unexplained == {}
