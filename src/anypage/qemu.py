# SPDX-License-Identifier: GPL-2.0-only
"""Running QEMU: to its end or to the end of its time, line by line."""

import shutil
import subprocess
import threading
from collections.abc import Callable

from anypage.errors import AnypageError
from anypage.process import end_groups, group


def run_qemu(
    command: list[str], timeout: float, said: Callable[[str], None] = lambda line: None
) -> tuple[str, str]:
    """The console, and what went wrong with QEMU itself, which is gone however this ends.

    timeout: seconds of this machine's clock. said gets each line of the console when it comes.
    AnypageError when QEMU is not there, or setpriv.
    """
    for program in ("setpriv", command[0]):
        if not shutil.which(program):
            raise AnypageError(
                f"{program} is not installed", remedy="run `anypage doctor --install`"
            )
    process = subprocess.Popen(
        # By kill -9 this program ends without a word: the kernel ends QEMU then.
        ["setpriv", "--pdeathsig", "KILL", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    late = threading.Event()

    def stop() -> None:
        late.set()
        end_groups([process.pid])

    timer = threading.Timer(timeout, stop)
    lines = []
    try:
        with group(process.pid):
            timer.start()
            assert process.stdout is not None
            for data in process.stdout:
                lines.append(data.decode(errors="replace"))
                said(lines[-1])
            process.wait()
    finally:
        timer.cancel()
        process.wait()
    problem = f"QEMU: exit status {process.returncode}" if process.returncode else ""
    return "".join(lines), f"no end after {timeout:.0f} s" if late.is_set() else problem
