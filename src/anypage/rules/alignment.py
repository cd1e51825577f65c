# SPDX-License-Identifier: GPL-2.0-only
"""__aligned(PAGE_SIZE): an attribute whose argument is the page size."""

from collections.abc import Iterator

from anypage.findings import Finding
from anypage.layout import ALIGNED, ALIGNMENTS
from anypage.limits import NotConvertible, limit
from anypage.rules import Example
from anypage.source.c import Statement
from anypage.source.lexer import Call, Token, calls
from anypage.source_file import File

ID = "alignment"
EXPLANATION = """\
The argument of an attribute is a constant. What is aligned to a page has to be aligned to the
largest one: PAGE_SIZE_MAX. What the compiler may assume to be aligned is only aligned to the
smallest: PAGE_SIZE_MIN.
"""


def examine(file: File) -> Iterator[Finding]:
    """Attributes in declarations and in the bodies of macros."""
    for part in file.parts():
        toks = file.c.tokens(part)
        for call in calls(toks):
            if call.name.text in ALIGNMENTS and call.args and file.depends(call.args[0]):
                in_layout = isinstance(part, Statement) and _is_layout(part, toks, call)
                yield _judge(file, call, in_layout=in_layout)


def _is_layout(statement: Statement, toks: list[Token], call: Call) -> bool:
    """A member, or a type and not an object: `struct s { ... } __aligned(PAGE_SIZE);`."""
    if statement.scope.kind == "struct":
        return True
    braces = [i for i, t in enumerate(toks[: call.index]) if t.text == b"}"]
    if not braces or toks[0].text not in (b"struct", b"union"):
        return False
    after = toks[braces[-1] + 1 :]
    return not any(t.kind == "id" and not t.text.startswith(b"__") for t in after[:1])


def _judge(file: File, call: Call, *, in_layout: bool) -> Finding:
    which = ALIGNMENTS[call.name.text]
    fix = "align to the largest page" if which == "max" else "assume the smallest page"
    if in_layout:
        return file.finding(ID, call.args[0], reason=ALIGNED, fix="compute the offset")
    try:
        found = limit(file, call.args[0], which)
    except NotConvertible as error:
        return file.finding(ID, call.args[0], reason=str(error), fix=fix)
    return file.finding(
        ID,
        call.args[0],
        reason="the argument of an attribute is a constant",
        fix=fix,
        edits=found.edits,
        companions=found.companions,
    )


EXAMPLES = (
    Example(
        "static char table[64] __aligned(PAGE_SIZE);\n",
        "static char table[64] __aligned(PAGE_SIZE_MAX);\n",
    ),
    Example(
        "static char table[64] __attribute__((aligned(2 * PAGE_SIZE)));\n",
        "static char table[64] __attribute__((aligned(2 * PAGE_SIZE_MAX)));\n",
    ),
    Example(
        '#define __page_data\t__section(".data..page") __aligned(PAGE_SIZE)\n',
        '#define __page_data\t__section(".data..page") __aligned(PAGE_SIZE_MAX)\n',
    ),
    Example(
        "#define __assume_page_alignment __assume_aligned(PAGE_SIZE)\n",
        "#define __assume_page_alignment __assume_aligned(PAGE_SIZE_MIN)\n",
    ),
    Example("struct s {\n\tint x;\n} __aligned(PAGE_SIZE);\n", reason="offsets in it"),
    Example("struct s {\n\tint x __aligned(PAGE_SIZE);\n};\n", reason="offsets in it"),
    Example(
        "static union {\n\tint x;\n} u __aligned(PAGE_SIZE);\n",
        "static union {\n\tint x;\n} u __aligned(PAGE_SIZE_MAX);\n",
    ),
    Example("static char table[64] __aligned(8);\nint x(int y) { return ALIGN(y, PAGE_SIZE); }\n"),
)
