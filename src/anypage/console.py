# SPDX-License-Identifier: GPL-2.0-only
"""What the guest reports, as its console carries it: guest/src/check.c writes it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_MARK = "anypage> "
_TAIL_LINES = 30


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the guest. status: passed, failed or skipped."""

    name: str
    status: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All that one boot of QEMU reported.

    page_size is in bytes, that of the first kernel; 0 when the guest did not say. problem: why the
    report is not whole. unfinished: the last check that was begun, if the report has no end.
    """

    page_size: int
    results: tuple[Check, ...]
    problem: str
    unfinished: str


def read(console: str) -> Report:
    """One report, or several where a kernel started the next one; each must be whole."""
    parts = list(_by_kernel(read_objects(console)))
    results = tuple(_check(o) for part in parts for o in part if "check" in o)
    pages = [int(o["page_size"]) for part in parts for o in part if "page_size" in o]
    problem, unfinished = "", ""
    for part in parts:
        count = sum("check" in o for o in part)
        end = next((o for o in part if "end" in o), None)
        if end is None:
            started = [str(o["start"]) for o in part if "start" in o]
            unfinished = started[-1] if started else ""
            problem = f"no report after {unfinished}" if started else "no report from the guest"
        elif end["total"] != count:
            problem = problem or f"{count} of {end['total']} results came through"
    return Report(pages[0] if pages else 0, results, problem, unfinished)


def _by_kernel(objects: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The reports of kernels that followed each other; the last one may have no end."""
    part: list[dict[str, Any]] = []
    follows = True
    for value in objects:
        part.append(value)
        follows = True
        if "end" in value:
            yield part
            part, follows = [], value.get("next") == "kexec"
    if follows:
        yield part


def read_objects(console: str) -> Iterator[dict[str, Any]]:
    """The JSON objects of the guest; what the kernel or a crash cut in two is passed over."""
    for line in console.splitlines():
        value = read_line(line)
        if value is not None:
            yield value


def read_line(line: str) -> dict[str, Any] | None:
    """The object that a line of the console carries."""
    _, mark, text = line.partition(_MARK)
    try:
        value = json.loads(text) if mark else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _check(value: dict[str, Any]) -> Check:
    return Check(str(value["check"]), str(value["status"]), _detail(value))


def _detail(value: dict[str, Any]) -> str:
    if "reason" in value:
        return str(value["reason"])
    if "what" in value:
        return f"{value['what']}: expected {value['expected']}, found {value['found']}"
    return ""


def tail(console: str) -> str:
    """The console's last lines: what a panic says is among them."""
    return "\n".join(console.splitlines()[-_TAIL_LINES:])
