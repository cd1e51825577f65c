# SPDX-License-Identifier: GPL-2.0-only
"""x / PAGE_SIZE, x >> PAGE_SHIFT: what costs more where the page size is no constant."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anypage.findings import Edit, Finding
from anypage.rules import Example
from anypage.source.expression import is_type
from anypage.source.lexer import Token, calls
from anypage.source_file import File

ID = "operation"
EXPLANATION = """\
A compiler that knows the page size divides by it with a shift. One that does not know that it is a
power of two divides, which takes ten times as long and more; and a shift or a mask takes two
instructions, not one. page_div(), page_mod(), page_div_up(), page_shr(), page_shl(), page_start(),
page_advance() and offset_in_page() beside PAGE_SIZE have the types and values of what they stand
for, and an architecture makes one instruction of each. Divisions are taken everywhere, the others
on hot paths only (mm/, fs/). Only what stands to the left of the operator beyond doubt is taken: a
name with its members, indices and arguments, or an expression in brackets, either with casts and
dereferences.
"""
_OPENERS = {b")": b"(", b"]": b"["}
# Where an instruction more counts.
_HOT = re.compile(r"mm/\w+\.[ch]|fs/\w+\.c|lib/iov_iter\.c|include/linux/(?:mm|pagemap|swapops)\.h")
_MEMBERS = (b".", b"->")
# What may stand before the left operand: nothing that binds as tightly as the operator.
_LOOSE = frozenset(b"( [ { , ; = += -= <<= >>= |= &= && || | ^ ? : return".split())
_COMPARISONS = frozenset(b"< > <= >= == !=".split())
_SIGNS = (b"+", b"-")
_BEFORE_SHIFT = _LOOSE | _COMPARISONS | {b"&"}
_BEFORE_DIVISION = _BEFORE_SHIFT | {b"<<", b">>", *_SIGNS}
_TIGHT = frozenset(b"+ - * / % ( [".split())
_TIGHTER_THAN_AND = _TIGHT | _COMPARISONS | {b"<<", b">>"}
# What stands before and after an assignment.
_BEFORE_ASSIGNMENT = frozenset((b"(", b",", b";", b")", b"else"))
_ENDS = frozenset((b";", b",", b")"))
_KEYWORDS = frozenset(b"return sizeof if while for switch case else do".split())


@dataclass(frozen=True, slots=True)
class _Operation:
    """texts: the operator and its right operand. before: what may stand before the left one.

    more: what the helper is given besides it. is_cheap: it costs an instruction more, no division.
    """

    texts: tuple[bytes, ...]
    helper: bytes
    before: frozenset[bytes]
    is_cheap: bool = True
    more: bytes = b""

    def is_at(self, toks: Sequence[Token], index: int) -> bool:
        end = index + len(self.texts)
        if tuple(t.text for t in toks[index:end]) != self.texts:
            return False
        if not self.is_cheap or not toks[end:]:
            return True
        tight = _TIGHTER_THAN_AND if self.texts[0] == b"&" else _TIGHT
        return toks[end].text not in tight


_OPERATIONS = (
    _Operation((b"/", b"PAGE_SIZE"), b"page_div", _BEFORE_DIVISION, is_cheap=False),
    _Operation((b"%", b"PAGE_SIZE"), b"page_mod", _BEFORE_DIVISION, is_cheap=False),
    _Operation((b">>", b"PAGE_SHIFT"), b"page_shr", _BEFORE_SHIFT),
    _Operation((b"<<", b"PAGE_SHIFT"), b"page_shl", _BEFORE_SHIFT),
    _Operation((b"&", b"PAGE_MASK"), b"page_start", _LOOSE),
    _Operation((b"&", b"~", b"PAGE_MASK"), b"offset_in_page", _LOOSE),
    _Operation((b"&", b"(", b"PAGE_SIZE", b"-", b"1", b")"), b"offset_in_page", _LOOSE),
)
_STEP = _Operation((b"+", b"PAGE_SIZE"), b"page_advance", _LOOSE, more=b", 1")
# What each of them is as a compound assignment.
_ASSIGNED = {(o.texts[0] + b"=", *o.texts[1:]): o for o in (*_OPERATIONS, _STEP)}
_ASSIGNMENTS = frozenset(texts[0] for texts in _ASSIGNED)


def examine(file: File) -> Iterator[Finding]:
    """Operations in the bodies of functions: elsewhere, something wants a constant."""
    for statement in file.statements("PAGE_SIZE", "PAGE_SHIFT", "PAGE_MASK"):
        if statement.scope.kind != "block":
            continue
        toks = file.c.tokens(statement)
        if any(token.kind == "dir" for token in toks):
            continue
        yield from _operations(file, toks)
        yield from _assignments(file, toks)
        yield from _rounded_up(file, toks)


def _operations(file: File, toks: Sequence[Token]) -> Iterator[Finding]:
    for index in range(1, len(toks)):
        operation = next((o for o in _OPERATIONS if o.is_at(toks, index)), None)
        if operation is None or (operation.is_cheap and not _HOT.match(file.path)):
            continue
        start = _operand(toks, index, operation.before)
        if start is None:
            continue
        operand, end = toks[start:index], index + len(operation.texts)
        whole = _unwrapped(operand)
        around = _needless(toks, start, end)
        edits = [
            Edit(toks[start - around].start, whole[0].start, operation.helper + b"("),
            Edit(whole[-1].end, toks[end - 1 + around].end, b")"),
        ]
        yield _slow(file, toks[start:end], edits)


def _assignments(file: File, toks: Sequence[Token]) -> Iterator[Finding]:
    """x %= PAGE_SIZE, where x is a name with its members: it can be written twice."""
    for index in (i for i, token in enumerate(toks) if token.text in _ASSIGNMENTS):
        end = index + 1
        while end < len(toks) and toks[end].text not in _ENDS:
            end += 1
        operation = _ASSIGNED.get(tuple(t.text for t in toks[index:end]))
        if operation is None or (operation.is_cheap and not _HOT.match(file.path)):
            continue
        start = index
        while start and (toks[start - 1].kind == "id" or toks[start - 1].text in _MEMBERS):
            start -= 1
        start += toks[start].text in _KEYWORDS  # else
        if toks[start].kind != "id" or (start and toks[start - 1].text not in _BEFORE_ASSIGNMENT):
            continue
        name = file.data[toks[start].start : toks[index - 1].end]
        text = b"= " + operation.helper + b"(" + name + operation.more + b")"
        edits = [Edit(toks[index].start, toks[end - 1].end, text)]
        yield _slow(file, toks[start:end], edits)


def _rounded_up(file: File, toks: Sequence[Token]) -> Iterator[Finding]:
    for call in calls(toks):
        if call.name.text != b"DIV_ROUND_UP" or len(call.args) != 2:
            continue
        value, size = call.args
        if value and [t.text for t in size] == [b"PAGE_SIZE"]:
            edits = [
                Edit(call.name.start, call.name.end, b"page_div_up"),
                Edit(value[-1].end, size[-1].end, b""),
            ]
            yield _slow(file, toks[call.index : call.close + 1], edits)


def _operand(toks: Sequence[Token], end: int, allowed: frozenset[bytes]) -> int | None:
    """Where the operand begins that ends before end; None when that is not clear."""
    start: int | None = end
    while start is not None:
        start = _link(toks, start)
        if start is None or start == 0:
            return None
        before = toks[start - 1].text
        if before not in _MEMBERS:
            break
        start -= 1
    if start is None:
        return None
    start = _prefixed(toks, start)
    before = toks[start - 1].text
    if start == 0 or before not in allowed:
        return None
    # A sign, and no operator between two operands?
    if before in _SIGNS and (start < 2 or toks[start - 2].text in _BEFORE_DIVISION):
        return None
    return start


def _prefixed(toks: Sequence[Token], start: int) -> int:
    """Where the casts and dereferences begin that stand before the operand at start."""
    while start > 1:
        before = start - 1
        if toks[before].text == b")":
            opener = _opening(toks, before)
            if opener is None or not is_type(toks[opener + 1 : before]):
                break
            start = opener
        elif toks[before].text == b"*" and toks[before - 1].text in _BEFORE_DIVISION:
            start = before
        else:
            break
    return start


def _link(toks: Sequence[Token], end: int) -> int | None:
    """Where a name with its indices and arguments begins, or a bracket."""
    index = end - 1
    while index > 0 and toks[index].text in _OPENERS:
        opener = _opening(toks, index)
        if opener is None:
            return None
        named = toks[opener - 1].kind == "id" and toks[opener - 1].text not in _KEYWORDS
        if toks[opener].text == b"(" and not named:
            return opener
        index = opener - 1
    known = index >= 0 and toks[index].kind in ("id", "num")
    return index if known and toks[index].text not in _KEYWORDS else None


def _opening(toks: Sequence[Token], close: int) -> int | None:
    """Index of the bracket that the one at close ends."""
    depth = 0
    for index in range(close, 0, -1):
        if toks[index].text in _OPENERS:
            depth += 1
        elif toks[index].text in _OPENERS.values():
            depth -= 1
            if depth == 0:
                return index if toks[index].text == _OPENERS[toks[close].text] else None
    return None


def _unwrapped(operand: Sequence[Token]) -> Sequence[Token]:
    """Without the brackets around the whole of it."""
    around = operand[0].text == b"(" and operand[-1].text == b")"
    if around and _opening(operand, len(operand) - 1) is None:
        return operand[1:-1]
    return operand


def _needless(toks: Sequence[Token], start: int, end: int) -> int:
    """1 when there are brackets around the operation that a call does not need, else 0."""
    if start < 2 or toks[start - 1].text != b"(" or not toks[end:] or toks[end].text != b")":
        return 0
    before = toks[start - 2]
    return int(before.kind == "op" and before.text not in (b")", b"]"))


def _slow(file: File, toks: Sequence[Token], edits: Sequence[Edit]) -> Finding:
    reason = "the page size is no constant, and this costs more than with one"
    fix = "page_div(), page_mod(), page_shr(), ...: see asm-generic/page-limits.h"
    return file.finding(ID, toks, reason=reason, fix=fix, edits=edits, severity="slow")


def _body(statement: str) -> str:
    return f"void f(void)\n{{\n\t{statement}\n}}\n"


EXAMPLES = (
    Example(_body("n = len / PAGE_SIZE;"), _body("n = page_div(len);")),
    Example(_body("p += a->b[i].c(d) / PAGE_SIZE;"), _body("p += page_div(a->b[i].c(d));")),
    Example(
        _body("x = min(1, (pos + len - 1) % PAGE_SIZE);"),
        _body("x = min(1, page_mod(pos + len - 1));"),
    ),
    Example(
        _body("return DIV_ROUND_UP(sizeof(*a) * n, PAGE_SIZE);"),
        _body("return page_div_up(sizeof(*a) * n);"),
    ),
    Example(
        _body("n = (a + 1) / PAGE_SIZE - b / PAGE_SIZE;"),
        _body("n = page_div(a + 1) - page_div(b);"),
    ),
    Example(_body("return (a)->len / PAGE_SIZE;"), _body("return page_div((a)->len);")),
    Example(_body("return (a + b) / PAGE_SIZE;"), _body("return page_div(a + b);")),
    Example(_body("a->offset %= PAGE_SIZE;"), _body("a->offset = page_mod(a->offset);")),
    Example(_body("*a++ %= PAGE_SIZE;")),
    Example(_body("if (a) (b) / PAGE_SIZE;")),
    Example(_body("n = -a / PAGE_SIZE;")),
    Example(_body("n = a * b / PAGE_SIZE;")),
    Example(_body("n = (foo)a / PAGE_SIZE + c * b / PAGE_SIZE;")),
    Example(
        _body("n = (u64)a / PAGE_SIZE + *b / PAGE_SIZE;"),
        _body("n = page_div((u64)a) + page_div(*b);"),
    ),
    Example(
        _body("pos = ((loff_t) a->index << PAGE_SHIFT) - (unsigned long)b / PAGE_SIZE;"),
        _body("pos = page_shl((loff_t) a->index) - page_div((unsigned long)b);"),
        path="mm/example.c",
    ),
    Example(
        _body("a->offset &= ~PAGE_MASK;"),
        _body("a->offset = offset_in_page(a->offset);"),
        path="mm/example.c",
    ),
    Example(_body("addr &= PAGE_MASK;"), _body("addr = page_start(addr);"), path="fs/example.c"),
    Example(_body("a->offset &= ~PAGE_MASK;")),
    Example(
        _body("if (b)\n\t\tc();\n\telse a %= PAGE_SIZE;"),
        _body("if (b)\n\t\tc();\n\telse a = page_mod(a);"),
    ),
    Example(
        _body("for (; a < b; a += PAGE_SIZE)\n\t\tif (c)\n\t\t\td->e += PAGE_SIZE;"),
        _body(
            "for (; a < b; a = page_advance(a, 1))\n\t\tif (c)\n\t\t\td->e = page_advance(d->e, 1);"
        ),
        path="mm/example.c",
    ),
    Example(
        _body("do {\n\t} while (pte++, addr += PAGE_SIZE, addr != end);"),
        _body("do {\n\t} while (pte++, addr = page_advance(addr, 1), addr != end);"),
        path="mm/example.c",
    ),
    Example(_body("a += PAGE_SIZE;")),
    Example(_body("a += PAGE_SIZE - b;"), path="mm/example.c"),
    Example(_body("(*a)->b += PAGE_SIZE;"), path="mm/example.c"),
    Example(_body("*a += PAGE_SIZE;"), path="mm/example.c"),
    Example(_body("*a++ &= PAGE_MASK;"), path="mm/example.c"),
    Example(_body("a &= PAGE_MASK | b;"), path="mm/example.c"),
    Example(_body("a = *b & PAGE_MASK == c;"), path="mm/example.c"),
    Example(_body("if (a_t) *b >> PAGE_SHIFT;"), path="mm/example.c"),
    Example(_body("n = PAGE_SIZE / a;")),
    Example("#define PAGES(x) ((x) / PAGE_SIZE)\n"),
    Example(
        _body("a = vma->start >> PAGE_SHIFT;"),
        _body("a = page_shr(vma->start);"),
        path="mm/example.c",
    ),
    Example(
        _body("a = b + ((c & PAGE_MASK) | (d & ~PAGE_MASK));"),
        _body("a = b + (page_start(c) | offset_in_page(d));"),
        path="mm/example.c",
    ),
    Example(
        _body("if (len & (PAGE_SIZE - 1))"),
        _body("if (offset_in_page(len))"),
        path="fs/example.c",
    ),
    Example(_body("a = b + c >> PAGE_SHIFT;"), path="mm/example.c"),
    Example(_body("a = b >> PAGE_SHIFT - 3;"), path="mm/example.c"),
    Example(_body("a = b == c & PAGE_MASK;"), path="mm/example.c"),
    Example(_body("a = b >> PAGE_SHIFT;")),
)
