# SPDX-License-Identifier: GPL-2.0-only
"""Guests of KVM inside of the guest: what they are given, and each page size on each page size."""

from dataclasses import replace
from pathlib import Path

import pytest

from anypage.boot import Machine, guests_of, jobs_of
from anypage.build import Build
from anypage.exercise import exercise, on_machine
from anypage.exercises import select

EXERCISES = ("kvm_nvhe", "kvm_vhe")


def test_a_guest_has_the_image_and_its_checks_for_each_page_size(tmp_path: Path) -> None:
    image = tmp_path / "Image"
    image.write_bytes(b"kernel")
    (job,) = jobs_of([Machine(cpu="cortex-a72")], ["64k"])
    folder = guests_of(image, replace(job, exercises=select(EXERCISES)), tmp_path / "guests", True)
    assert (folder / "Image").read_bytes() == b"kernel"
    assert b"page_size 65536\n" in (folder / "64k.cpio").read_bytes()
    # This CPU has no 16K granule.
    assert b"page_size 4096\n" in (folder / "16k.cpio").read_bytes()


def test_nothing_is_made_where_no_exercise_has_guests(tmp_path: Path) -> None:
    (job,) = jobs_of([Machine()], ["4k"])
    assert not guests_of(tmp_path / "none", job, tmp_path / "guests", True).exists()


def test_an_exercise_that_needs_el2_gets_it() -> None:
    (job,) = jobs_of([Machine()], ["4k"])
    assert on_machine(job, select(EXERCISES)).machine.el2
    assert not on_machine(job, select(["ext4"])).machine.el2


@pytest.mark.slow
@pytest.mark.full
def test_each_page_size_runs_on_each_page_size(seed_image: Build) -> None:
    todo = jobs_of([Machine(), Machine(cpu="cortex-a72")], ["4k", "16k", "64k"])
    verdicts = exercise(seed_image.image, todo, EXERCISES, modules=seed_image.modules)
    assert [(v.requested, v.problem, v.results) for v in verdicts if not v.passed] == []
    passed = [c.name for v in verdicts for c in v.results if c.status == "passed"]
    for size in ("4k", "16k", "64k"):
        assert passed.count(f"kvm_nvhe/guest_{size}") == len(todo)
        # cortex-a72 has no VHE.
        assert passed.count(f"kvm_vhe/guest_{size}") == len(todo) // 2
