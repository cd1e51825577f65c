# SPDX-License-Identifier: GPL-2.0-only
"""__aligned(PAGE_SIZE): an attribute whose argument is the page size."""

from collections.abc import Iterator, Mapping

from anypage.findings import Finding
from anypage.limits import NotConvertible, limit
from anypage.rules import Example
from anypage.source.lexer import Call, calls
from anypage.source_file import File

ID = "alignment"
EXPLANATION = """\
The argument of an attribute is a constant. What is aligned to a page has to be aligned to the
largest one: PAGE_SIZE_MAX. What the compiler may assume to be aligned is only aligned to the
smallest: PAGE_SIZE_MIN.
"""
_LIMITS: Mapping[bytes, str] = {
    b"__aligned": "max",
    b"aligned": "max",
    b"__aligned__": "max",
    b"_Alignas": "max",
    b"__assume_aligned": "min",
    b"assume_aligned": "min",
    b"__assume_aligned__": "min",
}


def examine(file: File) -> Iterator[Finding]:
    """Attributes in declarations and in the bodies of macros."""
    for part in (*file.statements(), *file.defines()):
        for call in calls(file.c.tokens(part)):
            if call.name.text in _LIMITS and call.args and file.depends(call.args[0]):
                yield _judge(file, call)


def _judge(file: File, call: Call) -> Finding:
    which = _LIMITS[call.name.text]
    fix = "align to the largest page" if which == "max" else "assume the smallest page"
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
    Example("static char table[64] __aligned(8);\nint x(int y) { return ALIGN(y, PAGE_SIZE); }\n"),
)
