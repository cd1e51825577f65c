# SPDX-License-Identifier: GPL-2.0-only
"""The page that says how far audit and the compiler agree, in Markdown."""

from collections import Counter

from anypage.oracle import Truth
from anypage.oracle.agreement import Agreement, explanation

_METHOD = """\
The compiler is the judge: PAGE_SHIFT is no constant any more, and it checks the syntax of every
translation unit that can be affected, and of a sample of the others. A place is a line where it
asks for a constant; a finding is confirmed when it stands on the way from such a place to the root
of its macros. Made by"""


def numbers(truth: Truth, result: Agreement) -> list[str]:
    """The figures, a line each."""
    judged = result.confirmed + len(result.unconfirmed)
    lines = [
        f"units     {len(truth.units):,} compiled of {len(truth.recording.units):,}, "
        f"{truth.sampled:,} of them as a sample of those where nothing should be",
        f"recall    {result.recall:.2%}: {result.found:,} of {len(result.places):,} places",
        f"precision {result.precision:.2%}: {result.confirmed:,} of {judged:,} findings",
        f"apart     {result.undecided:,} findings that only an optimiser can judge, "
        f"{result.not_compiled:,} in code that this configuration leaves out",
    ]
    if result.elsewhere:
        what = "places in code of another architecture, which the audit does not read"
        lines.append(f"          {result.elsewhere:,} {what}")
    return lines


def disagreements(result: Agreement) -> list[str]:
    """Places that audit has not, and findings that the compiler does not confirm."""
    lines = [f"missed: {c.path}:{c.line}: {c.message}" for c in result.missed]
    for finding in result.unconfirmed:
        why = explanation(finding) or "not explained"
        place = f"{finding.path}:{finding.line}:{finding.column}"
        lines.append(f"not confirmed: {place}: {finding.rule}: {finding.expression}: {why}")
    return lines


def page(truth: Truth, result: Agreement, title: str, command: str) -> str:
    """The whole page; its text is fixed, its figures and lists come from one run."""
    parts = [
        f"# Accuracy of the audit: {title}",
        _METHOD,
        f"    {command}",
        "\n".join(f"    {line}" for line in numbers(truth, result)),
        "## By folder",
        _folders(result),
        "## Where they do not agree",
        "\n".join(f"- {_code(line)}" for line in disagreements(result)) or "Nowhere.",
    ]
    return "\n\n".join(parts) + "\n"


def _code(line: str) -> str:
    kind, place, rest = line.split(": ", 2)
    return f"{kind}: `{place}` " + rest.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _folders(result: Agreement) -> str:
    """A row for each top folder: places, missed ones, findings that are not confirmed."""
    places = Counter(_top(path) for path, _ in result.places)
    missed = Counter(_top(complaint.path) for complaint in result.missed)
    wrong = Counter(_top(finding.path) for finding in result.unconfirmed)
    rows = ["| folder | places | missed | not confirmed |", "|---|---:|---:|---:|"]
    for name in sorted(places | wrong):
        rows.append(f"| {name} | {places[name]} | {missed[name]} | {wrong[name]} |")
    return "\n".join(rows)


def _top(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[:2] if parts[0] in ("arch", "drivers") else parts[:1])
