# SPDX-License-Identifier: GPL-2.0-only
"""Rewrites a constant expression to its largest or smallest value over the page sizes.

Each name that depends on the page size is replaced by its own limit (PAGE_SIZE_MIN or _MAX). Which
one is not derived but tried: the choice is right when it gives the largest value at every size, for
all values of what is not known (values.py). With one page size only the text is worth what it was.

A macro gets a limit of its own beside it (#define FOO_MAX), unless it has one.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from anypage.definitions import definitions, in_file
from anypage.findings import Companions, Edit
from anypage.source.expression import Node, NotAnExpression, names, parse
from anypage.source.lexer import Token
from anypage.source.macros import Definition
from anypage.source_file import File
from anypage.values import SAMPLES, SIZES, Context, Evaluator, Unknown
from anypage.vocabulary import seeds

_MOST_NAMES = 5
_FEWEST_SAMPLES = 6
_LARGEST_WASTE = 4
_HUGE = 1 << 48
_MOST_HINTS = 200
_TAB = 8
_COLUMNS = 100


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
    found = _Occurrences(file, node, condition=True)
    if _fails(found, which):
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
Pick = Callable[[Iterable[int]], int]  # max or min


@dataclass(frozen=True, slots=True)
class _Expanded:
    text: bytes
    companions: Companions


class _Occurrences:
    """An expression, the places in it that depend on the page size, and its values.

    condition: only whether it is true counts, and a limit in it (MAX_PTRS_PER_PTE) stands for what
    it is a limit of. opaque: see Evaluator.
    """

    def __init__(
        self,
        file: File,
        node: Node,
        *,
        condition: bool = False,
        opaque: bool = False,
    ) -> None:
        self.file, self.node, self.condition = file, node, condition
        self.places = [n for n in names(node) if n.text.decode() in file.names]
        self.evaluator = Evaluator(file, opaque=opaque)
        if not self.places:
            raise NotConvertible("the page size is hidden in a part that is no plain expression")
        if len(self.places) > _MOST_NAMES:
            raise NotConvertible("too many names that depend on the page size")
        self.hints: dict[int, int] = {}
        self.truth = {s: v for s in self._samples() if (v := self._truth(s))}
        if len(self.truth) < (_FEWEST_SAMPLES if self.evaluator.guesses else 1):
            raise NotConvertible("its value is not known")

    def _samples(self) -> Iterable[int]:
        """One will do where they make no difference."""
        self._truth(0)
        return SAMPLES if self.evaluator.samples_differ else SAMPLES[:1]

    def choices(self) -> Iterator[Choice]:
        """All at 64K, all at 4K, then every mixture."""
        starts = [p.start for p in self.places]
        yield from self.ends
        for mixture in itertools.product(("max", "min"), repeat=len(starts)):
            yield dict(zip(starts, mixture, strict=True))

    @cached_property
    def ends(self) -> tuple[Choice, Choice]:
        """All limits at 64K, all at 4K."""
        return self._at_size(2), self._at_size(0)

    def values(self, choice: Choice) -> dict[int, int] | None:
        """Sample -> value with that choice of limits; None when one cannot be computed."""
        result = {}
        for sample in self.truth:
            context = Context(0, sample, limits=choice, hint=self.hints.get(sample))
            try:
                result[sample] = self._value(context)
            except Unknown:
                return None
        return result

    def rewrite(self, choice: Choice) -> Limit:
        """The edits for a choice; raises NotConvertible when a name has no such limit."""
        edits, companions = [], dict[str, set[Edit]]()
        for place in self.places:
            expanded = self._expanded(place, choice[place.start])
            if expanded:
                edits.append(Edit(place.start, place.end, expanded.text))
                others = expanded.companions
            else:
                text, others = twin(self.file, place.text.decode(), choice[place.start])
                edits.append(Edit(place.start, place.start + len(place.text), text.encode()))
            for path, more in others:
                companions.setdefault(path, set()).update(more)
        merged = tuple((p, tuple(sorted(e, key=lambda e: e.start))) for p, e in companions.items())
        return Limit(tuple(edits), merged)

    def _expanded(self, place: Node, which: str) -> "_Expanded | None":
        """A macro that is a condition, PAGE_ALIGNED(x), written out: it has no sensible limit."""
        if place.kind != "call" or not self._is_boolean(place):
            return None
        found = definitions(self.file, place.text.decode())
        if len(found) != 1:
            raise NotConvertible(f"{place.text.decode()} is defined in several ways")
        home, toks = home_of(self.file, found[0]), found[0].tokens
        body = limit(home, toks, which)
        text = body.text(home.data, toks[0].start, toks[-1].end)
        for param, arg in zip(found[0].define.params or (), place.args, strict=True):
            argument = self.file.data[arg.start : arg.end]
            text = re.sub(rb"\(%s\)|\b%s\b" % (param, param), _literally(argument), text)
        return _Expanded(text, body.companions)

    def _is_boolean(self, place: Node) -> bool:
        values = set()
        for sample in self.truth:
            for size in SIZES:
                try:
                    values.add(self.evaluator.value(place, Context(size, sample), self.file.data))
                except Unknown:
                    continue
        return values <= {0, 1}

    def _truth(self, sample: int) -> tuple[int, ...] | None:
        hint = self.hints.get(sample)
        try:
            return tuple(
                self._value(Context(size, sample, limits_follow=self.condition, hint=hint))
                for size in SIZES
            )
        except Unknown:
            return None

    def _value(self, context: Context) -> int:
        value = self.evaluator.value(self.node, context, self.file.data)
        return int(bool(value)) if self.condition else value

    def look_closer(self) -> None:
        """More samples: where the answer may change, for one unknown or a product of two."""
        known = self._known()
        ratios = {a // b for a in known for b in known}
        edges = known | ratios | {math.isqrt(r) for r in known | ratios}
        near = sorted({e + d for e in edges for d in (-1, 0, 1) if e + d > 0})
        step = max(1, len(near) // _MOST_HINTS)
        self.hints = dict(enumerate(near[::step], len(SAMPLES)))
        self.truth.update({s: v for s in self.hints if (v := self._truth(s))})

    def _known(self) -> set[int]:
        """The values of the parts that hold nothing unknown."""
        found = set()
        for node in _parts(self.node):
            for size in SIZES:
                evaluator = Evaluator(self.file)
                try:
                    value = evaluator.value(node, Context(size, 0), self.file.data)
                except Unknown:
                    break
                if not evaluator.guesses and 0 < value < _HUGE:
                    found.add(value)
        return found

    def _at_size(self, size: int) -> Choice:
        """The limits that are the names' values at one size (nearly: CONT_PTES peaks at 16K)."""
        result = {}
        for place in self.places:
            values = self._differing(place)
            result[place.start] = "max" if values[size] == max(values) else "min"
        return result

    def _differing(self, place: Node) -> tuple[int, ...]:
        """Values of a name at the three sizes, with a sample that makes them differ if one does."""
        opaque = Evaluator(self.file, opaque=True)
        for evaluator, samples in ((self.evaluator, self.truth), (opaque, SAMPLES)):
            for sample in samples:
                try:
                    values = tuple(
                        evaluator.value(place, Context(size, sample), self.file.data)
                        for size in SIZES
                    )
                except Unknown:
                    continue
                if len(set(values)) > 1:
                    return values
        return tuple(SIZES)


