# SPDX-License-Identifier: GPL-2.0-only
"""The page that says which objects a compile-time page size has in common in two trees."""

from collections.abc import Iterable, Mapping

from anypage.compile_time import Result
from anypage.report.markdown import table

_METHOD = """\
The original tree and the converted one, built with a compile-time page size and compared object by
object: code, data and relocations, byte for byte. Made by"""


def page(results: Mapping[str, Result], command: str) -> str:
    """The whole page, in Markdown; results by architecture, with the page size where it has one."""
    head = ("architecture", "identical", "differ, explained", "unexplained")
    rows = [head] + [
        (name, f"{r.identical:,}", str(len(r.explained)), str(len(r.unexplained)))
        for name, r in results.items()
    ]
    parts = ["# Objects of compile-time page sizes", f"{_METHOD}\n\n    {command}", table(rows)]
    parts += _section("Why they differ", _by_reason((n, r.explained) for n, r in results.items()))
    parts += _section("Unexplained", _by_reason((n, r.unexplained) for n, r in results.items()))
    parts += _section(
        "Not built of the original tree either",
        _by_reason((n, r.broken) for n, r in results.items()),
    )
    return "\n\n".join(parts) + "\n"


def _by_reason(found: Iterable[tuple[str, Mapping[str, str]]]) -> list[str]:
    """One line for each object and reason, with the architectures."""
    names: dict[tuple[str, str], list[str]] = {}
    for name, paths in found:
        for path, why in paths.items():
            names.setdefault((path, why), []).append(name)
    return [f"- `{path}` ({', '.join(n)}): {why}" for (path, why), n in sorted(names.items())]


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"## {title}", "\n".join(lines).replace("<", "&lt;")] if lines else []
