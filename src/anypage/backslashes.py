# SPDX-License-Identifier: GPL-2.0-only
"""Keeps the backslashes of multi-line macros in their column when a line gets longer."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from anypage.findings import Edit, Finding

_LINE = re.compile(rb"[^\n]*?([ \t]+)\\\r?(?=\n)")
_TAB = 8


def keep_backslashes(findings: Sequence[Finding], read: Callable[[str], bytes]) -> list[Finding]:
    """The findings, each line's first one with an edit of the white space before its backslash."""
    by_file: dict[str, list[Edit]] = {}
    for finding in findings:
        by_file.setdefault(finding.path, []).extend(finding.edits)
    result = []
    for finding in findings:
        more = [
            edit
            for start in _line_starts(finding.edits, read(finding.path))
            if (edit := _realign(read(finding.path), start, by_file[finding.path]))
        ]
        new = tuple(e for e in more if e not in by_file[finding.path])
        by_file[finding.path].extend(new)
        result.append(replace(finding, edits=finding.edits + new) if new else finding)
    return result


def _line_starts(edits: Iterable[Edit], data: bytes) -> list[int]:
    return sorted({data.rfind(b"\n", 0, e.start) + 1 for e in edits if e.start != e.end})


def _realign(data: bytes, start: int, edits: Iterable[Edit]) -> Edit | None:
    line = _LINE.match(data, start)
    if not line or line[1] == b" ":
        return None
    here = sorted({e for e in edits if start <= e.start and e.end <= line.start(1)}, key=_order)
    if any(b"\n" in e.text for e in here):
        return None
    text, at = b"", start
    for edit in here:
        text += data[at : edit.start] + edit.text
        at = edit.end
    text += data[at : line.start(1)]
    column, width = _width(data[start : line.end(1)]), _width(text)
    tabs = b"\t" in line[1]
    blank = b"\t" * -(-(column - width) // _TAB) if tabs else b" " * (column - width)
    blank = blank or b" "
    return None if blank == line[1] else Edit(line.start(1), line.end(1), blank)


def _order(edit: Edit) -> int:
    return edit.start


def _width(text: bytes) -> int:
    return len(text.decode(errors="replace").expandtabs(_TAB))