def _literally(text: bytes) -> Callable[[re.Match[bytes]], bytes]:
    return lambda _: text


def _parts(node: Node) -> Iterator[Node]:
    yield node
    for arg in node.args:
        yield from _parts(arg)


def _choose(found: _Occurrences, which: str, *, exact: bool = False) -> Choice | None:
    """The limits that make it worth the largest (smallest) value, or close to it if not exact."""
    pick = max if which == "max" else min
    if found.evaluator.guesses:
        found.look_closer()
    right = _right_ends(found, pick)
    if len(right) == 1:
        return right[0]
    return _search(found, pick, exact=exact) if not right else _binding_end(found, which, pick)


def _search(found: _Occurrences, pick: Pick, *, exact: bool) -> Choice | None:
    """The first choice that is right, else the one closest to it that is never wrong."""
    wanted = {s: pick(v) for s, v in found.truth.items()}
    usable: list[tuple[float, Choice]] = []
    for choice in found.choices():
        values = found.values(choice)
        if values == wanted:
            return choice
        if values and not exact and all(pick((values[s], wanted[s])) == values[s] for s in wanted):
            usable.append((max(_ratio(values[s], wanted[s]) for s in wanted), choice))
    if not usable:
        return None
    waste, choice = min(usable, key=lambda u: u[0])
    return choice if waste <= _LARGEST_WASTE else None


def _binding_end(found: _Occurrences, which: str, pick: Pick) -> Choice:
    """Where both ends are right: the one that would be for other constants too."""
    try:
        opaque = _Occurrences(found.file, found.node, condition=found.condition, opaque=True)
        opaque.look_closer()
        right = _right_ends(opaque, pick)
    except NotConvertible:
        right = []
    if len(right) == 1:
        return right[0]
    return _named(found, which) if found.evaluator.guesses else found.ends[0]


def _right_ends(found: _Occurrences, pick: Pick) -> list[Choice]:
    wanted = {s: pick(v) for s, v in found.truth.items()}
    return [c for c in found.ends if found.values(c) == wanted]


