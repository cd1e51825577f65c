# SPDX-License-Identifier: GPL-2.0-only
"""u32 offset : PAGE_SHIFT; - a bit-field as wide as an offset in a page."""

from collections.abc import Iterator, Sequence

from anypage.findings import Finding
from anypage.layout import FIXED, is_fixed
from anypage.limits import NotConvertible, limit
from anypage.rules import Example
from anypage.source.lexer import Token
from anypage.source_file import File

ID = "bit-field"
EXPLANATION = """\
The width of a bit-field is a constant: the one for the largest page, PAGE_SHIFT_MAX. When the width
has a name of its own, code that shifts by that name has to follow, so the macro itself must change.
"""
_FIX = "make it wide enough for the largest page"


def examine(file: File) -> Iterator[Finding]:
    """`name : width` members of structs."""
    for statement in file.statements():
        if statement.scope.kind != "struct":
            continue
        for width in _widths(file.c.tokens(statement)):
            if file.depends(width):
                yield _judge(file, width, fixed=is_fixed(file, statement))


def _widths(toks: Sequence[Token]) -> Iterator[Sequence[Token]]:
    start, depth = 0, 0
    for i, tok in enumerate(toks):
        if tok.text in (b"{", b"(", b"["):
            depth += 1
        elif tok.text in (b"}", b")", b"]"):
            depth -= 1
        elif tok.text == b":" and depth == 0 and toks[max(0, i - 1)].kind == "id":
            start = i + 1
        elif tok.text in (b",", b";") and depth == 0:
            if start:
                yield toks[start:i]
            start = 0


def _judge(file: File, width: Sequence[Token], *, fixed: bool) -> Finding:
    if fixed:
        return file.finding(ID, width, reason=FIXED, fix=_FIX)
    reason = "the width of a bit-field is a constant"
    if len(file.chain(width)) > 1:
        return file.finding(
            ID, width, reason="the macro is a layout: it has to change", fix=_FIX
        )
    try:
        found = limit(file, width, "max")
    except NotConvertible as error:
        return file.finding(ID, width, reason=str(error), fix=_FIX)
    return file.finding(ID, width, reason=reason, fix=_FIX, edits=found.edits)


EXAMPLES = (
    Example(
        "struct s {\n\tu32 len:16;\n\tu32 offset:PAGE_SHIFT, last:1;\n};\n",
        "struct s {\n\tu32 len:16;\n\tu32 offset:PAGE_SHIFT_MAX, last:1;\n};\n",
    ),
    Example(
        "#define BITS (PAGE_SHIFT + 2)\nstruct s {\n\tu32 offset : BITS;\n};\n",
        reason="layout",
    ),
    Example(
        "struct s {\n\tu32 len:16;\n\tu8 *p;\n};\nint f(int a) { return a ? 1 : PAGE_SHIFT; }\n"
    ),
)
