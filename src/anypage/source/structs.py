# SPDX-License-Identifier: GPL-2.0-only
"""Members of a struct, read from the text that defines it."""

import re
from collections.abc import Mapping

from anypage.source.initialiser import Type, dimensions, tag_of
from anypage.source.lexer import Token, closing, split_commas, tokens


def members(data: bytes, tag: bytes) -> Mapping[bytes, Type] | None:
    """The members of `struct tag`, in their order; None when data does not define it.

    None also for what has members without a name or under #if: their order is not sure.
    """
    match = re.search(
        rb"^(?:static\s+)?(?:struct|union)\s+" + re.escape(tag) + rb"\s*\{", data, re.MULTILINE
    )
    if match is None:
        return None
    end = data.find(b"\n}", match.end())
    body = tokens(data, match.end(), end if end >= 0 else len(data))
    if any(token.kind == "dir" or token.text == b"{" for token in body):
        return None
    found: dict[bytes, Type] = {}
    start = 0
    for index, token in enumerate(body):
        if token.text == b";":
            found.update(_declared(body[start:index]))
            start = index + 1
    return found


def _declared(declaration: list[Token]) -> dict[bytes, Type]:
    """The names that one member declaration declares."""
    tag = tag_of(declaration)
    found: dict[bytes, Type] = {}
    for part in split_commas(declaration):
        pointer = any(token.text == b"*" for token in part)
        for index, token in enumerate(part):
            following = part[index + 1].text if index + 1 < len(part) else b";"
            if token.kind == "id" and following in (b";", b"[", b":"):
                found[token.text] = Type(b"" if pointer else tag, dimensions(part[index + 1 :]))
                break
            if token.text == b"(":  # a pointer to a function: (*name)(...)
                inside = [t for t in part[index : closing(part, index)] if t.kind == "id"]
                found[inside[-1].text if inside else b""] = Type()
                break
    return found
