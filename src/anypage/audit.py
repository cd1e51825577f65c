# SPDX-License-Identifier: GPL-2.0-only
"""A kernel tree to findings: the engine. It knows no rule by name (see anypage.rules).

Three passes over the tree, each in parallel: macros and includes (for the closure), words of the
vocabulary in each file, and the rules on the files that have some.
"""

import multiprocessing
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from ahocorasick_rs import MATCHKIND_LEFTMOST_LONGEST, BytesAhoCorasick, Implementation

from anypage import rules
from anypage.backslashes import keep_backslashes
from anypage.findings import Edit, Finding
from anypage.source_file import File
from anypage.vocabulary import Outline, Vocabulary, bit_field_widths, defined, outline

T = TypeVar("T")

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


def audit(
    tree: Mapping[str, bytes] | Path,
    *,
    jobs: int = 2,
    chosen: Sequence[rules.Rule] | None = None,
) -> list[Finding]:
    """Every finding of a tree (a folder, or path -> text), by path and place.

    No two edits of the result overlap: a finding whose edits would is not convertible. Companion
    edits of several findings may be the same edit; edits_by_file() merges them.
    """
    engine = _Engine(tree, tuple(chosen if chosen is not None else rules.discover()))
    findings = engine.run(jobs)
    findings.sort(key=lambda f: (f.path, f.line, f.column, f.rule))
    return keep_backslashes(_without_conflicts(findings), engine.read)


def edits_by_file(findings: Iterable[Finding]) -> dict[str, tuple[Edit, ...]]:
    """All edits, companions merged, in file order."""
    merged: dict[str, set[Edit]] = {}
    for finding in findings:
        for path, edits in ((finding.path, finding.edits), *finding.companions):
            merged.setdefault(path, set()).update(edits)
    return {p: tuple(sorted(e, key=_edit_order)) for p, e in sorted(merged.items()) if e}


def apply(data: bytes, edits: Iterable[Edit]) -> bytes:
    """data with edits made; they must not overlap."""
    parts, at = [], 0
    for edit in sorted(edits, key=_edit_order):
        if edit.start < at:
            raise ValueError(f"edits overlap at byte {edit.start}")
        parts += [data[at : edit.start], edit.text]
        at = edit.end
    return b"".join([*parts, data[at:]])


def _edit_order(edit: Edit) -> tuple[int, int, bytes]:
    return edit.start, edit.end, edit.text


def _without_conflicts(findings: list[Finding]) -> list[Finding]:
    taken: dict[str, dict[Edit, None]] = {}
    result = []
    for finding in findings:
        places = ((finding.path, finding.edits), *finding.companions)
        if any(_overlaps(e, taken.get(path, ())) for path, edits in places for e in edits):
            reason = f"{finding.reason}; the fix overlaps with another one"
            result.append(replace(finding, reason=reason, edits=(), companions=()))
            continue
        for path, edits in places:
            taken.setdefault(path, {}).update(dict.fromkeys(edits))
        result.append(finding)
    return result


def _overlaps(edit: Edit, others: Iterable[Edit]) -> bool:
    """An insertion clashes with what replaces the bytes on both sides of it."""
    return any(
        edit != other and edit.start < other.end and other.start < edit.end for other in others
    )


class _Engine:
    """What the worker processes share: they are forked after each pass has filled it in."""

    def __init__(self, tree: Mapping[str, bytes] | Path, chosen: tuple[rules.Rule, ...]) -> None:
        self.tree = tree
        self.rules = chosen
        self.extra = frozenset(w for r in chosen for w in r.WORDS)
        self.paths = sorted(filter(in_scope, _paths(tree)))
        self.vocabulary = Vocabulary.build(())
        self.words: frozenset[str] = frozenset()
        self.twins: frozenset[str] = frozenset()
        self.found: dict[str, frozenset[str]] = {}

    def read(self, path: str) -> bytes:
        """The text of a file; b"" when it cannot be read (a dangling link)."""
        if isinstance(self.tree, Path):
            try:
                return (self.tree / path).read_bytes()
            except OSError:
                return b""
        return self.tree.get(path, b"")

    def run(self, jobs: int) -> list[Finding]:
        """The three passes."""
        sources = [p for p in self.paths if p.endswith((".c", ".h", ".S"))]
        self.vocabulary = Vocabulary.build(self._map(_outlines, sources, jobs))
        twins = {f"{n}{limit}" for n in self.vocabulary.candidates for limit in ("_MIN", "_MAX")}
        self.words = self.vocabulary.candidates | self.extra
        self.twins = frozenset(twins - self.words)
        widths: dict[str, frozenset[str]] = {}
        for path, words, names, wide in self._map(_words, sources, jobs):
            widths[path] = wide
            self.vocabulary.taken |= words & self.twins
            words -= self.twins
            if not words:
                continue
            self.found[path] = words
            self.vocabulary.add_definitions(path, names)
        for path, names in widths.items():
            self.vocabulary.add_layouts(path, names)
        wanted = [p for p in self.paths if p in self.found or self._wanted_by_name(p)]
        return list(self._map(_examine, wanted, jobs))

    def _wanted_by_name(self, path: str) -> bool:
        return any(r.applies is not rules.c_files and r.applies(path) for r in self.rules)

    def _map(
        self,
        work: Callable[["_Engine", Sequence[str]], list[T]],
        paths: list[str],
        jobs: int,
    ) -> Iterator[T]:
        """work() on parts of paths, in processes when there is enough to do."""
        if jobs < 2 or len(paths) < _CHUNK:
            yield from work(self, paths)
            return
        parts = [paths[i : i + _CHUNK] for i in range(0, len(paths), _CHUNK)]
        with multiprocessing.get_context("fork").Pool(jobs, _adopt, (self,)) as pool:
            for result in pool.imap_unordered(_Call(work), parts):
                yield from result


_ENGINE: _Engine | None = None


def _adopt(engine: _Engine) -> None:
    """Runs first in a worker; the engine comes over with fork, not through a pipe."""
    global _ENGINE
    _ENGINE = engine


@dataclass(frozen=True, slots=True)
class _Call(Generic[T]):
    work: Callable[[_Engine, Sequence[str]], list[T]]

    def __call__(self, paths: Sequence[str]) -> list[T]:
        assert _ENGINE is not None
        return self.work(_ENGINE, paths)


def _outlines(engine: _Engine, paths: Sequence[str]) -> list[Outline]:
    intern: dict[bytes, str] = {}
    found = []
    for path in paths:
        data = engine.read(path)
        found.append(outline(path, b"" if _is_register_header(data) else data, intern))
    return found


def _words(
    engine: _Engine, paths: Sequence[str]
) -> list[tuple[str, frozenset[str], frozenset[str], frozenset[str]]]:
    found = []
    words = _Words(engine.words | engine.twins)
    for path in paths:
        data = engine.read(path)
        if _is_register_header(data):
            continue
        if known := words.of(data):
            found.append((path, known, defined(data, known), bit_field_widths(data, known)))
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


def _examine(engine: _Engine, paths: Sequence[str]) -> list[Finding]:
    findings: list[Finding] = []
    for path in paths:
        names = engine.vocabulary.scope(path)
        found = engine.found.get(path, frozenset())
        words = frozenset(w for w in found if w in engine.extra or w in names or names.is_layout(w))
        data = engine.read(path)
        if _FOR_ASSEMBLER.search(data):
            words = frozenset()
        file = File(path, data, names, words, engine.read)
        for rule in engine.rules:
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
