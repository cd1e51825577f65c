# SPDX-License-Identifier: GPL-2.0-only
"""Rewrites a constant expression to its largest or smallest value over the page sizes.

Each name that depends on the page size is replaced by its own limit (PAGE_SIZE_MIN or _MAX). Which
one is not derived but tried: the choice is right when it gives the largest value at every size, for
all values of what is not known (values.py). With one page size only the text is worth what it was.

A macro gets a limit of its own beside it (#define FOO_MAX), unless it has one.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from anypage.definitions import Definition, definitions, in_file
from anypage.findings import Edit
from anypage.source.expression import Node, NotAnExpression, names, parse
from anypage.source.lexer import Token
from anypage.source_file import Companions, File
from anypage.values import SAMPLES, SIZES, Context, Evaluator, Unknown
from anypage.vocabulary import seeds

_MOST_NAMES = 5
_FEWEST_SAMPLES = 6
_LARGEST_WASTE = 4
_TAB = 8


class NotConvertible(ValueError):
    """Why an expression has no limit."""


@dataclass(frozen=True, slots=True)
class Limit:
    """edits turn the expression into its limit; companions define the limits that it names."""

    edits: tuple[Edit, ...]
    companions: Companions = ()

    def text(self, data: bytes, start: int, end: int) -> bytes:
        """data[start:end] after the edits."""
        parts, at = [], start
        for edit in self.edits:
            parts += [data[at : edit.start], edit.text]
            at = edit.end
        return b"".join([*parts, data[at:end]])


def limit(file: File, toks: Sequence[Token], which: str) -> Limit:
    """The "max" or "min" of the expression toks of file; raises NotConvertible."""
    node = expression(toks)
    found = _Occurrences(file, node)
    chosen = _choose(found, which)
    if chosen is None:
        raise NotConvertible("it neither grows nor shrinks with the page size")
    return found.rewrite(chosen)


def condition_limits(file: File, toks: Sequence[Token], which: str) -> tuple[Limit, ...]:
    """The condition, at the limits that bind.

    "max": of several, any is true if and only if the condition is true at some page size (for
    BUILD_BUG_ON); "min": all are true if and only if it is true at every size (for static_assert).
    """
    node = expression(toks)
    found = _Occurrences(file, node, limits_follow=True)
    if not found.evaluator.guesses and _fails(found, which):
        raise NotConvertible("it does not hold at every page size")
    chosen = _choose(found, which, exact=True)
    if chosen is not None:
        return (found.rewrite(chosen),)
    both = _choose_pair(found, which)
    if both is None:
        raise NotConvertible("no limit decides this condition for every page size")
    return tuple(found.rewrite(c) for c in both)


def expression(toks: Sequence[Token]) -> Node:
    """toks as an expression; raises NotConvertible."""
    try:
        return parse(toks)
    except NotAnExpression as error:
        raise NotConvertible("no plain expression") from error
    except RecursionError as error:
        raise NotConvertible("nested too deeply") from error


Choice = Mapping[int, str]


class _Occurrences:
    """An expression, the places in it that depend on the page size, and its values."""

    def __init__(self, file: File, node: Node, *, limits_follow: bool = False) -> None:
        self.file, self.node, self.limits_follow = file, node, limits_follow
        self.places = [n for n in names(node) if n.text.decode() in file.names]
        self.evaluator = Evaluator(file)
        if not self.places:
            raise NotConvertible("the page size is hidden in a part that is no plain expression")
        if len(self.places) > _MOST_NAMES:
            raise NotConvertible("too many names that depend on the page size")
        self.truth = {s: values for s in SAMPLES if (values := self._truth(s))}
        if len(self.truth) < (_FEWEST_SAMPLES if self.evaluator.guesses else 1):
            raise NotConvertible("its value is not known")

    def choices(self) -> Iterator[Choice]:
        """All at 64K, all at 4K, then every mixture."""
        starts = [p.start for p in self.places]
        yield from self.ends()
        for mixture in itertools.product(("max", "min"), repeat=len(starts)):
            yield dict(zip(starts, mixture, strict=True))

    def ends(self) -> tuple[Choice, Choice]:
        """All limits at 64K, all at 4K."""
        return self._at_size(2), self._at_size(0)

    def values(self, choice: Choice) -> dict[int, int] | None:
        """Sample -> value with that choice of limits; None when one cannot be computed."""
        result = {}
        for sample in self.truth:
            context = Context(0, sample, limits=choice, limits_follow=False)
            try:
                result[sample] = self.evaluator.value(self.node, context, self.file.data)
            except Unknown:
                return None
        return result

    def rewrite(self, choice: Choice) -> Limit:
        """The edits for a choice; raises NotConvertible when a name has no such limit."""
        edits, companions = [], dict[str, set[Edit]]()
        for place in self.places:
            text, others = twin(self.file, place.text.decode(), choice[place.start])
            edits.append(Edit(place.start, place.start + len(place.text), text.encode()))
            for path, more in others:
                companions.setdefault(path, set()).update(more)
        merged = tuple((p, tuple(sorted(e, key=lambda e: e.start))) for p, e in companions.items())
        return Limit(tuple(edits), merged)

    def _truth(self, sample: int) -> tuple[int, ...] | None:
        try:
            return tuple(
                self.evaluator.value(
                    self.node,
                    Context(size, sample, limits_follow=self.limits_follow),
                    self.file.data,
                )
                for size in SIZES
            )
        except Unknown:
            return None

    def _at_size(self, size: int) -> Choice:
        """The limits that are the names' values at one size (nearly: CONT_PTES peaks at 16K)."""
        sample = next(iter(self.truth))
        result = {}
        for place in self.places:
            values = []
            for s in SIZES:
                try:
                    values.append(self.evaluator.value(place, Context(s, sample), self.file.data))
                except Unknown:
                    values.append(s)
            result[place.start] = "max" if values[size] == max(values) else "min"
        return result


