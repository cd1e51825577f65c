# SPDX-License-Identifier: GPL-2.0-only
"""The stable forms of `--json` of what has no module of its own here."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anypage.boot import Verdict
from anypage.convert import Conversion
from anypage.exercise import Outcome
from anypage.oracle.agreement import Agreement, explanation


def conversion(result: Conversion) -> dict[str, Any]:
    """What was changed, and the places that are left for a person."""
    value: dict[str, Any] = dataclasses.asdict(result)
    value["generic_lines_by_rules"] = round(result.generic_lines.by_rules, 4)
    for name in ("unconverted", "review"):
        value[name] = [
            {"path": f.path, "line": f.line, "rule": f.rule, "reason": f.reason, "fix": f.fix}
            for f in getattr(result, name)
        ]
    return value


def agreement(result: Agreement) -> dict[str, Any]:
    """How findings and the compiler agree, and each place where they do not."""
    return {
        "places": len(result.places),
        "found": result.found,
        "recall": round(result.recall, 4),
        "confirmed": result.confirmed,
        "precision": round(result.precision, 4),
        "undecided": result.undecided,
        "not_compiled": result.not_compiled,
        "elsewhere": result.elsewhere,
        "missed": [dataclasses.asdict(complaint) for complaint in result.missed],
        "unconfirmed": [{**f.as_json(), "why": explanation(f)} for f in result.unconfirmed],
    }


def image(path: Path, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Which image was booted."""
    return {
        "path": str(path),
        "bytes": path.stat().st_size,
        "sha256": verdicts[0].sha256 if verdicts else "",
    }


def exercises(found: Sequence[Outcome]) -> dict[str, Any]:
    """What each exercise gave, at each page size."""
    return {outcome.exercise.name: outcome.as_json() for outcome in found}
