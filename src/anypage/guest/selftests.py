# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's own tests of user space (tools/testing/selftests), compiled from its tree."""

import hashlib
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from anypage.cache import cache_dir, made_once
from anypage.errors import AnypageError
from anypage.guest import programs
from anypage.process import run
from anypage.tree import KernelTree

_CROSS_COMPILE = "aarch64-linux-gnu-"
# What the tests need of the tree beside their folder; they write into that, so it is copied.
_COPIED = (
    "include/vdso",
    "lib/test_hmm_uapi.h",
    "mm/gup_test.h",
    "scripts/subarch.include",
    "tools/arch",
    "tools/build",
    "tools/include",
    "tools/scripts",
    "tools/testing/selftests/arm64/signal",
    "tools/testing/selftests/clone3",
    "tools/testing/selftests/kselftest",
    "tools/testing/selftests/kselftest.h",
    "tools/testing/selftests/kselftest_harness.h",
    "tools/testing/selftests/lib.mk",
    "tools/testing/selftests/pidfd",
    "tools/testing/selftests/user_events",
)
# Suite -> the program that writes byte by byte.
_SLOW_WRITERS = {"mm": "split_huge_page_test"}
_LIBRARIES = ("libcap-dev", "libnuma-dev", "liburing-dev")
_GATHER = Path(__file__).with_name("gathered_write.c").read_text()
_SOURCES = frozenset({".c", ".h", ".S", ".o"})
_GENERATED = ("TEST_GEN_FILES :", "TEST_GEN_PROGS :", "TEST_GEN_PROGS_EXTENDED :")


def compiled(tree: Path, suite: str) -> Path:
    """A folder with the programs and scripts of a suite, such as mm; made once for each tree.

    A suite may have scripts only. Programs that do not compile are named, a line each, in its file
    left-out.
    """
    source = KernelTree.open(tree)
    made_of = f"{source.commit or source.path} {suite} {Path(__file__).read_text()} {_GATHER}"
    target = cache_dir("selftests") / hashlib.sha256(made_of.encode()).hexdigest()[:16]

    def make(part: Path) -> None:
        with tempfile.TemporaryDirectory() as work:
            _compile(source.path, suite, Path(work), part)

    return made_once(target, make)


def _compile(tree: Path, suite: str, work: Path, target: Path) -> None:
    folder = f"tools/testing/selftests/{suite}"
    (work / "tree").mkdir()
    run(["cp", "-r", "--parents", *_COPIED, folder, work / "tree"], cwd=tree, what="cannot copy")
    words = ["make", "ARCH=arm64", f"CROSS_COMPILE={_CROSS_COMPILE}"]
    run([*words, f"O={work}/headers", "headers"], cwd=tree, what="cannot make the kernel's headers")
    words += [f"CC={_compiler(work)}", f"OUTPUT={target}", f"--jobs={os.cpu_count() or 1}"]
    words += [f"KHDR_INCLUDES=-isystem {work}/headers/usr/include", "--keep-going", "all"]
    # Some tests of a release may not compile; those that do are there in the end.
    done = subprocess.run(words, cwd=work / "tree" / folder, capture_output=True, check=False)
    if suite in _SLOW_WRITERS:
        _gather_writes(words[:-2], work / "tree" / folder, target / _SLOW_WRITERS[suite])
    asked = run([*words[:-2], "-pn", "all"], cwd=work / "tree" / folder).decode(errors="replace")
    names = _programs(asked)
    missing = sorted(name for name in names if not (target / name).is_file())
    if any((tree / folder).glob("*.c")) and len(missing) == len(names):
        said = done.stderr.decode(errors="replace").splitlines()[-15:]
        raise AnypageError(f"the tests of {suite} do not compile", remedy="\n".join(said))
    (target / "left-out").write_text("".join(f"{name}\n" for name in missing))
    for file in (tree / folder).rglob("*"):
        if file.is_file() and not file.is_symlink() and file.suffix not in _SOURCES:
            copy = target / file.relative_to(tree / folder)
            copy.parent.mkdir(exist_ok=True, parents=True)
            copy.write_bytes(file.read_bytes())


def _gather_writes(make: list[str], folder: Path, program: Path) -> None:
    """Link the program again, where there is one, so that it writes many bytes at a time."""
    if not program.is_file():
        return
    source = folder / "gathered_write.c"
    source.write_text(_GATHER)
    program.unlink()
    flags = f"USERLDFLAGS=-Wl,--wrap=write -Wl,--wrap=close {source.name}"
    run([*make, flags, program], cwd=folder, what=f"{program.name} does not link")


def _programs(rules: str) -> list[str]:
    """The programs of lib.mk, by the paths in what make -p prints."""
    lines = [line for line in rules.splitlines() if line.startswith(_GENERATED)]
    return [Path(word).name for line in lines for word in line.partition("=")[2].split()]


def _compiler(work: Path) -> Path:
    """A compiler that finds Debian's libraries for arm64, and links statically."""
    usr = programs.unpacked(_LIBRARIES) / "usr"
    # khugepaged.c of 6.12.117 does not include kselftest.h, which has this.
    words = [f"{_CROSS_COMPILE}gcc", "-static", "-DKSFT_SKIP=4"]
    # Behind the kernel's own headers: those of the packages are older.
    words += ["-idirafter", f"{usr}/include"]
    words += ["-idirafter", f"{usr}/include/aarch64-linux-gnu", f"-L{usr}/lib/aarch64-linux-gnu"]
    script = work / "cc"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    script.chmod(0o755)
    return script
