# SPDX-License-Identifier: GPL-2.0-only
"""One run of the kernel's make, through tuxmake."""

import multiprocessing
import os
import re
import shutil
import threading
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anypage.errors import AnypageError
from anypage.process import end_groups, group
from anypage.tree import KernelTree

_ENVIRONMENT = {
    # ccache reads the dependencies that the compiler writes, and does not preprocess beforehand.
    "CCACHE_DEPEND": "1",
    # The same tree gives the same bytes: nothing in an image tells where, when and by whom.
    "KBUILD_BUILD_HOST": "anypage",
    "KBUILD_BUILD_TIMESTAMP": "@1700000000",
    "KBUILD_BUILD_USER": "anypage",
    "KBUILD_BUILD_VERSION": "1",
}
_ERROR = re.compile(r"^.*(?:error:|Error \d|undefined reference|\*\*\*).*$", re.MULTILINE)
# A make that runs another one, which failed, says Error 2.
_FAILED = re.compile(r"\*\*\* \[[^\]]*: (\S+)\] (?!Error 2$)", re.MULTILINE)
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Target:
    """What a kernel is built for: an architecture by tuxmake's name, the prefix of its compiler.

    kconfig is the target of make that the configuration starts with; kernel_image is empty for the
    architecture's own. flags: options of the compiler beside the kernel's own. broken: objects,
    or vmlinux, that may fail; what does not need them is built.
    """

    arch: str
    prefix: str
    kconfig: str = "allnoconfig"
    kernel_image: str = ""
    flags: str = ""
    broken: frozenset[str] = frozenset()


def make(
    source: KernelTree,
    folder: Path,
    target: Target,
    fragments: list[Path],
    jobs: int,
    targets: list[str],
) -> None:
    """Build tuxmake's targets with folder/objects as the build folder.

    What is kept of it and the log, build.log, are in folder/output. AnypageError with the first
    errors of the compiler when it fails.
    """
    arguments = {
        "tree": str(source.path),
        "output_dir": folder / "output",
        "build_dir": folder / "objects",
        "target_arch": target.arch,
        "toolchain": "gcc",
        "wrapper": "ccache" if shutil.which("ccache") else None,
        "environment": _ENVIRONMENT,
        "kconfig": target.kconfig,
        "kconfig_add": [str(fragment) for fragment in fragments],
        "targets": targets,
        "kernel_image": target.kernel_image or None,
        "compression_type": "none",
        "make_variables": {"CROSS_COMPILE": target.prefix, "KCFLAGS": target.flags},
        "jobs": jobs,
        "runtime": "null",
        "fail_fast": not target.broken,
        "quiet": True,
    }
    # In a process group of its own: a signal to tuxmake ends the shell that it runs make from, and
    # leaves make.
    context = multiprocessing.get_context("fork")
    with (
        ProcessPoolExecutor(1, context, initializer=_lead_group) as pool,
        group(pool.submit(os.getpid).result()),
    ):
        refused, passed = pool.submit(_tuxmake, arguments).result()
    if refused:
        raise AnypageError(f"tuxmake: {refused}", where=str(source.path))
    log = folder / "output" / "build.log"
    text = log.read_text(errors="replace") if log.is_file() else ""
    failed = failed_targets(text)
    if not passed and not (failed and failed <= target.broken):
        raise _failure(log, text)


def failed_targets(log: str) -> set[str]:
    """What a log of make says was not built; without what needs it."""
    return set(_FAILED.findall(log))


def _lead_group() -> None:
    os.setpgrp()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot end the group, which has its lock on the build folder."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        end_groups([os.getpgrp()])


def _tuxmake(arguments: dict[str, Any]) -> tuple[str, bool]:
    """Why it does not even begin, and whether all was built."""
    # Imported here: it takes a third of a second, and most commands do not need it.
    from tuxmake.build import Build as TuxmakeBuild
    from tuxmake.exceptions import TuxMakeException

    try:
        job = TuxmakeBuild(**arguments)
        job.run()
    except TuxMakeException as error:
        return str(error), False
    return "", job.passed


def _failure(log: Path, text: str) -> AnypageError:
    lines = list(dict.fromkeys(line.strip() for line in _ERROR.findall(text)))
    return AnypageError(
        "the kernel does not build",
        where=str(log),
        remedy="\n  ".join(["its first errors:", *lines[:_SHOWN]]),
    )
