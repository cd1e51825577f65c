# SPDX-License-Identifier: GPL-2.0-only
"""The page that says how many lines of each area rules convert, and how many a person."""

from collections.abc import Iterator

from anypage.convert import Conversion, Lines
from anypage.report.markdown import table

_HEAD = ("area", "lines by rules", "lines by the series", "by rules")
_METHOD = """\
Lines that the conversion adds and removes. The series is written by hand; what the rules change
follows from the source alone. Areas are those of `facts/areas.toml`. Made by"""


def page(result: Conversion, command: str) -> str:
    """The whole page, in Markdown."""
    title = f"# Who converts what: Linux {result.version}"
    return "\n\n".join([title, _METHOD, f"    {command}", table(list(_rows(result)))]) + "\n"


def _rows(result: Conversion) -> Iterator[tuple[str, ...]]:
    """Areas in which something changed, and all of the tree."""
    yield _HEAD
    for name, lines in result.area_lines.items():
        if lines.rules or lines.series:
            yield _row(name, lines)
    yield _row("all", result.lines)


def _row(name: str, lines: Lines) -> tuple[str, ...]:
    return name, str(lines.rules), str(lines.series), f"{lines.by_rules:.0%}"
