# SPDX-License-Identifier: GPL-2.0-only
"""Where downloads, trees and build folders live, and how a folder appears there as a whole."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

_MARK = ".anypage-part-"
_LOCK = ".lock"


def cache_dir(*parts: str) -> Path:
    """A folder below $XDG_CACHE_HOME/anypage (~/.cache/anypage), made when it is missing."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base, "anypage", *parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for other processes that hold the lock file at path, and hold it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A new folder beside target that becomes target when the block ends without an error.

    target is absent or whole at any time, also after a kill: a rename is the last step. What a
    killed run left is removed by the next one; a run that is alive holds a lock on its folder.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_dead(target)
    holder = Path(tempfile.mkdtemp(prefix=f".{target.name}{_MARK}", dir=target.parent))
    with (holder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        part = holder / target.name
        part.mkdir()
        try:
            yield part
            part.rename(target)
        finally:
            shutil.rmtree(holder, ignore_errors=True)


def made_once(target: Path, make: Callable[[Path], object]) -> Path:
    """The folder target, which make fills where it is not there; other processes wait for it."""
    if not target.is_dir():
        with locked(target.with_name(f"{target.name}.lock")):
            if not target.is_dir():
                with whole_folder(target) as part:
                    make(part)
    return target


@contextlib.contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """A new file beside target that becomes target, also in place of an old one, at the end."""
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
        part = Path(folder, target.name)
        yield part
        part.rename(target)


def _remove_dead(target: Path) -> None:
    for holder in target.parent.glob(f".{target.name}{_MARK}*"):
        with contextlib.suppress(OSError), (holder / _LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(holder, ignore_errors=True)
