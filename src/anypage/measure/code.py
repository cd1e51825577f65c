# SPDX-License-Identifier: GPL-2.0-only
"""What kind of work an instruction is, and where two kernels run different code.

Counts of instructions hide that some cost more than others: divisions, loads and stores are told
apart (encodings: Arm ARM DDI 0487, C4.1).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from itertools import zip_longest

from anypage.disassembly import instruction
from anypage.measure.counting import Count, Detail
from anypage.measure.elf import Kernel

KINDS = ("divisions", "loads", "stores")


@cache
def kinds(word: int) -> tuple[str, ...]:
    """Which of KINDS an instruction is: none, one, or loads and stores (an atomic operation)."""
    if word & 0x7FE0F800 == 0x1AC00800:  # UDIV, SDIV
        return ("divisions",)
    if word & 0x0A000000 != 0x08000000:  # no load or store
        return ()
    if word & 0x3B000000 == 0x18000000:  # LDR of a literal; PRFM
        return () if word >> 30 == 3 else ("loads",)
    if word & 0x3B200C00 == 0x38200000:  # LDADD, SWP, ...
        return ("loads", "stores")
    if word & 0x3FA00000 == 0x08A00000:  # CAS
        return ("loads", "stores")
    if word & 0x3A000000 == 0x38000000:  # one register
        if word & 0xFEC00000 == 0xF8800000:  # PRFM
            return ()
        return ("stores",) if _is_plain_store(word) else ("loads",)
    return ("loads",) if word >> 22 & 1 else ("stores",)


def _is_plain_store(word: int) -> bool:
    """Of the forms with one register: opc 00, and 10 for one of 128 bits."""
    operation, is_vector = word >> 22 & 3, word >> 26 & 1
    return operation == 0 or (operation == 2 and bool(is_vector))


def by_kind(details: Iterable[Detail]) -> dict[str, int]:
    """How many of each of KINDS were executed."""
    found: Counter[str] = Counter()
    for detail in details:
        for kind in kinds(detail.instruction):
            found[kind] += detail.count
    return {kind: found[kind] for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Difference:
    """A function, and how many instructions of it two kernels executed in a workload."""

    function: str
    before: int
    after: int

    @property
    def more(self) -> int:
        """How many more the second one executed."""
        return self.after - self.before


def differences(kernels: tuple[Kernel, Kernel], counts: tuple[Count, Count]) -> list[Difference]:
    """By function, that which costs most first. Functions without a difference are left out."""
    before, after = (
        kernel.by_function((d.address, d.count) for d in count.details)
        for kernel, count in zip(kernels, counts, strict=True)
    )
    found = [Difference(name, before[name], after[name]) for name in before.keys() | after.keys()]
    return sorted((d for d in found if d.more), key=lambda d: (-d.more, d.function))


@dataclass(frozen=True, slots=True)
class Line:
    """An instruction of a function: how often it ran, and its text without addresses."""

    count: int
    text: str


Pair = tuple[Line | None, Line | None]


def side_by_side(
    function: str, kernels: tuple[Kernel, Kernel], counts: tuple[Count, Count]
) -> list[Pair]:
    """The instructions of a function that ran, in two kernels; None where one has no equal."""
    left, right = (
        _lines(kernel, function, count.details)
        for kernel, count in zip(kernels, counts, strict=True)
    )
    matcher = SequenceMatcher(
        None, [line.text for line in left], [line.text for line in right], autojunk=False
    )
    pairs: list[Pair] = []
    for _, i1, i2, j1, j2 in matcher.get_opcodes():
        pairs += zip_longest(left[i1:i2], right[j1:j2])
    return pairs


def _lines(kernel: Kernel, function: str, details: Sequence[Detail]) -> list[Line]:
    return [
        Line(d.count, _without_addresses(instruction(d.instruction, d.address)))
        for d in details
        if kernel.function(d.address) == function
    ]


def _without_addresses(text: str) -> str:
    """Targets of branches and pages of variables are others in each kernel."""
    words = text.split(" ")
    is_target = words[0].startswith(("b", "cb", "tb", "adr"))
    return " ".join(w if not (is_target and w.startswith("#0xffff")) else "<>" for w in words)
