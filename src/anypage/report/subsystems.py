# SPDX-License-Identifier: GPL-2.0-only
"""The page that says, for each area of the kernel, who converts it and what was seen to work.

All of it is read from the JSON of boots, of a conversion, and from a build folder: nothing is
ticked that did not run.
"""

import copy
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from anypage.areas import REST, area_of, areas
from anypage.exercise import fails, fewer, merged
from anypage.exercises import discover
from anypage.report.markdown import table

SIZES = ("4k", "16k", "64k")
_METHOD = """\
Lines by rules and by the series are those that the conversion adds and removes. Objects are the
files that the compiler made of the area in that build. An exercise is a script in
`src/anypage/exercises`, which runs in the guest and uses the area through Debian's programs; a
check is one of `src/anypage/guest/src`. Figures at a page size: passed / failed / skipped; behind
a plus, what fails on a kernel that is built for that page size, too."""
_ALIKE = "failed alike"


@dataclass(frozen=True, slots=True)
class _Means:
    """By what an area is exercised, and its results at each page size."""

    name: str
    counts: Mapping[str, Counter[str]]

    def cell(self, size: str) -> str:
        found = self.counts.get(size)
        if not found:
            return "did not run"
        alike = f" + {found[_ALIKE]}" if found[_ALIKE] else ""
        return f"{found['passed']} / {found['failed']} / {found['skipped']}{alike}"


@cache
def _facts() -> dict[str, dict[str, Any]]:
    text = resources.files("anypage.facts").joinpath("exercised.toml").read_text()
    return tomllib.loads(text)


@dataclass(frozen=True, slots=True)
class Area:
    """An area of facts/areas.toml: lines that the conversion changes in it, objects, results.

    reason: why nothing exercises it, where nothing does.
    """

    name: str
    rules: int
    series: int
    objects: int
    means: tuple[_Means, ...]
    reason: str

    @property
    def exercised(self) -> bool:
        """Whether anything of it ran."""
        return any(means.counts for means in self.means)

    @property
    def failed(self) -> bool:
        """Whether a check failed that does not fail with a fixed page size."""
        return any(counts["failed"] for m in self.means for counts in m.counts.values())

    def as_json(self) -> dict[str, Any]:
        """The stable form of `--json`; the name is its key there."""
        value: dict[str, Any] = {
            "lines": {"rules": self.rules, "series": self.series},
            "objects": self.objects,
            "exercised": {
                means.name: {size: dict(counts) for size, counts in means.counts.items()}
                for means in self.means
            },
        }
        return value | ({"reason": self.reason} if self.reason else {})

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Of the page's table: one for each means, the first with the name of the area."""
        head = (self.name, *(str(n or "") for n in (self.rules, self.series, self.objects)))
        if not self.means:
            yield (*head, self.reason, *("" for size in SIZES))
        for means in self.means:
            yield (*head, means.name, *(means.cell(size) for size in SIZES))
            head = ("", "", "", "")


def summary(
    documents: Sequence[Mapping[str, Any]],
    lines: Mapping[str, tuple[int, int]],
    objects: Path | None,
    baseline: Mapping[str, Any],
) -> list[Area]:
    """Each area, with what was seen of it.

    documents: of `anypage boot --json`, with and without exercises. lines: by rules and by the
    series, of each area. objects: a build folder, whose objects are counted. baseline: the
    "exercises" of kernels with a fixed page size; what fails there, too, is told apart.
    """
    documents = [_judged(document, baseline) for document in documents]
    counted = _objects(objects) if objects else Counter[str]()
    found = []
    for name in _names(documents):
        rules, series = lines.get(name, (0, 0))
        means = tuple(_means(name, documents)) or tuple(_Means(n, {}) for n in _possible(name))
        reason = "" if means else _reason(name)
        found.append(Area(name, rules, series, counted[name], means, reason))
    return found


def page(
    found: Sequence[Area],
    documents: Sequence[Mapping[str, Any]],
    command: str,
    baseline: Mapping[str, Any],
) -> str:
    """The whole page, in Markdown: a summary, and of its documents what did not pass."""
    documents = [_judged(document, baseline) for document in documents]
    head = ("area", "by rules", "by series", "objects", "exercised by", *SIZES)
    rows = [head, *(row for area in found for row in area.rows())]
    parts = ["# What was seen to work, by area", f"{_METHOD} Made by", f"    {command}"]
    parts += [_images(documents), table(rows), "## Skipped", *_with_reasons(documents, "skipped")]
    parts += ["## Failed", *_with_reasons(documents, "failed")]
    if baseline:
        parts += ["## Failed alike, with a fixed page size", *_with_reasons(documents, _ALIKE)]
        exercised = merged([d["exercises"] for d in documents if "exercises" in d])
        less = [f"- {text.replace('<', '&lt;')}" for text in fewer(exercised, baseline)]
        parts += ["## Passed with a fixed page size, skipped or absent here"]
        parts += ["\n".join(less or ["nothing"])]
    return "\n\n".join(parts) + "\n"


