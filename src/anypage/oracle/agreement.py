# SPDX-License-Identifier: GPL-2.0-only
"""How far audit and the compiler agree: recall and precision, and each place where they do not."""

import os
import re
import tomllib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, cached_property
from importlib import resources
from itertools import pairwise
from typing import Any

from anypage.findings import Finding
from anypage.index import in_scope
from anypage.oracle import Complaint, Place, Truth
from anypage.process import run
from anypage.source.c import CFile, Directive, parse
from anypage.source.lexer import Token

_LINE_MARKER = re.compile(rb'# (\d+) "([^"]*)"')
_DEFINE = re.compile(rb"#define (\w+)")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Places of the compiler, numbers of findings, and those on which they disagree.

    missed: one complaint for each place that audit has not. unconfirmed: findings in compiled code.
    undecided: how many of those only an optimiser can judge, which are in no other number.
    not_compiled: how many findings the compiler did not see in this configuration. elsewhere: how
    many places there are in code of another architecture, which audit does not read.
    """

    places: tuple[Place, ...]
    missed: tuple[Complaint, ...]
    confirmed: int
    unconfirmed: tuple[Finding, ...]
    undecided: int
    not_compiled: int
    elsewhere: int = 0

    @property
    def found(self) -> int:
        """How many of the compiler's places audit has."""
        return len(self.places) - len(self.missed)

    @property
    def recall(self) -> float:
        """The share of the compiler's places that audit finds, 0 to 1."""
        return self.found / len(self.places) if self.places else 1.0

    @property
    def precision(self) -> float:
        """The share of audit's findings in compiled code that the compiler confirms, 0 to 1."""
        judged = self.confirmed + len(self.unconfirmed)
        return self.confirmed / judged if judged else 1.0


@cache
def _explanations() -> tuple[dict[str, Any], ...]:
    """facts/accuracy.toml."""
    text = resources.files("anypage.facts").joinpath("accuracy.toml").read_text()
    return tuple(tomllib.loads(text)["finding"])


def explanation(finding: Finding) -> str:
    """Why the compiler does not confirm a finding that is right; "" when nobody has said."""
    for known in _explanations():
        expressions = known["expressions"]
        if finding.path in known["paths"] and any(
            fnmatchcase(finding.expression, e) for e in expressions
        ):
            return str(known["why"])
    return ""


def agreement(truth: Truth, findings: Iterable[Finding]) -> Agreement:
    """Compare findings of severity "error" with the compiler's verdict on the same tree.

    A place and a finding are the same when a line of the finding's expression is on the way from
    the place to the root of its macros.
    """
    errors = [f for f in findings if f.severity == "error"]
    files = {path: _Source(truth, path) for path in truth.units.keys() | truth.headers.keys()}
    for finding in errors:
        if finding.path in files:
            files[finding.path].findings.append(finding)
    seen = [f for source in files.values() for f in source.findings]
    at = _by_line(files.values())
    in_macros = _by_macro(files.values())
    confirmed: set[Finding] = set()
    places: dict[Place, Complaint] = {}
    found: set[Place] = set()
    elsewhere: set[Place] = set()
    for complaint in truth.complaints:
        place = complaint.path, complaint.line
        same = [finding for link in complaint.chain for finding in at.get(link, ())]
        if not same and place[0] in files:
            words = files[place[0]].words(complaint.line)
            same = [finding for word in words for finding in in_macros.get(word, ())]
        confirmed.update(same)
        if not in_scope(complaint.path):
            elsewhere.add(place)
            continue
        places[place] = complaint
        found |= {place} if same else set()
    undecided = {f for c in truth.undecided for link in c.chain for f in at.get(link, ())}
    undecided -= confirmed
    seen.sort(key=lambda f: (f.path, f.line, f.column, f.rule))
    doubtful = [f for f in seen if f not in confirmed and f not in undecided]
    compiled = {f for source in files.values() for f in source.compiled({*doubtful})}
    return Agreement(
        tuple(sorted(places)),
        tuple(places[place] for place in sorted(places.keys() - found)),
        len(confirmed),
        tuple(f for f in doubtful if f in compiled),
        len(undecided),
        len(errors) - len(seen) + len(doubtful) - len(compiled),
        len(elsewhere),
    )


