# SPDX-License-Identifier: GPL-2.0-only
"""Measuring: what is counted is counted, and the same twice."""

import html
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import browser
import pytest

from anypage.boot import page_size_of
from anypage.build import Build, build
from anypage.errors import AnypageError
from anypage.geometry import PageSize
from anypage.identity import Comparison, Difference
from anypage.measure import Identity, Measurement, counted, measure, measure_images, ratio
from anypage.measure.code import differences, kinds, side_by_side
from anypage.measure.counting import Count, Detail, Run, bench, count, read_brackets, what_is_wrong
from anypage.measure.elf import Kernel, plain
from anypage.measure.sizes import Sizes, growth
from anypage.report import measurement, measurement_html, measurement_page

EVIL = "</script><img src=x onerror=alert(1)>"
PARTS = {"functions": 32, "text": 64, "data": 8, "bss": 4, "tables": 0}
NOP, UDIV, LDR, STR, ADD = 0xD503201F, 0x9AC10800, 0xF9400020, 0xF9000020, 0x8B010000


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        (NOP, ()),
        (ADD, ()),  # add x0, x0, x1
        (UDIV, ("divisions",)),  # udiv x0, x0, x1
        (0x1AC00C00, ("divisions",)),  # sdiv w0, w0, w0
        (LDR, ("loads",)),  # ldr x0, [x1]
        (STR, ("stores",)),  # str x0, [x1]
        (0x39400020, ("loads",)),  # ldrb w0, [x1]
        (0xB9800020, ("loads",)),  # ldrsw x0, [x1]
        (0xA9400440, ("loads",)),  # ldp x0, x1, [x2]
        (0xA9BF7BFD, ("stores",)),  # stp x29, x30, [sp, #-16]!
        (0x58000040, ("loads",)),  # ldr x0, literal
        (0xF9800020, ()),  # prfm pldl1keep, [x1]
        (0xD8000000, ()),  # prfm, literal
        (0x3D800020, ("stores",)),  # str q0, [x1]
        (0x3DC00020, ("loads",)),  # ldr q0, [x1]
        (0xF8210040, ("loads", "stores")),  # ldadd x1, x0, [x2]
        (0xC8A07C41, ("loads", "stores")),  # cas x0, x1, [x2]
        (0xC85F7C20, ("loads",)),  # ldxr x0, [x1]
        (0xC8027C20, ("stores",)),  # stxr w2, x0, [x1]
        (0xC8DFFC20, ("loads",)),  # ldar x0, [x1]
        (0xC89FFC20, ("stores",)),  # stlr x0, [x1]
        (0xD50B7420, ()),  # dc zva, x0
        (0x94000000, ()),  # bl
    ],
)
def test_kinds_of_instructions(instruction: int, expected: tuple[str, ...]) -> None:
    assert kinds(instruction) == expected


def test_names_of_the_compiler_are_those_of_the_source() -> None:
    names = ["f", "f.isra.0", "f.constprop.0.isra.0", "f.part.3", "f.cold", "counter.12"]
    assert {plain(name) for name in names} == {"f", "counter"}


def test_an_image_says_its_page_size() -> None:
    head = bytearray(64)
    assert page_size_of(bytes(head)) is None
    for field, size in enumerate(PageSize, 1):
        head[24] = 8 | field << 1
        assert page_size_of(bytes(head)) == size


def test_brackets_are_read_as_the_plugin_writes_them() -> None:
    detail = (0xFFFF800080000000).to_bytes(8, "little") + (7).to_bytes(8, "little")
    detail += ADD.to_bytes(4, "little") + bytes(4)
    head = b"".join(n.to_bytes(8, "little") for n in (7, 2, 5, 1))
    plain_head = b"".join(n.to_bytes(8, "little") for n in (3, 0, 4, 0))
    assert list(read_brackets(head + detail + plain_head)) == [
        (9, 5, (Detail(0xFFFF800080000000, 7, ADD),)),
        (3, 4, ()),
    ]


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        ([{"page_size": 4096}, {"workload": "fork"}, {"end": True}], ""),
        ([{"page_size": 65536}, {"end": True}], "pages of 65536 bytes"),
        ([{"workload": "fork", "counted": True}], "no end after fork"),
        ([{"failed": "swap", "why": "no device"}], "the workload swap failed: no device"),
        ([], "did not get to its init"),
    ],
)
def test_a_run_that_is_not_whole_says_why(reports: list[dict[str, Any]], expected: str) -> None:
    problem = what_is_wrong(reports, PageSize.SIZE_4K)
    assert expected in problem if expected else problem == ""


