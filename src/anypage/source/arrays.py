# SPDX-License-Identifier: GPL-2.0-only
"""Arrays as declarations write them."""

import re
from collections.abc import Iterator, Sequence

from anypage.source.lexer import Token, closing

_NO_DECLARATION = frozenset(
    b"return goto case default if for while do else switch sizeof break continue asm".split()
)
_DECLARATION_MACRO = re.compile(rb"PER_CPU|struct_group")


def is_declaration(toks: Sequence[Token]) -> bool:
    """Two words (a type and a name), with stars between them, before anything else."""
    words = i = 0
    while i < len(toks):
        tok = toks[i]
        if tok.kind == "id":
            if tok.text in _NO_DECLARATION:
                return False
            words += 1
        elif tok.text in (b"{", b"(") and words > 1:
            i = closing(toks, i)
        elif tok.text != b"*" or not words:
            break
        i += 1
    return words > 1


def bounds(toks: Sequence[Token]) -> Iterator[tuple[Token, Sequence[Token], bool]]:
    """Name, bound and "is a parameter" of every array that is declared; none from initialisers."""
    i, name = 0, None
    while i < len(toks):
        text = toks[i].text
        if text == b"{":
            i = closing(toks, i)
        elif text == b"=":
            i = _initialiser_end(toks, i)
        elif text == b"(":
            close = closing(toks, i)
            macro = name is not None and _DECLARATION_MACRO.search(name.text)
            for inner, bound, _ in bounds(toks[i + 1 : close]):
                yield inner, bound, not macro
            i = close
        elif text == b"[":
            close = closing(toks, i)
            if name is not None:
                yield name, toks[i + 1 : close], False
            i = close
        elif toks[i].kind == "id":
            name = toks[i]
        i += 1


def _initialiser_end(toks: Sequence[Token], i: int) -> int:
    """Index of the last token before the `,` or `;` that ends an initialiser."""
    while i + 1 < len(toks) and toks[i + 1].text not in (b",", b";"):
        i += 1
        if toks[i].text in (b"(", b"[", b"{"):
            i = closing(toks, i)
    return i
