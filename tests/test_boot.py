# SPDX-License-Identifier: GPL-2.0-only
"""Boots: what QEMU is asked for, what the guest must report, and real boots of the one image."""

import struct
from pathlib import Path

import pytest

from anypage.boot import (
    DEFAULT_PAGE_SIZE,
    Machine,
    boot,
    command_line,
    expectations,
    full_matrix,
    jobs_of,
    machine,
)
from anypage.build import Build, build
from anypage.console import read_objects
from anypage.demo import demo_jobs
from anypage.errors import AnypageError
from anypage.geometry import PageSize
from anypage.guest import initramfs, module_files
from anypage.guest.modules import special_modules


def test_a_cpu_without_the_granule_falls_back_to_the_default() -> None:
    assert Machine(cpu="cortex-a72").page_size(PageSize.SIZE_16K) == DEFAULT_PAGE_SIZE
    assert Machine(cpu="neoverse-n1").page_size(PageSize.SIZE_16K) == PageSize.SIZE_16K


def test_qemu_is_asked_for_the_machine() -> None:
    box = Machine(cpu="neoverse-n1", smp=4, memory="2G", kaslr=False, nodes=2, el2=True)
    (job,) = jobs_of([box], ["64k"])
    command = command_line(Path("Image"), Path("initrd"), job)
    text = " ".join(command)
    assert "virt,gic-version=3,acpi=off,virtualization=on -cpu neoverse-n1 -smp 4 -m 2G" in text
    assert "nokaslr arm64.pagesize=64k" in text
    assert "node,nodeid=1,memdev=ram1,cpus=2-3" in text


def test_the_guest_learns_the_geometry() -> None:
    (job,) = jobs_of([Machine()], ["16k"])
    wanted = expectations(job, boot_time=True)
    assert (wanted["page_size"], wanted["levels"], wanted["level_shifts"]) == (
        16384,
        4,
        "14,25,36,47",
    )


def test_what_a_crash_cut_in_two_is_passed_over() -> None:
    console = (
        'x\r\nanypage> {"check": "a", "status": "passed"}\nanypage> {"check": "b", "st\n[1] Oops'
    )
    assert list(read_objects(console)) == [{"check": "a", "status": "passed"}]


def test_the_matrix_has_sixty_boots_and_each_property_with_each_size() -> None:
    jobs = full_matrix()
    assert len(jobs) >= 60
    for size in ("4k", "16k", "64k"):
        of_size = [job.machine for job in jobs if job.asked == size]
        assert {m.smp for m in of_size} >= {1, 2, 4}
        assert any(m.el2 for m in of_size)
        assert any(m.nodes == 2 for m in of_size)
        assert any(m.firmware == "efi" for m in of_size)
        assert any(not m.kaslr for m in of_size)


def test_the_archive_is_newc_and_ends() -> None:
    data = initramfs({"page_size": 4096})
    assert data.startswith(b"070701")
    assert b"page_size 4096\n" in data
    assert data.rstrip(b"\0").endswith(b"TRAILER!!!")
    assert len(data) % 4 == 0


def test_modules_load_after_what_they_need(tmp_path: Path) -> None:
    folder = tmp_path / "lib/modules/6.12.0"
    folder.mkdir(parents=True)
    table = "fs/vfat.ko: fs/fat.ko\nfs/fat.ko:\nnet/c.ko: net/b.ko net/a.ko\nnet/b.ko: net/a.ko\n"
    (folder / "modules.dep").write_text(table)
    names = [path.name for path in module_files(tmp_path)]
    assert names == ["fat.ko", "vfat.ko", "a.ko", "b.ko", "c.ko"]


def test_the_guest_learns_how_a_module_loads(tmp_path: Path) -> None:
    files = [tmp_path / "xen-blkfront.ko", tmp_path / "test_vmalloc.ko", tmp_path / "fat.ko"]
    for path in files:
        path.write_bytes(b"ELF")
    data = initramfs({"page_size": 4096}, files)
    assert b"xen-blkfront.ko 19 0 \n" in data
    assert b"test_vmalloc.ko 11 0 nr_threads=1 " in data
    assert b"fat.ko 0 0 \n" in data


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Image").write_bytes(b"MZ" * 100)
    with pytest.raises(AnypageError, match="not an arm64 Image"):
        boot(tmp_path / "Image", demo_jobs())


def test_an_unknown_cpu_or_machine_names_the_known_ones() -> None:
    with pytest.raises(AnypageError, match="use one of max"):
        jobs_of([Machine(cpu="cortex-z9")], ["4k"])
    with pytest.raises(AnypageError, match="use one of default"):
        machine("toaster")


