# SPDX-License-Identifier: GPL-2.0-only
"""Adds an #include where a maintainer would put it."""

import re

from anypage.findings import Edit
from anypage.source.c import CFile, parse
from anypage.source.statements import blank

_NAME = re.compile(rb'[ \t]*[<"]([^>"]+)[>"]')


def include(data: bytes, header: bytes) -> tuple[Edit, ...]:
    """Edits (one, or none when it is there) that make data include <header>.

    Among the includes of its folder in their order when they are sorted, else behind the last one.
    """
    folder = header.rpartition(b"/")[0] + b"/"
    lines = _head(data)
    if any(name == header for name, _, _ in lines):
        return ()
    text = b"#include <" + header + b">\n"
    siblings = [line for line in lines if line[0].startswith(folder)]
    if not siblings:
        at = lines[-1][2] if lines else _after_guard(data)
        return (Edit(at, at, text),)
    names = [name for name, _, _ in siblings]
    before = [line for line in siblings if line[0] < header or names != sorted(names)]
    at = before[-1][2] if before else siblings[0][1]
    return (Edit(at, at, text),)


def _head(data: bytes) -> list[tuple[bytes, int, int]]:
    """The includes before any code, outside of #if: name, start and end of the line."""
    parsed = parse(data, [])
    guard = _guard(data, parsed)
    found = []
    position = 0
    for directive in parsed.directives:
        if blank(data[position : directive.start]).strip():
            break
        position = directive.end
        match = _NAME.match(data, directive.body)
        if directive.keyword == b"include" and directive.condition <= guard and match:
            found.append((match[1], directive.start, directive.end + 1))
    return found


def _guard(data: bytes, parsed: CFile) -> int:
    """Index of the #ifndef that guards a header against a second inclusion; -1 for none."""
    if not parsed.conditionals or parsed.conditionals[0].arms[0].keyword != b"ifndef":
        return -1
    guard = parsed.conditionals[0].arms[0]
    name = data[guard.body : guard.end].split()[0]
    return 0 if re.match(rb"\s*#\s*define\s+" + re.escape(name) + rb"\b", data[guard.end :]) else -1


def _after_guard(data: bytes) -> int:
    match = re.search(
        rb"^[ \t]*#[ \t]*ifndef[ \t]+(\w+)\s*\n[ \t]*#[ \t]*define[ \t]+\1.*\n",
        data,
        re.MULTILINE,
    )
    if match:
        return match.end()
    match = re.match(rb"(?://.*\n)*(?:\s*/\*[\s\S]*?\*/[ \t]*\n)?", data)
    return match.end() if match else 0