def _choose(found: _Occurrences, which: str, *, exact: bool = False) -> Choice | None:
    """The first choice that is worth the largest (smallest) value, else the one closest to it."""
    pick = max if which == "max" else min
    wanted = {s: pick(v) for s, v in found.truth.items()}
    usable: list[tuple[float, Choice]] = []
    if found.evaluator.guesses and all(found.values(c) == wanted for c in found.ends()):
        raise NotConvertible("which limit binds is not known")
    for choice in found.choices():
        values = found.values(choice)
        if values == wanted:
            return choice
        if values and not exact and all(pick(values[s], wanted[s]) == values[s] for s in wanted):
            usable.append((max(_ratio(values[s], wanted[s]) for s in wanted), choice))
    if not usable:
        return None
    waste, choice = min(usable, key=lambda u: u[0])
    return choice if waste <= _LARGEST_WASTE else None


def _ratio(a: int, b: int) -> float:
    low, high = sorted((abs(a), abs(b)))
    return high / low if low else float("inf")


def _fails(found: _Occurrences, which: str) -> bool:
    """A known condition that is true where it must not be ("max"), or false where it must be true."""
    return any(any(v) if which == "max" else not all(v) for v in found.truth.values())


def _choose_pair(found: _Occurrences, which: str) -> tuple[Choice, Choice] | None:
    """Two conditions, at 4K and at 64K, that together say what all three sizes say."""
    ends = found.ends()
    large, small = (found.values(c) for c in ends)
    if large is None or small is None:
        return None
    pick = max if which == "max" else min
    for sample, truth in found.truth.items():
        if pick(bool(large[sample]), bool(small[sample])) != pick(map(bool, truth)):
            return None
    return ends[1], ends[0]


def twin(file: File, name: str, which: str) -> tuple[str, Companions]:
    """The name of the limit of name, and what defines it if nothing does yet."""
    found = definitions(file, name)
    if not found:
        if name not in seeds() or file.names.definition_files(name):
            raise NotConvertible(f"{name} is defined in several ways")
        seed = seeds()[name]
        text = seed.maximum if which == "max" else seed.minimum
        if not text:
            raise NotConvertible(f"{name} has no constant limit")
        return text, ()
    text = f"{name}_{which.upper()}"
    if in_file(file, found[0].path, text):
        return text, ()
    return text, _define_twin(file, name, text, which, found)


def _define_twin(
    file: File, name: str, text: str, which: str, found: Sequence[Definition]
) -> Companions:
    path = found[0].path
    if text in file.names.vocabulary.taken:
        raise NotConvertible(f"{name} needs a limit, and {text} is something else")
    if "/uapi/" in path:
        raise NotConvertible(f"{name} is part of the user-space interface")
    home = File(path, found[0].c.data, file.names.vocabulary.scope(path), frozenset(), file.read)
    companions: dict[str, set[Edit]] = {}
    for definition in found:
        _check_arms(home, definition)
        insertion, others = _twin_line(home, definition, text, which)
        companions.setdefault(path, set()).add(insertion)
        for other, edits in others:
            companions.setdefault(other, set()).update(edits)
    return tuple((p, tuple(sorted(e, key=lambda e: e.start))) for p, e in companions.items())


def _check_arms(home: File, definition: Definition) -> None:
    name = definition.define.name
    for conditional in definition.conditionals():
        for arm in conditional.arms:
            toks = definition.c.tokens(arm)
            if home.depends(toks):
                raise NotConvertible(f"{name.decode()} is defined under #if of the page size")
            if arm.keyword == b"ifndef" and toks and toks[0].text == name:
                raise NotConvertible(f"architectures may define {name.decode()} themselves")


def _twin_line(
    home: File, definition: Definition, text: str, which: str
) -> tuple[Edit, Companions]:
    define, toks = definition.define, definition.tokens
    if not toks:
        raise NotConvertible(f"{define.name.decode()} has no value")
    companions: Companions = ()
    body = define.name
    if home.depends(toks):
        found = limit(home, toks, which)
        body = found.text(home.data, toks[0].start, toks[-1].end)
        companions = found.companions
    elif define.params is not None:
        body = home.data[toks[0].start : toks[-1].end]
    head = home.data[definition.directive.start : define.body]
    head = head.replace(define.name, text.encode(), 1)
    gap = _gap(home.data, definition, len(text) - len(define.name), toks[0].start)
    return Edit(define.end, define.end, b"\n" + head + gap + body), companions


def _gap(data: bytes, definition: Definition, longer: int, body: int) -> bytes:
    """White space before the body, in the column of the macro above when the name leaves room."""
    old = data[definition.define.body : body]
    if b"\t" not in old or b"\n" in old:
        return old or b" "
    line = data[definition.directive.start : body].decode(errors="replace")
    column = len(line.expandtabs(_TAB))
    at = len(line[: len(line) - len(old)].expandtabs(_TAB)) + longer
    tabs = -(-(column - at) // _TAB)
    return b"\t" * max(1, tabs)
