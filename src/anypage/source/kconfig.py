# SPDX-License-Identifier: GPL-2.0-only
"""Conditions in Kconfig files, with the byte range of every symbol.

Grammar: Documentation/kbuild/kconfig-language.rst. Kconfig logic has three values; here y and m are
both "true", which is all that a question about page sizes needs.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    rb"""(?P<space>[ \t]+|\\\n)
    |(?P<comment>\#.*)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<operator>&&|\|\||!=|<=|>=|[=<>!()])
    |(?P<symbol>(?:[\w$./-]|\$\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\))+)""",
    re.VERBOSE,
)
_KEYWORD = re.compile(rb"[ \t]*([a-z_]+)")
_TYPES = {b"bool", b"def_bool", b"tristate", b"def_tristate", b"int", b"hex", b"string"}
_VALUED = {b"default", b"def_bool", b"def_tristate"}
_GUARDED = {b"select", b"imply", b"range", b"prompt"} | _TYPES
_COMPARISONS = {b"=", b"!=", b"<", b">", b"<=", b">="}


@dataclass(frozen=True, slots=True)
class Token:
    """One symbol, string or operator at bytes [start, end) of the file."""

    start: int
    end: int
    text: bytes

    @property
    def is_word(self) -> bool:
        """Whether this is a symbol, a number or a string, not an operator."""
        return self.text not in _COMPARISONS and self.text not in (
            b"&&",
            b"||",
            b"!",
            b"(",
            b")",
        )


@dataclass(frozen=True, slots=True)
class Node:
    """An expression: `&&`, `||`, `!` with their parts; a comparison, or a word, as a leaf."""

    kind: str
    parts: tuple["Node", ...] = ()
    tokens: tuple[Token, ...] = ()

    def leaves(self) -> Iterator["Node"]:
        """The symbols and comparisons, from left to right."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    @property
    def text(self) -> bytes:
        """A leaf as it is written, without blanks."""
        return b"".join(token.text for token in self.tokens)

    def parent_of(self, leaf: "Node") -> "Node":
        """The innermost expression that has this leaf as a part; a leaf is its own parent."""
        for part in self.parts:
            if part is not leaf and any(leaf is other for other in part.leaves()):
                return part.parent_of(leaf)
        return self

    def holds(self, leaf: Callable[["Node"], bool]) -> bool:
        """The truth of the expression when leaf() tells that of symbols and comparisons."""
        if self.kind == "!":
            return not self.parts[0].holds(leaf)
        if self.kind == "&&":
            return all(part.holds(leaf) for part in self.parts)
        if self.kind == "||":
            return any(part.holds(leaf) for part in self.parts)
        return leaf(self)


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression in a statement.

    keyword: the statement (depends, default, select, if, ...); entry and type: the config that it
    belongs to ("" before its type is told).
    """

    keyword: str
    entry: str
    type: str
    expression: Node


def conditions(text: bytes) -> list[Condition]:
    """Every condition of a Kconfig file, in order. What does not parse is left out."""
    found: list[Condition] = []
    entry = kind = ""
    for start, end in _statements(text):
        match = _KEYWORD.match(text, start, end)
        if match is None:
            continue
        keyword, tokens = match[1], _tokens(text, match.end(), end)
        if keyword in (b"config", b"menuconfig", b"choice", b"menu", b"comment"):
            entry, kind = tokens[0].text.decode() if tokens else "", ""
        if keyword in _TYPES:
            kind = keyword.decode().removeprefix("def_")
        for expression in _expressions(keyword, tokens):
            found.append(Condition(keyword.decode(), entry, kind, expression))
    return found


def _statements(text: bytes) -> Iterator[tuple[int, int]]:
    """Byte ranges of logical lines, without help texts (which are indented deeper than `help`)."""
    position, help_indent = 0, -1
    while position < len(text):
        end = _line_end(text, position)
        line = text[position:end]
        body = line.strip()
        indent = len(line.expandtabs(8)) - len(line.expandtabs(8).lstrip())
        if body and help_indent >= 0 and indent < max(help_indent, 1):
            help_indent = -1
        if help_indent < 0 and body and not body.startswith(b"#"):
            if body in (b"help", b"---help---"):
                help_indent = _help_indent(text, end + 1)
            else:
                yield position, end
        position = end + 1


def _line_end(text: bytes, start: int) -> int:
    end = start
    while True:
        end = text.find(b"\n", end)
        if end < 0:
            return len(text)
        if text[end - 1 : end] != b"\\":
            return end
        end += 1


def _help_indent(text: bytes, position: int) -> int:
    """The indentation of the first line of a help text."""
    while position < len(text):
        end = text.find(b"\n", position)
        line = text[position : end if end >= 0 else len(text)].expandtabs(8)
        if line.strip():
            return len(line) - len(line.lstrip())
        if end < 0:
            break
        position = end + 1
    return 0


def _tokens(text: bytes, start: int, end: int) -> list[Token]:
    tokens = []
    while start < end:
        match = _TOKEN.match(text, start, end)
        if match is None or match.lastgroup == "comment":
            break
        if match.lastgroup != "space":
            tokens.append(Token(match.start(), match.end(), match[0]))
        start = match.end()
    return tokens


def _expressions(keyword: bytes, tokens: list[Token]) -> Iterator[Node]:
    """The value of a default and the condition of any statement."""
    split = next((i for i, token in enumerate(tokens) if token.text == b"if"), len(tokens))
    bodies = [tokens[split + 1 :]] if keyword in _GUARDED | _VALUED else []
    if keyword in (b"depends", b"visible"):
        bodies.append(tokens[1:])
    elif keyword == b"if" or keyword in _VALUED:
        bodies.append(tokens[:split])
    for body in bodies:
        node = _parse(body)
        if node is not None:
            yield node


def _parse(tokens: list[Token]) -> Node | None:
    node, rest = _disjunction(tokens)
    return node if node is not None and not rest else None


def _disjunction(tokens: list[Token]) -> tuple[Node | None, list[Token]]:
    return _chain("||", _conjunction, tokens)


def _conjunction(tokens: list[Token]) -> tuple[Node | None, list[Token]]:
    return _chain("&&", _unary, tokens)


def _chain(
    operator: str,
    part: Callable[[list[Token]], tuple[Node | None, list[Token]]],
    tokens: list[Token],
) -> tuple[Node | None, list[Token]]:
    parts = []
    node, rest = part(tokens)
    while node is not None:
        parts.append(node)
        if not rest or rest[0].text != operator.encode():
            return (parts[0] if len(parts) == 1 else Node(operator, tuple(parts))), rest
        node, rest = part(rest[1:])
    return None, tokens


def _unary(tokens: list[Token]) -> tuple[Node | None, list[Token]]:
    if not tokens:
        return None, tokens
    if tokens[0].text == b"!":
        node, rest = _unary(tokens[1:])
        return (Node("!", (node,)) if node is not None else None), rest
    if tokens[0].text == b"(":
        node, rest = _disjunction(tokens[1:])
        if node is None or not rest or rest[0].text != b")":
            return None, tokens
        return node, rest[1:]
    if not tokens[0].is_word:
        return None, tokens
    if len(tokens) > 2 and tokens[1].text in _COMPARISONS and tokens[2].is_word:
        return Node("compare", tokens=tuple(tokens[:3])), tokens[3:]
    return Node("word", tokens=(tokens[0],)), tokens[1:]
