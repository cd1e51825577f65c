# SPDX-License-Identifier: GPL-2.0-only
"""Executed instructions of a kernel in each workload, counted by QEMU.

Nothing here is a time: a plugin of ours counts what the emulated CPU executes, and the guest's
clock counts instructions too. Seeds, addresses and dates are fixed, there is one CPU and no disk:
the same image gives the same numbers. QEMU is the rare exception: its main loop may find the CPU
halted before what that executed is accounted for, and then the clock skips some instructions too
many (icount_start_warp_timer in softmmu/icount.c; icount_process_data comes later). From there on
the timer interrupts other instructions.
"""

import hashlib
import re
import shlex
import struct
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from statistics import median

from anypage import console
from anypage.cache import cache_dir, whole_file
from anypage.errors import AnypageError
from anypage.geometry import PageSize
from anypage.guest import bench_initramfs
from anypage.measure.elf import Kernel
from anypage.process import run
from anypage.qemu import run_qemu

MEMORY = "4G"
TIMEOUT = 900  # seconds of this machine's clock

_BRACKET = struct.Struct("=4Q")  # struct bracket of plugin.c
_DETAIL = struct.Struct("=QQII")  # struct detail
_PLUGIN_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared")
_WORDS = "console=ttyAMA0 panic=-1 nokaslr norandmaps"
# The lines of the boot log that tell what memory became of.
_LOG = re.compile(r"^(?:\[[ \d.]+\] )?((?:Memory: |Freeing |page size: ).*)$", re.MULTILINE)
_PTE = re.compile(r"VmPTE:\s+(\d+) kB")
_MEMINFO = re.compile(r"(\w+(?:\(\w+\))?):\s+(\d+) kB")


@dataclass(frozen=True, slots=True)
class Detail:
    """One instruction of the kernel: its address, how often it ran, and its encoding."""

    address: int
    count: int
    instruction: int


@dataclass(frozen=True, slots=True)
class Count:
    """A workload on one kernel. rounds: executed instructions of the kernel in each round.

    user: instructions at other addresses in the last round. details: the kernel's of that round.
    """

    workload: str
    rounds: tuple[int, ...]
    user: int
    details: tuple[Detail, ...]

    @property
    def instructions(self) -> int:
        """The median of the rounds."""
        return round(median(self.rounds))

    @property
    def spread(self) -> float:
        """How far the rounds lie apart, as a share of the median."""
        return (max(self.rounds) - min(self.rounds)) / self.instructions


@dataclass(frozen=True, slots=True)
class Run:
    """All workloads on one kernel at one page size.

    memory: kB, by /proc/meminfo's names; page_tables: kB for a mapping of 1 GiB. log: what the
    kernel says of memory. seconds: of this machine's clock.
    """

    kernel: Kernel
    page_size: PageSize
    counts: tuple[Count, ...]
    memory: dict[str, int]
    page_tables: int
    log: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Bench:
    """What every run needs: the guest, and the plugin."""

    archive: bytes
    plugin: Path


def bench() -> Bench:
    """Compiled, and with its programs downloaded, unless that was done before."""
    return Bench(bench_initramfs(), _plugin())


