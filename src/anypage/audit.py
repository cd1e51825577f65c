# SPDX-License-Identifier: GPL-2.0-only
"""A kernel tree to findings, and findings to edits."""

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import takewhile
from pathlib import Path
from typing import Any

from anypage import change, rules
from anypage.backslashes import keep_backslashes
from anypage.errors import AnypageError
from anypage.findings import Edit, Finding
from anypage.index import Index, Tree
from anypage.store import open_index
from anypage.tree import KernelTree

_UNREPORTED = ("follow-up", "slow")
_MODULE = "drivers/anypage-module/"  # where the files of a module stand in the tree
_MARK = re.compile(rb"\banypage: ignore(?:\[([\w,\s-]*)\])?")


def find(tree: Tree, *, jobs: int = 2, chosen: Sequence[rules.Rule] | None = None) -> list[Finding]:
    """Every finding of a tree (a folder, or path -> text), by path and place, to convert it.

    No two edits of the result overlap: a finding whose edits would is not convertible. Companion
    edits of several findings may be the same edit; edits_by_file() merges them.
    """
    index = Index(tree, jobs=jobs, chosen=chosen).read_tree()
    found = (f for f in index.examine() if f.severity != "suspect" and not f.settled)
    findings = sorted(found, key=_place)
    return keep_backslashes(_without_conflicts(findings), index.read)


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit reports, by path and place, and the lines of the files as it read them."""

    findings: list[Finding]
    lines: Callable[[str], list[bytes]]


def audit(
    tree: Path,
    paths: Sequence[str] = (),
    *,
    diff: str = "",
    patch: bytes | None = None,
    patch_name: str = "the patch",
    archs: Sequence[str] = (),
    jobs: int = 2,
) -> Report:
    """What to report of a tree. Places that a comment marks are left out.

    paths: only those files and folders. diff: only what the work tree adds to a git revision.
    patch: only what a patch would add (see anypage.change). archs: architectures to read besides
    arm64. AnypageError for no kernel tree, paths and architectures that are not there, an unknown
    revision, a patch that does not apply.
    """
    root = KernelTree.open(tree).path
    for arch in archs:
        if not re.fullmatch(r"\w+", arch) or not (root / "arch" / arch).is_dir():
            raise AnypageError(f"no architecture '{arch}'", where=str(root / "arch"))
    index, save = open_index(root, jobs=jobs, archs=archs)
    if patch is not None:
        index, before = index.changed(change.after(root, patch, patch_name)), index
        found = _added(before, index, index.changes)
    elif diff:
        before = index.changed(change.before(root, diff))
        found = _added(before, index, before.changes)
    else:
        found = index.examine(_inside(index, paths) if paths else None)
    save()
    chosen = _inside(index, paths) if paths else {*index.paths}
    return Report(_reported(index, (f for f in found if f.path in chosen)), index.lines)


def audit_module(folder: Path, kernel: Path, *, jobs: int = 2) -> Report:
    """What to report of a module that is built outside of a kernel tree, as audit() does.

    folder: its folder, or one file. kernel: the tree that it is built for. Paths of findings are
    relative to folder. AnypageError for no kernel tree, and for a folder without any C file.
    """
    index, save = open_index(KernelTree.open(kernel).path, jobs=jobs)
    save()
    top = folder if folder.is_dir() else folder.parent
    sources = [folder] if folder.is_file() else sorted(folder.rglob("*.[chS]"))
    texts = {
        _MODULE + file.relative_to(top).as_posix(): file.read_bytes()
        for file in sources
        if file.is_file() and not file.is_symlink()
    }
    if not texts:
        raise AnypageError("no C file there", where=str(folder), remedy="name a module's folder")
    index = index.changed(texts)
    found = _reported(index, index.examine(texts))
    return Report(
        [replace(finding, path=finding.path.removeprefix(_MODULE)) for finding in found],
        lambda path: index.lines(_MODULE + path),
    )


def _reported(index: Index, found: Iterable[Finding]) -> list[Finding]:
    return sorted(
        (f for f in found if f.severity not in _UNREPORTED and not _is_marked(index, f)), key=_place
    )


def _inside(index: Index, paths: Iterable[str]) -> set[str]:
    inside: set[str] = set()
    for path in paths:
        top = posixpath.normpath(path)
        found = {p for p in index.paths if p == top or p.startswith(f"{top}/") or top == "."}
        if not found:
            raise AnypageError(
                "nothing to audit there", where=path, remedy="name files and folders of the tree"
            )
        inside |= found
    return inside


def _added(before: Index, after: Index, changed: Iterable[str]) -> list[Finding]:
    """What after has and before has not: in changed files, and elsewhere by names that are new."""
    names = after.vocabulary.candidates - before.vocabulary.candidates
    paths = {*changed} | {p for p, words in after.found.items() if words & names}
    known = Counter(_identity(before, f) for f in before.examine(paths))
    kept = {path: _kept_lines(before.lines(path), after.lines(path)) for path in paths}
    added = []
    # Of two equal ones, that on a line which was there before is the known one.
    for finding in sorted(after.examine(paths), key=lambda f: f.line not in kept[f.path]):
        identity = _identity(after, finding)
        if known[identity]:
            known[identity] -= 1
        else:
            added.append(finding)
    return added


def not_in(baseline: Iterable[Mapping[str, Any]], findings: Iterable[Finding]) -> list[Finding]:
    """The findings that are not in an earlier report; lines may have moved in between."""
    known = Counter((b.get("path"), b.get("rule"), b.get("expression")) for b in baseline)
    new = []
    for finding in findings:
        identity = finding.path, finding.rule, finding.expression
        if known[identity]:
            known[identity] -= 1
        else:
            new.append(finding)
    return new


def _place(finding: Finding) -> tuple[str, int, int, str]:
    return finding.path, finding.line, finding.column, finding.rule


def _is_marked(index: Index, finding: Finding) -> bool:
    """`anypage: ignore` or `anypage: ignore[storage]`, on its line or the one above."""
    around = index.lines(finding.path)[max(0, finding.line - 2) : finding.line]
    marks = [mark for line in around for mark in _MARK.findall(line)]
    return any(not rules or finding.rule.encode() in re.split(rb"[,\s]+", rules) for rules in marks)


def _identity(index: Index, finding: Finding) -> tuple[str, str, bytes]:
    """What stays the same when a finding moves, in its file or with it."""
    line = index.lines(finding.path)[finding.line - 1]
    return finding.rule, finding.expression, b" ".join(line.split())


def _kept_lines(old: Sequence[bytes], new: Sequence[bytes]) -> set[int]:
    """The numbers of lines of new, from 1, that are in old."""
    head = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    rest = zip(reversed(old[head:]), reversed(new[head:]), strict=False)
    tail = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], rest))
    kept = {*range(1, head + 1), *range(len(new) - tail + 1, len(new) + 1)}
    middle = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail])
    for _, start, size in middle.get_matching_blocks():
        kept.update(range(head + start + 1, head + start + size + 1))
    return kept


def edits_by_file(findings: Iterable[Finding]) -> dict[str, tuple[Edit, ...]]:
    """All edits, companions merged, in file order."""
    merged: dict[str, set[Edit]] = {}
    for finding in findings:
        for path, edits in ((finding.path, finding.edits), *finding.companions):
            merged.setdefault(path, set()).update(edits)
    return {p: tuple(sorted(e, key=_edit_order)) for p, e in sorted(merged.items()) if e}


def apply(data: bytes, edits: Iterable[Edit]) -> bytes:
    """data with edits made; they must not overlap."""
    parts, at = [], 0
    for edit in sorted(edits, key=_edit_order):
        if edit.start < at:
            raise ValueError(f"edits overlap at byte {edit.start}")
        parts += [data[at : edit.start], edit.text]
        at = edit.end
    return b"".join([*parts, data[at:]])


def _edit_order(edit: Edit) -> tuple[int, int, bytes]:
    return edit.start, edit.end, edit.text


def _without_conflicts(findings: list[Finding]) -> list[Finding]:
    """What is only slow gives way to what must be converted."""
    taken: dict[str, dict[Edit, None]] = {}
    result = []
    for finding in sorted(findings, key=lambda f: f.severity == "slow"):
        places = ((finding.path, finding.edits), *finding.companions)
        if any(_overlaps(e, taken.get(path, ())) for path, edits in places for e in edits):
            if finding.severity == "slow":
                continue
            reason = f"{finding.reason}; the fix overlaps with another one"
            result.append(replace(finding, reason=reason, edits=(), companions=()))
            continue
        for path, edits in places:
            taken.setdefault(path, {}).update(dict.fromkeys(edits))
        result.append(finding)
    return sorted(result, key=_place)


def _overlaps(edit: Edit, others: Iterable[Edit]) -> bool:
    """An insertion clashes with what replaces the bytes on both sides of it."""
    return any(
        edit != other and edit.start < other.end and other.start < edit.end for other in others
    )
