# SPDX-License-Identifier: GPL-2.0-only
"""Which names derive from the page size: seeds, and the macros whose bodies use them.

Names are resolved by scope, never by name alone across the tree: a macro of a header below include/
or arch/arm64/include is known everywhere; one of a .c file or of a driver's own header only to the
files that include it. A file that defines PAGE_SIZE itself (a GPU's own pages) has its own.

Enumerators and sizeof are constants in a converted tree (worst case), so they end the closure.
"""

import json
import posixpath
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import NamedTuple

from anypage.findings import Companions
from anypage.source.c import MAX_BYTES
from anypage.source.macros import Definition

_GLOBAL = re.compile(r"(?:include|arch/\w+/include)/")
_ARCH = re.compile(r"arch/(\w+)/")
_INCLUDE = re.compile(rb'#[ \t]*+include[ \t]*+[<"]([^>"\n]++)[>"]')
_NUMBER = rb"(?!\(?-?(?:0[xX][0-9a-fA-F]++|\d++)[uUlL]*+\)?[ \t]*(?:/[/*]|\r?\n))"
_BODY = rb"((?:[^\n\\]++|\\\r?\n|\\)*+)"
_DEFINE = re.compile(
    rb"#[ \t]*+define[ \t]++(\w++)(?:(\([^)\n]*\))[ \t]*+|[ \t]++)" + _NUMBER + _BODY
)
_ANY_DEFINE = re.compile(rb"#[ \t]*+define[ \t]++(\w++)")
_WIDTH = re.compile(rb":[ \t]*+([A-Za-z_]\w*+)[ \t]*+;")
_TYPE_AND_NAME = re.compile(rb"\w[ \t]++\w++[ \t]*+\Z")
_WORD = re.compile(rb"[A-Za-z_]\w*+(?:[ \t]*+\()?")
_NO_WORDS = re.compile(rb'/\*[\s\S]*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"')


@dataclass(frozen=True, slots=True)
class Seed:
    """values: for PAGE_SHIFT 12, 14, 16. minimum, maximum: names of the limits, "" for none."""

    name: str
    values: tuple[int, int, int]
    minimum: str
    maximum: str


@cache
def seeds() -> Mapping[str, Seed]:
    """facts/vocabulary.toml, [seeds]."""
    return {
        name: Seed(
            name,
            tuple(f["values"]),
            f.get("min", f"{name}_MIN"),
            f.get("max", f"{name}_MAX"),
        )
        for name, f in _facts()["seeds"].items()
    }


@cache
def limit_values() -> Mapping[str, tuple[int, int, int]]:
    """PAGE_SIZE_MAX, MAX_PTRS_PER_PTE, ...: the values of what each name is a limit of."""
    names = seeds().values()
    return {limit: s.values for s in names for limit in (s.minimum, s.maximum) if limit}


@cache
def constants() -> Mapping[str, int]:
    """facts/vocabulary.toml, [constants]."""
    return dict(_facts()["constants"])


@cache
def _facts() -> dict[str, dict]:  # type: ignore[type-arg]
    return tomllib.loads(resources.files("anypage.facts").joinpath("vocabulary.toml").read_text())


@cache
def repetitions() -> frozenset[str]:
    """facts/vocabulary.toml, [repetitions]: headers whose macros have their values elsewhere."""
    return frozenset(_facts()["repetitions"]["headers"])


def is_global(path: str) -> bool:
    """Every file can use the macros of this header."""
    return _GLOBAL.match(path) is not None


class Macro(NamedTuple):
    """words: the names in its body, with a "(" behind those that are called. () for a number.

    called: it has parameters, so its name alone is none of its uses.
    """

    words: tuple[str, ...]
    called: bool


Macros = Sequence[tuple[str, Sequence[str], bool]]  # (name, *Macro)


@dataclass(frozen=True, slots=True)
class Outline:
    """What the closure needs of a file: #includes and macros."""

    path: str
    includes: tuple[str, ...]
    macros: Macros


def pack(macros: Macros) -> bytes:
    """One line of text: it goes from one process to another, and into the cache."""
    return json.dumps(macros, separators=(",", ":")).encode()


def unpack(text: bytes) -> Macros:
    """What pack() packed."""
    return [(name, words, called) for name, words, called in json.loads(text)]


