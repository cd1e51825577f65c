# SPDX-License-Identifier: GPL-2.0-only
"""What people read: tables for a terminal."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from anypage.boot import Verdict
from anypage.convert import Conversion
from anypage.doctor import Need
from anypage.exercise import Outcome
from anypage.findings import Finding
from anypage.rules import Rule
from anypage.subsystems import prefix_of

_SHOWN = 40  # places, subsystems


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


def exercises(found: Sequence[Outcome]) -> Table:
    """One row an exercise, one column a page size."""
    sizes = list(dict.fromkeys(s for o in found for sizes in o.checks.values() for s in sizes))
    table = Table("exercise", "subsystem", *sizes, box=SIMPLE)
    for outcome in found:
        cells = [_counts(outcome.statuses(size)) for size in sizes]
        table.add_row(outcome.exercise.name, escape(outcome.exercise.subsystem), *cells)
    return table


def _counts(statuses: Counter[str]) -> str:
    words = [f"{statuses[s]} {s}" for s in ("passed", "skipped") if statuses[s]]
    failed = [f"[red]{statuses['failed']} failed[/]"] if statuses["failed"] else []
    return ", ".join([*words, *failed]) or "did not run"


def skips(found: Iterable[Outcome]) -> list[str]:
    """What was skipped, and why."""
    return [
        f"{outcome.exercise.name}/{name} skipped at {size}: {check.detail}"
        for outcome in found
        for name, sizes in outcome.checks.items()
        for size, check in sizes.items()
        if check.status == "skipped"
    ]


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


def findings(found: Sequence[Finding], *, long: bool = False) -> list[str]:
    """Places by subsystem, that with most of them first; only their numbers when they are many."""
    groups: dict[str, list[Finding]] = {}
    for finding in found:
        groups.setdefault(prefix_of(finding.path), []).append(finding)
    lines = []
    worst = sorted(groups, key=lambda n: (-len(groups[n]), n))
    for name in worst if long else worst[:_SHOWN]:
        counts = Counter(f.rule for f in groups[name]).most_common()
        classes = ", ".join(f"{count} {rule}" for rule, count in counts)
        lines.append(f"{name}: {classes}")
        if long or len(found) <= _SHOWN:
            lines += [f"  {line}" for f in groups[name] for line in _place(f)]
    if len(groups) > _SHOWN and not long:
        lines.append(f"and {_count(len(groups) - _SHOWN, 'other subsystem')}")
    files = len({f.path for f in found})
    lines.append(f"{_count(len(found), 'place')} in {_count(files, 'file')}")
    if len(found) > _SHOWN and not long:
        lines.append("each of them: --long; what a class means: anypage explain CLASS")
    return lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _place(finding: Finding) -> Iterator[str]:
    kind = finding.rule if finding.severity == "error" else f"{finding.severity}: {finding.rule}"
    yield f"{finding.path}:{finding.line}:{finding.column}: {kind}: {finding.expression}"
    if len(finding.via) > 1:
        yield f"    {' <- '.join(finding.via)}"
    yield f"    {finding.reason}: {finding.fix}"


def explanation(rule: Rule) -> list[str]:
    """The text of a rule, and its examples."""
    lines = [rule.ID, "", *rule.EXPLANATION.rstrip().splitlines()]
    for example in rule.EXAMPLES:
        after = ["  becomes", *_indented(example.after)] if example.after else []
        because = [f"  is reported: {example.reason}"] if example.reason else []
        left = [] if after or because else ["  is fine"]
        lines += ["", *_indented(example.before), *after, *because, *left]
    return [*lines, ""]


def _indented(text: str) -> list[str]:
    return [f"    {line}".rstrip() for line in text.splitlines()]


def needs(found: Iterable[Need]) -> Table:
    """What anypage needs, and where it is."""
    table = Table("needs", "for", "found")
    for need in found:
        place = escape(need.found) if need.found else f"[red]missing[/]: package {need.package}"
        table.add_row(need.name, need.why, place)
    return table
