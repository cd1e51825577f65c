# SPDX-License-Identifier: GPL-2.0-only
"""Structs whose layout is not the kernel's own to change."""

from collections.abc import Mapping, Sequence

from anypage.definitions import definitions
from anypage.limits import NotConvertible, expression, home_of
from anypage.source.c import Scope, Statement
from anypage.source.expression import Node
from anypage.source.lexer import Token, calls
from anypage.source_file import File
from anypage.values import SAMPLES, SIZES, Context, Evaluator, Unknown

FIXED = "the layout of the struct is fixed: by hardware, on disk or on the wire"
_LARGEST_SHIFT = 64
_PAGE_RATIO = 16
_DEEPEST = 5
_TYPES = (b"__le", b"__be")


# attribute -> which limit its argument takes
ALIGNMENTS: Mapping[bytes, str] = {
    b"__aligned": "max",
    b"aligned": "max",
    b"__aligned__": "max",
    b"_Alignas": "max",
    b"__assume_aligned": "min",
    b"assume_aligned": "min",
    b"__assume_aligned__": "min",
}
ALIGNED = "the size of the struct and the offsets in it change with the alignment"


def structs(scope: Scope) -> list[Scope]:
    """The struct that scope is and those around it, innermost first."""
    found = []
    at: Scope | None = scope
    while at and at.kind == "struct":
        found.append(at)
        at = at.parent
    return found


def is_fixed(file: File, member: Statement) -> bool:
    """Is it packed, or is the member of a type with a byte order?"""
    if any(t.text.startswith(_TYPES) for t in file.c.tokens(member) if t.kind == "id"):
        return True
    return any(b"packed" in _around(file, scope) for scope in structs(member.scope))


def is_aligned(file: File, member: Statement) -> bool:
    """Has it an alignment that depends on the page size?"""
    return any(
        call.name.text in ALIGNMENTS and call.args and file.depends(call.args[0])
        for call in calls(file.c.tokens(member))
    )


def _around(file: File, scope: Scope) -> bytes:
    """What stands before and after the braces of a struct."""
    tail = file.data.find(b";", scope.end)
    return file.data[scope.head : scope.start] + file.data[scope.end : tail]


def fills_page(file: File, toks: Sequence[Token]) -> bool:
    """Is it what something else leaves of a page: (PAGE_SIZE - x), PAGE_SIZE / x - 1?"""
    try:
        node = expression(toks)
    except NotConvertible:
        return False
    return _leaves_rest(file, node) and _grows_with_page(file, node)


def _grows_with_page(file: File, node: Node) -> bool:
    """Nearly as fast as the page: not the number of chunks in a page, when chunks grow too."""
    evaluator = Evaluator(file)
    for sample in SAMPLES:
        try:
            small, large = (
                evaluator.value(node, Context(size, sample), file.data) for size in (0, 2)
            )
        except Unknown:
            continue
        if small and large < small * _PAGE_RATIO / 2:
            return False
    return True


def _leaves_rest(file: File, node: Node, depth: int = 0) -> bool:
    if node.kind == "binary" and node.text == b"-" and _page_like(file, node.args[0]):
        left, right = node.args
        rounds = right.text == b"1" and left.kind == "binary" and left.text == b"+"
        if not rounds:
            return True
    if node.kind in ("name", "call") and node.text.decode() in file.names and depth < _DEEPEST:
        for definition in definitions(file, node.text.decode()):
            body = definition.expression
            home = home_of(file, definition)
            if body is not None and _leaves_rest(home, body, depth + 1):
                return True
    return any(_leaves_rest(file, arg, depth) for arg in node.args)


def _page_like(file: File, node: Node) -> bool:
    """Grows with the page and is no shift."""
    evaluator = Evaluator(file)
    try:
        values = [evaluator.value(node, Context(size, 0), file.data) for size in SIZES]
    except Unknown:
        return False
    return values[0] < values[2] and values[2] > _LARGEST_SHIFT
