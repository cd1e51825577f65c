# SPDX-License-Identifier: GPL-2.0-only
"""A measurement as tables for a terminal, and as what a program reads."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from anypage.errors import AnypageError
from anypage.geometry import PageSize
from anypage.identity import explained
from anypage.measure import Measurement, counted, ratio
from anypage.measure.code import Difference, Line, Pair, by_kind, differences, side_by_side
from anypage.measure.counting import Count, Run
from anypage.measure.sizes import growth

TOP = 10  # functions of a workload that are listed
MEMORY = ("MemTotal", "MemFree", "Slab", "KernelStack")
LOG = ("kernel code", "rwdata", "rodata", "init", "bss", "reserved")
_LOG = re.compile(rf"(\d+)K ({'|'.join(LOG)})\b")
_GIVEN_BACK = re.compile(r"page size: (\d+)K of static storage given back")
# A round that lies further from the others is worth a word: work that was not the workload's.
NOISY = 0.01

Rows = list[list[str]]


def as_json(result: Measurement) -> dict[str, Any]:
    """The stable form of `--json`."""
    return {
        "version": result.version,
        "conversion": result.conversion,
        "method": result.method,
        "images": [
            {
                "name": kernel.name,
                "page_size": int(kernel.page_size or 0),
                "sizes": {"image": s.image, "gzip": s.gzip, "zstd": s.zstd, **s.parts},
                "modules": s.modules,
            }
            for kernel, s in result.sizes.items()
        ],
        "workloads": [_workload(result, run, count) for run in result.runs for count in run.counts],
        "memory": [
            {
                "image": run.kernel.name,
                "page_size": int(run.page_size),
                "kilobytes": {name: run.memory[name] for name in MEMORY},
                "page_tables_of_1_gib": run.page_tables,
                "log": run.log,
            }
            for run in result.runs
        ],
        "identity": {
            size.label: {
                "identical": len(same.comparison.identical),
                "differing": {
                    d.path: {
                        "where": f"{d.section}: {d.detail}",
                        "why": explained(size.label).get(d.path),
                        "before": same.code[d.path][0],
                        "after": same.code[d.path][1],
                    }
                    for d in same.comparison.differing
                },
            }
            for size, same in result.identity.items()
        },
    }


def _workload(result: Measurement, run: Run, count: Count) -> dict[str, Any]:
    before = result.baseline(run)
    found = ratio(run, before, count.workload)
    return {
        "name": count.workload,
        "image": run.kernel.name,
        "page_size": int(run.page_size),
        "instructions": count.instructions,
        "spread": round(count.spread, 6),
        "noisy": count.spread > NOISY,
        "baseline": before.kernel.name if before else None,
        "ratio": round(found, 6) if found else None,
        "user": count.user,
        **by_kind(count.details),
        "functions": [
            {"name": d.function, "before": d.before, "after": d.after}
            for d in top_functions(result, run, count.workload)
        ],
    }


def top_functions(result: Measurement, run: Run, workload: str) -> list[Difference]:
    """Those that cost most more than in the baseline, and those that cost most less."""
    before = result.baseline(run)
    mine = counted(run, workload)
    other = counted(before, workload) if before else None
    if before is None or mine is None or other is None:
        return []
    found = differences((before.kernel, run.kernel), (other, mine))
    more, less = [d for d in found if d.more > 0], [d for d in found if d.more < 0]
    return more[:TOP] + less[-TOP // 2 :]


def size_rows(result: Measurement) -> Rows:
    """A row for each kernel: bytes of its image, packed and not, of its parts and its modules."""
    rows = [["kernel", "Image", "gzip", "zstd", *_parts(result), "modules"]]
    for kernel, s in result.sizes.items():
        numbers = (s.image, s.gzip, s.zstd, *s.parts.values(), s.modules)
        rows.append([kernel.name, *(f"{n:,}" for n in numbers)])
    return rows


def _parts(result: Measurement) -> list[str]:
    return list(next(iter(result.sizes.values())).parts)


def package_rows(result: Measurement) -> Rows:
    """What an image for each page size takes on a disk with its modules, and what one for all."""
    rows = [["packages", "images", "images, zstd", "modules", "together"]]
    fixed = "compile" if result.identity else "base"
    apart = [s for kernel, s in result.sizes.items() if kernel.name.startswith(fixed)]
    one = [s for kernel, s in result.sizes.items() if kernel.name == "boot"]
    for name, chosen in ((f"{len(apart)}: one for each", apart), ("1: for all", one)):
        if chosen:
            image, packed, modules = (
                sum(getattr(s, part) for s in chosen) for part in ("image", "zstd", "modules")
            )
            numbers = (image, packed, modules, image + modules)
            rows.append([name, *(f"{n:,}" for n in numbers)])
    return rows


def workload_rows(result: Measurement, page_size: PageSize) -> Rows:
    """A row for each workload at a page size: instructions, and the ratio to the baseline."""
    runs = [run for run in result.runs if run.page_size == page_size]
    head = ["workload"]
    for run in runs:
        before = result.baseline(run)
        head += [run.kernel.name] + ([f"to {before.kernel.name}"] if before else [])
    rows = [[*head, "spread"]]
    for count in runs[0].counts if runs else ():
        row, spread = [count.workload], 0.0
        for run in runs:
            own = counted(run, count.workload)
            before = result.baseline(run)
            spread = max(spread, own.spread if own else 0.0)
            row.append(f"{own.instructions:,}" if own else "-")
            if before:
                row.append(percent(ratio(run, before, count.workload)))
        rows.append([*row, f"{spread:.2%}" + (" noisy" if spread > NOISY else "")])
    return [*rows, _together(result, runs)] if runs else rows


def _together(result: Measurement, runs: Sequence[Run]) -> list[str]:
    """All workloads but the boot."""
    row = ["all but boot"]
    totals = {run.kernel.name: _total(run) for run in runs}
    for run in runs:
        before = result.baseline(run)
        row.append(f"{totals[run.kernel.name]:,}")
        if before:
            row.append(percent(totals[run.kernel.name] / totals[before.kernel.name]))
    return [*row, ""]


def _total(run: Run) -> int:
    return sum(count.instructions for count in run.counts if count.workload != "boot")


def percent(value: float | None) -> str:
    """A ratio as what it is more or less than 1."""
    return "-" if value is None else f"{value - 1:+.2%}"


def memory_rows(result: Measurement) -> Rows:
    """kB in the running kernel."""
    rows = [["kernel", "pages", *MEMORY, "page tables of 1 GiB", "freed after boot"]]
    for run in result.runs:
        freed = [line.rpartition(": ")[2] for line in run.log if "unused kernel" in line]
        numbers = [f"{run.memory[name]:,}" for name in MEMORY]
        rows.append(
            [run.kernel.name, run.page_size.label, *numbers, f"{run.page_tables:,}", *freed[:1]]
        )
    return rows


def log_rows(result: Measurement) -> Rows:
    """kB, as the boot log says it: mm_init's line "Memory: ..."."""
    rows = [["kernel", "pages", *LOG]]
    for run in result.runs:
        said = {name: f"{int(kb):,}" for line in run.log for kb, name in _LOG.findall(line)}
        rows.append([run.kernel.name, run.page_size.label, *(said.get(n, "-") for n in LOG)])
    return rows


