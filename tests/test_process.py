# SPDX-License-Identifier: GPL-2.0-only
"""What anypage starts ends with it, by whatever signal."""

import os
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import pytest
from kernel import small_tree

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BUILD = """
from pathlib import Path
from anypage.make import Target, make
from anypage.process import end_with_groups
from anypage.tree import KernelTree
end_with_groups()
folder = Path({folder!r})
make(KernelTree.open(folder / "tree"), folder, Target("arm64", "aarch64-linux-gnu-"), [], 1,
     ["config"])
"""
# Two at a time, in threads, and more to do.
BOOT = """
from concurrent.futures import ThreadPoolExecutor
from anypage.process import end_with_groups
from anypage.qemu import run_qemu
end_with_groups()
command = ["sh", "-c", "echo $$ >>{folder}/pids; sleep 1000; true"]
with ThreadPoolExecutor(2) as pool:
    list(pool.map(lambda number: run_qemu(command, 900), range(4)))
"""
# QEMU is one process; what it might start is not ended by SIGKILL.
BOOT_ALONE = BOOT.replace("sleep 1000; true", "exec sleep 1000")
# As many times as make it likely that a worker is waiting for the queue's lock.
POOL = """
import multiprocessing
from anypage.process import end_with_groups
end_with_groups()
for _ in range(30):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.map(abs, range(100))
"""
# Any target of the kernel's make: its process, the leader of its group, and one that it starts.
MAKEFILE = (
    "%:\n\t@echo $$$$ >>{folder}/pids; cut -d' ' -f5 /proc/$$$$/stat >>{folder}/pids; "
    "sh -c 'echo $$$$ >>{folder}/pids; sleep 1000'; true\n"
)


def as_in_a_terminal() -> None:
    """A job in the background ignores some of the signals."""
    for number in NUMBERS:
        signal.signal(number, signal.SIG_DFL)


def run_until(script: str, folder: Path, count: int, number: int) -> int:
    """The exit status of a script that gets a signal when count programs run."""
    pids = folder / "pids"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, env=environment, preexec_fn=as_in_a_terminal) as process:
        for _ in range(600):
            if pids.is_file() and len(pids.read_text().split()) >= count:
                break
            time.sleep(0.1)
        process.send_signal(number)
        try:
            return process.wait(60)
        finally:
            process.kill()


def test_a_pool_of_forks_ends() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", POOL], env=environment, timeout=120, check=True)


def alive(pid: int) -> bool:
    """A process that has not ended; one that nobody has waited for has."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("script", "number"),
    [*product((BUILD, BOOT), NUMBERS), *product((BUILD, BOOT_ALONE), [signal.SIGKILL])],
    ids=lambda value: {BUILD: "build", BOOT: "boot", BOOT_ALONE: "boot"}.get(value),
)
def test_nothing_is_left(script: str, number: int, tmp_path: Path) -> None:
    tree = small_tree(tmp_path / "tree")
    with (tree / "Makefile").open("a") as file:
        file.write(MAKEFILE.format(folder=tmp_path))
    (tree / "Kbuild").touch()
    status = run_until(script.format(folder=str(tmp_path)), tmp_path, 2, number)
    # Python ends itself by SIGINT when nobody catches KeyboardInterrupt.
    by_itself = number in (signal.SIGINT, signal.SIGKILL)
    assert status == (-number if by_itself else 128 + number)
    started = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    # tuxmake asks make for one thing more before it ends.
    assert len(started) >= 2
    for _ in range(100):
        if not any(map(alive, started)):
            return
        time.sleep(0.1)
    pytest.fail(f"of {started}, these still run: {[pid for pid in started if alive(pid)]}")
