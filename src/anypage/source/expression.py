# SPDX-License-Identifier: GPL-2.0-only
"""C constant expressions as trees with byte ranges, for what array bounds and asserts contain."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anypage.source.lexer import Token, closing, split_commas

_LEVELS = (
    (b"||",),
    (b"&&",),
    (b"|",),
    (b"^",),
    (b"&",),
    (b"==", b"!="),
    (b"<", b">", b"<=", b">="),
    (b"<<", b">>"),
    (b"+", b"-"),
    (b"*", b"/", b"%"),
)
_BINARY = {op: level for level, ops in enumerate(_LEVELS) for op in ops}
_TYPE_WORDS = frozenset(
    b"int long unsigned signed char short void size_t ssize_t const struct union enum uintptr_t "
    b"bool u8 u16 u32 u64 s8 s16 s32 s64 __u8 __u16 __u32 __u64 loff_t phys_addr_t".split()
)
_OPAQUE_CALLS = frozenset(
    (
        b"sizeof",
        b"offsetof",
        b"typeof",
        b"__typeof__",
        b"__alignof__",
        b"alignof",
        b"_Alignof",
        b"ARRAY_SIZE",
        b"sizeof_field",
        b"offsetofend",
        b"struct_size",
        b"__alignof",
        b"struct_size_t",
    )
)


class NotAnExpression(ValueError):
    """The tokens are no expression that this reader knows (a statement, a type, a string)."""


@dataclass(frozen=True, slots=True)
class Node:
    """kind: "num", "name", "unary", "binary", "ternary", "call", "cast", "paren" or "opaque".

    text: the number, the name, the operator, or the name of what is called. An opaque node (sizeof,
    offsetof, a string, a->b) has a value that the reader does not know.
    """

    kind: str
    text: bytes
    start: int
    end: int
    args: tuple["Node", ...] = ()


def parse(toks: Sequence[Token]) -> Node:
    """The whole of toks as one expression; raises NotAnExpression."""
    reader = _Reader([t for t in toks if t.kind != "dir"])
    node = reader.ternary()
    if reader.at != len(reader.toks):
        raise NotAnExpression(reader.peek())
    return node


def names(node: Node) -> Iterator[Node]:
    """Every name and every called function of node, left to right; nothing inside opaque ones."""
    if node.kind in ("name", "call"):
        yield node
    for arg in node.args:
        yield from names(arg)


class _Reader:
    def __init__(self, toks: Sequence[Token]) -> None:
        self.toks = toks
        self.at = 0

    def peek(self) -> bytes:
        return self.toks[self.at].text if self.at < len(self.toks) else b""

    def take(self) -> Token:
        if self.at >= len(self.toks):
            raise NotAnExpression("it ends too early")
        self.at += 1
        return self.toks[self.at - 1]

    def expect(self, text: bytes) -> Token:
        tok = self.take()
        if tok.text != text:
            raise NotAnExpression(tok.text)
        return tok

    def ternary(self) -> Node:
        condition = self.binary(0)
        if self.peek() != b"?":
            return condition
        self.take()
        if self.peek() == b":":  # x ?: y
            self.take()
            other = self.ternary()
            return Node("binary", b"?:", condition.start, other.end, (condition, other))
        then = self.ternary()
        self.expect(b":")
        other = self.ternary()
        return Node("ternary", b"?:", condition.start, other.end, (condition, then, other))

    def binary(self, level: int) -> Node:
        left = self.unary()
        while (found := _BINARY.get(self.peek(), -1)) >= level:
            op = self.take()
            right = self.binary(found + 1)
            left = Node("binary", op.text, left.start, right.end, (left, right))
        return left

    def unary(self) -> Node:
        if self.peek() in (b"-", b"~", b"!", b"+"):
            op = self.take()
            operand = self.unary()
            return Node("unary", op.text, op.start, operand.end, (operand,))
        if self.peek() in (b"sizeof", b"__alignof__", b"_Alignof"):
            return self.size_of()
        if self.peek() in (b"&", b"*"):
            op = self.take()
            operand = self.unary()
            return Node("opaque", op.text, op.start, operand.end, (operand,))
        return self.postfix(self.primary())

    def size_of(self) -> Node:
        word = self.take()
        if self.peek() == b"(":
            close = self.close()
            return Node("opaque", word.text, word.start, close.end)
        operand = self.unary()
        return Node("opaque", word.text, word.start, operand.end)

    def close(self) -> Token:
        """Skip the bracket that opens here; its closing token."""
        index = closing(self.toks, self.at)
        if index == len(self.toks):
            raise NotAnExpression("a bracket stays open")
        self.at = index + 1
        return self.toks[index]

    def primary(self) -> Node:
        tok = self.take()
        if tok.text == b"(":
            self.at -= 1
            return self.parenthesis()
        if tok.kind == "num":
            return Node("num", tok.text, tok.start, tok.end)
        if tok.kind == "str":
            return Node("opaque", tok.text, tok.start, tok.end)
        if tok.kind != "id" or tok.text in (b"struct", b"union", b"enum"):
            raise NotAnExpression(tok.text)
        if self.peek() == b"(":
            return self.call(tok)
        return Node("name", tok.text, tok.start, tok.end)

    def parenthesis(self) -> Node:
        opener, begin = self.toks[self.at], self.at + 1
        close = self.close()
        inside = self.toks[begin : self.at - 1]
        if self.is_cast(inside):
            operand = self.unary()
            return Node("cast", b"", opener.start, operand.end, (operand,))
        node = parse(inside)
        return Node("paren", b"", opener.start, close.end, (node,))

    def is_cast(self, inside: Sequence[Token]) -> bool:
        """`(type)` before an operand. A lone unknown name is a type when an operand follows."""
        if not _may_be_type(inside):
            return False
        if is_type(inside):
            return self.at < len(self.toks)
        follower = self.toks[self.at].kind if self.at < len(self.toks) else ""
        return inside[0].kind == "id" and follower in ("id", "num")

    def call(self, name: Token) -> Node:
        begin = self.at + 1
        close = self.close()
        if name.text in _OPAQUE_CALLS:
            return Node("opaque", name.text, name.start, close.end)
        parts = split_commas(self.toks[begin : self.at - 1])
        return Node("call", name.text, name.start, close.end, tuple(map(_argument, parts)))

    def postfix(self, node: Node) -> Node:
        while self.peek() in (b"[", b".", b"->"):
            if self.peek() == b"[":
                close = self.close()
            else:
                self.take()
                close = self.take()
            node = Node("opaque", b"->", node.start, close.end)
        return node


def is_type(toks: Sequence[Token]) -> bool:
    """Whether tokens are a type by their first name alone: `unsigned int`, `loff_t *`."""
    return _may_be_type(toks) and (toks[0].text in _TYPE_WORDS or toks[0].text.endswith(b"_t"))


def _may_be_type(toks: Sequence[Token]) -> bool:
    return bool(toks) and all(t.kind == "id" or t.text == b"*" for t in toks)


def _argument(toks: Sequence[Token]) -> Node:
    try:
        return parse(toks)
    except NotAnExpression:
        if not toks:
            return Node("opaque", b"", 0, 0)
        return Node("opaque", b"", toks[0].start, toks[-1].end)
