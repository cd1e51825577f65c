# SPDX-License-Identifier: GPL-2.0-only
"""The condition of an #if, #elif, #ifdef or #ifndef: its parts, and what they are worth."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from anypage.source.c import Directive
from anypage.source.expression import Node, NotAnExpression, parse
from anypage.source.lexer import Token, tokens

_ASKS = (b"defined", b"IS_ENABLED", b"IS_BUILTIN", b"IS_REACHABLE")


@dataclass(frozen=True, slots=True)
class Part:
    """A comparison, a defined() or another operand of &&, || and !, with its tokens."""

    node: Node
    tokens: tuple[Token, ...]

    @property
    def symbol(self) -> bytes:
        """X in defined(X) and IS_ENABLED(X), else empty."""
        asks = self.node.kind == "call" and self.node.text in _ASKS and self.node.args
        return self.node.args[0].text if asks else b""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a directive tests. negated: it is an #ifndef."""

    root: Node
    parts: tuple[Part, ...]
    negated: bool = False

    def holds(self, truth: Callable[[Node], bool]) -> bool:
        """Its truth, when truth() tells that of the parts."""
        return _holds(self.root, truth) != self.negated

    def render(self, data: bytes, replace: Callable[[Part], bytes | None]) -> bytes:
        """The text on one line, with parts replaced where replace() gives a text."""
        text, at = b"", self.root.start
        for part in self.parts:
            new = replace(part)
            if new is not None:
                before = data[at : part.node.start]
                negated = before.rstrip().endswith(b"!")
                if negated or (b"&&" in new and len(self.parts) > 1):
                    new = b"(" + new + b")"
                text += before + new
                at = part.node.end
        text += data[at : self.root.end]
        text = b" ".join(text.replace(b"\\\n", b" ").split())
        return b"!(" + text + b")" if self.negated else text


def read(data: bytes, directive: Directive) -> Condition | None:
    """The condition of a directive; None when it cannot be read."""
    toks = tokens(data, directive.body, directive.end, directive_body=True)
    if directive.keyword in (b"ifdef", b"ifndef"):
        name = Node("name", toks[0].text, toks[0].start, toks[0].end)
        root = Node("call", b"defined", toks[0].start, toks[0].end, (name,))
        return Condition(root, (Part(root, (toks[0],)),), directive.keyword == b"ifndef")
    try:
        root = parse(_bracketed(toks))
    except NotAnExpression:
        return None
    found = tuple(
        Part(node, tuple(t for t in toks if node.start <= t.start and t.end <= node.end))
        for node in _operands(root)
    )
    return Condition(root.args[0] if root.kind == "paren" else root, found)


def _holds(node: Node, truth: Callable[[Node], bool]) -> bool:
    if node.kind == "paren":
        return _holds(node.args[0], truth)
    if node.kind == "unary" and node.text == b"!":
        return not _holds(node.args[0], truth)
    if node.text == b"&&":
        return all(_holds(arg, truth) for arg in node.args)
    if node.text == b"||":
        return any(_holds(arg, truth) for arg in node.args)
    return truth(node)


def _operands(node: Node) -> Iterator[Node]:
    if node.kind == "paren" or node.text in (b"&&", b"||", b"!"):
        for arg in node.args:
            yield from _operands(arg)
    else:
        yield node


def _bracketed(toks: Sequence[Token]) -> list[Token]:
    """`defined X` -> `defined(X)`; the new brackets have no width."""
    result: list[Token] = []
    for index, token in enumerate(toks):
        follows = toks[index - 1].text == b"defined" if index else False
        if follows and token.kind == "id":
            opening = Token("op", b"(", token.start, token.start)
            result += [opening, token, Token("op", b")", token.end, token.end)]
        else:
            result.append(token)
    return result
