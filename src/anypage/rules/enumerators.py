# SPDX-License-Identifier: GPL-2.0-only
"""enum { MAX_SEGMENTS = SZ_1M / PAGE_SIZE }: an enumerator that depends on the page size."""

from collections.abc import Iterator, Sequence

from anypage.findings import Finding
from anypage.limits import NotConvertible, limit
from anypage.rules import Example
from anypage.source.lexer import Token, split_commas
from anypage.source_file import File

ID = "enumerator"
EXPLANATION = """\
An enumerator is a constant. One that is only the first of a row of numbers (bit positions above an
offset in a page) can be the one for the largest page. One that is a size or a count in use must
follow the page size: make it a macro.
"""
_FIX = "make it a macro: #define NAME ((int)(...))"


def examine(file: File) -> Iterator[Finding]:
    """`NAME = value` in enums."""
    for statement in file.statements():
        if statement.scope.kind != "enum":
            continue
        toks = [t for t in file.c.tokens(statement) if t.kind != "dir"]
        enumerators = split_commas(toks)
        for number, enumerator in enumerate(enumerators):
            if len(enumerator) > 2 and file.depends(enumerator[2:]):
                following = enumerators[number + 1 : number + 2]
                starts_row = bool(following) and len(following[0]) == 1
                yield _judge(file, enumerator[2:], starts_row=starts_row)


def _judge(file: File, value: Sequence[Token], *, starts_row: bool) -> Finding:
    if not starts_row:
        reason = "an enumerator cannot follow the page size"
        return file.finding(ID, value, reason=reason, fix=_FIX)
    try:
        found = limit(file, value, "max")
    except NotConvertible as error:
        return file.finding(ID, value, reason=str(error), fix=_FIX)
    return file.finding(
        ID,
        value,
        reason="an enumerator is a constant",
        fix="start the row above the largest page",
        edits=found.edits,
        companions=found.companions,
    )


EXAMPLES = (
    Example(
        "enum flags {\n\tSAME = PAGE_SHIFT + 1,\n\tWRITTEN,\n\tCOUNT,\n};\n",
        "enum flags {\n\tSAME = PAGE_SHIFT_MAX + 1,\n\tWRITTEN,\n\tCOUNT,\n};\n",
    ),
    Example("enum {\n\tSEGMENTS = SZ_1M / PAGE_SIZE,\n};\n", reason="cannot follow"),
    Example("enum {\n\tA = 1,\n\tB,\n};\nint x(void) { return PAGE_SIZE; }\n"),
)
