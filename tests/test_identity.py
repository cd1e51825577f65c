# SPDX-License-Identifier: GPL-2.0-only
"""What counts as the same object code, and that compile-time builds of the kernel are the same."""

import subprocess
from pathlib import Path

import pytest

from anypage.build import build
from anypage.identity import Comparison, compare, explained

SOURCE = """
int twice(int x) { return 2 * x; }
const char *name(void) { return "name"; }
asm(".pushsection __bug_table,\\"aw\\"; .long 0, 0; .hword __LINE, 1; .popsection");
"""


def compiled(folder: Path, text: str, line: int = 10) -> Path:
    """An arm64 object of text in folder."""
    folder.mkdir()
    (folder / "x.c").write_text(text.replace("__LINE", str(line)))
    command = ["aarch64-linux-gnu-gcc", "-O2", "-c", "x.c", "-o", "x.o"]
    subprocess.run(command, cwd=folder, check=True)
    return folder


def compared(tmp_path: Path, before: str, after: str, line: int = 10) -> Comparison:
    """Two objects, the second with another line number."""
    return compare(compiled(tmp_path / "a", before), compiled(tmp_path / "b", after, line))


def test_a_line_number_in_the_bug_table_does_not_count(tmp_path: Path) -> None:
    assert compared(tmp_path, SOURCE, SOURCE, line=99).identical == ("x.o",)


def test_other_code_is_a_difference_with_its_place(tmp_path: Path) -> None:
    (found,) = compared(tmp_path, SOURCE, SOURCE.replace("2 * x", "3 * x")).differing
    assert (found.path, found.section) == ("x.o", ".text")


def test_other_data_is_a_difference(tmp_path: Path) -> None:
    (found,) = compared(tmp_path, SOURCE, SOURCE.replace('"name"', '"game"')).differing
    assert found.section.startswith(".rodata")


def test_another_symbol_is_a_difference(tmp_path: Path) -> None:
    text = "extern int a, b; int f(void) { return a; }"
    (found,) = compared(tmp_path, text, text.replace("return a", "return b")).differing
    assert found.detail.startswith("relocations")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page_size", "config"),
    [
        ("4k", "virt"),
        pytest.param("16k", "virt", marks=pytest.mark.full),
        pytest.param("64k", "virt", marks=pytest.mark.full),
        pytest.param("4k", "virt+seed", marks=pytest.mark.full),
    ],
)
def test_a_compile_time_build_is_the_same_object_by_object(
    pristine: Path, tree: Path, page_size: str, config: str
) -> None:
    before, after = (build(path, page_size=page_size, config=config) for path in (pristine, tree))
    result = compare(before.objects, after.objects)
    assert len(result.identical) > 900
    assert (result.missing, result.added) == ((), ())
    unexplained = [d for d in result.differing if d.path not in explained(page_size)]
    assert unexplained == []