def outline(path: str, data: bytes, bodies: dict[bytes, tuple[str, ...]]) -> Outline:
    """Read one file. Macros whose body is a number are left out: most of the tree's are that.

    bodies: the words of the bodies read so far, for many macros have the same one.
    """
    macros = []
    for match in _DEFINE.finditer(data) if path not in repetitions() else ():
        name, parameters, body = match.groups()
        if body not in bodies:
            bodies[body] = tuple(word.decode() for word in _words(body))
        if match.end() - match.start() <= MAX_BYTES:
            macros.append((name.decode(), bodies[body], parameters is not None))
    includes = tuple(t.decode(errors="replace") for t in _INCLUDE.findall(data))
    return Outline(path, includes, macros)


def _words(body: bytes) -> list[bytes]:
    """In the order of the text, so that the chain of a name is always the same."""
    if b'"' in body or b"/" in body:
        body = _NO_WORDS.sub(b" ", body)
    found = (w if w[-1:] != b"(" else w[:-1].rstrip() + b"(" for w in _WORD.findall(body))
    return list(dict.fromkeys(found))


def defined(data: bytes, names: frozenset[str]) -> frozenset[str]:
    """Which of names the file #defines, as numbers too."""
    return frozenset(n for t in _ANY_DEFINE.findall(data) if (n := t.decode()) in names)


def bit_field_widths(data: bytes, names: frozenset[str]) -> frozenset[str]:
    """Which of names stand alone as the width of a bit-field."""
    return frozenset(
        name
        for match in _WIDTH.finditer(data)
        if (name := match[1].decode()) in names
        and _TYPE_AND_NAME.search(data, data.rfind(b"\n", 0, match.start()) + 1, match.start())
    )


def all_defined(data: bytes) -> frozenset[str]:
    """Every name that the file #defines."""
    return frozenset(t.decode() for t in _ANY_DEFINE.findall(data))


