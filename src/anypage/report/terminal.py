# SPDX-License-Identifier: GPL-2.0-only
"""What people read: tables for a terminal."""

from collections import Counter
from collections.abc import Iterable

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from anypage.boot import Verdict
from anypage.convert import Conversion
from anypage.doctor import Need


def printable(line: str) -> str:
    """The line without what would steer a terminal: it may quote a kernel's console or a tree."""
    return "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in line)


def boots(verdicts: Iterable[Verdict]) -> Table:
    """One row a boot."""
    table = Table("asked", "got", "machine", "ok", "fail", "skip", "seconds", box=SIMPLE)
    for verdict in verdicts:
        machine = verdict.machine
        counts = Counter(check.status for check in verdict.results)
        failed = str(counts["failed"] or "") if not verdict.problem else "no end"
        parts = [
            machine.cpu,
            f"{machine.smp} CPU",
            machine.memory,
            "" if machine.kaslr else "nokaslr",
            f"{machine.nodes} nodes" if machine.nodes > 1 else "",
            "EL2" if machine.el2 else "",
            "EFI" if machine.firmware == "efi" else "",
            "ACPI" if machine.acpi else "",
        ]
        size = f"{verdict.page_size >> 10}K" if verdict.page_size else "[red]?[/]"
        table.add_row(
            escape(verdict.requested),
            size,
            ", ".join(filter(None, parts)),
            str(counts["passed"]),
            f"[red]{failed}[/]",
            str(counts["skipped"] or ""),
            f"{verdict.seconds:.1f}",
        )
    return table


def failures(verdicts: Iterable[Verdict]) -> list[str]:
    """What failed in each boot, with expected and found; the console's end when it did not end."""
    lines = []
    for verdict in verdicts:
        if verdict.passed:
            continue
        lines.append(f"{verdict.requested} on {verdict.machine.cpu}: {verdict.problem or 'failed'}")
        lines += [f"  {c.name}: {c.detail}" for c in verdict.results if c.status == "failed"]
        lines += [f"  | {line}" for line in verdict.console.splitlines()] if verdict.problem else []
    return lines


def conversion(result: Conversion) -> Table:
    """The summary of a conversion."""
    table = Table("Linux " + result.version, "", show_header=True)
    table.add_row("branch", f"{escape(str(result.output))}, {result.branch}")
    table.add_row("commits", f"{result.commits}, {len(result.series)} of them hand-written patches")
    table.add_row("files", str(result.files))
    for rule, count in result.edits.items():
        table.add_row(f"  {rule}", f"{count} places")
    table.add_row(
        "lines by rules", f"{result.lines.rules} of {result.lines.rules + result.lines.series}"
    )
    table.add_row("  generic code", f"{result.generic_lines.by_rules:.0%}")
    table.add_row("not converted", f"{len(result.unconverted)} places")
    table.add_row("to review", f"{len(result.review)} places")
    table.add_row("seconds", f"{sum(result.seconds.values()):.0f}")
    return table


def for_a_person(result: Conversion) -> list[str]:
    """path:line: what is left to do, and why."""
    left = [f"{f.path}:{f.line}: {f.rule}: {f.reason}" for f in result.unconverted]
    return left + [f"{f.path}:{f.line}: {f.rule}: to review: {f.fix}" for f in result.review]


def needs(found: Iterable[Need]) -> Table:
    """What anypage needs, and where it is."""
    table = Table("needs", "for", "found")
    for need in found:
        place = escape(need.found) if need.found else f"[red]missing[/]: package {need.package}"
        table.add_row(need.name, need.why, place)
    return table