@pytest.mark.slow
def test_one_image_boots_at_every_page_size(image: Build) -> None:
    verdicts = boot(image.image, demo_jobs(), modules=image.modules)
    assert [v.page_size for v in verdicts] == [4096, 16384, 65536, 4096]
    assert len({v.sha256 for v in verdicts}) == 1
    for verdict in verdicts:
        assert verdict.passed, (verdict.problem, verdict.as_json()["failures"], verdict.console)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "page_size"),
    [
        ("", "4k"),
        ("arm64.pagesize=", "4k"),
        ("arm64.pagesize=5k", "4k"),
        ("arm64.pagesize=16K", "16k"),
        ("arm64.pagesize=64k arm64.pagesize=16k", "16k"),
        ("arm64.pagesize=64k arm64.pagesize=x", "64k"),
    ],
)
def test_every_spelling_of_the_option_is_defined(image: Build, words: str, page_size: str) -> None:
    jobs = jobs_of([Machine()], ["default"], append=words, expect=page_size)
    (verdict,) = boot(image.image, jobs, modules=image.modules)
    assert verdict.passed, (verdict.problem, verdict.as_json()["failures"])


def _image_for_cpu(build: Build, folder: Path, granules: int) -> Path:
    """The image as a CPU runs it whose ID_AA64MMFR0_EL1 has these bits 31:16: TGran4, 64 and 16.

    QEMU has no CPU without 4K pages. The one instruction that asks which granules there are is
    replaced by one that says so.
    """
    symbols: dict[str, str] = {}
    for line in (build.objects / "System.map").read_text().splitlines():
        address, _, name = line.split(" ")
        symbols[name] = address
    place = int(symbols["__pi_cpu_has_granule"], 16) - int(symbols["_text"], 16)
    image = bytearray(build.image.read_bytes())
    (instruction,) = struct.unpack_from("<I", image, place)
    register = instruction & 0x1F
    assert instruction == 0xD5380700 | register, "it does not begin with mrs xN, id_aa64mmfr0_el1"
    movz_shifted_16 = 0xD2A00000 | granules << 5 | register
    struct.pack_into("<I", image, place, movz_shifted_16)
    (folder / "Image").write_bytes(image)
    return folder / "Image"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("granules", "asked", "page_size"),
    [(0xF010, "4k", "16k"), (0xF010, "64k", "64k"), (0xF000, "default", "64k")],
)
def test_a_cpu_without_4k_boots(
    image: Build, tmp_path: Path, granules: int, asked: str, page_size: str
) -> None:
    path = _image_for_cpu(image, tmp_path, granules)
    jobs = jobs_of([Machine()], [asked], expect=page_size)
    (verdict,) = boot(path, jobs, modules=image.modules)
    assert verdict.passed, (verdict.problem, verdict.as_json()["failures"])


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("config", ["virt+debug", "virt+variable", "virt+linear-stacks"])
def test_other_flavours_boot_at_every_page_size(tree: Path, config: str) -> None:
    built = build(tree, page_size="boot", config=config)
    jobs = jobs_of([Machine()], ["4k", "16k", "64k"])
    for verdict in boot(built.image, jobs, modules=built.modules, timeout=900):
        assert verdict.passed, (verdict.problem, verdict.as_json()["failures"], verdict.console)


@pytest.mark.slow
@pytest.mark.full
def test_every_module_of_the_seed_subsystems_loads_at_every_page_size(tree: Path) -> None:
    built = build(tree, page_size="boot", config="virt+seed")
    files = module_files(built.modules)
    assert len(files) > 100
    assert special_modules().keys() <= {p.name.split(".")[0].replace("-", "_") for p in files}
    for verdict in boot(built.image, demo_jobs(), modules=built.modules, timeout=900):
        assert verdict.passed, (verdict.problem, verdict.as_json()["failures"], verdict.console)
        loads = [r for r in verdict.results if r.name.startswith("module.load.")]
        assert len(loads) == len(files)
        refused = {r.name.removeprefix("module.load.") for r in loads if r.status == "skipped"}
        assert refused <= special_modules().keys()


@pytest.mark.slow
@pytest.mark.full
def test_the_matrix_boots(image: Build) -> None:
    verdicts = boot(image.image, full_matrix(), modules=image.modules)
    failed = [(v.requested, v.machine, v.as_json()["failures"]) for v in verdicts if not v.passed]
    assert failed == []
