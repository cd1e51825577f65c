# SPDX-License-Identifier: GPL-2.0-only
"""The index of a tree in the cache: what did not change since the last time is not read again.

A file is known by its content: by the name that git has for it, or without git by its size and
times. The cache is JSON, a line for each part, so that only what is asked for has to be read.
"""

import hashlib
import io
import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any, BinaryIO

from anypage.cache import cache_dir, whole_file
from anypage.findings import Edit, Finding
from anypage.index import Hits, Index, no_collection
from anypage.repo import Repo
from anypage.vocabulary import Macro

_FEW = 50  # files that are cheaper to read again than the whole index is to write
_MADE = 64 + 1 + 19 + 1  # bytes of the first line
_LINK_OR_MODULE = ("120000", "160000")


def open_index(
    tree: Path, *, jobs: int = 2, archs: Sequence[str] = ()
) -> tuple[Index, Callable[[], None]]:
    """The index of a folder as it is now, and what to call when it was used: it saves the index."""
    name = b"\0".join((os.fsencode(tree), *(arch.encode() for arch in sorted(archs))))
    file = cache_dir("audit") / f"{hashlib.sha256(name).hexdigest()[:20]}.jsonl"
    with ThreadPoolExecutor() as beside, _opened(file) as cached:
        looking = beside.submit(contents, tree)  # git does while the cache is read
        index, old = _load(cached, Index(tree, jobs=jobs, archs=archs))
        now = looking.result()
        if old and old.listed == now.digest:
            touched = {path for path, _ in old.changed.items() ^ now.changed.items()}
            paths = {*index.paths, *touched} - {p for p in touched if not _is_file(tree / p)}
        else:
            touched = {path for path, _ in now.keys.items() ^ _old_keys(cached, old).items()}
            paths = {*now.keys}
    known, candidates = len(index.findings), index.candidates
    if touched:
        index.update(paths, touched)

    def save() -> None:
        more = len(touched) + len(index.findings) - known
        if more > _FEW or index.candidates != candidates:
            _save(file, index, now)

    return index, save


class Contents:
    """What is in a folder. listed: what git says of its files; changed: keys of all others.

    A key changes with the content of a file; None for a link, and for what is gone. digest: of
    listed, which is taken apart only when it is another one.
    """

    def __init__(self, listed: bytes, changed: Mapping[str, str | None]) -> None:
        self.listed, self.changed = listed, changed
        self.digest = hashlib.sha256(listed).hexdigest()

    @cached_property
    def keys(self) -> dict[str, str]:
        """Path -> key, for every file that is no link."""
        found = {}
        for entry in _parts(self.listed):
            about, _, path = entry.partition("\t")
            mode, name, _ = about.split(" ")
            if mode not in _LINK_OR_MODULE:
                found[path] = name
        found.update((path, key or "") for path, key in self.changed.items())
        return {path: key for path, key in found.items() if key}


@dataclass(frozen=True, slots=True)
class _Old:
    """What the cache was made for: a digest of Contents, and its changed."""

    listed: str
    changed: dict[str, str | None]


def contents(tree: Path) -> Contents:
    """What is in a folder now."""
    if not (tree / ".git").exists():
        return Contents(b"", dict(_stat_keys(str(tree), "")))
    repo = Repo(tree)
    listed = _output(repo, "ls-files", "--stage", "-z")
    changed = _output(repo, "diff-files", "--name-only", "-z")
    new = _output(repo, "ls-files", "--others", "--exclude-standard", "-z")
    return Contents(listed, {path: _git_key(tree / path) for path in _parts(changed + new)})


def _git_key(file: Path) -> str | None:
    """The name that git has for the content of a file."""
    if not _is_file(file):
        return None
    data = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _is_file(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()


def _output(repo: Repo, *command: str) -> bytes:
    return repo.output(*command, what=f"cannot read {repo.path}")


def _parts(output: bytes) -> list[str]:
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
    for folder, folders, files in os.walk(str(resources.files("anypage"))):
        folders.sort()
        for name in sorted(files):
            if name.endswith((".py", ".toml")):
                digest.update(Path(folder, name).read_bytes())
    return digest.hexdigest()


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError:
        return io.BytesIO()


def _load(cached: BinaryIO, index: Index) -> tuple[Index, _Old | None]:
    """The index, filled, and what it was made for; None when there is none."""
    size = cached.seek(0, os.SEEK_END)
    cached.seek(0)
    if cached.readline() != _made(size):
        return index, None
    with no_collection():
        listed, changed, length_of_keys = json.loads(cached.readline())
        cached.seek(length_of_keys, os.SEEK_CUR)
        _fill(index, cached)
    return index, _Old(listed, changed)


def _old_keys(cached: BinaryIO, old: _Old | None) -> dict[str, str]:
    """The keys that the cache was made for: the third line."""
    cached.seek(0)
    keys = list(itertools.islice(cached, 3))[2] if old else b"{}"
    return dict(json.loads(keys))


def _fill(index: Index, cached: BinaryIO) -> None:
    used, state, rows = cached.readline(), cached.readline(), cached.read()
    paths, findings = json.loads(used)
    candidates, sought, macros, includes, hits = json.loads(state)
    index.paths = paths
    index.findings = {p: tuple(map(_finding, found)) for p, found in findings.items()}
    index.candidates, index.sought = frozenset(candidates), frozenset(sought)
    index.macros = {
        path: {name: Macro(tuple(words), called) for name, words, called in of_file}
        for path, of_file in macros.items()
    }
    index.includes = {path: tuple(found) for path, found in includes.items()}
    index.hits = {p: Hits(p, *map(frozenset, parts)) for p, parts in hits.items()}
    index.packed = dict(zip(includes, rows.split(b"\n") if rows else (), strict=True))
    index.refresh()


def _save(file: Path, index: Index, now: Contents) -> None:
    findings = {p: [_row(f) for f in found] for p, found in index.findings.items()}
    macros = {
        path: [(name, *macro) for name, macro in of_file.items()]
        for path, of_file in index.macros.items()
    }
    hits = {p: [sorted(part) for part in h[1:]] for p, h in index.hits.items()}
    state = [sorted(index.candidates), sorted(index.sought), macros, index.includes, hits]
    rows = (index.packed[path] for path in index.includes)
    keys = _dump(now.keys) + b"\n"
    head = _dump([now.digest, now.changed, len(keys)]) + b"\n" + keys
    text = head + b"\n".join((_dump([index.paths, findings]), _dump(state), *rows))
    with whole_file(file) as part:
        part.write_bytes(_made(_MADE + len(text)) + text)


def _made(size: int) -> bytes:
    """The first line of the file: by which anypage, and how long the file is."""
    return b"%s %019d\n" % (_engine().encode(), size)


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