def test_growth_is_sorted_and_without_what_shrank() -> None:
    before, after = {"a": 10, "b": 5, "c": 9}, {"a": 12, "b": 50, "c": 1, "d": 3}
    assert growth(before, after) == [("b", 5, 50), ("d", 0, 3), ("a", 10, 12)]


def test_an_image_without_symbols_is_refused(tmp_path: Path) -> None:
    image = tmp_path / "Image"
    image.write_bytes(bytes(56) + b"ARM\x64" + bytes(8))
    with pytest.raises(AnypageError, match="no vmlinux"):
        measure_images([image])
    (tmp_path / "vmlinux").write_bytes(b"no ELF")
    with pytest.raises(AnypageError, match="cannot read the symbols"):
        measure_images([image])
    image.write_bytes(b"no image")
    with pytest.raises(AnypageError, match="not an arm64 Image"):
        measure_images([image])


def made_kernel(name: str, start: int, page_size: PageSize | None, *baselines: str) -> Kernel:
    """A kernel whose files are not read: two functions of 16 bytes."""
    kernel = Kernel(name, Path("Image"), Path("vmlinux"), baselines=baselines)
    symbols = [("first.isra.0", start, 16, True), (EVIL, start + 16, 16, True)]
    vars(kernel).update(_read=({".text": start & 0xFF}, symbols), page_size=page_size)
    return kernel


def made_run(kernel: Kernel, start: int, *words: int) -> Run:
    details = tuple(Detail(start + 4 * i, 10, word) for i, word in enumerate(words))
    total = 10 * len(words)
    counts = (Count("fork", (total, total + 1, total), 3, details), Count(EVIL, (5, 5), 0, ()))
    memory = dict.fromkeys(measurement.MEMORY, 4000)
    return Run(
        kernel,
        PageSize.SIZE_4K,
        counts,
        memory,
        2052,
        ("Memory: 9K/12K available (6272K kernel code, 2K bss)",),
        1.0,
    )


def made_measurement() -> Measurement:
    before = made_kernel("compile-4k", 0x1000, PageSize.SIZE_4K)
    after = made_kernel("boot", 0x2020, None, "compile-4k")
    bytes_of = {kernel: Sizes(1000, 500, 400, PARTS, 0) for kernel in (before, after)}
    runs = (made_run(before, 0x1000, ADD, LDR), made_run(after, 0x2020, ADD, UDIV, LDR))
    differing = Difference("a.o", ".text", "bytes", 4, "bytes: 8 before, 8 after")
    same = Comparison(("b.o",), (differing,), (), ())
    identity = {PageSize.SIZE_4K: Identity(same, {"a.o": (["nop"], [EVIL])})}
    return Measurement("6.12", bytes_of, runs, identity, "2 commits", ("qemu 7.2",))


def test_ratios_functions_and_code() -> None:
    result = made_measurement()
    before, after = result.runs
    assert result.baseline(before) is None
    assert ratio(after, result.baseline(after), "fork") == 1.5
    fork = (counted(before, "fork"), counted(after, "fork"))
    assert fork[0] and fork[1]
    kernels, counts = (before.kernel, after.kernel), (fork[0], fork[1])
    (difference,) = differences(kernels, counts)
    assert (difference.function, difference.before, difference.after) == ("first", 20, 30)
    pairs = side_by_side("first", kernels, counts)
    assert [(left and left.text, right and right.text) for left, right in pairs] == [
        ("add x0, x0, x1", "add x0, x0, x1"),
        (None, "udiv x0, x0, x1"),
        ("ldr x0, [x1]", "ldr x0, [x1]"),
    ]


def test_json_has_what_programs_read() -> None:
    document = measurement.as_json(made_measurement())
    row = document["workloads"][2]
    names = ("name", "image", "page_size", "instructions", "spread", "baseline", "ratio")
    values = [row[name] for name in names]
    assert values == ["fork", "boot", 4096, 30, round(1 / 30, 6), "compile-4k", 1.5]
    assert (row["noisy"], row["divisions"], row["loads"]) == (True, 10, 10)
    assert document["workloads"][0]["ratio"] is None
    assert document["images"][0]["sizes"]["image"] == 1000
    assert document["identity"]["4k"]["identical"] == 1
    assert document["identity"]["4k"]["differing"]["a.o"]["before"] == ["nop"]


def test_the_page_escapes_what_it_shows() -> None:
    text = measurement_page.page(made_measurement(), "anypage measure 6.12")
    assert "| fork | 20 | 30 | +50.00% | 5.00% noisy |" in text
    assert "<img" not in text
    assert "| boot | 4k | 6,272 | - | - | - | 2 | - |" in text
    assert "| all but boot | 25 | 35 | +40.00% |  |" in text


