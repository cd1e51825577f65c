# SPDX-License-Identifier: GPL-2.0-only
"""One file of a tree as the rules see it: text, statements around the vocabulary, findings."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property

from anypage.findings import Companions, Edit, Finding
from anypage.source.c import CFile, Define, Statement, parse
from anypage.source.lexer import Token, tokens
from anypage.vocabulary import Names


@cache
def _ending(word: str) -> re.Pattern[bytes]:
    """Starts with letters, and not with a \\b: re is fast then."""
    return re.compile(rb"%s(?!\w)" % word.encode())


def places_of(data: bytes, word: str) -> Iterator[int]:
    """The offsets of a whole word."""
    for match in _ending(word).finditer(data):
        start = match.start()
        if not start or not (data[start - 1 : start].isalnum() or data[start - 1] == 0x5F):
            yield start


class File:
    """A file that contains words of the vocabulary, or of a rule's WORDS.

    names: the vocabulary in the scope of this file (`b"FOO".decode() in file.names`).
    words: those names and WORDS that occur in it. read: the text of another file of the tree.
    """

    def __init__(
        self,
        path: str,
        data: bytes,
        names: Names,
        words: frozenset[str],
        read: Callable[[str], bytes],
    ) -> None:
        self.path, self.data, self.names, self.words, self.read = (
            path,
            data,
            names,
            words,
            read,
        )

    @cached_property
    def hits(self) -> tuple[int, ...]:
        """Offsets of words, also in comments and strings."""
        return tuple(sorted(at for word in self.words for at in places_of(self.data, word)))

    @cached_property
    def c(self) -> CFile:
        """The statements and preprocessor lines around the hits."""
        return parse(self.data, self.hits)

    def statements(self, *words: str) -> Iterator[Statement]:
        """Statements with a hit of the vocabulary, or of words when some are given."""
        for statement in self.c.statements:
            if any(self._wanted(h, words) for h in statement.hits):
                yield statement

    def defines(self) -> Iterator[Define]:
        """#define lines with a hit."""
        for directive in self.c.directives:
            if directive.hits and (define := directive.define(self.data)):
                yield define

    def parts(self) -> Iterator[Statement | Define]:
        """Statements with a hit of the vocabulary, and #define lines."""
        yield from self.statements()
        yield from self.defines()

    def tokens(self, start: int, end: int) -> list[Token]:
        """Tokens of a range."""
        return tokens(self.data, start, end)

    def depends(self, toks: Sequence[Token]) -> bool:
        """Does a token name something that derives from the page size?"""
        return any(t.kind == "id" and t.text.decode() in self.names for t in toks)

    def chain(self, toks: Iterable[Token]) -> tuple[str, ...]:
        """The chain of the first token that depends on the page size."""
        for tok in toks:
            if tok.kind == "id" and (chain := self.names.chain(tok.text.decode())):
                return chain
        return ()

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def finding(
        self,
        rule: str,
        toks: Sequence[Token],
        *,
        reason: str,
        fix: str,
        edits: Iterable[Edit] = (),
        companions: Companions = (),
        severity: str = "error",
        settled: bool = False,
    ) -> Finding:
        """A finding whose expression are toks, which must not be empty."""
        start, end = toks[0].start, toks[-1].end
        line, column = self.position(start)
        return Finding(
            self.path,
            line,
            column,
            rule,
            " ".join(self.data[start:end].decode(errors="replace").replace("\\\n", " ").split()),
            self.chain(toks),
            reason,
            fix,
            tuple(edits),
            companions,
            severity,
            settled,
        )

    def _wanted(self, hit: int, words: tuple[str, ...]) -> bool:
        match = re.compile(rb"\w+").match(self.data, hit)
        word = match[0].decode() if match else ""
        return word in words if words else word in self.names

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(m.end() for m in re.finditer(rb"\n", self.data))]
