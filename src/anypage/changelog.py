# SPDX-License-Identifier: GPL-2.0-only
"""The commits of a conversion: which findings go together, and what their changelog says."""

import textwrap
from collections.abc import Iterable

from anypage.findings import Finding
from anypage.subsystems import Maintainers, Subsystem

_WIDTH = 72
_PLACES = 12

_WHY = {
    "alignment": "Alignment is fixed when the kernel is built: align for the largest page.",
    "assertion": "Assertions stay at build time. Each is against the limit that binds, so that "
    "it holds for every page size.",
    "bit-field": "The width of a bit-field is a constant: have room for every page size.",
    "case-label": "A case label has to be a constant: compare in a chain of ifs instead.",
    "config-name": "The configuration does not name one page size then: ask for the page size "
    "itself.",
    "enumerator": "An enumerator has to be a constant: use the limit.",
    "initialiser": "The initialiser of a static object has to be a constant. Assign the value "
    "early at boot, before anything reads the object, or when the module is loaded.",
    "kconfig": "An image may run with several page sizes: a dependency on one of them holds if "
    "that is among them. Code that cannot run with the others has to refuse them at probe.",
    "operation": "A compiler that does not know the page size divides by it where it would shift, "
    "and has more to do where it shifts. These helpers are an instruction each.",
    "preprocessor-condition": "The preprocessor cannot see the page size. Decide in C where that "
    "is possible, and otherwise on the limits: the arm for the largest page size is the general "
    "one.",
    "storage": "Static storage is laid out when the kernel is built: its bounds take the page size "
    "that needs most. What counts the entries in use is left as it is.",
}


def group(
    findings: Iterable[Finding], maintainers: Maintainers
) -> list[tuple[Subsystem, list[Finding]]]:
    """The findings by subsystem, in the order of the commits; each file is in one of them only.

    What edits a file together with others, such as a limit in a header, is in one commit with them.
    """
    parts = [({f.path, *(path for path, _ in f.companions)}, [f]) for f in findings]
    merged: list[tuple[set[str], list[Finding]]] = []
    by_subsystem: dict[Subsystem, tuple[set[str], list[Finding]]] = {}
    for paths, own in parts:
        subsystem = maintainers.subsystem(own[0].path)
        have = by_subsystem.setdefault(Subsystem(subsystem.prefix, ""), (set(), []))
        have[0].update(paths)
        have[1].extend(own)
    for subsystem in sorted(by_subsystem):
        paths, own = by_subsystem[subsystem]
        shared = [part for part in merged if part[0] & paths]
        for part in shared:
            merged.remove(part)
            paths, own = part[0] | paths, part[1] + own
        merged.append((paths, own))
    named = [(maintainers.subsystem(own[0].path), own) for _, own in merged]
    return sorted(named, key=lambda pair: (pair[0], pair[1][0].path))


def message(subsystem: Subsystem, findings: list[Finding]) -> str:
    """The changelog of one commit."""
    rules = sorted({f.rule for f in findings})
    body = [
        "The page size may be chosen at boot, and is not a constant then.",
        *(_WHY.get(rule, "") for rule in rules),
        "Nothing changes where the page size is a constant.",
    ]
    lines = (f"  {f.path}: {' '.join(f.expression.split())}"[:_WIDTH] for f in findings)
    places = list(dict.fromkeys(lines))
    more = len(places) - _PLACES
    listed = [*places[:_PLACES], *([f"  and {more} more"] if more > 0 else [])]
    text = [textwrap.fill(paragraph, _WIDTH) for paragraph in body if paragraph]
    subject = f"{subsystem.prefix}: do not take the page size for a constant"
    return "\n\n".join([subject, *text, "\n".join(listed)]) + "\n"