def static_rows(result: Measurement) -> Rows:
    """kB of data, bss and early page tables, and what of it the kernel gave back."""
    rows = [["kernel", "pages", "data, bss, tables", "given back", "kept", "to baseline"]]
    kept = {(r.kernel.name, r.page_size): _static(result, r) - _given_back(r) for r in result.runs}
    for run in result.runs:
        before, own = result.baseline(run), kept[run.kernel.name, run.page_size]
        more = percent(own / kept[before.kernel.name, run.page_size]) if before else ""
        numbers = (_static(result, run), _given_back(run), own)
        rows.append(
            [run.kernel.name, run.page_size.label, *(f"{n >> 10:,}" for n in numbers), more]
        )
    return rows


def _static(result: Measurement, run: Run) -> int:
    parts = result.sizes[run.kernel].parts
    return parts["data"] + parts["bss"] + parts["tables"]


def _given_back(run: Run) -> int:
    """Bytes, as the boot log has them."""
    return next((int(m[1]) << 10 for line in run.log if (m := _GIVEN_BACK.match(line))), 0)


def growth_rows(result: Measurement, what: str) -> Rows:
    """Sections or objects of the kernel for all page sizes that grew most over one for 4K."""
    kernels = {kernel.name: kernel for kernel in result.sizes}
    fixed = "compile-4k" if result.identity else "base-4k"
    pair = [kernels.get(fixed), kernels.get("boot")]
    rows = [[what, fixed, "boot", "more"]]
    if pair[0] and pair[1]:
        found = growth(getattr(pair[0], what), getattr(pair[1], what))
        rows += [[name, f"{a:,}", f"{b:,}", f"{b - a:+,}"] for name, a, b in found]
    return rows


def identity_rows(result: Measurement) -> Rows:
    """How the objects of the converted tree with a compile-time size compare with the original."""
    rows = [["pages", "object", "why it differs"]]
    for size, same in result.identity.items():
        rows.append([size.label, f"{len(same.comparison.identical):,} are identical", ""])
        for d in same.comparison.differing:
            why = explained(size.label).get(d.path, "not explained")
            rows.append([size.label, d.path, why])
    return rows


def run_rows(result: Measurement) -> Rows:
    """The boots, and how long each took with all workloads."""
    rows = [["kernel", "pages", "workloads", "of this machine's time"]]
    for run in result.runs:
        numbers = [str(len(run.counts)), f"{run.seconds:.0f} s"]
        rows.append([run.kernel.name, run.page_size.label, *numbers])
    return rows


