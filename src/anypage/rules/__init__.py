# SPDX-License-Identifier: GPL-2.0-only
"""The rules: one module each, found by themselves (anything here that has an ID).

A rule module has

    ID            "static-storage": what `--json` and the summary call it
    EXPLANATION   why the place needs a constant, and what to write instead
    EXAMPLES      before -> after, and untouched ones; tests/test_rules.py runs them
    examine(file) -> findings of one file

and may have

    WORDS         names to look for besides the vocabulary (CONFIG_ARM64_64K_PAGES)
    applies(path) which files it reads; without it: C files with a word of the vocabulary or WORDS
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, cast

from anypage.findings import Finding
from anypage.source_file import File


@dataclass(frozen=True, slots=True)
class Example:
    """before -> after in the file at path; after None: untouched.

    others, others_after: further files of the tree, before and after. reason: for a place that is
    reported and not converted, a part of the reason.
    """

    before: str
    after: str | None = None
    path: str = "kernel/example.c"
    others: dict[str, str] = field(default_factory=dict)
    others_after: dict[str, str] = field(default_factory=dict)
    reason: str = ""


class Rule(Protocol):
    """The module of a rule."""

    ID: str
    EXPLANATION: str
    EXAMPLES: tuple[Example, ...]
    WORDS: frozenset[str]
    applies: Callable[[str], bool]

    def examine(self, file: File) -> Iterator[Finding]:
        """What the rule finds in one file."""


def c_files(path: str) -> bool:
    """What a rule reads that says nothing else."""
    return path.endswith((".c", ".h"))


@cache
def discover() -> tuple[Rule, ...]:
    """Every rule, by ID."""
    modules = (
        importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)
    )
    rules = sorted((m for m in modules if hasattr(m, "ID")), key=lambda m: str(m.ID))
    for rule in rules:
        vars(rule).setdefault("WORDS", frozenset())
        vars(rule).setdefault("applies", c_files)
    return tuple(cast(Rule, rule) for rule in rules)