def count(kernel: Kernel, page_size: PageSize, parts: Bench) -> Run:
    """Boot a kernel at a page size and count. AnypageError when a workload fails, or the boot."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="anypage-measure-") as name:
        archive, output = Path(name, "initramfs.cpio"), Path(name, "counts")
        archive.write_bytes(parts.archive)
        plugin = f"{parts.plugin},base={kernel.base},size={kernel.size},out={output}"
        words = _words(page_size, boot_time=kernel.page_size is None)
        said, problem = run_qemu(_command(kernel.image, archive, words, plugin), TIMEOUT)
        brackets = tuple(read_brackets(output.read_bytes())) if output.is_file() else ()
    reports = list(console.read_objects(said))
    problem = problem or what_is_wrong(reports, page_size)
    if problem:
        raise AnypageError(
            f"{kernel.name} at {page_size.label}: {problem}",
            where=str(kernel.image),
            remedy=f"the end of its console:\n{console.tail(said)}",
        )
    tables = [int(text) for report in reports for text in _PTE.findall(str(report.get("line")))]
    return Run(
        kernel,
        page_size,
        tuple(_counts(reports, brackets)),
        dict(_meminfo(reports)),
        tables[1] - tables[0],
        tuple(_LOG.findall(said.replace("\r", ""))),
        round(time.monotonic() - start, 1),
    )


def _words(page_size: PageSize, *, boot_time: bool) -> str:
    """The command line of the kernel."""
    return f"{_WORDS} arm64.pagesize={page_size.label}" if boot_time else _WORDS


def _command(image: Path | str, archive: Path | str, words: str, plugin: str) -> list[str]:
    return [
        "qemu-system-aarch64",
        *("-machine", "virt,gic-version=3,dtb-randomness=off"),
        *("-cpu", "max,pauth-impdef=on", "-smp", "1", "-m", MEMORY),
        *("-seed", "1", "-rtc", "base=2024-01-01,clock=vm", "-icount", "shift=0,sleep=off"),
        *("-nographic", "-nodefaults", "-no-reboot", "-serial", "stdio"),
        *("-kernel", str(image), "-initrd", str(archive)),
        *("-append", words, "-plugin", plugin),
    ]


def shown_command() -> str:
    """QEMU's, with names in the place of files."""
    words = f"{_WORDS} [arm64.pagesize=...]"
    return shlex.join(_command("Image", "initramfs.cpio", words, "plugin.so,..."))


def _plugin() -> Path:
    """The plugin, compiled once for each text of its source."""
    source = Path(str(resources.files(__package__))) / "plugin.c"
    digest = hashlib.sha256(source.read_bytes() + " ".join(_PLUGIN_FLAGS).encode())
    target = cache_dir("measure") / f"plugin-{digest.hexdigest()[:16]}.so"
    if not target.is_file():
        with whole_file(target) as part:
            run(["gcc", *_PLUGIN_FLAGS, source, "-o", part], what="cannot compile the QEMU plugin")
    return target


def read_brackets(data: bytes) -> Iterator[tuple[int, int, tuple[Detail, ...]]]:
    """Instructions of the kernel and of the rest, and details; boot first, then every round."""
    at = 0
    while at < len(data):
        image, other, user, many = _BRACKET.unpack_from(data, at)
        at += _BRACKET.size
        end = at + many * _DETAIL.size
        rows = _DETAIL.iter_unpack(data[at:end])
        details = tuple(Detail(address, times, word) for address, times, word, _ in rows)
        yield image + other, user, details
        at = end


def what_is_wrong(reports: Sequence[dict[str, object]], page_size: PageSize) -> str:
    """Why the reports of the guest are not good; "" when they are."""
    for report in reports:
        if "failed" in report:
            return f"the workload {report['failed']} failed: {report['why']}"
        if report.get("page_size", page_size) != page_size:
            return f"it runs with pages of {report['page_size']} bytes"
    if not any("end" in report for report in reports):
        started = [str(r["workload"]) for r in reports if "workload" in r]
        return f"no end after {started[-1]}" if started else "it did not get to its init"
    return ""


def _counts(
    reports: Sequence[dict[str, object]],
    brackets: Sequence[tuple[int, int, tuple[Detail, ...]]],
) -> Iterator[Count]:
    """One for each workload, in the order in which they ran. Rounds to warm up are left out."""
    rounds: dict[str, list[tuple[int, int, tuple[Detail, ...]]]] = {}
    said = [report for report in reports if "workload" in report]
    for report, bracket in zip(said, brackets, strict=True):
        if report["counted"]:
            rounds.setdefault(str(report["workload"]), []).append(bracket)
    for workload, found in rounds.items():
        _, user, details = found[-1]
        yield Count(workload, tuple(kernel for kernel, _, _ in found), user, details)


def _meminfo(reports: Sequence[dict[str, object]]) -> Iterator[tuple[str, int]]:
    for report in reports:
        if report.get("file") == "/proc/meminfo" and (match := _MEMINFO.match(str(report["line"]))):
            yield match[1], int(match[2])
