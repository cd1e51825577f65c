# SPDX-License-Identifier: GPL-2.0-only
"""What a change makes of a tree: the texts of files before or after it. The tree is only read."""

import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from anypage.errors import AnypageError
from anypage.repo import Repo

Texts = Mapping[str, bytes | None]

# The first part of a path is no part of the tree (git apply -p1).
_NAMED = re.compile(
    rb"^(?:(?:---|\+\+\+) [^/\s]+/|(?:rename|copy) (?:from|to) )([^\t\r\n]+)", re.MULTILINE
)


def before(tree: Path, revision: str) -> Texts:
    """The files that the work tree of a git repository changes, as they were in a revision.

    AnypageError when tree has no such revision.
    """
    if not (tree / ".git").exists():
        raise AnypageError(
            "not a git repository", where=str(tree), remedy="--diff needs one; use --patch"
        )
    repo = Repo(tree)
    commit = repo.git(
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{revision}^{{commit}}",
        what=f"no such revision: {revision}",
    )
    changed = repo.git("diff", "--no-ext-diff", "--no-renames", "--name-only", "-z", commit, "--")
    paths = [path for path in changed.split("\0") if path]
    return {path: _committed(repo, commit, path) for path in paths}


def _committed(repo: Repo, commit: str, path: str) -> bytes | None:
    entry = repo.git("ls-tree", "-z", commit, "--", f":(top,literal){path}")
    if not entry.startswith("100"):  # not there, a link or a submodule
        return None
    return repo.output("cat-file", "blob", entry.split()[2])


def after(tree: Path, patch: bytes, name: str) -> Texts:
    """The files that a patch touches, as it leaves them: a git diff, or mails of patches.

    name is that of the patch in the AnypageError when it does not apply.
    """
    with tempfile.TemporaryDirectory(prefix="anypage-patch-") as folder:
        repo = Repo(Path(folder, "tree"))
        repo.path.mkdir()
        repo.git("init", "--quiet")
        diffs = list(_diffs(repo, patch, Path(folder, "mails")))
        old = {p: text for p in _named(diffs) if (text := _regular(tree, p)) is not None}
        for path, text in old.items():
            (repo.path / path).parent.mkdir(parents=True, exist_ok=True)
            (repo.path / path).write_bytes(text)
        for diff in diffs:
            repo.git("apply", "-", stdin=diff, what=f"{name} does not apply to {tree}")
        new = _files(repo.path)
    changed: dict[str, bytes | None] = {p: t for p, t in new.items() if old.get(p) != t}
    return changed | dict.fromkeys(old.keys() - new.keys())


def _diffs(repo: Repo, patch: bytes, folder: Path) -> Iterator[bytes]:
    """The patch, or those of the mails of an mbox; a mail without one (a cover letter) has none."""
    if not patch.startswith(b"From "):
        yield patch
        return
    folder.mkdir()
    repo.git("mailsplit", f"-o{folder}", stdin=patch, what="no mbox")
    for mail in sorted(folder.iterdir()):
        diff = mail.with_suffix(".diff")
        repo.git("mailinfo", mail.with_suffix(".text"), diff, stdin=mail.read_bytes())
        if b"\n--- " in b"\n" + diff.read_bytes():
            yield diff.read_bytes()


def _named(diffs: list[bytes]) -> set[str]:
    """The paths in a patch, without those that lead out of the tree: git refuses them too."""
    names = {m[1].decode(errors="surrogateescape") for diff in diffs for m in _NAMED.finditer(diff)}
    return {
        name
        for name in names
        if not PurePosixPath(name).is_absolute()
        and not {"..", ".git"} & set(PurePosixPath(name).parts)
    }


def _regular(tree: Path, path: str) -> bytes | None:
    """The text of a file below tree; None for a link, or what a link leads to."""
    file = tree / path
    inside = file.resolve() == tree.resolve() / path
    return file.read_bytes() if inside and file.is_file() else None


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if stat.S_ISREG(path.lstat().st_mode) and ".git" not in path.relative_to(folder).parts
    }
