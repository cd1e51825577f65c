# SPDX-License-Identifier: GPL-2.0-only
"""Exercise subsystems in the guest: which boots that takes, and what they gave."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from anypage import console
from anypage.boot import TIMEOUT, Job, Verdict, boot
from anypage.console import Check
from anypage.exercises import Exercise, boots, select

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an exercise gave. checks: name -> page size, such as 16k -> the check."""

    exercise: Exercise
    checks: Mapping[str, dict[str, Check]] = field(default_factory=dict)

    def statuses(self, page_size: str) -> Counter[str]:
        """How many of its checks passed, failed and were skipped at a page size."""
        found = (sizes.get(page_size) for sizes in self.checks.values())
        return Counter(check.status for check in found if check)

    def as_json(self) -> dict[str, Any]:
        """The stable form of `--json`."""
        return {
            "subsystems": self.exercise.subsystems,
            "checks": {
                name: {size: check.status for size, check in sizes.items()}
                for name, sizes in self.checks.items()
            },
            "reasons": {
                name: reasons
                for name, sizes in self.checks.items()
                if (reasons := {size: c.detail for size, c in sizes.items() if c.detail})
            },
        }


def exercise(
    image: Path | str,
    todo: Sequence[Job],
    names: Sequence[str],
    *,
    modules: Path | None = None,
    boot_time: bool = True,
    timeout: float = TIMEOUT,
    parallel: int = 1,
    progress: Progress = lambda stage: None,
) -> list[Verdict]:
    """Run exercises in place of the checks of each job; the arguments are those of boot().

    names: of exercises, or `all`. Exercises share a boot unless one of them wants its own; when
    one ends the guest, those after it run in another boot. AnypageError for an unknown name.
    """
    jobs = [on_machine(job, group) for job in todo for group in boots(select(names))]

    def one(job: Job) -> list[Verdict]:
        verdicts = boot(
            image,
            [job],
            modules=modules,
            boot_time=boot_time,
            timeout=timeout,
            said=lambda job, line: _tell(job, line, progress),
        )
        rest = _after(job.exercises, verdicts[0])
        return verdicts + (one(replace(job, exercises=rest)) if rest else [])

    with ThreadPoolExecutor(max(1, parallel)) as pool:
        return [verdict for verdicts in pool.map(one, jobs) for verdict in verdicts]


def on_machine(job: Job, chosen: tuple[Exercise, ...]) -> Job:
    """The job with these exercises, on a machine that they can run on."""
    machine = job.machine
    if any(exercise.el2 for exercise in chosen):
        machine = replace(machine, el2=True)
    if any(exercise.acpi for exercise in chosen):
        machine = replace(machine, acpi=True, firmware="efi")
    return replace(job, machine=machine, exercises=chosen)


def _tell(job: Job, line: str, progress: Progress) -> None:
    """An exercise that has ended, and each check that fails, with the reason."""
    value = console.read_line(line) or {}
    name, _, check = str(value.get("check", "")).partition("/")
    asked = job.asked or "default"
    if value.get("status") == "failed":
        progress(f"{asked}: {name}/{check} FAILED: {value.get('reason') or value.get('found')}")
    if check == "kernel_log":
        progress(f"{asked}: {name} is done")


def _after(chosen: tuple[Exercise, ...], verdict: Verdict) -> tuple[Exercise, ...]:
    """Those that did not get their turn, because an earlier one ended the guest."""
    begun = {check.name.partition("/")[0] for check in verdict.results}
    begun.add(verdict.unfinished.partition("/")[0])
    last = max((i for i, exercise in enumerate(chosen) if exercise.name in begun), default=None)
    return chosen[last + 1 :] if verdict.problem and last is not None else ()


def outcomes(names: Sequence[str], verdicts: Iterable[Verdict]) -> list[Outcome]:
    """By exercise; the check in which the guest ended is a failed one.

    Of several boots with one page size, a failure counts more than a pass, and that more than a
    skip.
    """
    found: dict[str, dict[str, dict[str, Check]]] = {e.name: {} for e in select(names)}
    for verdict in verdicts:
        size = f"{verdict.page_size >> 10}k" if verdict.page_size else verdict.requested
        for check in _checks(verdict):
            name, _, rest = check.name.partition("/")
            if rest:
                sizes = found[name].setdefault(rest, {})
                sizes[size] = max(check, sizes.get(size, check), key=_weight)
    return [Outcome(e, found[e.name]) for e in select(names)]


def worse(found: Iterable[Outcome], baseline: Mapping[str, Any]) -> list[str]:
    """The checks that fail here and do not fail in the baseline, with the page size.

    baseline: the "exercises" of another kernel's `--json`, such as one with a fixed page size.
    """
    return [
        f"{outcome.exercise.name}/{name} at {size}: {check.detail}"
        for outcome in found
        for name, sizes in outcome.checks.items()
        for size, check in sizes.items()
        if check.status == "failed" and not fails(baseline, outcome.exercise.name, name, size)
    ]


def fewer(found: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[str]:
    """What passes in the baseline, and is skipped or does not occur here, with the page size.

    Both are the "exercises" of a `--json`. It is no error: names of tests count what came before,
    and huge pages are free or not by chance. But what does not run proves nothing.
    """
    less = []
    for name, exercise in found.items():
        checks = exercise["checks"]
        ran = sorted({size for sizes in checks.values() for size in sizes})
        for check, expected in baseline.get(name, {}).get("checks", {}).items():
            here = checks.get(check, {})
            less += [
                f"{name}/{check} at {size}"
                for size in ran
                if expected.get(size) == "passed" and here.get(size, "skipped") == "skipped"
            ]
    return less


def merged(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The "exercises" of several boots, such as one kernel's for each page size."""
    found: dict[str, Any] = {}
    for document in documents:
        for name, exercise in document.items():
            checks = found.setdefault(name, {"checks": {}})["checks"]
            for check, sizes in exercise["checks"].items():
                checks.setdefault(check, {}).update(sizes)
    return found


def fails(document: Mapping[str, Any], exercise: str, check: str, size: str) -> bool:
    """Whether a check fails in the "exercises" of a `--json`."""
    checks = document.get(exercise, {}).get("checks", {})
    return bool(checks.get(check, {}).get(size) == "failed")


def _weight(check: Check) -> int:
    return ("skipped", "passed", "failed").index(check.status)


def _checks(verdict: Verdict) -> Iterator[Check]:
    yield from verdict.results
    if verdict.problem and verdict.unfinished:
        yield Check(verdict.unfinished, "failed", verdict.problem)
