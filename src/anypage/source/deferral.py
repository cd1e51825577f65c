# SPDX-License-Identifier: GPL-2.0-only
"""The text of <linux/page_size_init.h>: PAGE_SIZE_INITVAL(), PAGE_SIZE_INIT() and their places."""

import re

from anypage.findings import Edit
from anypage.source.includes import include
from anypage.source.initialiser import Value
from anypage.source.lexer import Token
from anypage.source.statements import columns

WRAPPER = b"PAGE_SIZE_INITVAL"
_WRAP = WRAPPER + b"("
CONST = b"__page_size_const"
_LONGEST = 100
HEADER = b"linux/page_size_init.h"
_REST_OF_LINE = re.compile(rb"(?:/\*[\s\S]*?\*/|[^\n])*\n?")


def wrapped(data: bytes, value: Value, const: Token | None = None) -> Edit:
    """The value in PAGE_SIZE_INITVAL(), its further lines moved along."""
    line_start = data.rfind(b"\n", 0, value.start) + 1
    shift = len(_WRAP)
    if const and const.start >= line_start:
        shift += len(CONST) - len(const.text)
    first, *rest = data[value.start : value.end].split(b"\n")
    text = b"\n".join([_WRAP + first, *(_moved(line, shift) for line in rest)]) + b")"
    before = data[line_start : value.start]
    if value.path or rest or columns(before) + shift + len(first) + 2 <= _LONGEST:
        return Edit(value.start, value.end, text)
    return Edit(line_start + len(before.rstrip()), value.end, b"\n\t" + text)


def _moved(line: bytes, by: int) -> bytes:
    width = columns(line[: len(line) - len(line.lstrip())]) + by
    return b"\t" * (width // 8) + b" " * (width % 8) + line.lstrip()


def behind(data: bytes, end: int, name: bytes, inits: bytes) -> tuple[Edit, ...]:
    """Insert behind the line of the object and its EXPORT_SYMBOL(); and include the header."""
    at = end + len(_REST_OF_LINE.match(data, end)[0])  # type: ignore[index]
    export = re.compile(rb"EXPORT_\w+\(\s*%s\b[^;]*;[^\n]*\n" % name).match(data, at)
    at = export.end() if export else at
    return (Edit(at, at, inits), *include(data, HEADER))
