# SPDX-License-Identifier: GPL-2.0-only
"""The granules of CPUs: those that facts/cpus.toml says, and CPUs of one machine that differ."""

import re
import struct
import subprocess
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from anypage.boot import Machine, command_line, devices, expectations, jobs_of
from anypage.build import CROSS_COMPILE, Build
from anypage.console import read_objects
from anypage.geometry import PageSize
from anypage.guest import initramfs, make_disks
from anypage.qemu import run_qemu

FOLDER = Path(__file__).parent / "firmware"
CPUS = tomllib.loads(resources.files("anypage.facts").joinpath("cpus.toml").read_text())
# Of a field of ID_AA64MMFR0_EL1: where it is, and its value for a granule that is not there.
FIELDS = {"4k": (28, 0xF), "16k": (20, 0), "64k": (24, 0xF)}
KERNEL_AT = 0x200000  # bytes, in the file that QEMU loads
FLASH = 64 << 20  # bytes
IMAGE_SIZE_AT = 16


def assembled(name: str, folder: Path, **defines: int) -> bytes:
    """A program without headers, to run on a machine without a kernel."""
    elf, flat = folder / "firmware.o", folder / "firmware.bin"
    words = [f"-D{define}={value}" for define, value in defines.items()]
    subprocess.run([f"{CROSS_COMPILE}gcc", *words, "-c", "-o", elf, FOLDER / name], check=True)
    subprocess.run([f"{CROSS_COMPILE}objcopy", "-O", "binary", elf, flat], check=True)
    return flat.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("cpu", CPUS)
def test_a_cpu_has_the_granules_that_are_known(tmp_path: Path, cpu: str) -> None:
    program = tmp_path / "probe"
    program.write_bytes(assembled("cpu_probe.S", tmp_path))
    command = ["qemu-system-aarch64", "-machine", "virt", "-cpu", cpu, "-nographic", "-nodefaults"]
    console, problem = run_qemu([*command, "-serial", "stdio", "-kernel", str(program)], 60)
    assert not problem, console
    register = int(console, 16)
    found = [size for size, (at, absent) in FIELDS.items() if (register >> at & 0xF) != absent]
    assert found == CPUS[cpu]["granules"]


def hypervisor(folder: Path, lacks: str, image: bytes) -> bytes:
    """What stays at EL2, for other CPUs that lack a granule; an arm64 Image, as the kernel is."""
    (size,) = struct.unpack_from("<Q", image, IMAGE_SIZE_AT)
    shift, value = FIELDS[lacks]
    return assembled(
        "unlike_cpus.S",
        folder,
        TGRAN_SHIFT=shift,
        TGRAN_VALUE=value,
        IMAGE_SIZE=size + KERNEL_AT,
    )


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize(
    ("lacks", "size", "cpus"),
    [("4k", "4k", 1), ("16k", "16k", 1), ("64k", "64k", 1), ("16k", "4k", 3), ("4k", "64k", 3)],
)
def test_a_cpu_without_the_granule_stays_out(
    image: Build, tmp_path: Path, lacks: str, size: str, cpus: int
) -> None:
    kernel = image.image.read_bytes()
    start = hypervisor(tmp_path, lacks, kernel)
    both, flash, archive = (tmp_path / name for name in ("Image", "flash", "initramfs.cpio"))
    both.write_bytes(start.ljust(KERNEL_AT, b"\0") + kernel)
    flash.write_bytes(start)
    with flash.open("ab") as file:
        file.truncate(FLASH)
    (job,) = jobs_of([Machine("neoverse-n1", smp=3, el2=True)], [size])
    archive.write_bytes(initramfs(expectations(job, True) | {"cpus": cpus, "el2": 0}))
    command = [*command_line(both, archive, job), *devices(make_disks(tmp_path))]
    command += ["-drive", f"if=pflash,unit=1,format=raw,readonly=on,file={flash}"]
    console, problem = run_qemu(command, timeout=300)

    assert not problem, console[-3000:]
    refused = re.findall(r"CPU(\d): does not support (\d+)K granule", console)
    kilobytes = str(PageSize.parse(size) >> 10)
    assert refused == [(str(n), kilobytes) for n in (1, 2) if cpus == 1]
    reports = list(read_objects(console))
    assert [r for r in reports if r.get("status") == "failed"] == []
    assert any("end" in r for r in reports)
    assert len([r for r in reports if r.get("status") == "passed"]) > 50