@dataclass(slots=True)
class Vocabulary:
    """The closure over a tree.

    candidates: every name that derives from the page size somewhere. macros: file -> name -> macro,
    for candidates only. taken: names of possible limits (FOO_MAX) that the tree uses already.
    layouts: (file, name) of macros that are the width of a bit-field: they become constants
    (rules/bitfields.py), and end the closure. parsed, defines: caches of definitions.py; twins: of
    limits.py, (file, limit) -> what defines it or why nothing does.
    """

    candidates: frozenset[str]
    macros: dict[str, dict[str, Macro]]
    includes: dict[str, tuple[str, ...]]
    parsed: dict[str, dict[str, tuple[Definition, ...]]] = field(default_factory=dict)
    twins: dict[tuple[str, str], Companions | str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    layouts: set[tuple[str, str]] = field(default_factory=set)
    defines: dict[str, frozenset[str]] = field(default_factory=dict)
    _scopes: "dict[str, Names]" = field(default_factory=dict)
    _included: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _found_targets: dict[tuple[str, str], str | None] = field(default_factory=dict)
    _reach: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _files_called: dict[str, list[str]] = field(default_factory=dict)
    _definers: dict[str, list[str]] = field(default_factory=dict)
    _private: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def build(cls, outlines: Iterable[Outline]) -> "Vocabulary":
        """The vocabulary of a tree with these files."""
        outlines = list(outlines)
        known = closure(outlines)
        macros = {o.path: found for o in outlines if (found := macros_of(o, known))}
        return cls(known, macros, {o.path: o.includes for o in outlines})

    def __post_init__(self) -> None:
        for path, names in self.macros.items():
            for name in names:
                if is_global(path):
                    self._definers.setdefault(name, []).append(path)

    def add_definitions(self, path: str, names: Iterable[str]) -> None:
        """What defined() found: a number hides a name that derives from the page size elsewhere."""
        for name in names if path not in repetitions() else ():
            if name in self.macros.get(path, {}):
                continue
            self.macros.setdefault(path, {})[name] = Macro((), False)
            if is_global(path):
                self._definers.setdefault(name, []).append(path)

    def add_layouts(self, path: str, names: Iterable[str]) -> None:
        """What bit_field_widths() found in the file at path."""
        for name in names:
            files = self.scope(path).definition_files(name)
            if len(files) == 1:
                self.layouts.add((files[0], name))

    def scope(self, path: str) -> "Names":
        """The names as the file at path sees them."""
        if path not in self._scopes:
            self._scopes[path] = Names(self, path)
        return self._scopes[path]

    def private_headers(self, path: str) -> tuple[str, ...]:
        """path itself and the headers of its own that it includes, nearest first."""
        if path not in self._private:
            found = [path]
            for at in found:
                for target in self._targets(at):
                    if target not in found and not is_global(target):
                        found.append(target)
            self._private[path] = tuple(found)
        return self._private[path]

    def headers(self, path: str) -> tuple[str, ...]:
        """The headers that path and its own headers name, without what global ones include."""
        found = dict.fromkeys(self.private_headers(path)[1:])
        for at in self.private_headers(path):
            found.update(dict.fromkeys(self._targets(at)))
        return tuple(found)

    def reach(self, path: str) -> tuple[str, ...]:
        """path and every header that it includes, however deep, nearest first."""
        if path not in self._reach:
            found = {path: None}
            todo = [path]
            for at in todo:
                for target in self._targets(at):
                    if target not in found:
                        found[target] = None
                        todo.append(target)
            self._reach[path] = tuple(todo)
        return self._reach[path]

    def includers(self, paths: Iterable[str]) -> set[str]:
        """The files that reach one of paths, which are among them."""
        found = set(paths)
        last = found
        while last:
            names = tuple(posixpath.basename(path) for path in last)
            last = {
                path
                for path, includes in self.includes.items()
                if path not in found
                and any(include.endswith(names) for include in includes)
                and not last.isdisjoint(self._targets(path))
            }
            found |= last
        return found

    def definers(self, name: str) -> list[str]:
        """The global headers that define name."""
        return self._definers.get(name, [])

    def _targets(self, path: str) -> tuple[str, ...]:
        if path not in self._included:
            folder = posixpath.dirname(path)
            found = (self._target(folder, include) for include in self.includes.get(path, ()))
            self._included[path] = tuple(target for target in found if target)
        return self._included[path]

    def _target(self, folder: str, include: str) -> str | None:
        if (folder, include) not in self._found_targets:
            self._found_targets[folder, include] = self._find_target(folder, include)
        return self._found_targets[folder, include]

    def _find_target(self, folder: str, include: str) -> str | None:
        beside = f"{folder}/{include}" if folder else include
        if "./" in beside or "//" in beside:
            beside = posixpath.normpath(beside)
        own = _ARCH.match(f"{folder}/")
        arch = f"arch/{own[1] if own else 'arm64'}/include"
        for candidate in (
            beside,
            f"include/{include}",
            f"{arch}/{include}",
            f"include/uapi/{include}",
            f"{arch}/uapi/{include}",
            f"include/asm-generic/{posixpath.basename(include)}" if include[:4] == "asm/" else "",
        ):
            if candidate in self.includes:
                return candidate
        return self._by_suffix(folder, include)

    def _by_suffix(self, folder: str, include: str) -> str | None:
        """A header on an -I path of the same part of the tree: the closest one by name."""
        suffix = "/" + include.lstrip("./")
        found = [
            p
            for p in self._by_basename().get(posixpath.basename(include), ())
            if p.endswith(suffix) and _common(p, folder) >= 2
        ]
        return max(found, key=lambda p: (_common(p, folder), -len(p)), default=None)

    def _by_basename(self) -> dict[str, list[str]]:
        if not self._files_called:
            for path in self.includes:
                self._files_called.setdefault(path.rpartition("/")[2], []).append(path)
        return self._files_called


def _common(a: str, b: str) -> int:
    """Number of leading path components that a and b share."""
    count = 0
    for x, y in zip(a.split("/"), b.split("/"), strict=False):
        if x != y:
            break
        count += 1
    return count


def closure(outlines: Sequence[Outline]) -> frozenset[str]:
    """Every name that derives from a seed: of global headers first, then of private files."""
    known = set(seeds())
    known = _closure(known, (o for o in outlines if is_global(o.path)))
    return frozenset(_closure(known, outlines))


def macros_of(outline: Outline, names: frozenset[str]) -> dict[str, Macro]:
    """The macros of a file that are among names; several #defines of one are one here."""
    macros: dict[str, Macro] = {}
    for name, words, called in outline.macros:
        if name in names:
            before = macros.get(name, Macro((), True))
            macros[name] = Macro((*before.words, *words), before.called and called)
    return macros


def concerns(outline: Outline, names: frozenset[str]) -> frozenset[tuple[object, ...]]:
    """What of a file can change the closure when it is names now."""
    return frozenset(
        (name, *words, called)
        for name, words, called in outline.macros
        if name in names or any(word.rstrip("(") in names for word in words)
    )


def _closure(known: set[str], outlines: Iterable[Outline]) -> set[str]:
    users: dict[str, set[str]] = defaultdict(set)
    objects = set(known)
    for o in outlines:
        for name, words, called in o.macros:
            if name in limit_values():  # a constant, whatever defines it
                continue
            if not called:
                objects.add(name)
            for word in words:
                users[word].add(name)
    known = set(known)
    todo = list(known)
    while todo:
        name = todo.pop()
        uses = users.get(f"{name}(", set()) | (users.get(name, set()) if name in objects else set())
        todo += uses - known
        known |= uses
    return known


@dataclass(slots=True)
class Names:
    """The vocabulary as one file sees it. visible, values: caches of definitions.py, values.py."""

    vocabulary: Vocabulary
    path: str
    visible: dict[str, tuple[Definition, ...]] = field(default_factory=dict)
    values: dict[tuple[bytes | int | None, ...], int] = field(default_factory=dict)
    _chains: dict[str, tuple[str, ...] | None] = field(default_factory=dict)
    _files: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _own_names: dict[str, str] | None = None

    def __contains__(self, name: str) -> bool:
        return self.chain(name) is not None

    def chain(self, name: str) -> tuple[str, ...] | None:
        """(name, ..., seed): why name depends on the page size; None when it does not."""
        if name not in self.vocabulary.candidates:
            return None
        if name not in self._chains:
            self._chains[name] = None  # a macro that names itself ends here
            self._chains[name] = self._find_chain(name)
        return self._chains[name]

    def definition_files(self, name: str) -> tuple[str, ...]:
        """The files whose #define of name this file sees; () for a seed of the kernel's own."""
        if name not in self._files:
            self._files[name] = self._find_files(name)
        return self._files[name]

    @property
    def _own(self) -> dict[str, str]:
        """Which of the file and its own headers defines a name."""
        if self._own_names is None:
            self._own_names = {
                name: header
                for header in reversed(self.vocabulary.private_headers(self.path))
                for name in self.vocabulary.macros.get(header, ())
                if name not in seeds() or not is_global(header)
            }
        return self._own_names

    def _find_files(self, name: str) -> tuple[str, ...]:
        if name in self._own:
            return (self._own[name],)
        if name in seeds():
            return ()
        definers = self.vocabulary.definers(name)
        if len(definers) < 2:
            return tuple(definers)
        reach = set(self.vocabulary.reach(self.path))
        return tuple(h for h in definers if h in reach)

    def is_layout(self, name: str) -> bool:
        """Is it the width of a bit-field?"""
        return any((f, name) in self.vocabulary.layouts for f in self.definition_files(name))

    def through_layout(self, name: str) -> bool:
        """Is it made from the width of a bit-field, and so changes with that?"""
        todo, seen = [name], {name}
        for at in todo:
            if self.is_layout(at):
                return True
            for file in self.definition_files(at) if at in self.vocabulary.candidates else ():
                words = {w.rstrip("(") for w in self.vocabulary.macros[file][at].words} - seen
                todo += sorted(words)
                seen |= words
        return False

    def _find_chain(self, name: str) -> tuple[str, ...] | None:
        files = self.definition_files(name)
        if self.is_layout(name):
            return None
        if not files:
            return (name,) if name in seeds() else None
        for file in files:
            for word in self.vocabulary.macros[file][name].words:
                used = word.rstrip("(")
                if used == word and self._is_called(used):
                    continue
                if used != name and (rest := self.chain(used)):
                    return (name, *rest)
        return None

    def _is_called(self, name: str) -> bool:
        """Has it parameters, wherever this file sees it defined?"""
        files = self.definition_files(name) if name in self.vocabulary.candidates else ()
        return bool(files) and all(self.vocabulary.macros[f][name].called for f in files)
