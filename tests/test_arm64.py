# SPDX-License-Identifier: GPL-2.0-only
"""Kernel page tables apart from those of user space (KPTI), and 32-bit programs."""

import pytest

from anypage.boot import Machine, Verdict, boot, jobs_of
from anypage.build import Build


def boots(image: Build, machine: Machine, words: str = "") -> list[Verdict]:
    """At each page size that the CPU has; every check passed."""
    sizes = [size.label for size in machine.granules]
    verdicts = boot(
        image.image, jobs_of([machine], sizes, append=words), modules=image.modules, timeout=300
    )
    for verdict in verdicts:
        assert verdict.passed, (verdict.problem, verdict.as_json()["failures"], verdict.console)
    return verdicts


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("kaslr", [True, False], ids=["kaslr", "nokaslr"])
@pytest.mark.parametrize("cpu", ["max", "cortex-a57", "cortex-a72"])
def test_the_page_tables_are_isolated(seed_image: Build, cpu: str, kaslr: bool) -> None:
    """Without KASLR the kernel's entries are global first, and are rewritten."""
    for verdict in boots(seed_image, Machine(cpu=cpu, smp=4, kaslr=kaslr), "kpti=on"):
        checks = verdict.as_json()["checks"]
        assert checks["page_table.isolation"]
        assert checks["page_table.not_global"]


@pytest.mark.slow
@pytest.mark.full
def test_32_bit_programs_run_with_4k_pages_only(seed_image: Build) -> None:
    for verdict in boots(seed_image, Machine()):
        checks = verdict.as_json()["checks"]
        names = {name for name in checks if name.startswith("compat.")}
        runs = {"compat.run", "compat.time_namespace"}
        assert names == (runs if verdict.page_size == 4096 else {"compat.refused"})
