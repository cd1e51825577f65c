# SPDX-License-Identifier: GPL-2.0-only
"""The index of a tree in the cache: what did not change since the last time is not read again.

A file is known by its content: by the name that git has for it, or without git by its size and
times. The cache is JSON, a line for each part, so that only what is asked for has to be read.
"""

import gc
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from anypage.cache import cache_dir, whole_file
from anypage.findings import Edit, Finding
from anypage.index import Hits, Index, Outlines, in_scope
from anypage.repo import Repo
from anypage.vocabulary import Macro, Outline

_FEW = 50  # files that are cheaper to read again than the whole index is to write
_LINK_OR_MODULE = ("120000", "160000")


def open_index(
    tree: Path, *, jobs: int = 2, archs: Sequence[str] = ()
) -> tuple[Index, Callable[[], None]]:
    """The index of a folder as it is now, and what to call when it was used: it saves the index."""
    keys = content_keys(tree)
    name = b"\0".join((os.fsencode(tree), *(arch.encode() for arch in sorted(archs))))
    file = cache_dir("audit") / f"{hashlib.sha256(name).hexdigest()[:20]}.jsonl"
    index, old = _load(file, Index(tree, jobs=jobs, archs=archs))
    touched = {path for path in keys.keys() | old.keys() if keys.get(path) != old.get(path)}
    known, candidates = len(index.findings), index.candidates
    if touched:
        index.update(keys, touched)

    def save() -> None:
        more = len(touched) + len(index.findings) - known
        if more > _FEW or index.candidates != candidates:
            _save(file, index, keys)

    return index, save


def content_keys(tree: Path) -> dict[str, str]:
    """Path -> what changes with the content, for every file of a folder that is no link."""
    return _git_keys(Repo(tree)) if (tree / ".git").exists() else dict(_stat_keys(str(tree), ""))


def _git_keys(repo: Repo) -> dict[str, str]:
    keys = {}
    for entry in _split(repo, "ls-files", "--stage", "-z"):
        about, _, path = entry.partition("\t")
        mode, name, _ = about.split(" ")
        if mode not in _LINK_OR_MODULE:
            keys[path] = name
    changed = _split(repo, "diff-files", "--name-only", "-z")
    for path in changed + _split(repo, "ls-files", "--others", "--exclude-standard", "-z"):
        keys.pop(path, None)
        file = repo.path / path
        if file.is_file() and not file.is_symlink():
            data = file.read_bytes()
            keys[path] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    return keys


def _split(repo: Repo, *command: str) -> list[str]:
    output = repo.output(*command, what=f"cannot read {repo.path}")
    return [os.fsdecode(part) for part in output.split(b"\0") if part]


def _stat_keys(folder: str, prefix: str) -> Iterator[tuple[str, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _stat_keys(entry.path, f"{prefix}{entry.name}/")
            elif entry.is_file(follow_symlinks=False):
                about = entry.stat(follow_symlinks=False)
                key = f"{about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}"
                yield prefix + entry.name, key


@cache
def _engine() -> str:
    """Changes with anypage: what an older one found is not taken for what this one would find."""
    digest = hashlib.sha256()
    for file in sorted(_program_files(Path(str(resources.files("anypage"))))):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _program_files(folder: Path) -> Iterable[Path]:
    return (path for path in folder.rglob("*") if path.suffix in (".py", ".toml"))


def _load(file: Path, index: Index) -> tuple[Index, dict[str, str]]:
    """The index, filled, and the keys that it was made for; empty ones when there are none."""
    try:
        made, _, text = file.read_bytes().partition(b"\n")
    except OSError:
        return index, {}
    if made != _made(text):
        return index, {}
    now, state, *rows = text.split(b"\n")
    with _no_collection():
        keys, findings = json.loads(now)
        candidates, sought, macros, includes, hits = json.loads(state)
    index.paths = sorted(path for path in keys if in_scope(path, index.archs))
    index.findings = {p: tuple(map(_finding, found)) for p, found in findings.items()}
    index.candidates, index.sought = frozenset(candidates), frozenset(sought)
    index.macros = {
        path: {name: Macro(tuple(words), called) for name, words, called in of_file}
        for path, of_file in macros.items()
    }
    index.includes = {path: tuple(found) for path, found in includes.items()}
    index.hits = {p: Hits(p, *map(frozenset, parts)) for p, parts in hits.items()}
    outlines = dict(zip(includes, rows, strict=False))

    def decode(path: str, row: bytes) -> Outline:
        of_file = ((name, tuple(words), called) for name, words, called in json.loads(row))
        return Outline(path, index.includes[path], tuple(of_file))

    index.outlines = Outlines(outlines, decode)
    index.refresh()
    return index, keys


def _save(file: Path, index: Index, keys: dict[str, str]) -> None:
    findings = {p: [_row(f) for f in found] for p, found in index.findings.items()}
    macros = {
        path: [(name, *macro) for name, macro in of_file.items()]
        for path, of_file in index.macros.items()
    }
    hits = {p: [sorted(part) for part in h[1:]] for p, h in index.hits.items()}
    state = [sorted(index.candidates), sorted(index.sought), macros, index.includes, hits]
    rows = (_outline_row(index.outlines.rows[path]) for path in index.includes)
    with whole_file(file) as part:
        text = b"\n".join((_dump([keys, findings]), _dump(state), *rows))
        part.write_bytes(_made(text) + b"\n" + text)


def _made(text: bytes) -> bytes:
    """The first line of the file: by which anypage, and how long the rest is."""
    return f"{_engine()} {len(text)}".encode()


def _outline_row(row: Outline | bytes) -> bytes:
    return row if isinstance(row, bytes) else _dump(row.macros)


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _row(finding: Finding) -> list[Any]:
    companions = [(path, list(map(_edit_row, edits))) for path, edits in finding.companions]
    edits = list(map(_edit_row, finding.edits))
    return [*finding.as_json().values(), edits, companions, finding.settled]


def _finding(row: list[Any]) -> Finding:
    path, line, column, rule, severity, expression, via, reason, fix = row[:9]
    edits, companions, settled = row[9:]
    others = tuple((name, tuple(map(_edit, of_file))) for name, of_file in companions)
    return Finding(
        path,
        line,
        column,
        rule,
        expression,
        tuple(via),
        reason,
        fix,
        tuple(map(_edit, edits)),
        others,
        severity,
        settled,
    )


def _edit_row(edit: Edit) -> tuple[int, int, str]:
    return edit.start, edit.end, edit.text.decode("latin-1")


def _edit(row: tuple[int, int, str]) -> Edit:
    return Edit(row[0], row[1], row[2].encode("latin-1"))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Millions of objects are made at once, and none of them is garbage."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
