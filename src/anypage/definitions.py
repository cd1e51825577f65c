# SPDX-License-Identifier: GPL-2.0-only
"""The #defines behind the names of the vocabulary, as the file that uses them sees them."""

from dataclasses import dataclass

from anypage.source.c import CFile, Conditional, Define, Directive, parse
from anypage.source.expression import Node, NotAnExpression
from anypage.source.expression import parse as parse_expression
from anypage.source.lexer import Token
from anypage.source_file import File
from anypage.vocabulary import all_defined


@dataclass(frozen=True, slots=True)
class Definition:
    """One #define of a macro; a header can have several, in the arms of an #if."""

    path: str
    c: CFile
    directive: Directive
    define: Define

    @property
    def tokens(self) -> list[Token]:
        """The replacement text."""
        return self.c.tokens(self.define)

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


def definitions(file: File, name: str) -> tuple[Definition, ...]:
    """Every #define of name in the one file that defines it; () for none, or for several files."""
    files = file.names.definition_files(name)
    return in_file(file, files[0], name) if len(files) == 1 else ()


def visible(file: File, name: str) -> tuple[Definition, ...]:
    """Every #define of a macro in the first of the files that define it, as file includes them."""
    vocabulary = file.names.vocabulary
    for path in vocabulary.reach(file.path):
        if path not in vocabulary.defines:
            vocabulary.defines[path] = all_defined(file.read(path))
        if name in vocabulary.defines[path]:
            return in_file(file, path, name)
    return ()


def in_file(file: File, path: str, name: str) -> tuple[Definition, ...]:
    """Every #define of name in the file at path."""
    c, by_name = _read(file, path)
    return tuple(
        Definition(path, c, d, define)
        for d in by_name.get(name.encode(), ())
        if (define := d.define(c.data))
    )


def _read(file: File, path: str) -> tuple[CFile, dict[bytes, list[Directive]]]:
    cache = file.names.vocabulary.parsed
    if path not in cache:
        c = parse(file.read(path), ())
        by_name: dict[bytes, list[Directive]] = {}
        for directive in c.directives:
            if define := directive.define(c.data):
                by_name.setdefault(define.name, []).append(directive)
        cache[path] = (c, by_name)
    return cache[path]
