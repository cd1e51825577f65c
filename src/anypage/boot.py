# SPDX-License-Identifier: GPL-2.0-only
"""Boot an image under QEMU on a machine, and take the report that the guest gives."""

import hashlib
import itertools
import re
import shlex
import shutil
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

from anypage import console
from anypage.console import Check
from anypage.errors import AnypageError
from anypage.exercises import Exercise
from anypage.geometry import LAST_LEVEL, Geometry, PageSize
from anypage.guest import initramfs, make_disks, module_files
from anypage.guest.exercise_files import exercise_files
from anypage.qemu import run_qemu

DEFAULT_PAGE_SIZE = PageSize.SIZE_4K
TIMEOUT = 180  # seconds of this machine's clock; emulation on two busy cores is slow

_FLAGS_AT, _MAGIC_AT, _MAGIC = 24, 56, b"ARM\x64"  # Documentation/arch/arm64/booting.rst
_FIRMWARE = "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd"
_UNITS = {"M": 1 << 20, "G": 1 << 30}


def parse_bytes(text: str) -> int:
    """Bytes of a size in QEMU's spelling."""
    match = re.fullmatch(r"(\d+)([MG])", text)
    if not match:
        raise AnypageError(f"'{text}' is no size in bytes", remedy="use 256M, 2G, ...")
    return int(match[1]) * _UNITS[match[2]]


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
        return parse_bytes(self.memory)

    @property
    def granules(self) -> tuple[PageSize, ...]:
        """Those of the CPU, smallest first."""
        return tuple(PageSize.parse(text) for text in _cpu(self.cpu)["granules"])

    def page_size(self, asked: PageSize | None) -> PageSize:
        """What the kernel takes: what is asked, else the default, else the CPU's smallest."""
        wishes = [size for size in (asked, DEFAULT_PAGE_SIZE) if size in self.granules]
        return wishes[0] if wishes and wishes[0] else self.granules[0]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One boot. page_size is in bytes, as seen from inside; 0 when the guest did not say.

    unfinished: the check that was begun last, when the report has no end.
    """

    requested: str
    machine: Machine
    page_size: int
    passed: bool
    results: tuple[Check, ...]
    problem: str
    unfinished: str
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
    """One boot to do: asked is the value of arm64.pagesize=, None for no such option.

    With exercises, the guest runs these in place of its checks.
    """

    machine: Machine
    asked: str | None
    expect: PageSize
    append: str = ""
    exercises: tuple[Exercise, ...] = ()


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
    said: Callable[[Job, str], None] = lambda job, line: None,
) -> list[Verdict]:
    """Boot an image once for each job; verdicts in the order of the jobs.

    modules is a folder with lib/modules. boot_time: the image chooses its page size. timeout: in
    seconds, to which the limits of a boot's exercises are added. said gets the console, line by
    line. AnypageError when the image is no arm64 Image or QEMU is missing; a boot that fails is a
    verdict.
    """
    path = Path(image)
    data = read_image(path)
    digest = hashlib.sha256(data).hexdigest()

    def one(job: Job) -> Verdict:
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="anypage-") as name:
            command = _prepare(path, job, Path(name), modules, boot_time)
            limit = timeout + sum(exercise.seconds for exercise in job.exercises)
            said_of_job = partial(said, job)
            text, problem = run_qemu(command, limit, said_of_job)
        seconds = round(time.monotonic() - start, 1)
        verdict = replace(_verdict(job, text, problem), seconds=seconds, sha256=digest)
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
            "not an arm64 Image", where=str(path), remedy="name what `anypage build` prints"
        )
    return data


def page_size_of(image: bytes) -> PageSize | None:
    """What an Image is built for; None when it says nothing (booting.rst, flags)."""
    field = image[_FLAGS_AT] >> 1 & 3
    return list(PageSize)[field - 1] if field else None


def _prepare(
    image: Path, job: Job, folder: Path, modules: Path | None, boot_time: bool
) -> list[str]:
    """QEMU's arguments, and the files that they name in folder."""
    archive = folder / "initramfs.cpio"
    expect = expectations(job, boot_time)
    if not job.exercises:
        files = module_files(modules) if modules else []
        archive.write_bytes(initramfs(expect, files))
        return [*command_line(image, archive, job), *devices(make_disks(folder))]
    archive.write_bytes(initramfs(expect, (), exercise_files(job.exercises, modules)))
    (folder / "share").mkdir()
    places = {"folder": folder, "share": folder / "share"}
    places |= {"image": image.absolute(), "initramfs": archive}
    places["guests"] = guests_of(image, job, folder / "guests", boot_time)
    return [*command_line(image, archive, job), *exercise_arguments(job.exercises, places)]


