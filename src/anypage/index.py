# SPDX-License-Identifier: GPL-2.0-only
"""The engine: what is known of a tree, and what the rules find in it. It knows no rule by name.

Three passes, each in parallel: macros and includes of all files (for the closure), words of the
vocabulary in each file, and the rules on the files that have some.
"""

import gc
import multiprocessing
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from ahocorasick_rs import MATCHKIND_LEFTMOST_LONGEST, BytesAhoCorasick, Implementation

from anypage import rules
from anypage.findings import Finding
from anypage.source_file import File
from anypage.vocabulary import (
    Macro,
    Outline,
    Vocabulary,
    bit_field_widths,
    closure,
    concerns,
    defined,
    macros_of,
    outline,
    pack,
    unpack,
)

T = TypeVar("T")
_Row = tuple[str, tuple[str, ...], bytes]  # path, #includes, macros
Tree = Mapping[str, bytes] | Path

_SKIPPED = (
    "tools/",
    "scripts/",
    "Documentation/",
    "samples/",
    "LICENSES/",
    "lib/raid6/test/",
)
_CHUNK = 400  # files
_PIECE = 1 << 22  # bytes
_NO_WORD = re.compile(rb"\W")
_REGISTER_HEADER = 60_000  # bytes
_BYTES_PER_DEFINE = 160
_SHOWN = 40  # bytes

UNREAD = "unread"  # what a place is reported as that no rule could look at

# A header that C code must not include: macros of the assembler are no C.
_GUARD = b"#ifndef __ASSEMBLY__\n"
_FOR_ASSEMBLER = re.compile(rb"^%s#\s*error" % _GUARD, re.MULTILINE)

_LETTERS = frozenset(bytes([b]) for b in range(128) if b == 0x5F or chr(b).isalnum())


def in_scope(path: str, archs: Sequence[str] = ()) -> bool:
    """No documentation or tool of user space, and no architecture but arm64 and archs."""
    if path.startswith(_SKIPPED):
        return False
    top, *rest = path.split("/", 2)
    return top != "arch" or len(rest) < 2 or rest[0] == "arm64" or rest[0] in archs


