# SPDX-License-Identifier: GPL-2.0-only
"""What a rule finds in a kernel tree, and the edits that convert it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace bytes [start, end) of a file by text."""

    start: int
    end: int
    text: bytes


Companions = tuple[tuple[str, tuple[Edit, ...]], ...]  # by path


@dataclass(frozen=True, slots=True)
class Finding:
    """A place that needs the page size to be a compile-time constant (severity "error").

    Severity "suspect": it compiles at any page size, and seems to be right at one only. Severity
    "follow-up": it is right, until others of its driver are converted. Severity "slow": it is
    right, and costs more than with a constant. An audit reports neither of these two.

    path is relative to the tree; line and column count from 1. via is the chain of names from the
    expression to PAGE_SHIFT. A finding without edits cannot be converted by rule: reason says why.
    companions are edits in other files that belong to the same fix (a limit macro in a header).
    settled: a conversion leaves it: it is right in a boot-time image, the series deals with it, or
    what deals with another finding deals with it.
    """

    path: str
    line: int
    column: int
    rule: str
    expression: str
    via: tuple[str, ...]
    reason: str
    fix: str
    edits: tuple[Edit, ...] = ()
    companions: Companions = ()
    severity: str = "error"
    settled: bool = False

    def as_json(self) -> dict[str, Any]:
        """What a program reads: all but the edits."""
        names = ("path", "line", "column", "rule", "severity", "expression", "via", "reason", "fix")
        return {name: getattr(self, name) for name in names}
