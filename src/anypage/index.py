# SPDX-License-Identifier: GPL-2.0-only
"""The engine: what is known of a tree, and what the rules find in it. It knows no rule by name.

Three passes, each in parallel: macros and includes of all files (for the closure), words of the
vocabulary in each file, and the rules on the files that have some.
"""

import multiprocessing
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from ahocorasick_rs import MATCHKIND_LEFTMOST_LONGEST, BytesAhoCorasick, Implementation

from anypage import rules
from anypage.findings import Finding
from anypage.source_file import File
from anypage.vocabulary import Outline, Vocabulary, bit_field_widths, defined, outline

T = TypeVar("T")
Tree = Mapping[str, bytes] | Path

_SKIPPED = (
    "tools/",
    "scripts/",
    "Documentation/",
    "samples/",
    "LICENSES/",
    "lib/raid6/test/",
)
_CHUNK = 400
_REGISTER_HEADER = 60_000  # bytes
_BYTES_PER_DEFINE = 160

# A header that C code must not include: macros of the assembler are no C.
_FOR_ASSEMBLER = re.compile(rb"^#ifndef __ASSEMBLY__\n#\s*error", re.MULTILINE)

_LETTERS = frozenset(bytes([b]) for b in range(128) if b == 0x5F or chr(b).isalnum())


def in_scope(path: str) -> bool:
    """Not of another architecture, nor a user-space tool or documentation."""
    if path.startswith(_SKIPPED):
        return False
    return not path.startswith("arch/") or path.startswith("arch/arm64/") or path.count("/") == 1


class Hits(NamedTuple):
    """Which words of the vocabulary, of WORDS and of possible limits (FOO_MAX) a file holds.

    defined: those that it #defines; widths: those that are the width of a bit-field.
    """

    path: str
    words: frozenset[str]
    defined: frozenset[str]
    widths: frozenset[str]


class Index:
    """A tree, read: outlines and hits of its files, and the vocabulary that follows from them.

    tree: a folder, or path -> text. Worker processes share the index: they are forked from it.
    """

    def __init__(
        self, tree: Tree, *, jobs: int = 2, chosen: Sequence[rules.Rule] | None = None
    ) -> None:
        self.tree, self.jobs = tree, jobs
        self.changes: Mapping[str, bytes | None] = {}
        self.rules = tuple(chosen if chosen is not None else rules.discover())
        self.extra = frozenset(w for r in self.rules for w in r.WORDS)
        self.paths = sorted(filter(in_scope, _paths(tree)))
        self.outlines = {o.path: o for o in self._map(_outlines, _sources(self.paths))}
        self.hits: dict[str, Hits] = {}
        self.sought: frozenset[str] = frozenset()
        self._finish(_sources(self.paths))

    def changed(self, changes: Mapping[str, bytes | None]) -> "Index":
        """The tree with other texts in some files; None: the file is gone."""
        new = copy(self)
        new.changes = {**self.changes, **changes}
        gone = {path for path, text in changes.items() if text is None}
        new.paths = sorted({*self.paths, *filter(in_scope, changes)} - gone)
        unread = _sources(sorted({*changes} & {*new.paths}))
        new.outlines = {p: o for p, o in self.outlines.items() if p not in changes}
        new.outlines.update((o.path, o) for o in new._map(_outlines, unread))
        new.hits = {p: h for p, h in self.hits.items() if p not in changes}
        new._finish(unread)
        return new

    def examine(self, paths: Iterable[str] | None = None) -> list[Finding]:
        """What the rules say of the files at paths; without them, of all files."""
        chosen = self.paths if paths is None else sorted({*paths} & {*self.paths})
        wanted = [p for p in chosen if p in self.found or self._wanted_by_name(p)]
        return list(self._map(_examine, wanted))

    def read(self, path: str) -> bytes:
        """The text of a file; b"" when there is none that can be read (a dangling link)."""
        if path in self.changes:
            return self.changes[path] or b""
        if not isinstance(self.tree, Path):
            return self.tree.get(path, b"")
        try:
            return (self.tree / path).read_bytes()
        except OSError:
            return b""

    def lines(self, path: str) -> list[bytes]:
        """The lines of a file; a line ends with \\n alone, as for Finding.line."""
        return self.read(path).split(b"\n")

    def _finish(self, unread: Sequence[str]) -> None:
        """Hits and vocabulary, from the outlines. unread: the files that have no hits yet."""
        self.vocabulary = Vocabulary.build(self.outlines[p] for p in sorted(self.outlines))
        words = self.vocabulary.candidates | self.extra
        twins = {f"{n}{limit}" for n in self.vocabulary.candidates for limit in ("_MIN", "_MAX")}
        self._find(words | twins, unread)
        self.found: dict[str, frozenset[str]] = {}
        for path, hits in self.hits.items():
            self.vocabulary.taken |= hits.words & (twins - words)
            if found := hits.words & words:
                self.found[path] = found
                self.vocabulary.add_definitions(path, hits.defined)
        for path, hits in self.hits.items():
            self.vocabulary.add_layouts(path, hits.widths)

    def _find(self, words: frozenset[str], unread: Sequence[str]) -> None:
        """Make hits those of words, in all files."""
        more = words - self.sought
        passes = [(words, unread)]
        if self.sought:
            passes.append((more, _sources(sorted({*self.paths} - {*unread}))))
        if self.sought - words:
            self.hits = {p: _only(h, words) for p, h in self.hits.items()}
        for self.sought, paths in passes:
            for new in self._map(_hits, paths) if self.sought else ():
                old = self.hits.get(new.path)
                self.hits[new.path] = _merged(old, new) if old else new
        self.sought = words

    def _wanted_by_name(self, path: str) -> bool:
        return any(r.applies is not rules.c_files and r.applies(path) for r in self.rules)

    def _map(
        self, work: Callable[["Index", Sequence[str]], list[T]], paths: Sequence[str]
    ) -> Iterator[T]:
        """work() on parts of paths, in processes when there is enough to do."""
        if self.jobs < 2 or len(paths) < _CHUNK:
            yield from work(self, paths)
            return
        parts = [paths[i : i + _CHUNK] for i in range(0, len(paths), _CHUNK)]
        with multiprocessing.get_context("fork").Pool(self.jobs, _adopt, (self,)) as pool:
            for result in pool.imap_unordered(_Call(work), parts):
                yield from result


