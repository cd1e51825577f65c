# SPDX-License-Identifier: GPL-2.0-only
"""A measurement as one page that needs nothing else: charts, tables to sort, code side by side."""

import html
from collections.abc import Iterator
from importlib import resources
from itertools import zip_longest
from string import Template
from typing import Any

from anypage.geometry import PageSize
from anypage.measure import Measurement, counted, ratio
from anypage.measure.code import Line
from anypage.measure.counting import Run
from anypage.measure.sizes import growth
from anypage.report.measurement import (
    Rows,
    function_rows,
    listing,
    percent,
    sections,
    top_functions,
)

_LINES = 160  # of a function that are shown
_CHART = {"displaylogo": False, "responsive": True}
_GREY = "#888"  # readable on white and on black
_BOXES = 300


def page(result: Measurement) -> str:
    """The page."""
    template = Template(resources.files(__package__).joinpath("measurement.html").read_text())
    what = f"Linux {result.version}" if result.version else "images"
    title = f"What one image for all page sizes costs: {what}"
    return template.substitute(title=html.escape(title), body="\n".join(_body(result)))


def _body(result: Measurement) -> Iterator[str]:
    yield from _charts(result)
    for title, rows in sections(result):
        if len(rows) > 1:
            yield f"<h2>{html.escape(title)}</h2>{_table(rows)}"
    yield from _identity(result)
    yield "<h2>Where it comes from</h2>"
    for run in result.runs:
        if result.baseline(run) and not run.kernel.page_size:
            yield from _functions(result, run)
    lines = "\n".join(html.escape(line) for line in (result.conversion, *result.method) if line)
    yield f"<h2>How it was measured</h2><pre>{lines}</pre>"


def _table(rows: Rows) -> str:
    head = "".join(
        f'<th aria-sort="none"><button>{html.escape(name)}</button></th>' for name in rows[0]
    )
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows[1:])
    table = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide"><table class="data">{table}</table></div>'


def _cells(row: list[str]) -> str:
    return "".join(f"<td>{html.escape(cell)}</td>" for cell in row)


def _functions(result: Measurement, run: Run) -> Iterator[str]:
    """For each workload: its functions, and the code of the one that costs most."""
    for count in run.counts:
        found = top_functions(result, run, count.workload)
        if not found:
            continue
        more = percent(ratio(run, result.baseline(run), count.workload))
        name = f"{count.workload}, {run.page_size.label} pages: {more}"
        code = _code(result, run, count.workload, found[0].function)
        table = _table(function_rows(found))
        yield f"<details><summary>{html.escape(name)}</summary>{table}{code}</details>"


def _identity(result: Measurement) -> Iterator[str]:
    """The code about the first difference of each object that is not the same."""
    for size, same in result.identity.items():
        for path, (before, after) in same.code.items():
            rows = "".join(
                f'<tr class="{"" if a == b else "other"}">{_cells(["", a, "", b])}</tr>'
                for a, b in zip_longest(before, after, fillvalue="")
            )
            if rows:
                yield f"<details><summary>{html.escape(path)}, {size.label} pages</summary>"
                yield f'<table class="code"><tbody>{rows}</tbody></table></details>'


def _code(result: Measurement, run: Run, workload: str, function: str) -> str:
    pairs = listing(result, run, workload, function)[:_LINES]
    rows = "".join(
        f'<tr class="{"" if left and right and left.text == right.text else "other"}">'
        f"{_cells([*_side(left), *_side(right)])}</tr>"
        for left, right in pairs
    )
    caption = f"<caption>{html.escape(function)}</caption>"
    return f'<div class="wide"><table class="code">{caption}<tbody>{rows}</tbody></table></div>'


def _side(line: Line | None) -> list[str]:
    return [f"{line.count:,}", line.text] if line else ["", ""]


def _charts(result: Measurement) -> Iterator[str]:
    """Ratios by workload, a chart for each page size, and what grew, as boxes."""
    scripts: bool = True
    for figure, name in (*_ratios(result), *_boxes(result)):
        figure.update_layout(
            paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font_color=_GREY
        )
        # The library itself goes into the page once.
        chart = figure.to_html(
            full_html=False, include_plotlyjs=scripts, div_id=name, config=_CHART
        )
        yield f'<div class="chart">{chart}</div>'
        scripts = False


def _ratios(result: Measurement) -> Iterator[tuple[Any, str]]:
    # Imported here: it is slow, and most commands do not need it.
    from plotly.graph_objects import Bar, Figure

    for size in PageSize:
        bars = []
        for run in result.runs:
            before = result.baseline(run)
            if run.page_size != size or before is None:
                continue
            names = [count.workload for count in run.counts]
            found = [ratio(run, before, name) for name in names]
            spreads = [
                max(100 * c.spread for r in (run, before) if (c := counted(r, name)))
                for name in names
            ]
            bars.append(
                Bar(
                    name=f"{run.kernel.name} to {before.kernel.name}",
                    x=names,
                    y=[100 * (value - 1) if value else None for value in found],
                    error_y={"array": spreads, "thickness": 1},
                )
            )
        if bars:
            figure = Figure(bars)
            figure.update_layout(
                title=f"Executed instructions with {size.label} pages, percent more",
                height=420,
                xaxis_tickangle=-40,
            )
            yield figure, f"ratios-{size.label}"


def _boxes(result: Measurement) -> Iterator[tuple[Any, str]]:
    from plotly.graph_objects import Figure, Treemap

    kernels = {kernel.name: kernel for kernel in result.sizes}
    before, after = kernels.get("compile-4k"), kernels.get("boot")
    if before is None or after is None:
        return
    rows = growth(before.objects, after.objects, _BOXES)
    figure = Figure(
        Treemap(
            labels=[name for name, _, _ in rows],
            parents=[""] * len(rows),
            values=[b - a for _, a, b in rows],
            hovertemplate="%{label}: %{value} bytes more<extra></extra>",
        )
    )
    figure.update_layout(title="Functions and variables that grew, boot to compile-4k", height=420)
    yield figure, "grown"
