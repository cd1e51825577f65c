# SPDX-License-Identifier: GPL-2.0-only
"""Boot an image under QEMU on a machine, and take the report that the guest gives."""

import hashlib
import itertools
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from anypage.errors import AnypageError
from anypage.geometry import LAST_LEVEL, Geometry, PageSize
from anypage.guest import initramfs, make_disks, module_files

DEFAULT_PAGE_SIZE = PageSize.SIZE_4K
TIMEOUT = 180  # seconds of this machine's clock; emulation on two busy cores is slow

_MARK = "anypage> "
_TAIL_LINES = 30
_FLAGS_AT, _MAGIC_AT, _MAGIC = 24, 56, b"ARM\x64"  # Documentation/arch/arm64/booting.rst
_FIRMWARE = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"
_UNITS = {"M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True)
class Machine:
    """QEMU's "virt" with these parts; facts/machines.toml says what they are.

    The memory has room for a huge page of each size but the largest.
    """

    cpu: str = "max"
    smp: int = 2
    memory: str = "4G"
    kaslr: bool = True
    nodes: int = 1
    el2: bool = False
    firmware: str = "none"
    acpi: bool = False
    gic: int = 3

    @property
    def bytes(self) -> int:
        """Memory in bytes."""
        match = re.fullmatch(r"(\d+)([MG])", self.memory)
        if not match:
            raise AnypageError(f"'{self.memory}' is no memory size", remedy="use 256M, 2G, ...")
        return int(match[1]) * _UNITS[match[2]]

    @property
    def granules(self) -> tuple[PageSize, ...]:
        """Those of the CPU, smallest first."""
        return tuple(PageSize.parse(text) for text in _cpu(self.cpu)["granules"])

    def page_size(self, asked: PageSize | None) -> PageSize:
        """What the kernel takes: what is asked, else the default, else the CPU's smallest."""
        wishes = [size for size in (asked, DEFAULT_PAGE_SIZE) if size in self.granules]
        return wishes[0] if wishes and wishes[0] else self.granules[0]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the guest. status: passed, failed or skipped."""

    name: str
    status: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One boot. page_size is in bytes, as seen from inside; 0 when the guest did not say."""

    requested: str
    machine: Machine
    page_size: int
    passed: bool
    results: tuple[Check, ...]
    problem: str
    console: str
    seconds: float
    sha256: str

    def as_json(self) -> dict[str, Any]:
        """The stable form of `--json`."""
        return {
            "requested": self.requested,
            "cpu": self.machine.cpu,
            "smp": self.machine.smp,
            "memory": self.machine.memory,
            "kaslr": self.machine.kaslr,
            "nodes": self.machine.nodes,
            "el2": self.machine.el2,
            "firmware": self.machine.firmware,
            "acpi": self.machine.acpi,
            "page_size": self.page_size,
            "passed": self.passed,
            "checks": {c.name: c.status == "passed" for c in self.results if c.status != "skipped"},
            "skipped": {c.name: c.detail for c in self.results if c.status == "skipped"},
            "failures": {c.name: c.detail for c in self.results if c.status == "failed"},
            "problem": self.problem,
            "seconds": self.seconds,
        }


@cache
def _facts(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files("anypage.facts").joinpath(f"{name}.toml").read_text())


def _cpu(name: str) -> dict[str, Any]:
    cpus = _facts("cpus")
    if name not in cpus:
        raise AnypageError(f"'{name}' is no known CPU", remedy=f"use one of {', '.join(cpus)}")
    return dict(cpus[name])


def machine(name: str) -> Machine:
    """A machine of facts/machines.toml."""
    machines = _facts("machines")
    if name not in machines:
        known = ", ".join(machines)
        raise AnypageError(f"'{name}' is no known machine", remedy=f"use one of {known}")
    return Machine(**machines[name])


@dataclass(frozen=True, slots=True)
class Job:
    """One boot to do: asked is the value of arm64.pagesize=, None for no such option."""

    machine: Machine
    asked: str | None
    expect: PageSize
    append: str = ""


def jobs_of(
    machines: Iterable[Machine], page_sizes: Iterable[str], *, append: str = "", expect: str = ""
) -> list[Job]:
    """Each machine with each page size; `default` asks for none."""
    made = []
    for each, size in itertools.product(machines, page_sizes):
        asked = None if size == "default" else size
        wish = PageSize.parse(size) if asked else None
        wanted = PageSize.parse(expect) if expect else each.page_size(wish)
        made.append(Job(each, asked, wanted, append))
    return made


def full_matrix() -> list[Job]:
    """Over sixty boots in which each property of a machine meets each page size.

    Every machine of facts/machines.toml and every CPU, at all page sizes.
    """
    named = [machine(name) for name in _facts("machines")]
    small = [Machine(cpu=cpu, smp=smp) for cpu in _facts("cpus") for smp in (1, 4)]
    return jobs_of(dict.fromkeys([*named, *small]), ["4k", "16k", "64k"])


def boot(
    image: Path | str,
    todo: Sequence[Job],
    *,
    modules: Path | None = None,
    boot_time: bool = True,
    timeout: float = TIMEOUT,
    parallel: int = 1,
    done: Callable[[Verdict], None] = lambda verdict: None,
) -> list[Verdict]:
    """Boot an image once for each job; verdicts in the order of the jobs.

    modules is a folder with lib/modules. boot_time: the image chooses its page size. AnypageError
    when the image is no arm64 Image or QEMU is missing; a boot that fails is a verdict.
    """
    path = Path(image)
    data = read_image(path)
    digest = hashlib.sha256(data).hexdigest()
    files = module_files(modules) if modules else []

    def one(job: Job) -> Verdict:
        verdict = replace(_boot(path, job, files, boot_time, timeout), sha256=digest)
        done(verdict)
        return verdict

    with ThreadPoolExecutor(max(1, parallel)) as pool:
        return list(pool.map(one, todo))


def read_image(path: Path) -> bytes:
    """The bytes of an arm64 Image; AnypageError for anything else."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AnypageError(
            f"cannot read the image: {error.strerror}", where=str(path), remedy="run anypage build"
        ) from error
    if data[_MAGIC_AT : _MAGIC_AT + 4] != _MAGIC:
        raise AnypageError(
            "not an arm64 Image", where=str(path), remedy="name arch/arm64/boot/Image of a build"
        )
    return data


def page_size_of(image: bytes) -> PageSize | None:
    """What an Image is built for; None when it says nothing (booting.rst, flags)."""
    field = image[_FLAGS_AT] >> 1 & 3
    return list(PageSize)[field - 1] if field else None


def _boot(path: Path, job: Job, files: list[Path], boot_time: bool, timeout: float) -> Verdict:
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="anypage-") as name:
        folder = Path(name)
        archive = folder / "initramfs.cpio"
        archive.write_bytes(initramfs(expectations(job, boot_time), files))
        command = command_line(path, archive, make_disks(folder), job)
        console, problem = run_qemu(command, timeout)
    seconds = round(time.monotonic() - start, 1)
    return _verdict(job, console, problem, seconds)


def expectations(job: Job, boot_time: bool) -> dict[str, object]:
    """What the guest finds in /expect."""
    geometry = Geometry(job.expect)
    shifts = [geometry.level_shift(LAST_LEVEL - i) for i in range(geometry.levels)]
    return {
        "page_size": int(job.expect),
        "va_bits": geometry.va_bits,
        "levels": geometry.levels,
        "level_shifts": ",".join(map(str, shifts)),
        "hugetlb_sizes": ",".join(map(str, geometry.hugetlb_sizes)),
        "pmd_size": geometry.pmd_size,
        "thp_size": geometry.thp_size,
        "cpus": job.machine.smp,
        "nodes": job.machine.nodes,
        "memory": job.machine.bytes,
        "kaslr": int(job.machine.kaslr),
        "el2": int(job.machine.el2),
        "efi": int(job.machine.firmware == "efi"),
        "acpi": int(job.machine.acpi),
        "policy": int(boot_time),
    }


def command_line(image: Path, archive: Path, disks: dict[str, Path], job: Job) -> list[str]:
    """QEMU's arguments. The guest has no network but a card whose other end is closed."""
    box = job.machine
    virt = f"virt,gic-version={box.gic},acpi={_on(box.acpi)},virtualization={_on(box.el2)}"
    options = _cpu(box.cpu).get("options", "")
    words = ["console=ttyAMA0", "panic=-1"]
    words += [] if box.kaslr else ["nokaslr"]
    words += [f"arm64.pagesize={job.asked}"] if job.asked is not None else []
    words += ["acpi=force"] if box.acpi else []
    words += [job.append] if job.append else []
    command = [
        "qemu-system-aarch64",
        "-machine",
        virt,
        "-cpu",
        ",".join(filter(None, [box.cpu, options])),
    ]
    command += ["-smp", str(box.smp), "-m", box.memory, "-nographic", "-no-reboot", "-nodefaults"]
    command += ["-serial", "stdio", "-kernel", str(image), "-initrd", str(archive)]
    command += ["-append", " ".join(words)]
    command += ["-netdev", "user,id=net,restrict=on", "-device", "e1000e,netdev=net,romfile="]
    if box.firmware == "efi":
        # The EFI stub takes the seed of KASLR from the firmware, which takes it from this.
        command += ["-bios", _FIRMWARE, "-device", "virtio-rng-pci,romfile="]
    for serial, disk in disks.items():
        command += ["-drive", f"if=none,id={serial},file={disk},format=raw,cache=unsafe"]
        command += ["-device", f"virtio-blk-pci,drive={serial},serial={serial},romfile="]
    if box.nodes > 1:
        size, cpus = box.bytes // box.nodes, box.smp // box.nodes
        for node in range(box.nodes):
            first, last = node * cpus, (node + 1) * cpus - 1
            command += ["-object", f"memory-backend-ram,id=ram{node},size={size}"]
            command += ["-numa", f"node,nodeid={node},memdev=ram{node},cpus={first}-{last}"]
    return command


def _on(value: bool) -> str:
    return "on" if value else "off"


def run_qemu(command: list[str], timeout: float) -> tuple[str, str]:
    """The console, and what went wrong with QEMU itself, which is gone however this ends.

    timeout: seconds of this machine's clock. AnypageError when QEMU is not there.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise AnypageError(
            f"{command[0]} is not installed", remedy="run `anypage doctor --install`"
        ) from error
    try:
        output, _ = process.communicate(timeout=timeout)
        problem = f"QEMU: exit status {process.returncode}" if process.returncode else ""
    except subprocess.TimeoutExpired:
        _kill(process)
        output, _ = process.communicate()
        problem = f"no end after {timeout:.0f} s"
    except BaseException:
        _kill(process)
        raise
    return output.decode(errors="replace"), problem


def _kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def _verdict(job: Job, console: str, problem: str, seconds: float) -> Verdict:
    reports = list(read_report(console))
    results = tuple(
        Check(str(r["check"]), str(r["status"]), _detail(r)) for r in reports if "check" in r
    )
    page_size = next((int(r["page_size"]) for r in reports if "page_size" in r), 0)
    end = next((r for r in reports if "end" in r), None)
    if not problem and end is None:
        started = [str(r["start"]) for r in reports if "start" in r]
        problem = f"no report after {started[-1]}" if started else "no report from the guest"
    elif end is not None and end["total"] != len(results):
        problem = f"{len(results)} of {end['total']} results came through"
    elif page_size != job.expect and page_size:
        problem = f"page size {page_size}, expected {int(job.expect)}"
    passed = not problem and all(c.status != "failed" for c in results)
    tail = "" if passed else console_tail(console)
    return Verdict(
        requested=job.asked if job.asked is not None else "default",
        machine=job.machine,
        page_size=page_size,
        passed=passed,
        results=results,
        problem=problem,
        console=tail,
        seconds=seconds,
        sha256="",
    )


def console_tail(console: str) -> str:
    """Its last lines: what a panic says is among them."""
    return "\n".join(console.splitlines()[-_TAIL_LINES:])


def read_report(console: str) -> Iterable[dict[str, Any]]:
    """The JSON objects of the guest; what the kernel or a crash cut in two is passed over."""
    for line in console.splitlines():
        _, mark, text = line.partition(_MARK)
        if not mark:
            continue
        try:
            report = json.loads(text)
        except ValueError:
            continue
        if isinstance(report, dict):
            yield report


def _detail(report: dict[str, Any]) -> str:
    if "reason" in report:
        return str(report["reason"])
    if "what" in report:
        return f"{report['what']}: expected {report['expected']}, found {report['found']}"
    return ""
