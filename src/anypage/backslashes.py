# SPDX-License-Identifier: GPL-2.0-only
"""Keeps the backslashes of multi-line macros in their column when a line gets longer."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from anypage.findings import Edit, Finding

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
    newline = data.find(b"\n", start)
    line = data[start : max(start, newline)].removesuffix(b"\r")
    code = line.removesuffix(b"\\").rstrip(b" \t")
    before = line[len(code) : -1]
    if not line.endswith(b"\\") or before in (b"", b" "):
        return None
    end = start + len(code)
    here = sorted({e for e in edits if start <= e.start and e.end <= end}, key=_order)
    if any(b"\n" in e.text for e in here):
        return None
    text, at = b"", start
    for edit in here:
        text += data[at : edit.start] + edit.text
        at = edit.end
    text += data[at:end]
    column, width = _width(code + before), _width(text)
    tabs = b"\t" in before
    blank = b"\t" * -(-(column - width) // _TAB) if tabs else b" " * (column - width)
    blank = blank or b" "
    return None if blank == before else Edit(end, end + len(before), blank)


def _order(edit: Edit) -> int:
    return edit.start


def _width(text: bytes) -> int:
    return len(text.decode(errors="replace").expandtabs(_TAB))
