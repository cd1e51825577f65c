# SPDX-License-Identifier: GPL-2.0-only
"""#if ... #endif whose conditions depend on the page size, and what they are at each size."""

import itertools
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from anypage import page_config
from anypage.source import arms
from anypage.source.c import Conditional
from anypage.source.condition import Condition, Part, read
from anypage.source.expression import Node
from anypage.source.statements import blank
from anypage.source_file import File
from anypage.values import SAMPLES, SIZES, Context, Evaluator, Unknown

_DEFINED = re.compile(
    rb"#[ \t]*define[ \t]+(\w+)|^\w[^;\n]*?\b(\w+)\(|\b(\w+)(?:\[[^\]]*\])?;", re.MULTILINE
)
_SHIFTS = (12, 14, 16)


@dataclass(frozen=True, slots=True)
class Group:
    """#if ... #endif with its conditions; dependent: the parts that depend on the page size."""

    file: File
    conditional: Conditional
    text: arms.Group
    tests: tuple[Condition, ...]
    dependent: tuple[Part, ...]

    @property
    def in_function(self) -> bool:
        """Whether it stands between statements."""
        return self.conditional.scope.kind == "block"


def read_group(file: File, conditional: Conditional) -> Group | None:
    """A group with its conditions; None when they cannot be read."""
    text = arms.group(file.data, conditional)
    tests = [read(file.data, arm) for arm in conditional.arms if arm.keyword != b"else"]
    known = tuple(test for test in tests if test is not None)
    if text is None or len(known) != len(tests):
        return None
    dependent = tuple(p for test in known for p in test.parts if _depends(file, p))
    return Group(file, conditional, text, known, dependent)


def _depends(file: File, part: Part) -> bool:
    return is_config(part) or (not part.symbol and file.depends(part.tokens))


def is_config(part: Part) -> bool:
    """Whether it asks for a CONFIG name of one page size."""
    return part.symbol.decode() in page_config.WORDS


def alike(group: Group) -> bool:
    """Whether each part is true at every size or at none."""
    return all(always(group.file, part) for part in group.dependent)


def one_arm(group: Group) -> bool:
    """Whether every size takes the same arm, because other parts are known to decide."""
    known = {part.node: truths_of(group.file, part) for t in group.tests for part in t.parts}
    truths = {node: values for node, values in known.items() if values is not None}
    if len(truths) != len(known):
        return False
    taken = set()
    for size in SIZES:
        now = {node: values[size] for node, values in truths.items()}
        held = (i for i, test in enumerate(group.tests) if test.holds(now.__getitem__))
        taken.add(next(held, len(group.tests)))
    return len(taken) == 1


def always(file: File, part: Part) -> bool:
    truths = None if is_config(part) else truths_of(file, part)
    return truths is not None and len(set(truths)) == 1


def truths_of(file: File, part: Part) -> tuple[bool, ...] | None:
    """At each size; None when the value depends on what is not known here."""
    evaluator = Evaluator(file)
    found = set()
    for sample in SAMPLES:
        try:
            values = [
                evaluator.value(part.node, Context(size, sample), file.data) for size in SIZES
            ]
        except Unknown:
            return None
        found.add(tuple(map(bool, values)))
    return found.pop() if len(found) == 1 and not evaluator.guesses else None


def exhaustive(group: Group) -> bool:
    """Whether one of the tests holds at each size."""
    truths = [
        truths_of(group.file, test.parts[0]) if len(test.parts) == 1 and not test.negated else None
        for test in group.tests
    ]
    return all(any(t is not None and t[size] for t in truths) for size in SIZES)


def right_already(group: Group) -> bool:
    """Around declarations: with no CONFIG name set, the arm is that of the largest size."""
    if group.in_function or not all(map(is_config, group.dependent)):
        return False
    symbols = {part.symbol for part in group.dependent}
    others = {p.node for test in group.tests for p in test.parts if p.symbol not in symbols}

    def taken(shift: int | None, given: Mapping[Node, bool]) -> int:
        def truth(node: Node) -> bool:
            if node in given:
                return given[node]
            return shift is not None and page_config.holds(node.args[0].text.decode(), shift)

        held = (i for i, test in enumerate(group.tests) if test.holds(truth))
        return next(held, len(group.tests))

    for values in itertools.product((False, True), repeat=len(others)):
        given = dict(zip(others, values, strict=True))
        if taken(None, given) != taken(_SHIFTS[-1], given):
            return False
    return True


def conditional_names(group: Group) -> set[bytes]:
    """What the arms of such conditions around declarations define, here and in own headers."""
    found: set[bytes] = set()
    for path in group.file.names.vocabulary.private_headers(group.file.path):
        same = path == group.file.path
        file = group.file if same else _other(group.file, path)
        for conditional in file.c.conditionals:
            if conditional.scope.kind == "block" or not any(a.hits for a in conditional.arms):
                continue
            other = read_group(file, conditional)
            if other and other.dependent:
                for body in other.text.bodies:
                    found.update(name for m in _DEFINED.findall(blank(body)) for name in m if name)
    return found


def _other(file: File, path: str) -> File:
    return File(path, file.read(path), file.names.vocabulary.scope(path), file.words, file.read)


def users(file: File) -> Iterator[bytes]:
    """The text of the file and, for a header, of the files beside it."""
    yield file.data
    folder = posixpath.dirname(file.path) + "/"
    if file.path.endswith(".h") and not file.path.startswith("include/"):
        for path in file.names.vocabulary.includes:
            if path.startswith(folder) and path != file.path:
                yield file.read(path)
