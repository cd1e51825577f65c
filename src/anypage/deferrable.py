# SPDX-License-Identifier: GPL-2.0-only
"""Whether the value of an object can be assigned later, and the line that does it."""

import re
from collections.abc import Iterator, Mapping
from functools import cache

from anypage.findings import Edit
from anypage.source.c import Statement
from anypage.source.deferral import CONST
from anypage.source.initialiser import Members, Object, Type, Value
from anypage.source.lexer import closing, split_commas, tokens
from anypage.source.statements import columns
from anypage.source.structs import members
from anypage.source_file import File

_COLUMNS = 80
_SECTIONS = frozenset(b"__initconst __section __attribute__ __rodata __param __refconst".split())


class NotDeferrable(Exception):
    """Why the value of an object cannot be assigned later."""


def init_line(file: File, statement: Statement, target: Object, value: Value) -> bytes:
    """The PAGE_SIZE_INIT() of one value, under the #if that the value stands under."""
    if value.path is None:
        raise NotDeferrable("the value has no name: it is initialised by its position")
    text = file.data[value.start : value.end]
    if b"#" in text or any(token.kind == "dir" for token in value.tokens):
        raise NotDeferrable("there is an #if inside the value")
    if _is_several(file, value):
        raise NotDeferrable(f"{value.tokens[0].text.decode()} is more than one value")
    head = b"PAGE_SIZE_INIT(" + target.name.text + value.path + b","
    line = head + b" " + b" ".join(text.split()) + b");"
    if columns(line) > _COLUMNS:
        line = head + b"\n\t       " + b" ".join(text.split()) + b");"
    opening = _conditions(file, statement, value.start)
    return b"".join(o + b"\n" for o in opening) + line + b"\n" + b"#endif\n" * len(opening)


def _conditions(file: File, statement: Statement, offset: int) -> list[bytes]:
    """The #if lines inside the statement that decide whether the text at offset is there."""
    lines = []
    for conditional in file.c.conditionals:
        first, last = conditional.arms[0], conditional.endif
        if last is None or not statement.start <= first.start < offset < last.start:
            continue
        # The line comes right behind the statement: before this #endif, too.
        if last.start > statement.end:
            continue
        arms = [arm for arm in conditional.arms if arm.start < offset]
        test = file.data[first.start : first.end].strip()
        if len(arms) == 1:
            lines.append(test)
        elif len(arms) == 2 and arms[1].keyword == b"else":
            lines.append(_negated(test))
        else:
            raise NotDeferrable("it stands under an #elif")
    return lines


def _negated(test: bytes) -> bytes:
    keyword, _, condition = test.lstrip(b"# \t").partition(b" ")
    opposite = {b"ifdef": b"#ifndef ", b"ifndef": b"#ifdef "}.get(keyword)
    return opposite + condition if opposite else b"#if !(" + condition.strip() + b")"


def _is_several(file: File, value: Value) -> bool:
    """Whether the value is a macro for `{ ... }`, for named members or for a list.

    An element of an array that is an unknown macro may be.
    """
    toks = value.tokens
    if value.type and value.type.tag and not value.type.dimensions:
        return True
    call = len(toks) > 1 and toks[1].text == b"(" and closing(toks, 1) == len(toks) - 1
    if toks[0].kind != "id" or (len(toks) > 1 and not call):
        return False
    definition = re.compile(
        rb"^[ \t]*#[ \t]*define[ \t]+%s(?:\([^)\n]*\))?[ \t\\\n]((?:[^\\\n]|\\\n|\\.)*)"
        % toks[0].text,
        re.MULTILINE,
    )
    bodies = [
        tokens(match[1], 0, len(match[1]), directive_body=True)
        for path in (file.path, *file.names.vocabulary.headers(file.path))
        for match in definition.finditer(file.read(path))
    ]
    if not bodies:
        return call and (value.path or b"").endswith(b"]")
    return any(
        body and (body[0].text in (b"{", b".") or len(split_commas(body)) > 1) for body in bodies
    )


def struct_members(file: File) -> Members:
    """struct definitions of this file and of the headers that it includes."""

    def look_up(tag: bytes) -> Mapping[bytes, Type] | None:
        for path in (file.path, *file.names.vocabulary.headers(file.path)):
            data = file.data if path == file.path else file.read(path)
            found = members(data, tag) if tag in data else None
            if found is not None:
                return found
        return None

    return cache(look_up)


def not_const(data: bytes, target: Object) -> list[Edit]:
    """__page_size_const for const, also where the file declares the object beforehand."""
    sections = _SECTIONS & target.words()
    if sections or any(word.startswith(b"__section") for word in target.words()):
        raise NotDeferrable("it lies in a section of its own")
    if target.const is None:
        return []
    if re.search(rb"\bKUNIT_ARRAY_PARAM\(\s*\w+\s*,\s*%s\b" % target.name.text, data):
        raise NotDeferrable("KUnit takes the type of its parameters from it")
    edits = [Edit(target.const.start, target.const.end, CONST)]
    for start, end in const_declarations(data[: target.before[0].start], target.name.text):
        edits.append(Edit(start, end, CONST))
    return edits


def const_declarations(data: bytes, name: bytes) -> Iterator[tuple[int, int]]:
    """The `const` of every declaration without a value, like `extern const int name;`."""
    pattern = rb"^(?:static|extern)\b[^;=(){}#]*?\b(const)\b[^;=(){}#]*\b%s\b[^;=(){}#]*;" % name
    for match in re.finditer(pattern, data, re.MULTILINE):
        yield match.span(1)
