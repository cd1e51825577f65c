# SPDX-License-Identifier: GPL-2.0-only
"""enum { MAX_SEGMENTS = SZ_1M / PAGE_SIZE }: an enumerator that depends on the page size."""

import re
from collections.abc import Iterator, Sequence

from anypage.condition_group import users
from anypage.findings import Edit, Finding
from anypage.limits import Limit, NotConvertible, limit
from anypage.rules import Example
from anypage.source.c import Statement
from anypage.source.constant_uses import used_as_constant
from anypage.source.lexer import Token, split_commas
from anypage.source.statements import blank
from anypage.source_file import File

ID = "enumerator"
EXPLANATION = """\
An enumerator is a constant. One that is only the first of a row of numbers (bit positions above an
offset in a page) can be the one for the largest page. One that is a size or a count in use must
follow the page size: it becomes a macro, unless somebody needs the constant.
"""
_FIX = "make it a macro: #define NAME ((int)(...))"


_END = re.compile(rb"\s*,?\s*\}\s*;")
_REST = re.compile(rb"([ \t]*,?)[ \t]*(?:/\*[^\n]*|//[^\n]*)?(?=\n)")
# min(a, ENUMERATOR) takes a constant of any sign, and other values of the same sign only.
_SIGN_MATTERS = rb"\b(?:min|max|clamp)(?:3|_not_zero)?\s*\([^;]*\b%s\b"


def examine(file: File) -> Iterator[Finding]:
    """`NAME = value` in enums."""
    for statement in file.statements():
        if statement.scope.kind != "enum":
            continue
        toks = [t for t in file.c.tokens(statement) if t.kind != "dir"]
        enumerators = split_commas(toks)
        for number, enumerator in enumerate(enumerators):
            if len(enumerator) > 2 and file.depends(enumerator[2:]):
                yield _judge(file, statement, enumerators, number)


def _judge(
    file: File, statement: Statement, enumerators: Sequence[Sequence[Token]], number: int
) -> Finding:
    value, fix = enumerators[number][2:], _FIX
    others = [len(e) for e in enumerators[number + 1 :] if e]
    try:
        if others[:1] == [1]:
            found, fix = limit(file, value, "max"), "start the row above the largest page"
        else:
            alone = number == 0 and not others
            found = Limit((_macro(file, statement, enumerators[number], alone=alone),))
    except NotConvertible as error:
        return file.finding(ID, value, reason=str(error), fix=_FIX)
    return file.finding(
        ID,
        value,
        reason="an enumerator is a constant",
        fix=fix,
        edits=found.edits,
        companions=found.companions,
    )


def _macro(file: File, statement: Statement, enumerator: Sequence[Token], *, alone: bool) -> Edit:
    """A #define where the enumerator stands, or instead of an enum that holds nothing else."""
    data, name = file.data, enumerator[0].text
    start, end = enumerator[0].start, enumerator[-1].end
    value = data[enumerator[2].start : end]
    _check_uses(file, name, start, end)
    if blank(value) != value:
        raise NotConvertible("a comment in the value")
    lines = [line.rstrip() for line in value.split(b"\n")]
    define = b"#define %s\t((int)(%s))" % (name, b" \\\n".join(lines))
    scope = statement.scope
    bare = not data[scope.start + 1 : start].strip() and _END.match(data, end)
    if bare and data[scope.head : scope.start].split() == [b"enum"]:
        return Edit(data.index(b"enum", scope.head), bare.end(), define)
    begin = data.rfind(b"\n", 0, start) + 1
    after = _REST.match(data, end)
    if alone or data[begin:start].strip() or not after:
        raise NotConvertible("an enumerator cannot follow the page size, and its line holds more")
    return Edit(begin, after.end(1), define)


def _check_uses(file: File, name: bytes, start: int, end: int) -> None:
    """Raise NotConvertible where the name is needed as a constant, or may be."""
    if file.path.startswith("include/"):
        raise NotConvertible("an enumerator cannot follow the page size, and any file may use it")
    texts = list(users(file))
    texts[0] = file.data[:start] + b" " * (end - start) + file.data[end:]
    if used_as_constant(texts, [name]):
        raise NotConvertible(
            f"an enumerator cannot follow the page size, and {name.decode()} is used as a constant"
        )
    typed = re.compile(_SIGN_MATTERS % re.escape(name))
    if any(typed.search(text) for text in texts if name in text):
        raise NotConvertible("an enumerator cannot follow the page size, and its type matters")


EXAMPLES = (
    Example(
        "enum flags {\n\tSAME = PAGE_SHIFT + 1,\n\tWRITTEN,\n\tCOUNT,\n};\n",
        "enum flags {\n\tSAME = PAGE_SHIFT_MAX + 1,\n\tWRITTEN,\n\tCOUNT,\n};\n",
    ),
    Example(
        "enum {\n\tSEGMENTS = SZ_1M / PAGE_SIZE,\n};\nint f(void)\n{\n\treturn SEGMENTS;\n}\n",
        "#define SEGMENTS\t((int)(SZ_1M / PAGE_SIZE))\nint f(void)\n{\n\treturn SEGMENTS;\n}\n",
    ),
    Example(
        "enum {\n\tPARTS\t= PAGE_SIZE\n\t\t  / 512, /* of a page */\n\tTIMEOUT\t= 5000,\n};\n",
        "enum {\n#define PARTS\t((int)(PAGE_SIZE \\\n\t\t  / 512)) /* of a page */\n"
        "\tTIMEOUT\t= 5000,\n};\n",
    ),
    Example(
        "enum {\n\tSEGMENTS = SZ_1M / PAGE_SIZE,\n};\nstruct a {\n\tint of[SEGMENTS];\n};\n",
        reason="used as a constant",
    ),
    Example(
        "enum {\n\tPART = PAGE_SIZE / 2,\n\tHUGE = 512 * PART,\n};\n",
        reason="used as a constant",
    ),
    Example(
        "enum {\n\tPART = PAGE_SIZE / 2,\n};\nint f(u32 a)\n{\n\treturn min(a, PART);\n}\n",
        reason="its type matters",
    ),
    Example("enum {\n\tLEAST = PAGE_SIZE,\n};\n", path="include/linux/a.h", reason="any file"),
    Example("enum {\n\tA = 1,\n\tB,\n};\nint x(void) { return PAGE_SIZE; }\n"),
)
