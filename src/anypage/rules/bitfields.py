# SPDX-License-Identifier: GPL-2.0-only
"""u32 offset : PAGE_SHIFT; - a bit-field as wide as an offset in a page."""

from collections.abc import Iterator, Sequence

from anypage.definitions import definitions
from anypage.findings import Companions, Edit, Finding
from anypage.layout import FIXED, is_fixed
from anypage.limits import Limit, NotConvertible, home_of, limit
from anypage.rules import Example
from anypage.source.lexer import Token
from anypage.source_file import File

ID = "bit-field"
EXPLANATION = """\
The width of a bit-field is a constant: the one for the largest page, PAGE_SHIFT_MAX. A width that
has a name is a layout: code that shifts by that name has to follow, so the macro itself changes.
"""
_FIX = "make it wide enough for the largest page"
_REASON = "the width of a bit-field is a constant"


def examine(file: File) -> Iterator[Finding]:
    """`name : width` members of structs."""
    layouts = [word for word in file.words if file.names.is_layout(word)]
    for statement in file.statements(*file.words):
        if statement.scope.kind != "struct":
            continue
        for width in _widths(file.c.tokens(statement)):
            if width and (width[0].text.decode() in layouts or file.depends(width)):
                fixed = is_fixed(file, statement)
                yield from _judge(file, width, fixed=fixed)


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


def _judge(file: File, width: Sequence[Token], *, fixed: bool) -> Iterator[Finding]:
    name = width[0].text.decode()
    try:
        if len(width) > 1 or not file.names.is_layout(name):
            found: Limit | None = limit(file, width, "max")
        else:
            found = _change_macro(file, name)
    except NotConvertible as error:
        yield file.finding(ID, width, reason=str(error), fix=_FIX)
        return
    if found is None:
        fix = "none: it is what another width leaves, and changes with that"
        yield file.finding(ID, width, reason=_REASON, fix=fix, settled=True)
        return
    if fixed:
        yield file.finding(ID, width, reason=FIXED, fix=_FIX)
        return
    yield file.finding(
        ID, width, reason=_REASON, fix=_FIX, edits=found.edits, companions=found.companions
    )


def _change_macro(file: File, name: str) -> Limit | None:
    """None: it is what another width leaves of the word, and changes with that."""
    edits: tuple[Edit, ...] = ()
    companions: Companions = ()
    for definition in definitions(file, name):
        home = home_of(file, definition)
        if not home.depends(definition.tokens):
            continue
        if definition.path != file.path:
            raise NotConvertible(f"{name} is defined in {definition.path}")
        found = limit(home, definition.tokens, "max")
        edits += found.edits
        companions += found.companions
    return Limit(edits, companions) if edits else None


EXAMPLES = (
    Example(
        "struct s {\n\tu32 len:16;\n\tu32 offset:PAGE_SHIFT, last:1;\n};\n",
        "struct s {\n\tu32 len:16;\n\tu32 offset:PAGE_SHIFT_MAX, last:1;\n};\n",
    ),
    Example(  # all that is made from the macro changes with it
        "#define BITS (PAGE_SHIFT + 2)\n#define REST (32 - BITS)\n"
        "struct s {\n\tu32 index : REST;\n\tu32 offset : BITS;\n};\nint pool[1 << REST];\n",
        "#define BITS (PAGE_SHIFT_MAX + 2)\n#define REST (32 - BITS)\n"
        "struct s {\n\tu32 index : REST;\n\tu32 offset : BITS;\n};\nint pool[1 << REST];\n",
    ),
    Example("struct s {\n\tu64 a : PAGE_SHIFT;\n\tu64 b : 40;\n} __packed;\n", reason="layout"),
    Example(
        "struct s {\n\tu32 len:16;\n\tu8 *p;\n};\nint f(int a) { return a ? 1 : PAGE_SHIFT; }\n"
    ),
)
