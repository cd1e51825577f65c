# SPDX-License-Identifier: GPL-2.0-only
"""A measurement as a page in Markdown: its text is fixed, its figures come from one run."""

from collections.abc import Iterator

from anypage.measure import Measurement, ratio
from anypage.measure.counting import Run
from anypage.report.markdown import table
from anypage.report.measurement import NOISY, function_rows, sections, top_functions

_METHOD = """\
Instructions are those that the kernel executed, counted by a plugin of QEMU for each address: no
time on any hardware, and the same number whenever the same image runs; QEMU's clock slips rarely,
and then medians differ: tests/test_measure.py allows 0.1%. A workload has five rounds after two
that are not counted; its figure is the median, and spread is how far the rounds lie apart, in the
run of the table where that is largest. Noisy is what has more than 1% of it: work that the kernel
does now and then, whose round is chance. Bytes are of the same configuration. Made by"""
# Those of which the proposal of 2024 published figures, and what costs more than so much more.
_EXPLAINED = ("fork-exit-1g", "munmap-1g")
_MUCH = 1.003


def page(result: Measurement, command: str) -> str:
    """The whole page."""
    return "\n\n".join(_parts(result, command)) + "\n"


def _parts(result: Measurement, command: str) -> Iterator[str]:
    yield f"# What one image for all page sizes costs: Linux {result.version}"
    yield _METHOD
    yield f"    {command}"
    for title, rows in sections(result):
        if len(rows) > 1:
            yield f"## {title}"
            yield table(rows)
    for run in result.runs:
        for workload in _explained(result, run):
            if found := top_functions(result, run, workload):
                yield f"## Where it comes from: {workload}, {run.page_size.label} pages"
                yield table(function_rows(found))
    yield "## How it was measured"
    yield "\n".join(f"    {line}" for line in (result.conversion, *result.method) if line)


def _explained(result: Measurement, run: Run) -> Iterator[str]:
    """The workloads whose functions are listed: of the kernel that everyone gets."""
    if run.kernel.name != "boot":
        return
    before = result.baseline(run)
    for count in run.counts:
        times = ratio(run, before, count.workload) or 1.0
        if count.workload in _EXPLAINED or (times > _MUCH and count.spread <= NOISY):
            yield count.workload
