# SPDX-License-Identifier: GPL-2.0-only
"""A pristine kernel tree to a branch of commits that let its page size be chosen at boot."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from anypage.areas import REST, area_of, areas
from anypage.audit import apply, edits_by_file, find
from anypage.cache import whole_folder
from anypage.changelog import group, message
from anypage.errors import AnypageError
from anypage.fetch import IMPORT_DATE, fetch
from anypage.findings import Finding
from anypage.repo import Commit, Repo, clone, import_folder
from anypage.rules import kconfig
from anypage.series import Patch, patches
from anypage.subsystems import Maintainers
from anypage.tree import KernelTree

BRANCH = "boot-time-page-size"

Progress = Callable[[str], None]

# The headers that define limits of the page size and of what derives from it.
_LIMIT_HEADERS = (
    "arch/*/include/asm/page*.h",
    "include/asm-generic/page-limits.h",
    "include/linux/huge_mm.h",
    "include/linux/mmzone.h",
    "include/linux/page-flags-layout.h",
    "include/linux/page_size_init.h",
    "include/linux/pgtable.h",
    "include/linux/thread_info.h",
)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines added and removed by the series and by the rules."""

    series: int
    rules: int

    @property
    def by_rules(self) -> float:
        """The part of the rules, 0 to 1."""
        total = self.series + self.rules
        return self.rules / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Conversion:
    """What became of a tree.

    lines is counted over the whole tree, generic_lines outside of arch/arm64 and of the headers
    that define the limits, area_lines for each area of facts/areas.toml. unconverted findings need
    a person; those in review are converted, but code behind them has to refuse page sizes that do
    not suit it. seconds: by stage.
    """

    output: Path
    branch: str
    version: str
    pristine: str
    head: str
    tree: str
    series: tuple[str, ...]
    files: int
    commits: int
    edits: dict[str, int]
    lines: Lines
    generic_lines: Lines
    area_lines: dict[str, Lines]
    unconverted: tuple[Finding, ...]
    review: tuple[Finding, ...]
    seconds: dict[str, float]


def convert(
    source: Path | str,
    output: Path | str,
    *,
    jobs: int = 2,
    progress: Progress = lambda stage: None,
) -> Conversion:
    """Convert the tree of source (see fetch()) into a new repository at output.

    The source is not touched. output is absent or complete at any time. Raises AnypageError for
    what is no pristine tree of a supported version, an output that exists, or a patch that does not
    apply.
    """
    target = Path(output).absolute()
    if target.exists() or target.is_symlink():
        raise AnypageError(
            "the output exists", where=str(target), remedy="remove it or name another"
        )
    clock = _Clock(progress)
    with clock.stage("read the source"):
        tree = fetch(str(source))
        tree.check_convertible()
        if target.is_relative_to(tree.path):
            raise AnypageError(
                "the output is inside of the source",
                where=str(target),
                remedy="name another folder",
            )
    with whole_folder(target) as part:
        return _convert(tree, part, target, jobs, clock)


def _convert(tree: KernelTree, part: Path, target: Path, jobs: int, clock: "_Clock") -> Conversion:
    with clock.stage("copy the pristine tree"):
        repo = _pristine(tree, part)
        pristine, date = repo.head(), repo.date()
        repo.git("checkout", "--quiet", "--force", "-B", BRANCH)
    with clock.stage("apply the series"):
        chosen = patches(tree.version)
        _apply(repo, chosen, str(tree.version))
        after_series = repo.head()
    with clock.stage("find what the rules convert"):
        findings = find(part, jobs=jobs)
    with clock.stage("commit by subsystem"):
        commits = _commits(part, findings)
        repo.commit_all(commits, BRANCH, date)
    with clock.stage("count"):
        by_series = _changed(repo, pristine, after_series)
        by_rules = _changed(repo, after_series, "HEAD")
        return Conversion(
            output=target,
            branch=BRANCH,
            version=str(tree.version),
            pristine=pristine,
            head=repo.head(),
            tree=repo.head("HEAD^{tree}"),
            series=tuple(patch.topic for patch in chosen),
            files=len(repo.git("diff", "--name-only", pristine, "HEAD").splitlines()),
            commits=len(chosen) + len(commits),
            edits=dict(sorted(Counter(f.rule for f in findings if f.edits).items())),
            lines=_lines(by_series, by_rules, lambda path: True),
            generic_lines=_lines(by_series, by_rules, _is_generic),
            area_lines=_area_lines(by_series, by_rules),
            unconverted=tuple(f for f in findings if not f.edits),
            review=tuple(f for f in findings if f.edits and f.rule == kconfig.ID),
            seconds=clock.seconds,
        )


def _pristine(tree: KernelTree, part: Path) -> Repo:
    if tree.commit:
        return clone(tree.path, part)
    return import_folder(tree.path, part, f"Linux {tree.version}", IMPORT_DATE)


def _apply(repo: Repo, chosen: list[Patch], version: str) -> None:
    repo.git(
        "am",
        "--quiet",
        "--no-3way",
        "--committer-date-is-author-date",
        *(patch.file for patch in chosen),
        what=f"a patch of the series does not apply to Linux {version}",
    )


def _commits(part: Path, findings: list[Finding]) -> list[Commit]:
    """One commit per subsystem; the files of the work tree are written on the way."""
    maintainers = Maintainers.parse((part / "MAINTAINERS").read_bytes())
    commits = []
    for subsystem, own in group([f for f in findings if f.edits], maintainers):
        files = []
        for path, edits in edits_by_file(own).items():
            place = _inside(part, path)
            data = apply(place.read_bytes(), edits)
            place.write_bytes(data)
            files.append((path, data))
        commits.append(Commit(message(subsystem, own), tuple(files)))
    return commits


def _inside(part: Path, path: str) -> Path:
    """The file of a tree that is not trusted: it may hold links that lead out of it."""
    place = part / path
    if not place.resolve().is_relative_to(part.resolve()) or ".git" in Path(path).parts:
        raise AnypageError("an edit would leave the tree", where=path, remedy="remove the link")
    return place


def _is_generic(path: str) -> bool:
    if path.startswith("arch/arm64/"):
        return False
    return not any(fnmatch(path, pattern) for pattern in _LIMIT_HEADERS)


def _changed(repo: Repo, before: str, after: str) -> dict[str, int]:
    """Lines added and removed, by path."""
    rows = repo.git("diff", "--numstat", before, after).splitlines()
    fields = (row.split("\t") for row in rows)
    return {path: int(added) + int(gone) for added, gone, path in fields}


def _lines(
    by_series: Mapping[str, int], by_rules: Mapping[str, int], wanted: Callable[[str], bool]
) -> Lines:
    series, rules = (
        sum(count for path, count in changed.items() if wanted(path))
        for changed in (by_series, by_rules)
    )
    return Lines(series, rules)


def _area_lines(by_series: Mapping[str, int], by_rules: Mapping[str, int]) -> dict[str, Lines]:
    """Every area, in the order of the facts, also those in which nothing changed."""
    found = {}
    for name in (*areas(), REST):
        paths = {path for path in by_series.keys() | by_rules.keys() if area_of(path) == name}
        found[name] = _lines(by_series, by_rules, paths.__contains__)
    return found


class _Clock:
    """Seconds by stage, each said to the user as it starts."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.progress(name)
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 2)
