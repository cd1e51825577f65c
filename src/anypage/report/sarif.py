# SPDX-License-Identifier: GPL-2.0-only
"""Findings as SARIF 2.1.0 (OASIS), for the views of code scanning services and of editors."""

from collections.abc import Sequence
from importlib import metadata
from typing import Any
from urllib.parse import quote

from anypage import rules
from anypage.findings import Finding

_LEVELS = {"error": "error", "suspect": "warning"}


def log(findings: Sequence[Finding]) -> dict[str, Any]:
    """A SARIF log of one run; paths are relative to the top folder of the tree (SRCROOT)."""
    known = rules.discover()
    places = {rule.ID: index for index, rule in enumerate(known)}
    driver = {
        "name": "anypage",
        "version": metadata.version("anypage"),
        "rules": [
            {
                "id": rule.ID,
                "shortDescription": {"text": rule.EXPLANATION.split(":")[0].strip()},
                "fullDescription": {"text": rule.EXPLANATION},
            }
            for rule in known
        ],
    }
    results = [_result(finding, places.get(finding.rule, -1)) for finding in findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"version": "2.1.0", "runs": [run]}


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    chain = f" ({' <- '.join(finding.via)})" if len(finding.via) > 1 else ""
    text = f"{finding.expression}{chain}: {finding.reason}. Fix: {finding.fix}."
    location = {
        "artifactLocation": {"uri": quote(finding.path), "uriBaseId": "SRCROOT"},
        "region": {"startLine": finding.line, "startColumn": finding.column},
    }
    return {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
    }
