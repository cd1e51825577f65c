# SPDX-License-Identifier: GPL-2.0-only
"""Moves a static object out of its function, in front of it."""

import re

from anypage.findings import Edit
from anypage.source.c import CFile, Scope, Statement
from anypage.source.statements import blank

_DIRECTIVE = re.compile(rb"^[ \t]*#(?:[^\\\n]|\\\n|\\.)*\n", re.MULTILINE)


class NotMovable(Exception):
    """Why the object has to stay where it is."""


def hoist(c: CFile, statement: Statement, start: int, name: bytes, text: bytes) -> list[Edit]:
    """Edits that take the declaration from [start, statement.end) and put text before the function.

    Raises NotMovable when another thing in the file has that name, or when an #if is in between.
    """
    function = _function(statement.scope)
    data = c.data
    word = re.compile(rb"\b%s\b" % re.escape(name))
    if len(word.findall(data)) != len(word.findall(data, function.start, function.end)):
        raise NotMovable("something else in the file has its name")
    for conditional in c.conditionals:
        endif = conditional.endif.start if conditional.endif else len(data)
        if function.start < conditional.arms[0].start < start < endif:
            raise NotMovable("it stands under an #if in a function")
    line = data.rfind(b"\n", 0, start) + 1
    end = data.find(b"\n", statement.end) + 1
    if data[line:start].strip() or data[statement.end : end].strip():
        raise NotMovable("it does not stand on lines of its own")
    top = _with_comment(data, line)
    comment = re.sub(rb"^%s" % re.escape(data[line:start]), b"", data[top:line], flags=re.MULTILINE)
    if data[end : end + 1] == b"\n" and data[:top].endswith(b"{\n"):
        end += 1
    at = _before(data, function)
    return [Edit(at, at, comment + text + b"\n"), Edit(top, end, b"")]


def _function(scope: Scope) -> Scope:
    while scope.parent and scope.parent.kind != "file":
        scope = scope.parent
    return scope


def _before(data: bytes, function: Scope) -> int:
    """The line of the function or of the comment on it, behind any #if that it stands under."""
    blanked = blank(data[function.head : function.start])
    directives = [match.end() for match in _DIRECTIVE.finditer(blanked)]
    at = function.head + (directives[-1] if directives else 0)
    while data[at : at + 1].isspace():
        at += 1
    return _with_comment(data, data.rfind(b"\n", 0, at) + 1)


def _with_comment(data: bytes, line: int) -> int:
    """The start of the comment right above a line; the line itself when there is none."""
    if not data[:line].endswith(b"*/\n"):
        return line
    start = data.rfind(b"\n", 0, data.rfind(b"/*", 0, line)) + 1
    return start if data[start:line].lstrip().startswith(b"/*") else line
