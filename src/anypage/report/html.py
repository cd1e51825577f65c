# SPDX-License-Identifier: GPL-2.0-only
"""Findings as one page that needs nothing else: a treemap, and a table with the source lines."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import resources
from string import Template

from anypage.findings import Finding

_AROUND = 2  # lines before and after
_WIDEST = 240  # characters of a source line that are shown
_DEPTH = 3  # folders of a path that are boxes of their own
_TREEMAP = "treemap"


def page(found: Sequence[Finding], lines: Callable[[str], list[bytes]]) -> str:
    """The page. lines: of a file of the tree, without their ends."""
    template = Template(resources.files(__package__).joinpath("audit.html").read_text())
    rows = [{**f.as_json(), "source": _source(f, lines(f.path))} for f in found]
    return template.substitute(treemap=_treemap(found), findings=_embedded(rows))


def _embedded(value: object) -> str:
    """JSON that cannot end the script element around it."""
    return json.dumps(value).replace("<", "\\u003c")


def _source(finding: Finding, lines: Sequence[bytes]) -> list[tuple[int, str]]:
    first = max(1, finding.line - _AROUND)
    return [
        (number, lines[number - 1].decode(errors="replace").rstrip("\r")[:_WIDEST])
        for number in range(first, min(len(lines), finding.line + _AROUND) + 1)
    ]


def _treemap(found: Sequence[Finding]) -> str:
    """A box for each folder, and inside, one for each class; as large as it has findings."""
    if not found:
        return ""
    # Imported here: it is slow, and most commands do not need it.
    from plotly.graph_objects import Figure, Treemap

    boxes: Counter[tuple[str, str, str]] = Counter()  # (id, label, id of the box around)
    for finding in found:
        folders = finding.path.split("/")[:-1][:_DEPTH]
        around = ""
        for number, name in enumerate(folders, 1):
            at = "/".join(folders[:number])
            boxes[at, name, around] += 1
            around = at
        boxes[f"{around}|{finding.rule}", finding.rule, around] += 1
    places = sorted(boxes)
    figure = Figure(
        Treemap(
            ids=[at for at, _, _ in places],
            labels=[label for _, label, _ in places],
            parents=[around for _, _, around in places],
            values=[boxes[place] for place in places],
            branchvalues="total",
            hovertemplate="%{id}: %{value}<extra></extra>",
        )
    )
    figure.update_layout(margin={"t": 0, "l": 0, "r": 0, "b": 0}, height=420)
    figure.update_layout(paper_bgcolor="rgba(0,0,0,0)")
    options = {"displaylogo": False, "responsive": True}
    return str(
        figure.to_html(full_html=False, include_plotlyjs=True, div_id=_TREEMAP, config=options)
    )