def kind_rows(result: Measurement, page_size: PageSize) -> Rows:
    """Divisions, loads and stores of all workloads together."""
    rows = [["kernel", "divisions", "loads", "stores"]]
    for run in result.runs:
        if run.page_size == page_size:
            kinds = [by_kind(count.details) for count in run.counts]
            totals = [sum(k[name] for k in kinds) for name in kinds[0]]
            rows.append([run.kernel.name, *(f"{n:,}" for n in totals)])
    return rows


@cache
def _published() -> dict[str, Any]:
    """facts/published.toml."""
    text = resources.files("anypage.facts").joinpath("published.toml").read_text()
    return tomllib.loads(text)


def published_rows(result: Measurement) -> Rows:
    """What the proposal of 2024 published, and ours: each against base-4k."""
    rows = [["against base-4k", "kernel", "published, 2024", "here"]]
    ours: dict[str, dict[str, float]] = {"image": {}, "text": {}, "data": {}}
    for kernel, s in result.sizes.items():
        ours["image"][kernel.name] = s.image
        ours["text"][kernel.name] = s.parts["functions"]
        ours["data"][kernel.name] = s.parts["data"] + s.parts["bss"]
    if "base-4k" not in ours["image"]:
        return rows
    for what, named in (("image", "Image"), ("text", "text: functions"), ("data", "data and bss")):
        theirs = _published()[what]
        for name, value in ours[what].items():
            there = theirs.get(_published_as(name))
            if there is not None:
                here = percent(value / ours[what]["base-4k"])
                rows.append([named, name, percent(there / theirs["base-4k"]), here])
    small = {r.kernel.name: r for r in result.runs if r.page_size == PageSize.SIZE_4K}
    for workload, times in _published()["time"].items():
        for name, run in small.items():
            more = times.get(_published_as(name))
            if more is not None:
                here = percent(ratio(run, small["base-4k"], workload))
                rows.append([workload, name, f"{more:+.1f}% of time", f"{here} of instructions"])
    return rows


def _published_as(name: str) -> str:
    """The proposal's kernel for all page sizes read its page size from a variable."""
    return "boot" if name == "variable" else name


def sections(result: Measurement) -> Iterator[tuple[str, Rows]]:
    """Every table with its title, for the terminal and for pages."""
    yield (
        "Beside the proposal of 2024 (its hardware, kernel and configuration)",
        published_rows(result),
    )
    yield "Bytes", size_rows(result)
    yield "On a disk", package_rows(result)
    yield "Sections that grew", growth_rows(result, "sections")
    yield "Functions and variables that grew", growth_rows(result, "objects")
    yield "Memory in use, kB", memory_rows(result)
    yield "Memory in the boot log, kB", log_rows(result)
    yield "Static storage, kB", static_rows(result)
    for size in PageSize:
        rows = workload_rows(result, size)
        if len(rows) > 1:
            yield f"Executed instructions, {size.label} pages", rows
            yield f"Of them, {size.label} pages", kind_rows(result, size)
    if result.identity:
        yield "Compile-time builds, beside the original", identity_rows(result)
    yield "Boots", run_rows(result)


def tables(result: Measurement) -> list[Table]:
    """For the terminal."""
    return [_table(title, rows) for title, rows in sections(result) if len(rows) > 1]


def _table(title: str, rows: Rows) -> Table:
    table = Table(title=title, box=SIMPLE, title_justify="left")
    for number, name in enumerate(rows[0]):
        table.add_column(escape(name), justify="right" if number else "left")
    for row in rows[1:]:
        table.add_row(*map(escape, row))
    return table


def function_tables(result: Measurement, workload: str, function: str) -> Iterator[Table]:
    """What of a function ran in a workload, beside the baseline; AnypageError when nothing did."""
    shown = False
    for run in result.runs:
        pairs = listing(result, run, workload, function)
        if not pairs:
            continue
        shown = True
        before = result.baseline(run)
        names = [before.kernel.name if before else "", run.kernel.name]
        rows = [["times", names[0], "times", names[1]]]
        rows += [[*_cells(left), *_cells(right)] for left, right in pairs]
        yield _table(f"{function}, {workload}, {run.page_size.label} pages", rows)
    if not shown:
        raise AnypageError(f"nothing of {function} ran in {workload}, or nothing to compare with")


def listing(result: Measurement, run: Run, workload: str, function: str) -> list[Pair]:
    """The instructions of a function in the baseline and in a run; [] without a baseline."""
    before = result.baseline(run)
    mine, other = counted(run, workload), counted(before, workload) if before else None
    if before is None or mine is None or other is None:
        return []
    return side_by_side(function, (before.kernel, run.kernel), (other, mine))


def _cells(line: Line | None) -> tuple[str, str]:
    return (f"{line.count:,}", line.text) if line else ("", "")


def function_rows(found: Sequence[Difference]) -> Rows:
    """Functions of a workload that differ."""
    rows = [["function", "before", "after", "more"]]
    return rows + [[d.function, f"{d.before:,}", f"{d.after:,}", f"{d.more:+,}"] for d in found]