_INDEX: Index | None = None


def _adopt(index: Index) -> None:
    """Runs first in a worker; the index comes over with fork, not through a pipe."""
    global _INDEX
    _INDEX = index


@dataclass(frozen=True, slots=True)
class _Call(Generic[T]):
    work: Callable[[Index, Sequence[str]], list[T]]

    def __call__(self, paths: Sequence[str]) -> list[T]:
        assert _INDEX is not None
        return self.work(_INDEX, paths)


def _outlines(index: Index, paths: Sequence[str]) -> list[Outline]:
    intern: dict[bytes, str] = {}
    found = []
    for path in paths:
        data = index.read(path)
        found.append(outline(path, b"" if _is_register_header(data) else data, intern))
    return found


def _hits(index: Index, paths: Sequence[str]) -> list[Hits]:
    found = []
    words = _Words(index.sought)
    for path in paths:
        data = index.read(path)
        if _is_register_header(data):
            continue
        if known := words.of(data):
            found.append(Hits(path, known, defined(data, known), bit_field_widths(data, known)))
    return found


class _Words:
    """Finds whole words, thousands of them, in one pass over a text."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = sorted(words)
        self.automaton = BytesAhoCorasick(
            [w.encode() for w in self.words], MATCHKIND_LEFTMOST_LONGEST, Implementation.DFA
        )

    def of(self, data: bytes) -> frozenset[str]:
        """Which of them occur in data. The longest match at the start of a word is the word."""
        found: set[int] = set()
        for index, start, end in self.automaton.find_matches_as_indexes(data):
            if index in found or data[end : end + 1] in _LETTERS:
                continue
            if data[start - 1 : start] not in _LETTERS:
                found.add(index)
        return frozenset(self.words[i] for i in found)


def _is_register_header(data: bytes) -> bool:
    """A long list of numbers, as GPUs have them: no code, and no condition but its own guard."""
    if len(data) < _REGISTER_HEADER or b"{" in data or data.count(b"\n#if") > 1:
        return False
    return len(data) < data.count(b"\n#define ") * _BYTES_PER_DEFINE


def _examine(index: Index, paths: Sequence[str]) -> list[Finding]:
    findings: list[Finding] = []
    for path in paths:
        names = index.vocabulary.scope(path)
        found = index.found.get(path, frozenset())
        words = frozenset(w for w in found if w in index.extra or w in names or names.is_layout(w))
        data = index.read(path)
        if _FOR_ASSEMBLER.search(data):
            words = frozenset()
        file = File(path, data, names, words, index.read)
        for rule in index.rules:
            if rule.applies(path) and (words or rule.applies is not rules.c_files):
                findings.extend(rule.examine(file))
    return findings


def _paths(tree: Mapping[str, bytes] | Path) -> Iterator[str]:
    if not isinstance(tree, Path):
        yield from tree
        return
    for folder, folders, files in os.walk(tree):
        folders[:] = [f for f in folders if f != ".git"]
        relative = os.path.relpath(folder, tree)
        yield from (f if relative == "." else f"{relative}/{f}" for f in files)


def _sources(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if path.endswith((".c", ".h", ".S"))]


def _only(hits: Hits, words: frozenset[str]) -> Hits:
    return Hits(hits.path, hits.words & words, hits.defined & words, hits.widths & words)


def _merged(a: Hits, b: Hits) -> Hits:
    return Hits(a.path, a.words | b.words, a.defined | b.defined, a.widths | b.widths)
