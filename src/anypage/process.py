# SPDX-License-Identifier: GPL-2.0-only
"""Running other programs: one way, with one kind of error; and ending those that take long."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from anypage.errors import AnypageError

TAIL_LINES = 15

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_GRACE = 1.0  # seconds in which make removes what is half made

# The leaders of the process groups that run now.
_groups: set[int] = set()
_ending = threading.Event()


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    what: str = "",
) -> bytes:
    """The standard output of a command; AnypageError with the end of its messages when it fails.

    env is added to the environment. what says in a few words what the user wanted.
    """
    arguments = [str(part) for part in command]
    try:
        result = subprocess.run(
            arguments,
            cwd=cwd,
            env={**os.environ, **env} if env else None,
            input=b"" if stdin is None else stdin,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise AnypageError(
            f"{arguments[0]} is not installed", remedy="run `anypage doctor --install`"
        ) from error
    if result.returncode == 0:
        return result.stdout
    said = (result.stderr or result.stdout).decode(errors="replace").strip().splitlines()
    raise AnypageError(
        what or f"{arguments[0]} failed",
        where=" ".join(arguments[:3]),
        remedy="\n".join(said[-TAIL_LINES:]) or f"exit status {result.returncode}",
    )


@contextlib.contextmanager
def group(leader: int) -> Iterator[None]:
    """What leads a process group of its own is ended, with all that it started, by an exception.

    It is so too when anypage is told to end: Ctrl-C in a terminal does not reach the group, and
    threads see no signal.
    """
    _groups.add(leader)
    try:
        if _ending.is_set():
            raise KeyboardInterrupt
        yield
    except BaseException:
        end_groups([leader])
        raise
    finally:
        _groups.remove(leader)


def end_groups(leaders: Sequence[int]) -> None:
    """Have them end, and kill what has not done so then."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for leader in leaders:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(leader, number)
        if leaders and number == signal.SIGTERM:
            time.sleep(_GRACE)


def end_with_groups() -> None:
    """From now on, a signal that ends this program ends its process groups first."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    ours = [number for number in _SIGNALS if before[number] != signal.SIG_IGN]
    for number in ours:
        signal.signal(number, _end)

    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, ours)

    def unblock() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ours)

    def restore() -> None:
        for number in ours:
            signal.signal(number, before[number])
        unblock()

    # A pool ends its workers, which are forks, by SIGTERM. One that waits for a lock would never
    # run a handler of Python, and one that just begins has to get the signal, too.
    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=restore)


def _end(number: int, frame: FrameType | None) -> None:
    _ending.set()
    end_groups(list(_groups))
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)
