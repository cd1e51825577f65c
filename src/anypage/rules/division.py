# SPDX-License-Identifier: GPL-2.0-only
"""x / PAGE_SIZE, x % PAGE_SIZE: what the compiler no longer turns into a shift or a mask."""

from collections.abc import Iterator, Sequence

from anypage.findings import Edit, Finding
from anypage.rules import Example
from anypage.source.lexer import Token, calls
from anypage.source_file import File

ID = "division"
EXPLANATION = """\
A compiler that knows the page size divides by it with a shift. One that does not know that it is a
power of two divides, which takes ten times as long and more. page_div(), page_mod() and
page_div_up() are x / PAGE_SIZE, x % PAGE_SIZE and DIV_ROUND_UP(x, PAGE_SIZE) with the same types
and values, by a shift or a mask at any page size. Only what stands to the left of the operator
beyond doubt is taken: a name with its members, indices and arguments, or an expression in brackets.
"""
_HELPERS = {b"/": b"page_div", b"%": b"page_mod"}
_ASSIGNED = {b"/=": b"page_div", b"%=": b"page_mod"}
_OPENERS = {b")": b"(", b"]": b"["}
_MEMBERS = (b".", b"->")
# What may stand before an operand that ends there, and not before one that goes on.
_BEFORE = frozenset(
    b"( [ { , ; = += -= <<= >>= |= &= < > <= >= == != && || | ^ ? : << >> return + -".split()
)
_SIGNS = (b"+", b"-")
_KEYWORDS = frozenset(b"return sizeof if while for switch case else do".split())


def examine(file: File) -> Iterator[Finding]:
    """Divisions in the bodies of functions: elsewhere, something wants a constant."""
    for statement in file.statements("PAGE_SIZE"):
        if statement.scope.kind != "block":
            continue
        toks = file.c.tokens(statement)
        if any(token.kind == "dir" for token in toks):
            continue
        yield from _divisions(file, toks)
        yield from _assignments(file, toks)
        yield from _rounded_up(file, toks)


def _divisions(file: File, toks: Sequence[Token]) -> Iterator[Finding]:
    for index, token in enumerate(toks):
        if token.text not in _HELPERS or [t.text for t in toks[index + 1 : index + 2]] != [
            b"PAGE_SIZE"
        ]:
            continue
        start = _operand(toks, index)
        if start is None:
            continue
        operand = toks[start:index]
        whole = _unwrapped(operand)
        edits = [
            Edit(operand[0].start, whole[0].start, _HELPERS[token.text] + b"("),
            Edit(whole[-1].end, toks[index + 1].end, b")"),
        ]
        yield _slow(file, toks[start : index + 2], edits)


def _assignments(file: File, toks: Sequence[Token]) -> Iterator[Finding]:
    """x %= PAGE_SIZE, where x is a name with its members: it can be written twice."""
    for index, token in enumerate(toks):
        target = toks[:index]
        if token.text not in _ASSIGNED or [t.text for t in toks[index + 1 : index + 2]] != [
            b"PAGE_SIZE"
        ]:
            continue
        if target and all(t.kind == "id" or t.text in _MEMBERS for t in target):
            name = file.data[target[0].start : target[-1].end]
            text = b"= " + _ASSIGNED[token.text] + b"(" + name + b")"
            edits = [Edit(token.start, toks[index + 1].end, text)]
            yield _slow(file, toks[: index + 2], edits)


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


def _operand(toks: Sequence[Token], end: int) -> int | None:
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
    if start is None or before not in _BEFORE:
        return None
    # A sign, and no operator between two operands?
    if before in _SIGNS and (start < 2 or toks[start - 2].text in _BEFORE):
        return None
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


def _slow(file: File, toks: Sequence[Token], edits: Sequence[Edit]) -> Finding:
    reason = "the page size is no constant, and this becomes a division"
    fix = "page_div(), page_mod() or page_div_up()"
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
    Example(_body("n = (u64)a / PAGE_SIZE + *b / PAGE_SIZE;")),
    Example(_body("n = PAGE_SIZE / a;")),
    Example("#define PAGES(x) ((x) / PAGE_SIZE)\n"),
)
