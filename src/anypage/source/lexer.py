# SPDX-License-Identifier: GPL-2.0-only
"""C text to tokens with exact byte ranges; comments and white space are left out.

Never fails: bytes that are no C (not UTF-8, NUL, a lone quote) become one-byte "op" tokens.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

COMMENT = rb"/\*[\s\S]*?(?:\*/|\Z)|//(?:\\\r?\n|[^\n])*+"
STRING = rb'"(?:\\[\s\S]|[^"\\\n])*+"?|\'(?:\\.|[^\'\\\n])*+\'?'
# A whole preprocessor line from its # on: with its continuation lines and the comments that span
# lines.
DIRECTIVE = (
    rb"#(?:\\\r?\n|/\*[\s\S]*?(?:\*/|\Z)|//(?:\\\r?\n|[^\n])*+"
    rb'|"(?:\\[^\n]|[^"\\\n])*+"|[^\n\\/"]++|[\\/"])*+'
)

_TOKEN = re.compile(
    rb"(?P<skip>[ \t\r\n\f\v]+|\\\r?\n|" + COMMENT + rb")"
    rb"|(?P<dir>^[ \t]*+" + DIRECTIVE + rb")"
    rb"|(?P<id>[A-Za-z_]\w*)"
    rb"|(?P<num>\.?\d(?:[eEpP][+-]|[\w.])*)"
    rb"|(?P<str>" + STRING + rb")"
    rb"|(?P<op><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|\#\#|[\s\S])",
    re.MULTILINE,
)
_BODY_TOKEN = re.compile(_TOKEN.pattern.replace(rb"^[ \t]*+" + DIRECTIVE, rb"(?!)"))
_PAIRS = {b"(": b")", b"[": b"]", b"{": b"}"}


class Token(NamedTuple):
    """kind is "id", "num", "str" (also a character constant), "op" or "dir" (a whole # line).

    start and end are byte offsets in the file.
    """

    kind: str
    text: bytes
    start: int
    end: int


def tokens(data: bytes, start: int, end: int, *, directive_body: bool = False) -> list[Token]:
    """The tokens of data[start:end]. In the body of a #define, # is an operator."""
    pattern = _BODY_TOKEN if directive_body else _TOKEN
    return [
        Token(m.lastgroup or "op", m.group(), m.start(), m.end())
        for m in pattern.finditer(data, start, end)
        if m.lastgroup != "skip"
    ]


def closing(toks: Sequence[Token], index: int) -> int:
    """Index of the token that closes the bracket at index; len(toks) when nothing does."""
    opener, closer = toks[index].text, _PAIRS[toks[index].text]
    depth = 0
    for i in range(index, len(toks)):
        if toks[i].text == opener:
            depth += 1
        elif toks[i].text == closer:
            depth -= 1
            if depth == 0:
                return i
    return len(toks)


def split_commas(toks: Sequence[Token]) -> list[Sequence[Token]]:
    """The parts between the commas at bracket depth 0; an empty list for no tokens."""
    if not toks:
        return []
    parts: list[Sequence[Token]] = []
    depth = begin = 0
    for i, tok in enumerate(toks):
        if tok.text in (b"(", b"[", b"{"):
            depth += 1
        elif tok.text in (b")", b"]", b"}"):
            depth -= 1
        elif tok.text == b"," and depth == 0:
            parts.append(toks[begin:i])
            begin = i + 1
    return [*parts, toks[begin:]]


@dataclass(frozen=True, slots=True)
class Call:
    """`name(args)`: where the name is in the tokens, and the closing bracket; the arguments."""

    name: Token
    index: int
    close: int
    args: list[Sequence[Token]]


def calls(toks: Sequence[Token]) -> Iterator[Call]:
    """Every `identifier ( ... )` in toks, outer ones first."""
    for i in range(len(toks) - 1):
        if toks[i].kind == "id" and toks[i + 1].text == b"(":
            close = closing(toks, i + 1)
            yield Call(toks[i], i, close, split_commas(toks[i + 2 : close]))
