# SPDX-License-Identifier: GPL-2.0-only
"""The #defines of one file."""

from functools import cached_property

from anypage.source.c import CFile, Conditional, Define, Directive, parse
from anypage.source.expression import Node, NotAnExpression
from anypage.source.expression import parse as parse_expression
from anypage.source.lexer import Token


class Definition:
    """One #define of a macro; a header can have several of one name, in the arms of an #if."""

    def __init__(self, path: str, c: CFile, directive: Directive, define: Define) -> None:
        self.path, self.c, self.directive, self.define = path, c, directive, define

    @cached_property
    def tokens(self) -> list[Token]:
        """The replacement text."""
        return self.c.tokens(self.define)

    @cached_property
    def expression(self) -> Node | None:
        """The replacement text as an expression, or None when it is something else."""
        try:
            return parse_expression(self.tokens)
        except NotAnExpression:
            return None

    def conditionals(self) -> list[Conditional]:
        """The #ifs around it, innermost first."""
        found, at = [], self.directive.condition
        while at >= 0:
            found.append(self.c.conditionals[at])
            at = found[-1].parent
        return found


def read_macros(path: str, data: bytes) -> dict[str, tuple[Definition, ...]]:
    """Every #define of a file, by name."""
    c = parse(data, ())
    found: dict[str, list[Definition]] = {}
    for directive in c.directives:
        if define := directive.define(data):
            definition = Definition(path, c, directive, define)
            found.setdefault(define.name.decode(), []).append(definition)
    return {name: tuple(definitions) for name, definitions in found.items()}
