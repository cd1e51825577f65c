# SPDX-License-Identifier: GPL-2.0-only
"""Which arm of a preprocessor condition serves every page size: facts/conditions.toml."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of facts/conditions.toml."""

    path: str
    tests: frozenset[frozenset[bytes]]
    limit: str
    why: str
    run_time: bool = False

    def covers(self, path: str) -> bool:
        """Whether the entry speaks of this file."""
        return path == self.path or (self.path.endswith("/") and path.startswith(self.path))


@cache
def choices() -> tuple[Choice, ...]:
    """facts/conditions.toml."""
    text = resources.files("anypage.facts").joinpath("conditions.toml").read_text()
    return tuple(
        Choice(
            entry["path"],
            frozenset(frozenset(plain(t.encode()) for t in test) for test in entry["tests"]),
            entry["limit"],
            entry["why"],
            entry.get("run_time", False),
        )
        for entry in tomllib.loads(text)["condition"]
    )


def plain(text: bytes) -> bytes:
    """Without blanks and brackets, so that an operand is the same however it is written."""
    return text.translate(None, b" \t\n\\()")