@contextmanager
def no_collection() -> Iterator[None]:
    """Millions of objects are made at once, and none of them is garbage, now or later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class Hits(NamedTuple):
    """Which words of the vocabulary, of WORDS and of possible limits (FOO_MAX) a file holds.

    defined: those that it #defines; widths: those that are the width of a bit-field.
    """

    path: str
    words: frozenset[str]
    defined: frozenset[str]
    widths: frozenset[str]


class Index:
    """A tree, read: outlines and hits of its files, the vocabulary that follows, and findings.

    tree: a folder, or path -> text. packed: the macros of each file, as text. sought: the words
    that hits are about. findings: of the files that were examined so far. archs: what is read
    besides arm64. Worker processes share the index: they are forked from it.
    """

    def __init__(
        self,
        tree: Tree,
        *,
        jobs: int = 2,
        chosen: Sequence[rules.Rule] | None = None,
        archs: Sequence[str] = (),
    ) -> None:
        self.tree, self.jobs, self.archs = tree, jobs, tuple(archs)
        self.changes: Mapping[str, bytes | None] = {}
        self.rules = tuple(chosen if chosen is not None else rules.discover())
        self.extra = frozenset(w for r in self.rules for w in r.WORDS)
        self.paths: list[str] = []
        self.packed: dict[str, bytes] = {}
        self.includes: dict[str, tuple[str, ...]] = {}
        self.candidates: frozenset[str] = frozenset()
        self.macros: dict[str, dict[str, Macro]] = {}
        self.sought: frozenset[str] = frozenset()
        self.hits: dict[str, Hits] = {}
        self.found: dict[str, frozenset[str]] = {}
        self.vocabulary = Vocabulary.build(())
        self.findings: dict[str, tuple[Finding, ...]] = {}

    def read_tree(self) -> "Index":
        """All of the tree."""
        paths = frozenset(_paths(self.tree))
        return self.update(paths, paths)

    def changed(self, changes: Mapping[str, bytes | None]) -> "Index":
        """A new index: the tree with other texts in some files. None: the file is gone."""
        new = copy(self)
        new.changes = {**self.changes, **changes}
        gone = {path for path, text in changes.items() if text is None}
        return new.update({*self.paths, *changes} - gone, changes.keys())

    def update(self, paths: Iterable[str], touched: Set[str]) -> "Index":
        """paths: the files there are now; touched: those that are new, gone, or changed."""
        before, used = self.vocabulary, self.found
        known = {*self.paths}
        self.paths = sorted(p for p in paths if p in known or in_scope(p, self.archs))
        with no_collection():
            fresh = sorted(self._map(_outlines, self._sources(touched)))
            self._close(touched, fresh)
            self._find(touched, [path for path, _, _ in fresh])
            self.refresh()
        stale = self._stale(touched, before, used) if self.findings else touched
        self.findings = {p: f for p, f in self.findings.items() if p not in stale}
        return self

    def examine(self, paths: Iterable[str] | None = None) -> list[Finding]:
        """What the rules say of the files at paths; without them, of all files."""
        chosen = self.paths if paths is None else sorted({*paths} & {*self.paths})
        wanted = [p for p in chosen if p in self.found or self.wanted_by_name(p)]
        unknown = [path for path in wanted if path not in self.findings]
        self.findings = {**self.findings, **dict(self._map(_examine, unknown))}
        return [finding for path in wanted for finding in self.findings[path]]

    def read(self, path: str) -> bytes:
        """The text of a file; b"" when there is none that can be read (a dangling link)."""
        if path in self.changes:
            return self.changes[path] or b""
        if not isinstance(self.tree, Path):
            return self.tree.get(path, b"")
        try:
            return _read(f"{self.tree}/{path}")
        except OSError:
            return b""

    def lines(self, path: str) -> list[bytes]:
        """The lines of a file; a line ends with \\n alone, as for Finding.line."""
        return self.read(path).split(b"\n")

    def refresh(self) -> None:
        """The vocabulary, from candidates, macros, includes and hits."""
        macros = {path: dict(of_file) for path, of_file in self.macros.items()}
        self.vocabulary = Vocabulary(self.candidates, macros, self.includes)
        words = self.candidates | self.extra
        limits = self.sought - words
        self.found = {}
        for path in sorted(self.hits):
            hits = self.hits[path]
            self.vocabulary.taken |= hits.words & limits
            if found := hits.words & words:
                self.found[path] = found
                self.vocabulary.add_definitions(path, hits.defined)
        for path in sorted(self.hits):
            self.vocabulary.add_layouts(path, self.hits[path].widths)

    def _close(self, touched: Set[str], fresh: Sequence[_Row]) -> None:
        """Outlines and what follows from them; the closure anew only if the change concerns it."""
        names = self.candidates
        old = self._concerns(touched & self.packed.keys())
        self.includes = {p: found for p, found in self.includes.items() if p not in touched}
        self.packed = {p: text for p, text in self.packed.items() if p not in touched}
        self.includes.update((path, includes) for path, includes, _ in fresh)
        self.packed.update((path, text) for path, _, text in fresh)
        if names and old == self._concerns(path for path, _, _ in fresh):
            return
        outlines = [self._outline(path) for path in sorted(self.packed)]
        self.candidates = closure(outlines)
        self.macros = {o.path: m for o in outlines if (m := macros_of(o, self.candidates))}

    def _outline(self, path: str) -> Outline:
        return Outline(path, self.includes[path], unpack(self.packed[path]))

    def _concerns(self, paths: Iterable[str]) -> dict[str, frozenset[tuple[object, ...]]]:
        """What of the files at paths the closure depends on."""
        found = {path: concerns(self._outline(path), self.candidates) for path in paths}
        return {path: macros for path, macros in found.items() if macros}

    def _find(self, touched: Set[str], unread: Sequence[str]) -> None:
        """Hits of the words that are sought from now on."""
        limits = {f"{n}{limit}" for n in self.candidates for limit in ("_MIN", "_MAX")}
        words, before = self.candidates | self.extra | limits, self.sought
        self.hits = {p: h for p, h in self.hits.items() if p not in touched}
        if before - words:
            self.hits = {p: _only(h, words) for p, h in self.hits.items()}
        if before and words - before:
            self.sought = words - before
            others = sorted(self.packed.keys() - {*unread})
            for new in self._map(_hits, others):
                old = self.hits.get(new.path)
                self.hits[new.path] = _merged(old, new) if old else new
        self.sought = words
        self.hits.update((hits.path, hits) for hits in self._map(_hits, unread))

    def _stale(
        self, touched: Set[str], before: Vocabulary, used: Mapping[str, frozenset[str]]
    ) -> Set[str]:
        """The files whose findings may be others now. before, used: vocabulary and found then."""
        now = self.vocabulary
        if before.taken != now.taken:
            return {*self.paths}
        names = {name for _, name in before.layouts ^ now.layouts}
        for path in before.macros.keys() | now.macros.keys():
            old, new = before.macros.get(path, {}), now.macros.get(path, {})
            if old != new:
                names |= {n for n in old.keys() | new.keys() if old.get(n) != new.get(n)}
        using = {
            path
            for found in (used, self.found)
            for path, words in found.items()
            if not names.isdisjoint(words)
        }
        folders = {folder for path in touched for folder in _folders(path)}
        beside = {p for p in self.found if p.endswith(".h") and posixpath.dirname(p) in folders}
        reaching = now.includers(touched)
        if before.includes.keys() != now.includes.keys():  # an #include may mean another file now
            reaching |= before.includers(touched)
        return reaching | using | beside

    def _sources(self, paths: Set[str]) -> list[str]:
        return [p for p in self.paths if p in paths and p.endswith((".c", ".h", ".S"))]

    def wanted_by_name(self, path: str) -> bool:
        """Does a rule look at this file whatever words it holds?"""
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
    gc.disable()


@dataclass(frozen=True, slots=True)
class _Call(Generic[T]):
    work: Callable[[Index, Sequence[str]], list[T]]

    def __call__(self, paths: Sequence[str]) -> list[T]:
        assert _INDEX is not None
        return self.work(_INDEX, paths)


def _outlines(index: Index, paths: Sequence[str]) -> list[_Row]:
    bodies: dict[bytes, tuple[str, ...]] = {}
    found = []
    for path in paths:
        data = index.read(path)
        if not _is_register_header(data):
            seen = outline(path, data, bodies)
            found.append((path, seen.includes, pack(seen.macros)))
    return found


def _hits(index: Index, paths: Sequence[str]) -> list[Hits]:
    found = []
    words = _finder(index.sought)
    for path in paths:
        data = index.read(path)
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
        for piece in _pieces(data):
            for index, start, end in self.automaton.find_matches_as_indexes(piece):
                if index in found or piece[end : end + 1] in _LETTERS:
                    continue
                if piece[start - 1 : start] not in _LETTERS:
                    found.add(index)
        return frozenset(self.words[i] for i in found)


def _pieces(data: bytes) -> Iterator[bytes]:
    """data, cut between words: all matches of a huge file at once would take gigabytes."""
    start = 0
    while len(data) - start > _PIECE:
        cut = _NO_WORD.search(data, start + _PIECE)
        end = cut.start() if cut else len(data)
        yield data[start:end]
        start = end
    yield data[start:] if start else data


@lru_cache(maxsize=2)
def _finder(words: frozenset[str]) -> _Words:
    return _Words(words)


def _is_register_header(data: bytes) -> bool:
    """A long list of numbers, as GPUs have them: no code, and no condition but its own guard."""
    if len(data) < _REGISTER_HEADER or b"{" in data or data.count(b"\n#if") > 1:
        return False
    return len(data) < data.count(b"\n#define ") * _BYTES_PER_DEFINE


def _examine(index: Index, paths: Sequence[str]) -> list[tuple[str, tuple[Finding, ...]]]:
    return [(path, tuple(_findings(index, path))) for path in paths]


def _findings(index: Index, path: str) -> Iterator[Finding]:
    names = index.vocabulary.scope(path)
    found = index.found.get(path, frozenset())
    words = frozenset(w for w in found if w in index.extra or w in names or names.through_layout(w))
    if not words and not index.wanted_by_name(path):
        return
    data = index.read(path)
    if _GUARD in data and _FOR_ASSEMBLER.search(data):
        words = frozenset()
    file = File(path, data, names, words, index.read)
    for rule in index.rules:
        if rule.applies(path) and (words or rule.applies is not rules.c_files):
            try:
                yield from rule.examine(file)
            except RecursionError:
                yield _unread(file, 0, f"{rule.ID}: nested too deeply")
    if words and rules.c_files(path):
        yield from (_unread(file, place.at, place.reason) for place in file.c.unread)


def _unread(file: File, at: int, reason: str) -> Finding:
    line, column = file.position(at)
    shown = file.data[at : at + _SHOWN].split(b"\n")[0].decode(errors="replace")
    fix = "look at it, or write it in smaller pieces"
    return Finding(file.path, line, column, UNREAD, shown, (), f"not read: {reason}", fix)


def _read(path: str) -> bytes:
    """Half the time of Path.read_bytes(): a kernel tree has 60,000 small files."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = [os.read(file, os.fstat(file).st_size + 1)]
        while parts[-1]:
            parts.append(os.read(file, _PIECE))
        return b"".join(parts)
    finally:
        os.close(file)


def _paths(tree: Mapping[str, bytes] | Path) -> Iterator[str]:
    if not isinstance(tree, Path):
        yield from tree
        return
    for folder, folders, files in os.walk(tree):
        folders[:] = [f for f in folders if f != ".git"]
        relative = os.path.relpath(folder, tree)
        yield from (f if relative == "." else f"{relative}/{f}" for f in files)


def _only(hits: Hits, words: frozenset[str]) -> Hits:
    return Hits(hits.path, hits.words & words, hits.defined & words, hits.widths & words)


def _merged(a: Hits, b: Hits) -> Hits:
    return Hits(a.path, a.words | b.words, a.defined | b.defined, a.widths | b.widths)


def _folders(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path
