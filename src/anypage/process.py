# SPDX-License-Identifier: GPL-2.0-only
"""Running other programs: one way, with one kind of error."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from anypage.errors import AnypageError

TAIL_LINES = 15


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