def _judged(document: Mapping[str, Any], baseline: Mapping[str, Any]) -> dict[str, Any]:
    """The document with what fails in the baseline, too, under a name of its own."""
    judged = copy.deepcopy(dict(document))
    for name, exercise in judged.get("exercises", {}).items():
        for check, sizes in exercise["checks"].items():
            alike = [s for s in sizes if sizes[s] == "failed" and fails(baseline, name, check, s)]
            sizes.update(dict.fromkeys(alike, _ALIKE))
    return judged


def _images(documents: Iterable[Mapping[str, Any]]) -> str:
    found = {document["image"]["sha256"]: document["image"]["bytes"] for document in documents}
    return "\n".join(f"    Image of {size:,} bytes, sha256 {sha}" for sha, size in found.items())


def _names(documents: Iterable[Mapping[str, Any]]) -> list[str]:
    """The areas of facts/areas.toml, and what else is exercised."""
    others = [
        name
        for document in documents
        for exercise in document.get("exercises", {}).values()
        for name in exercise["subsystems"]
    ]
    return list(dict.fromkeys([*areas(), *others]))


def _possible(area: str) -> list[str]:
    """What would exercise an area: nothing of it is in the documents."""
    beginnings = _facts().get(area, {}).get("checks", ())
    return [e.name for e in discover() if area in e.subsystems] + [_label(beginnings)] * bool(
        beginnings
    )


def _label(beginnings: Iterable[str]) -> str:
    return f"checks {', '.join(beginning.rstrip('.') for beginning in beginnings)}"


def _reason(area: str) -> str:
    return str(_facts().get(area, {}).get("not", "nothing here uses it"))


def _means(area: str, documents: Iterable[Mapping[str, Any]]) -> Iterator[_Means]:
    found: dict[str, dict[str, Counter[str]]] = {}
    beginnings = tuple(_facts().get(area, {}).get("checks", ()))
    for document in documents:
        for name, exercise in document.get("exercises", {}).items():
            if area in exercise["subsystems"]:
                for sizes in exercise["checks"].values():
                    for size, status in sizes.items():
                        counts = found.setdefault(name, {}).setdefault(size, Counter())
                        counts[status] += 1
        if beginnings and "exercises" not in document:
            for boot in document["boots"]:
                counts = _checks(boot, beginnings)
                if counts:
                    sizes = found.setdefault(_label(beginnings), {})
                    sizes.setdefault(f"{boot['page_size'] >> 10}k", Counter()).update(counts)
    yield from (_Means(name, counts) for name, counts in found.items())


def _checks(boot: Mapping[str, Any], beginnings: tuple[str, ...]) -> Counter[str]:
    counts = Counter(
        "passed" if passed else "failed"
        for name, passed in boot["checks"].items()
        if name.startswith(beginnings)
    )
    counts["skipped"] += sum(name.startswith(beginnings) for name in boot["skipped"])
    return +counts


def _objects(folder: Path) -> Counter[str]:
    """The objects that a build made of each area."""
    paths = (path.relative_to(folder).as_posix() for path in folder.rglob("*.o"))
    sources = (p for p in paths if not p.endswith((".mod.o", "built-in.o", "vmlinux.o")))
    return Counter(area for path in sources if (area := area_of(path[:-1] + "c")) != REST)


def _with_reasons(documents: Iterable[Mapping[str, Any]], wanted: str) -> list[str]:
    """One line for each reason of an exercise: page sizes and checks."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for document in documents:
        for name, exercise in document.get("exercises", {}).items():
            for check, sizes in exercise["checks"].items():
                for size, status in sizes.items():
                    if status == wanted:
                        reason = exercise["reasons"].get(check, {}).get(size, "")
                        found.setdefault((name, reason), {})[f"{check} at {size}"] = None
    if not found:
        return ["nothing"]
    lines = [f"- {name}: {_few(list(checks))}: {why}" for (name, why), checks in found.items()]
    return ["\n".join(line.replace("<", "&lt;") for line in lines)]


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6])
    return shown if len(names) <= 6 else f"{shown} and {len(names) - 6} more"
