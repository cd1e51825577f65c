# SPDX-License-Identifier: GPL-2.0-only
"""Tables in Markdown."""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
    """The first row is the head; all columns but the first are figures."""
    marks = ["---", *["---:"] * (len(rows[0]) - 1)]
    return "\n".join(
        "| " + " | ".join(map(_cell, row)) + " |" for row in (rows[0], marks, *rows[1:])
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