def guests_of(image: Path, job: Job, folder: Path, boot_time: bool) -> Path:
    """What virtual machines inside of this one boot: Image, and the checks for each page size.

    Their CPUs are those of this machine. Nothing of this is made where no exercise uses it.
    """
    if not any("{guests}" in text for exercise in job.exercises for text in exercise.qemu):
        return folder
    folder.mkdir()
    shutil.copyfile(image, folder / "Image")
    box = Machine(job.machine.cpu, smp=2, memory="2G")  # as library/kvm.sh starts them
    for inner in jobs_of([box], [size.label for size in PageSize]):
        (folder / f"{inner.asked}.cpio").write_bytes(initramfs(expectations(inner, boot_time)))
    return folder


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


def command_line(image: Path, archive: Path, job: Job) -> list[str]:
    """QEMU's arguments for the machine."""
    box = job.machine
    virt = f"virt,gic-version={box.gic},acpi={_on(box.acpi)},virtualization={_on(box.el2)}"
    options = _cpu(box.cpu).get("options", "")
    words = ["console=ttyAMA0", "panic=-1"]
    words += [] if box.kaslr else ["nokaslr"]
    words += [f"arm64.pagesize={job.asked}"] if job.asked is not None else []
    words += ["acpi=force"] if box.acpi else []
    words += [job.append] if job.append else []
    words += [word for exercise in job.exercises for word in exercise.words]
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
    if box.firmware == "efi":
        # The EFI stub takes the seed of KASLR from the firmware, which takes it from this.
        command += ["-bios", _FIRMWARE, "-device", "virtio-rng-pci,romfile="]
    if box.nodes > 1:
        size, cpus = box.bytes // box.nodes, box.smp // box.nodes
        for node in range(box.nodes):
            first, last = node * cpus, (node + 1) * cpus - 1
            command += ["-object", f"memory-backend-ram,id=ram{node},size={size}"]
            command += ["-numa", f"node,nodeid={node},memdev=ram{node},cpus={first}-{last}"]
    return command


def devices(disks: dict[str, Path]) -> list[str]:
    """What the checks use. There is no network but a card whose other end is closed."""
    command = ["-netdev", "user,id=net,restrict=on", "-device", "e1000e,netdev=net,romfile="]
    for serial, disk in disks.items():
        command += _drive(serial, disk)
        command += ["-device", f"virtio-blk-pci,drive={serial},serial={serial},romfile="]
    return command


def _drive(name: str, file: Path) -> list[str]:
    return ["-drive", f"if=none,id={name},file={file},format=raw,cache=unsafe"]


def exercise_arguments(exercises: Iterable[Exercise], places: Mapping[str, Path]) -> list[str]:
    """QEMU's arguments for the devices of exercises, whose disks are made in places["folder"].

    What two of them need in the same words is there once.
    """
    disks: dict[str, str] = {}
    arguments: dict[str, None] = {}
    for exercise in exercises:
        disks |= exercise.disks
        arguments |= dict.fromkeys(exercise.qemu)
    command = []
    for name, size in disks.items():
        file = places["folder"] / f"{name}.img"
        with file.open("wb") as disk:
            disk.truncate(parse_bytes(size))
        command += _drive(name, file)
    return command + [word for text in arguments for word in shlex.split(text.format(**places))]


def _on(value: bool) -> str:
    return "on" if value else "off"


def _verdict(job: Job, text: str, problem: str) -> Verdict:
    report = console.read(text)
    results, problem = report.results, problem or report.problem
    for exercise in job.exercises:
        if death := exercise.death(report.unfinished, text):
            results, problem = (*results, death), ""
    if not problem and report.page_size != job.expect:
        problem = f"page size {report.page_size}, expected {int(job.expect)}"
    passed = not problem and all(c.status != "failed" for c in results)
    return Verdict(
        requested=job.asked if job.asked is not None else "default",
        machine=job.machine,
        page_size=report.page_size,
        passed=passed,
        results=results,
        problem=problem,
        unfinished=report.unfinished,
        console="" if passed else console.tail(text),
        seconds=0.0,
        sha256="",
    )
