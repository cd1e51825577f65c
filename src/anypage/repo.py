# SPDX-License-Identifier: GPL-2.0-only
"""git, for trees that are not trusted: no hooks, no user configuration, no optional locks."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from anypage.process import run

IDENTITY = "anypage <anypage@localhost>"

_CONFIG = {
    "advice.detachedHead": "false",
    "checkout.workers": "0",
    "commit.gpgSign": "false",
    "core.autocrlf": "false",
    "core.compression": "0",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.quotePath": "false",
    "gc.auto": "0",
    "init.defaultBranch": "main",
    "protocol.ext.allow": "never",
    "safe.directory": "*",
}

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "anypage",
    "GIT_AUTHOR_EMAIL": "anypage@localhost",
    "GIT_COMMITTER_NAME": "anypage",
    "GIT_COMMITTER_EMAIL": "anypage@localhost",
    "LC_ALL": "C",
}


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit to make: its message, and the new text of files."""

    message: str
    files: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Repo:
    """A git repository with a work tree."""

    path: Path

    def git(
        self,
        *arguments: str | Path,
        env: dict[str, str] | None = None,
        stdin: bytes | None = None,
        what: str = "",
    ) -> str:
        """Standard output of a git command as text, without its last line end."""
        output = self.output(*arguments, env=env, stdin=stdin, what=what)
        return output.decode(errors="replace").rstrip("\n")

    def output(
        self,
        *arguments: str | Path,
        env: dict[str, str] | None = None,
        stdin: bytes | None = None,
        what: str = "",
    ) -> bytes:
        """Standard output of a git command. what says in a few words what the user wanted."""
        options = [part for key, value in _CONFIG.items() for part in ("-c", f"{key}={value}")]
        return run(
            ["git", "-C", self.path, *options, *arguments],
            env={**_ENVIRONMENT, **(env or {})},
            stdin=stdin,
            what=what,
        )

    def head(self, what: str = "HEAD") -> str:
        """The object name of a commit, or with `HEAD^{tree}` of its tree."""
        return self.git("rev-parse", "--verify", what)

    def date(self) -> int:
        """The committer date of HEAD, in seconds since the epoch."""
        return int(self.git("log", "-1", "--format=%ct"))

    def changes(self) -> list[str]:
        """The lines of `git status --porcelain`: empty when the tree is clean."""
        return self.git("status", "--porcelain", "--untracked-files=no").splitlines()

    def commit_all(self, commits: Iterable[Commit], branch: str, date: int) -> None:
        """Append commits to branch; the index follows, the work tree must hold the files already.

        Through `git fast-import`: its cost does not grow with the size of the tree.
        """
        stream = [b"feature done\n"]
        parent = self.head()
        for commit in commits:
            message = commit.message.encode()
            stream += [
                f"commit refs/heads/{branch}\n".encode(),
                f"author {IDENTITY} {date} +0000\n".encode(),
                f"committer {IDENTITY} {date} +0000\n".encode(),
                b"data %d\n%s\n" % (len(message), message),
            ]
            if parent:
                stream.append(f"from {parent}\n".encode())
                parent = ""
            for path, data in commit.files:
                mode = b"100755" if os.access(self.path / path, os.X_OK) else b"100644"
                stream += [b"M %s inline %s\n" % (mode, _quoted(path)), _data(data)]
        stream.append(b"done\n")
        self.git("fast-import", "--quiet", stdin=b"".join(stream), what="cannot commit")
        self.git("reset", "--quiet")


def _data(data: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(data), data)


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'.encode(errors="surrogateescape")


def import_folder(source: Path, target: Path, message: str, date: int) -> Repo:
    """A repository at target with one commit that holds the folder source as it is.

    Ignore rules do not count. source is only read, unless it is target.
    """
    repo = Repo(target)
    repo.git("init", "--quiet")
    # Beyond this size git writes straight into one pack: far less to do than for 85,000 files.
    one_pack = ["-c", "core.bigFileThreshold=1", "-c", "core.compression=1"]
    where: list[str | Path] = ["--git-dir", target / ".git", "--work-tree", source]
    repo.git(*one_pack, *where, "add", "--all", "--force", ".", what=f"cannot read {source}")
    stamp = {"GIT_AUTHOR_DATE": f"@{date} +0000", "GIT_COMMITTER_DATE": f"@{date} +0000"}
    repo.git("commit", "--quiet", "--no-verify", "-m", message, env=stamp)
    return repo


def clone(source: Path, target: Path) -> Repo:
    """A clone of source's HEAD at target, an empty folder, with no file checked out.

    Objects are linked where that is possible: they never change.
    """
    repo = Repo(target)
    repo.git(
        "clone",
        "--quiet",
        "--local",
        "--no-checkout",
        "--no-tags",
        source.absolute(),
        target.absolute(),
        what=f"cannot clone {source}",
    )
    repo.git("remote", "remove", "origin")
    return repo