class _Source:
    """A file that the compiler read, and the findings in it."""

    def __init__(self, truth: Truth, path: str) -> None:
        self.truth, self.path = truth, path
        self.findings: list[Finding] = []

    @cached_property
    def data(self) -> bytes:
        """Its text."""
        return (self.truth.recording.tree / self.path).read_bytes()

    @cached_property
    def starts(self) -> list[int]:
        """The offset of each line."""
        return [0, *(m.end() for m in re.finditer(rb"\n", self.data))]

    @cached_property
    def at(self) -> dict[int, Finding]:
        """The findings by offset."""
        return {self.starts[f.line - 1] + f.column - 1: f for f in self.findings}

    @cached_property
    def parsed(self) -> CFile:
        """Statements and preprocessor lines with findings."""
        return parse(self.data, sorted(self.at))

    def words(self, line: int) -> list[bytes]:
        """The words of a line, from 1."""
        end = self.data.find(b"\n", self.starts[line - 1])
        return re.findall(rb"\w+", self.data[self.starts[line - 1] : end])

    def lines(self, finding: Finding, offset: int) -> range:
        """The lines of its expression, which is shown with single spaces."""
        words = map(re.escape, finding.expression.encode().split())
        match = re.compile(rb"(?:\s|\\\n)+".join(words)).match(self.data, offset)
        count = match[0].count(b"\n") if match else 0
        return range(finding.line, finding.line + count + 1)

    def macros(self) -> Iterator[tuple[bytes, Finding]]:
        """Findings in the body of a macro, with its name."""
        for directive in self.parsed.directives:
            if directive.hits and (define := directive.define(self.data)):
                yield from ((define.name, self.at[hit]) for hit in directive.hits)

    def compiled(self, doubtful: Set[Finding]) -> Iterator[Finding]:
        """Those that the compiler saw: not in a skipped arm of an #if, nor in an unused macro."""
        if doubtful.isdisjoint(self.findings):
            return
        lines, macros = _preprocessed(self.truth, self.path)

        def any_line(start: int, end: int) -> bool:
            first, last = bisect_right(self.starts, start), bisect_right(self.starts, end)
            return any(first <= line <= last for line in lines)

        hits: list[int] = []
        for statement in self.parsed.statements:
            tokens = self.parsed.tokens(statement)
            hits += (hit for hit in statement.hits if any_line(_arm_start(tokens, hit), hit))
        for directive in self.parsed.directives:
            define = directive.define(self.data)
            if not directive.hits:
                continue
            used = define.name in macros if define else any_line(*_arm(self.parsed, directive))
            taken = any(any_line(*body) for body in _bodies_before(self.parsed, directive))
            hits += directive.hits if used and not taken else ()
        yield from (self.at[hit] for hit in hits if self.at[hit] in doubtful)


def _by_line(sources: Iterable[_Source]) -> dict[Place, list[Finding]]:
    found: dict[Place, list[Finding]] = defaultdict(list)
    for source in sources:
        for offset, finding in source.at.items() if source.findings else ():
            for line in source.lines(finding, offset):
                found[source.path, line].append(finding)
    return found


def _by_macro(sources: Iterable[_Source]) -> dict[bytes, list[Finding]]:
    """Of the argument of an attribute, the compiler tells where it is used and no more."""
    found: dict[bytes, list[Finding]] = defaultdict(list)
    for source in sources:
        for name, finding in source.macros() if source.findings else ():
            found[name].append(finding)
    return found


def _arm_start(tokens: Iterable[Token], hit: int) -> int:
    """Where the code begins that ends at hit, with no preprocessor line in between."""
    start = hit
    for token in tokens:
        if token.start >= hit:
            break
        start = hit if token.kind == "dir" else min(start, token.start)
    return start


def _arm(file: CFile, directive: Directive) -> tuple[int, int]:
    """The bytes between the preprocessor lines in which this one stands."""
    index = directive.condition
    if index >= 0 and directive in file.conditionals[index].arms:
        index = file.conditionals[index].parent
    if index < 0:
        return 0, len(file.data)
    around = file.conditionals[index]
    ends = [*around.arms[1:], *([around.endif] if around.endif else [])]
    borders = [*around.arms, *ends[-1:]]
    before = max(b.start for b in borders if b.start < directive.start)
    return before, min((e.start for e in ends if e.start > directive.start), default=len(file.data))


def _bodies_before(file: CFile, directive: Directive) -> Iterator[tuple[int, int]]:
    """Of an #elif, the code of the arms before it: if one is taken, nobody asks the #elif."""
    if directive.keyword == b"elif" and directive.condition >= 0:
        arms = file.conditionals[directive.condition].arms
        before = arms[: arms.index(directive) + 1]
        yield from ((a.end + 1, b.start - 1) for a, b in pairwise(before))


def _preprocessed(truth: Truth, path: str) -> tuple[frozenset[int], frozenset[bytes]]:
    """The lines of the file at path that the preprocessor keeps, and the macros that are used."""
    recording = truth.recording
    unit = truth.units[path if path in truth.units else truth.headers[path]]
    source = str(recording.tree / unit.source)

    def output(kind: str) -> list[bytes]:
        command = [recording.compiler, *unit.arguments, "-E", kind, source]
        return run(command, cwd=recording.objects).split(b"\n")

    lines: set[int] = set()
    here, number = False, 0
    for line in output("-dD"):
        if marker := _LINE_MARKER.match(line):
            number = int(marker[1])
            name = recording.objects / os.fsdecode(marker[2])
            here = os.path.normpath(name) == str(recording.tree / path)
            continue
        if here and line.strip():
            lines.add(number)
        number += 1
    macros = {macro[1] for line in output("-dU") if (macro := _DEFINE.match(line))}
    return frozenset(lines), frozenset(macros)