def _named(found: _Occurrences, which: str) -> Choice:
    """The limits that the source gives a name to already (VMAP_BBMAP_BITS_MAX)."""
    for place in found.places:
        name = place.text.decode()
        home = definitions(found.file, name)
        if not home or not in_file(found.file, home[0].path, _twin_name(name, which)):
            raise NotConvertible("which limit binds is not known")
    return {place.start: which for place in found.places}


def _ratio(a: int, b: int) -> float:
    low, high = sorted((abs(a), abs(b)))
    return high / low if low else float("inf")


def _fails(found: _Occurrences, which: str) -> bool:
    """At some size it is true where it must not be ("max"), or false where it must be ("min")."""
    return all(any(v) if which == "max" else not all(v) for v in found.truth.values())


def _choose_pair(found: _Occurrences, which: str) -> tuple[Choice, Choice] | None:
    """Two conditions, at 4K and at 64K, that together say what all three sizes say."""
    ends = found.ends
    large, small = (found.values(c) for c in ends)
    if large is None or small is None:
        return None
    pick = max if which == "max" else min
    for sample, truth in found.truth.items():
        if pick((large[sample], small[sample])) != pick(truth):
            return None
    return ends[1], ends[0]


def home_of(file: File, definition: Definition) -> File:
    """The file of a definition, to read its replacement text in."""
    names = file.names.vocabulary.scope(definition.path)
    return File(definition.path, definition.c.data, names, frozenset(), file.read)


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
    text = _twin_name(name, which)
    if in_file(file, found[0].path, text):
        if not _is_limit(file, name, text, which):
            raise NotConvertible(f"{text} is not the limit of {name}")
        return text, ()
    return text, _define_twin(file, name, text, which, found)


def _is_limit(file: File, name: str, text: str, which: str) -> bool:
    """Is the macro text what its name says? What cannot be computed is believed."""
    evaluator = Evaluator(file)
    pick = max if which == "max" else min
    for sample in SAMPLES:
        try:
            values = [
                evaluator.value(Node("name", n.encode(), 0, 0), Context(size, sample), b"")
                for n in (text, name)
                for size in SIZES
            ]
        except Unknown:
            continue
        if pick(values) != pick(values[:3]) or len(set(values[:3])) != 1:
            return False
    return True


def _twin_name(name: str, which: str) -> str:
    if name.endswith(("_MAX", "_MIN")):
        return f"{name}_{'LARGEST' if which == 'max' else 'SMALLEST'}"
    return f"{name}_{which.upper()}"


def _define_twin(
    file: File, name: str, text: str, which: str, found: Sequence[Definition]
) -> Companions:
    """The same for every file that needs it, so it is made once."""
    known, key = file.names.vocabulary.twins, (found[0].path, text)
    if key not in known:
        try:
            known[key] = _new_twin(file, name, text, which, found)
        except NotConvertible as error:
            known[key] = str(error)
    twin = known[key]
    if isinstance(twin, str):
        raise NotConvertible(twin)
    return twin


def _new_twin(
    file: File, name: str, text: str, which: str, found: Sequence[Definition]
) -> Companions:
    path = found[0].path
    if text in file.names.vocabulary.taken:
        raise NotConvertible(f"{name} needs a limit, and {text} is something else")
    if "/uapi/" in path:
        raise NotConvertible(f"{name} is part of the user-space interface")
    home = home_of(file, found[0])
    companions: dict[str, set[Edit]] = {}
    for definition in found:
        _check_arms(home, definition, alone=len(found) == 1)
        insertion, others = _twin_line(home, definition, text, which)
        companions.setdefault(path, set()).add(insertion)
        for other, edits in others:
            companions.setdefault(other, set()).update(edits)
    return tuple((p, tuple(sorted(e, key=lambda e: e.start))) for p, e in companions.items())


def _check_arms(home: File, definition: Definition, *, alone: bool) -> None:
    name = definition.define.name
    for conditional in definition.conditionals():
        for arm in conditional.arms:
            toks = definition.c.tokens(arm)
            if home.depends(toks) and not alone:
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
    body = home.data[toks[0].start : toks[-1].end]
    if home.depends(toks):
        found = limit(home, toks, which)
        body = found.text(home.data, toks[0].start, toks[-1].end)
        companions = found.companions
    head = home.data[definition.directive.start : define.body]
    head = head.replace(define.name, text.encode(), 1)
    gap = _gap(home.data, definition, len(text) - len(define.name), toks[0].start)
    first = (head + gap + body).partition(b"\n")[0]
    if len(first.decode(errors="replace").expandtabs(_TAB)) > _COLUMNS:
        gap = b" \\\n\t"
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