def test_what_is_given_back_is_not_kept() -> None:
    result = made_measurement()
    before, after = result.runs
    line = "page size: 3K of static storage given back"
    after = replace(after, log=(line,))
    sizes = {
        run.kernel: replace(
            result.sizes[run.kernel], parts={"data": 8 << 10, "bss": bss << 10, "tables": 1024}
        )
        for run, bss in ((before, 3), (after, 7))
    }
    rows = measurement.static_rows(replace(result, sizes=sizes, runs=(before, after)))
    assert rows[1:] == [
        ["compile-4k", "4k", "12", "0", "12", ""],
        ["boot", "4k", "16", "3", "13", "+8.33%"],
    ]


def test_the_kernel_with_a_variable_is_the_one_that_was_proposed() -> None:
    before = made_kernel("base-4k", 0x1000, PageSize.SIZE_4K)
    after = made_kernel("variable", 0x2020, None, "base-4k")
    unknown = made_kernel("vmemmap", 0x2020, None, "base-4k")
    kernels = ((before, 100), (after, 103), (unknown, 104))
    bytes_of = {kernel: Sizes(size, 5, 4, PARTS, 0) for kernel, size in kernels}
    runs = (made_run(before, 0x1000, ADD), made_run(after, 0x2020, ADD))
    rows = measurement.published_rows(Measurement("6.12", bytes_of, runs, {}, "", ()))
    assert ["Image", "variable", "+3.92%", "+3.00%"] in rows
    assert ["fork-exit-1g", "variable", "+12.8% of time", "- of instructions"] in rows
    assert "vmemmap" not in {row[1] for row in rows}


def test_a_browser_shows_charts_and_tables(tmp_path: Path) -> None:
    page = measurement_html.page(made_measurement())
    document, console = browser.shown(tmp_path, page)
    assert console == ""
    assert re.search(r'<div id="ratios-4k"[\s\S]*<g class="point', document)
    assert "+50.00%" in document
    assert "udiv x0, x0, x1" in document
    assert "<img" not in document
    assert html.escape(EVIL) in page
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=", page)


def test_tables_are_sorted_by_a_click(tmp_path: Path) -> None:
    page = measurement_html.page(made_measurement())
    click = """<script>
    const table = [...document.querySelectorAll("table.data")].find((t) =>
        t.textContent.startsWith("workload"));
    table.querySelectorAll("th button")[1].click();
    document.title = [...table.tBodies[0].rows].map((r) => r.cells[1].textContent).join();
    </script>"""
    document, _ = browser.shown(tmp_path, page, click)
    assert "<title>5,20,25</title>" in document


@pytest.mark.slow
def test_one_image_beside_one_for_4k(image: Build, tree: Path) -> None:
    fixed = build(tree, page_size="4k")
    before = Kernel("compile-4k", fixed.image, fixed.objects / "vmlinux", fixed.modules)
    after = Kernel(
        "boot", image.image, image.objects / "vmlinux", image.modules, baselines=("compile-4k",)
    )
    result = measure([before, after], page_sizes=[PageSize.SIZE_4K])
    one, two = result.runs
    assert [c.workload for c in one.counts] == [c.workload for c in two.counts]
    assert {"boot", "getpid", "fork-exit-1g", "munmap-1g", "swap", "sqlite3"} <= {
        c.workload for c in one.counts
    }
    for each in two.counts:
        found = ratio(two, result.baseline(two), each.workload)
        assert found and 0.9 < found < 1.3, each.workload
        assert sum(d.count for d in each.details) <= max(each.rounds)
    assert result.sizes[after].image > result.sizes[before].image
    # 512 tables of the last level, and one above.
    assert one.page_tables == two.page_tables == 2052


@pytest.mark.slow
def test_a_kernel_that_panics_is_an_error_with_its_console(image: Build) -> None:
    kernel = Kernel("boot", image.image, image.objects / "vmlinux")
    empty = replace(bench(), archive=b"no archive")
    with pytest.raises(AnypageError, match="did not get to its init[\\s\\S]*Kernel panic"):
        count(kernel, PageSize.SIZE_16K, empty)


@pytest.mark.slow
def test_the_same_twice(image: Build) -> None:
    kernel = Kernel("boot", image.image, image.objects / "vmlinux")
    (one,) = measure([kernel], page_sizes=[PageSize.SIZE_64K]).runs
    (two,) = measure([kernel], page_sizes=[PageSize.SIZE_64K]).runs
    figures = {c.workload: c.instructions for c in one.counts}
    # Equal to the last digit, until a wake-up falls into the gap that counting.py tells of.
    assert {c.workload: c.instructions for c in two.counts} == pytest.approx(figures, rel=1e-3)
    assert two.memory == pytest.approx(one.memory, rel=1e-3, abs=256)
