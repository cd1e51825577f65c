# SPDX-License-Identifier: GPL-2.0-only
"""The image as Xen's dom0: the hypervisor has pages of 4K, whatever the guest's are."""

from pathlib import Path

import pytest

from anypage.boot import Machine, command_line, devices, expectations, jobs_of
from anypage.build import Build
from anypage.console import read_objects
from anypage.guest import initramfs, make_disks, module_files, programs
from anypage.qemu import run_qemu

# Behind Xen, and behind the device tree that QEMU puts 128M into memory.
IMAGE_AT, ARCHIVE_AT = 0x50000000, 0x58000000
XEN_WORDS = "dom0_mem=2G dom0_max_vcpus=2 console=dtuart dtuart=/pl011@9000000"


def under_xen(command: list[str], xen: Path) -> list[str]:
    """QEMU starts Xen, which finds the image and its archive in memory."""
    options = list(command)

    def cut(name: str) -> str:
        at = options.index(name)
        _, value = options[at : at + 2]
        del options[at : at + 2]
        return value

    image, archive = cut("-kernel"), cut("-initrd")
    words = cut("-append").replace("console=ttyAMA0", "console=hvc0")
    virt = cut("-machine").replace("virtualization=off", "virtualization=on")
    cut("-m")
    options += ["-m", "4G", "-machine", virt, "-kernel", str(xen), "-append", XEN_WORDS]
    options += ["-device", f"guest-loader,addr={IMAGE_AT:#x},kernel={image},bootargs={words}"]
    return [*options, "-device", f"guest-loader,addr={ARCHIVE_AT:#x},initrd={archive}"]


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("size", ["4k", "16k", "64k"])
def test_dom0_boots(seed_image: Build, tmp_path: Path, size: str) -> None:
    (tmp_path / "xen").write_bytes(programs.files("xen")["xen"])
    machine = Machine(cpu="neoverse-n1", smp=2, memory="2G", kaslr=False)
    (job,) = jobs_of([machine], [size])
    archive = tmp_path / "initramfs.cpio"
    archive.write_bytes(initramfs(expectations(job, True), module_files(seed_image.modules)))
    machine_options = command_line(seed_image.image, archive, job)
    command = [*machine_options, *devices(make_disks(tmp_path))]
    console, problem = run_qemu(under_xen(command, tmp_path / "xen"), timeout=300)
    reports = list(read_objects(console))
    assert not problem, console[-3000:]
    assert "Xen 4.17 support found" in console
    assert [r for r in reports if r.get("status") == "failed"] == []
    assert [r["page_size"] for r in reports if "page_size" in r][0] == int(job.expect)
    assert any("end" in r for r in reports), console[-3000:]
