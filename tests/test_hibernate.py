# SPDX-License-Identifier: GPL-2.0-only
"""Hibernation: a machine goes on where it was, with the page size that it had, and no other."""

from pathlib import Path
from typing import Any

import pytest

from anypage.boot import Job, Machine, command_line, devices, expectations, jobs_of
from anypage.build import Build
from anypage.console import read_objects
from anypage.geometry import PageSize
from anypage.guest import initramfs, make_disks, module_files
from anypage.qemu import run_qemu

SIZES = ("4k", "16k", "64k")
IMAGE_DISK = 1 << 30  # bytes; the file takes what is written


class Sleeper:
    """A machine whose disks stay from boot to boot. The first one is for its image."""

    def __init__(self, build: Build, folder: Path, machine: Machine, words: str) -> None:
        self.build = build
        self.folder = folder
        self.machine = machine
        self.words = f"resume=/dev/vda {words}"
        self.disks = {name: folder / f"{name}.img" for name in ("resume", "header")}
        for path in self.disks.values():
            with path.open("wb") as file:
                file.truncate(IMAGE_DISK)
        self.disks |= make_disks(folder)

    def boot(self, size: str, **expect: int) -> list[dict[str, Any]]:
        """Until it is off again; what the guest said."""
        (job,) = jobs_of([self.machine], [size], append=self.words)
        archive = self.folder / "initramfs.cpio"
        archive.write_bytes(self._archive(job, expect))
        command = [*command_line(self.build.image, archive, job), *devices(self.disks)]
        console, problem = run_qemu(command, timeout=300)
        assert not problem, console[-3000:]
        return list(read_objects(console))

    def _archive(self, job: Job, expect: dict[str, int]) -> bytes:
        return initramfs(expectations(job, True) | expect, module_files(self.build.modules))


def statuses(reports: list[dict[str, Any]]) -> dict[str, str]:
    return {r["check"]: r["status"] for r in reports if "check" in r}


def failures(reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [r for r in reports if r.get("status") == "failed"]


def said(reports: list[dict[str, Any]], event: str) -> str:
    """The value that the guest gave with an event."""
    return next((str(r[event]) for r in reports if event in r), f"not {event}")


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (Machine(), ""),
        (Machine(cpu="neoverse-n1", smp=4, kaslr=False), "hibernate=nocompress kpti=on"),
    ],
    ids=["compressed", "plain"],
)
@pytest.mark.parametrize("size", SIZES)
def test_only_the_page_size_of_the_image_resumes(
    seed_image: Build, tmp_path: Path, size: str, machine: Machine, words: str
) -> None:
    sleeper = Sleeper(seed_image, tmp_path, machine, words)
    before = sleeper.boot(size, hibernate=1)
    assert statuses(before) == {"hibernate.save_header": "passed", "hibernate.own_header": "passed"}
    for other in SIZES:
        if other != size:
            refused = sleeper.boot(other, saved_page_size=int(PageSize.parse(size)))
            assert failures(refused) == []
            assert set(statuses(refused)) == {"hibernate.refused", "hibernate.foreign_header"}
    after = sleeper.boot(size)
    assert said(before, "hibernated") == said(after, "resumed")
    assert failures(after) == []
    # The process that hibernated, and all the checks that run behind it.
    assert statuses(after)["hibernate.resume"] == "passed"
    assert any("end" in r for r in after)
    assert len(statuses(after)) > 50
