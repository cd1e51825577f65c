# SPDX-License-Identifier: GPL-2.0-only
"""What counts as the same object code, and that compile-time builds of the kernel are the same."""

import subprocess
from pathlib import Path

import pytest

from anypage.compile_time import ARM64, Result, compare_trees, targets
from anypage.errors import AnypageError
from anypage.identity import Comparison, compare
from anypage.report.compile_time import page

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


def test_what_is_compared_is_named() -> None:
    assert targets("riscv,arm64", "4k,64k") == [("riscv", ""), ("arm64", "4k"), ("arm64", "64k")]
    assert len(targets("all", "4k")) == 14
    with pytest.raises(AnypageError, match="pdp11") as error:
        targets("arm64,pdp11", "4k")
    assert "riscv" in error.value.remedy


def test_the_page_has_each_reason_once() -> None:
    why = {"mm/a.o": "in another <order>"}
    text = page(
        {"sh": Result(7, {}, why, {}), "arm64 4k": Result(8, {"b.o": ".text"}, why, {})}, "x"
    )
    assert "| sh | 7 | 1 | 0 |" in text
    assert "- `mm/a.o` (sh, arm64 4k): in another &lt;order>" in text
    assert "## Unexplained\n\n- `b.o` (arm64 4k): .text" in text
    assert "Not built" not in text


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
    result = compare_trees(pristine, tree, ARM64, page_size, config)
    assert result.identical > 900
    assert result.unexplained == {}
