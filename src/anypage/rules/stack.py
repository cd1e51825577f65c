# SPDX-License-Identifier: GPL-2.0-only
"""u8 buf[PAGE_SIZE] in a function: a stack that fits with 4K pages and overflows with 64K."""

import re
from collections.abc import Iterator, Sequence
from math import prod

from anypage.findings import Finding
from anypage.limits import NotConvertible, expression
from anypage.rules import Example
from anypage.source.arrays import bounds, is_declaration
from anypage.source.lexer import Token
from anypage.source_file import File
from anypage.values import SIZES, Context, Evaluator, Unknown, size_of

ID = "stack"
EXPLANATION = """\
The kernel's stack has 16 KiB with 4K and 16K pages and 64 KiB with 64K ones. An array on it whose
size follows the page size is large enough for a suspicion (severity "suspect") when it has more
than 2048 bytes at some page size: from there on the compiler warns of a stack frame
(CONFIG_FRAME_WARN, lib/Kconfig.debug). In an image for all page sizes it has the largest size
always. Allocate it instead.
"""
_FRAME_WARN = 2048  # bytes
_FIX = "allocate it: kmalloc(), kvmalloc()"
_QUALIFIERS = frozenset(b"const volatile unsigned signed register".split())
_TAG = re.compile(rb"\b(?:struct|union)\s+(\w+)\s*\Z")


def examine(file: File) -> Iterator[Finding]:
    """Arrays that a function declares, and structs with arrays that the same file declares."""
    for statement in file.statements():
        toks = [t for t in file.c.tokens(statement) if t.kind != "dir"]
        if any(t.text in (b"static", b"extern", b"typedef") for t in toks):
            continue
        if statement.scope.kind == "struct":
            yield from _of_struct(file, file.data[: statement.scope.start], toks)
        elif statement.scope.kind == "block" and is_declaration(toks):
            yield from (_suspect(file, [name], size) for name, size in _huge(file, toks))


def _of_struct(file: File, before: bytes, member: Sequence[Token]) -> Iterator[Finding]:
    """The variables in functions of a struct with a huge array; before: what stands before its {"""
    tag = _TAG.search(before[-_FRAME_WARN:])
    if not tag or not (huge := _huge(file, member)):
        return
    local = rb"^\t+(?:struct|union)\s+%s\s+(\w+)\s*[;=]" % tag[1]
    for match in re.finditer(local, file.data, re.MULTILINE):
        if _in_function(file.data, match.start()):
            token = Token("id", match[1], match.start(1), match.end(1))
            yield _suspect(file, [token], huge[0][1])


def _in_function(data: bytes, at: int) -> bool:
    """Is the last brace in column 1 before at one that opens?"""
    return data.rfind(b"\n{", 0, at) > data.rfind(b"\n}", 0, at)


def _huge(file: File, toks: Sequence[Token]) -> list[tuple[Token, int]]:
    """Arrays with a bound that follows the page size, and the most bytes that they have."""
    arrays: dict[Token, list[Sequence[Token]]] = {}
    for name, bound, parameter in bounds(toks):
        if not parameter:
            arrays.setdefault(name, []).append(bound)
    found = []
    for name, dimensions in arrays.items():
        if any(file.depends(bound) for bound in dimensions):
            size = _element(toks, name) * max(_count(file, dimensions, size) for size in SIZES)
            found += [(name, size)] if size > _FRAME_WARN else []
    return found


def _count(file: File, dimensions: Sequence[Sequence[Token]], size: int) -> int:
    """How many elements there are at one page size; 0 when that is not known."""
    evaluator = Evaluator(file)
    try:
        counts = [
            evaluator.value(expression(bound), Context(size, 0), file.data) for bound in dimensions
        ]
    except (NotConvertible, Unknown):
        return 0
    return 0 if evaluator.guesses else prod(counts)


def _element(toks: Sequence[Token], name: Token) -> int:
    """Bytes of an element; 1, for at least that, when its type is not known."""
    index = next(i for i, token in enumerate(toks) if token == name)
    if index and toks[index - 1].text == b"*":
        return 8
    first = next((i for i, t in enumerate(toks) if t.text in (b",", b"*")), index)
    words = [t.text for t in toks[: min(first, index)] if t.text not in _QUALIFIERS]
    words = words[:-1] if first < index else words
    return size_of(b" ".join(words or [b"int"])) or 1


def _suspect(file: File, toks: Sequence[Token], size: int) -> Finding:
    reason = f"{size} bytes or more on the stack at the largest page size"
    return file.finding(ID, toks, reason=reason, fix=_FIX, severity="suspect")


EXAMPLES = (
    Example("void f(void)\n{\n\tu8 buf[PAGE_SIZE];\n}\n", reason="65536 bytes or more"),
    Example(
        "int f(void)\n{\n\tstruct page *pages[SZ_1M / PAGE_SIZE + 1];\n}\n",
        reason="2056 bytes or more",
    ),
    Example(
        "void f(void)\n{\n\tunsigned long a, map[2][PAGE_SIZE / 64];\n}\n",
        reason="16384 bytes or more",
    ),
    Example(
        "struct s {\n\tint n;\n\tchar data[PAGE_SIZE];\n};\n"
        "void f(void)\n{\n\tstruct s local;\n\tstruct s *other;\n}\n",
        reason="65536 bytes or more",
    ),
    Example("void f(void)\n{\n\tu8 map[PAGE_SIZE / 512];\n}\n"),
    Example("struct s {\n\tchar data[PAGE_SIZE];\n};\nstruct t {\n\tstruct s all;\n};\n"),
    Example("void f(char buf[PAGE_SIZE])\n{\n\tstatic char all[PAGE_SIZE];\n}\n"),
)
