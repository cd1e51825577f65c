# SPDX-License-Identifier: GPL-2.0-only
"""Exercises: scripts that name what they need, and what their reports become."""

import json
import re
import subprocess
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from anypage import console
from anypage.boot import Machine, Verdict, boot, exercise_arguments, jobs_of
from anypage.build import Build, build
from anypage.cli import app
from anypage.console import Check
from anypage.errors import AnypageError
from anypage.exercise import exercise, fewer, merged, on_machine, outcomes, worse
from anypage.exercises import Exercise, boots, discover, read, select
from anypage.guest.archive import archive, file_at
from anypage.report import subsystems
from anypage.report.earlier import read_document

LIBRARY = Path(str(resources.files("anypage.guest"))) / "library"
SCRIPTS = [*(e.path for e in discover()), *sorted(LIBRARY.glob("*.sh"))]


def verdict(*checks: Check, problem: str = "", unfinished: str = "") -> Verdict:
    """A boot at 16K."""
    passed = not problem and all(check.status != "failed" for check in checks)
    return Verdict("16k", Machine(), 16384, passed, checks, problem, unfinished, "", 1.0, "")


def exercise_named(name: str) -> Exercise:
    (found,) = select([name])
    return found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_every_script_is_posix_shell(path: Path) -> None:
    done = subprocess.run(["sh", "-n", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("chosen", discover(), ids=lambda e: e.name)
def test_every_exercise_explains_itself_and_uses_what_is_there(chosen: Exercise) -> None:
    assert len(chosen.explanation) > 40
    text = chosen.path.read_text()
    for line in text.splitlines():
        if line.startswith(". /exercises/library/"):
            assert (LIBRARY / line.rpartition("/")[2]).is_file()
    for name in chosen.programs:
        assert chosen.path.with_name(f"{name}.c").is_file()
    assert "check " in text or "exercise_" in text or "results " in text or "run_test " in text


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_no_script_relies_on_a_negation(path: Path) -> None:
    """The shell's set -e goes on behind `! command`, whatever that gives."""
    assert not re.search(r"^\s*! ", path.read_text(), re.M)


def test_a_command_that_must_fail_ends_its_check_when_it_succeeds(tmp_path: Path) -> None:
    base = (LIBRARY / "base.sh").read_text().replace("/tmp/", f"{tmp_path}/")
    checks = """
    bare() { never true; true; }
    piped() { echo a | never grep a; true; }
    none() { echo b | never grep a; never false; }
    check bare bare; check piped piped; check none none
    """
    (tmp_path / "script").write_text(f"NAME=one\n{base}{checks}")
    done = subprocess.run(
        ["sh", "-c", 'exec sh "$0" 3>&1', tmp_path / "script"],
        capture_output=True,
        text=True,
        check=False,
    )
    results = [line.split()[:2] for line in done.stdout.splitlines() if "start" not in line]
    assert results == [["failed", "bare"], ["failed", "piped"], ["passed", "none"]], done.stderr


REPORTS_OF_TESTS = """\
# running ./one -U
# ok 1 a page
# ok 1 a page
# not ok 2 two pages
# ok 3 three # SKIP no memory
# ok 4 four Extra pages 227 (0.5%), extra thread faults 227.
# ok 5 a child with 2MB of memory allocations
ok 1 one # SKIP
# running bash ./uffd
# Testing move on anon... done
# Testing move on shmem... skipped [reason: feature missing]
# Testing wp on anon... ERROR: nr 7 memory corruption 0 1
not ok 2 uffd # exit=1
# running ./khugepaged
#
# Run test: collapse_full (madvise:anon)
# Collapse page... \033[32mOK\033[0m
# Run test: collapse_swapin (madvise:anon)
# Swapout one page... \033[31mFail\033[0m
# Run test: collapse_empty (madvise:anon)
# Collapse page... \033[32mOK\033[0m
ok 3 khugepaged # SKIP
# running ./khugepaged -s 2
# Run test: collapse_full (madvise:anon)
# Collapse page... \033[32mOK\033[0m
# Run test: collapse_extreme (madvise:anon)
not ok 4 khugepaged -s 2 # exit=1
"""


def test_each_result_of_the_kernels_own_tests_is_taken_once() -> None:
    script = (LIBRARY / "selftests.sh").read_text().replace(". /exercises/library/base.sh", "")
    done = subprocess.run(
        ["sh", "-euc", f"{script}\nresults mm"],
        input=REPORTS_OF_TESTS,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "passed mm.one--U.a-page the test says no more",
        "failed mm.one--U.two-pages the test says no more",
        "skipped mm.one--U.three- SKIP no memory",
        "passed mm.one--U.four the test says no more",
        "passed mm.one--U.a-child-with-memory-allocations the test says no more",
        "skipped mm.one--U.whole SKIP",
        "passed mm.uffd.move-on-anon done",
        "skipped mm.uffd.move-on-shmem skipped [reason: feature missing]",
        "failed mm.uffd.wp-on-anon ERROR: nr 7 memory corruption 0 1",
        "failed mm.uffd.whole exit=1",
        "passed mm.khugepaged.collapse_full-madvise-anon- the test says no more",
        "failed mm.khugepaged.collapse_swapin-madvise-anon- the test says no more",
        "passed mm.khugepaged.collapse_empty-madvise-anon- the test says no more",
        "skipped mm.khugepaged.whole SKIP",
        "passed mm.khugepaged--s-2.collapse_full-madvise-anon- the test says no more",
        "failed mm.khugepaged--s-2.collapse_extreme-madvise-anon- the test says no more",
        "failed mm.khugepaged--s-2.whole exit=1",
    ]


# Writes a file by one byte and by three at a time, and tells how many calls that took.
WRITER = r"""
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	int file = open(arguments[1], O_CREAT | O_WRONLY, 0600);
	char calls[1000] = "";
	int i;

	for (i = 0; i < 200000; i++)
		write(file, &(char){ i }, 1);
	write(file, "end", 3);
	write(file, ".", 1);
	close(file);
	file = open("/proc/self/io", O_RDONLY);
	read(file, calls, sizeof(calls) - 1);
	puts(calls);
	return count != 2;
}
"""


def test_writes_of_one_byte_are_gathered(tmp_path: Path) -> None:
    gather = str(resources.files("anypage.guest").joinpath("gathered_write.c"))
    wrap = ["-Wl,--wrap=write", "-Wl,--wrap=close", gather]
    for name, flags in {"plain": [], "gathered": wrap}.items():
        program = tmp_path / f"{name}.out"
        command = ["gcc", "-x", "c", "-", *flags, "-o", str(program)]
        subprocess.run(command, input=WRITER, text=True, check=True, stderr=subprocess.DEVNULL)
        said = subprocess.run(
            [program, tmp_path / name], capture_output=True, text=True, check=True
        )
        (calls,) = re.findall(r"syscw: (\d+)", said.stdout)
        assert (int(calls) > 200000) == (name == "plain")
    data = (tmp_path / "gathered").read_bytes()
    assert data == bytes(i % 256 for i in range(200000)) + b"end."
    assert data == (tmp_path / "plain").read_bytes()


TRIES = """\
failed cgroup.one.min exit=1
passed cgroup.one.max
skipped cgroup.one.swap none
passed cgroup.one.min
failed cgroup.one.max exit=1
failed cgroup.one.swap exit=1
"""


def test_of_several_tries_the_best_counts() -> None:
    script = (LIBRARY / "selftests.sh").read_text().replace(". /exercises/library/base.sh", "")
    done = subprocess.run(
        ["sh", "-euc", f"{script}\nbest"], input=TRIES, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "passed cgroup.one.min",
        "passed cgroup.one.max",
        "failed cgroup.one.swap exit=1",
    ]


def test_a_head_with_an_unknown_word_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "one.sh"
    script.write_text('# /// exercise\n# subsystems = ["x"]\n# module = ["y"]\n# ///\n# Text.\n')
    with pytest.raises(AnypageError, match="unknown: module"):
        read(script)


def test_an_unknown_exercise_names_the_known_ones() -> None:
    with pytest.raises(AnypageError, match="known: .*ext4"):
        select(["ext5"])


def test_exercises_share_a_boot_unless_one_is_alone() -> None:
    groups = boots(select(["kexec", "ext4", "fat"]))
    assert [[e.name for e in group] for group in groups] == [["ext4", "fat"], ["kexec"]]


def test_an_exercise_that_needs_firmware_gets_it() -> None:
    (job,) = jobs_of([Machine()], ["4k"])
    found = on_machine(job, select(["efi"])).machine
    assert (found.acpi, found.firmware, found.el2) == (True, "efi", False)
    assert on_machine(job, select(["ext4"])).machine == job.machine


def test_a_disk_that_two_exercises_use_is_there_once(tmp_path: Path) -> None:
    places = {"folder": tmp_path, "share": tmp_path, "image": tmp_path, "initramfs": tmp_path}
    command = exercise_arguments(select(["ext4", "fat", "nvme"]), places)
    text = " ".join(command)
    assert text.count("virtio-blk-pci,drive=scratch") == 1
    assert text.count("id=scratch") == 1
    assert (tmp_path / "nvme.img").stat().st_size == 256 << 20


def test_nothing_leaves_the_machine_of_the_guest() -> None:
    for chosen in discover():
        for text in chosen.qemu:
            assert "user" not in text.partition("-netdev ")[2].split(",")[0]
            assert "tap" not in text.partition("-netdev ")[2].split(",")[0]


def test_each_kernel_of_a_chain_has_a_report_of_its_own() -> None:
    first = (
        'anypage> {"page_size": 4096}\nanypage> {"check": "a", "status": "passed"}\n'
        'anypage> {"end": true, "total": 1, "next": "kexec"}\n'
    )
    second = first.replace("4096", "65536").replace('"a"', '"b"').replace("kexec", "off")
    whole = console.read(first + second)
    assert (whole.page_size, [c.name for c in whole.results], whole.problem) == (
        4096,
        ["a", "b"],
        "",
    )
    assert console.read(first).problem == "no report from the guest"
    assert "1 of 2 results" in console.read(second.replace('"total": 1', '"total": 2')).problem


def test_a_guest_that_should_die_passes_only_with_the_words_of_its_death() -> None:
    chosen = exercise_named("stack-overflow")
    said = f'anypage> {{"start": "stack-overflow/exhausted"}}\n{chosen.dies}\n'
    assert chosen.death("stack-overflow/exhausted", said) == Check(
        "stack-overflow/exhausted", "passed"
    )
    assert chosen.death("stack-overflow/exhausted", said.replace("overflow\n", "")) is None
    assert chosen.death("ext4/write", said) is None


def test_the_check_in_which_the_guest_ended_has_failed() -> None:
    (found,) = outcomes(
        ["ext4"],
        [verdict(Check("ext4/a", "passed"), problem="no report", unfinished="ext4/b")],
    )
    assert found.as_json()["checks"] == {"a": {"16k": "passed"}, "b": {"16k": "failed"}}


def test_what_fails_in_the_baseline_too_is_not_worse() -> None:
    here = outcomes(["ext4"], [verdict(Check("ext4/a", "failed"), Check("ext4/b", "failed"))])
    there = outcomes(["ext4"], [verdict(Check("ext4/a", "failed"), Check("ext4/b", "passed"))])
    baseline = merged([{o.exercise.name: o.as_json() for o in there}])
    assert worse(here, baseline) == ["ext4/b at 16k: "]


def test_what_passed_in_the_baseline_and_did_not_run_here_is_told() -> None:
    here = outcomes(["ext4"], [verdict(Check("ext4/a", "skipped"), Check("ext4/b", "failed"))])
    passed = [Check(f"ext4/{name}", "passed") for name in "abc"]
    documents = [
        {o.exercise.name: o.as_json() for o in found}
        for found in (here, outcomes(["ext4"], [verdict(*passed)]))
    ]
    assert fewer(*documents) == ["ext4/a at 16k", "ext4/c at 16k"]
    assert fewer(*reversed(documents)) == []


def test_an_archive_has_the_folders_of_its_files_once() -> None:
    data = archive([file_at("a/b/one", b"1"), file_at("a/b/two", b"2")])
    assert data.count(b"a/b\0") == 1
    assert data.index(b"a/b\0") < data.index(b"a/b/one\0")


def test_checks_that_stand_for_an_area_exist() -> None:
    facts = tomllib.loads(resources.files("anypage.facts").joinpath("exercised.toml").read_text())
    sources = resources.files("anypage.guest").joinpath("src")
    text = "".join(f.read_text() for f in sources.iterdir() if f.name.endswith(".c"))
    named = [name for fact in facts.values() for name in fact.get("checks", [])]
    assert len(named) > 10
    # A check for each module has its name at run time.
    assert [n for n in named if f'"{n}' not in text and not n.startswith("module.")] == []


def document_of(*checks: Check) -> dict[str, Any]:
    found = outcomes(["ext4"], [verdict(*checks)])
    return {
        "image": {"sha256": "0", "bytes": 1},
        "boots": [],
        "exercises": {o.exercise.name: o.as_json() for o in found},
    }


def test_the_page_ticks_nothing_that_did_not_run() -> None:
    document = document_of(Check("ext4/a", "passed"), Check("ext4/b", "skipped", "x"))
    found = subsystems.summary([document], {"ext4": (7, 3)}, None, {})
    rows = subsystems.page(found, [document], "command", {}).splitlines()
    (row,) = [line for line in rows if line.startswith("| ext4 ")]
    assert row == "| ext4 | 7 | 3 |  | ext4 | did not run | 1 / 0 / 1 | did not run |"
    assert "- ext4: b at 16k: x" in rows
    (without,) = [line for line in rows if line.startswith("| Xen ")]
    assert "test_xen.py" in without


def test_the_page_tells_what_fails_with_a_fixed_page_size_too() -> None:
    document = document_of(Check("ext4/a", "failed", "x"), Check("ext4/b", "failed", "y"))
    fixed = document_of(Check("ext4/a", "failed", "z"), Check("ext4/b", "passed"))["exercises"]
    found = subsystems.summary([document], {}, None, fixed)
    text = subsystems.page(found, [document], "command", fixed)
    (row,) = [line for line in text.splitlines() if line.startswith("| ext4 ")]
    assert row == "| ext4 |  |  |  | ext4 | did not run | 0 / 1 / 0 + 1 | did not run |"
    text, _, less = text.partition("## Passed with a fixed page size, skipped or absent here")
    failed, alike = text.split("## Failed")[1:]
    assert less.strip() == "nothing"
    assert "- ext4: b at 16k: y" in failed
    assert "- ext4: a at 16k: x" in alike


@pytest.mark.parametrize(("status", "code"), [("passed", 0), ("failed", 1)])
def test_the_summary_is_for_programs_too(tmp_path: Path, status: str, code: int) -> None:
    boots, lines = tmp_path / "boots.json", tmp_path / "lines.json"
    boots.write_text(json.dumps(document_of(Check("ext4/a", status), Check("ext4/b", "skipped"))))
    lines.write_text('{"area_lines": {"ext4": {"rules": 7, "series": 3}}}')
    command = ["subsystems", str(boots), "--conversion", str(lines), "--json"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == code
    areas = json.loads(done.stdout)
    assert areas["ext4"] == {
        "lines": {"rules": 7, "series": 3},
        "objects": 0,
        "exercised": {"ext4": {"16k": {status: 1, "skipped": 1}}},
    }
    assert areas["Btrfs"]["exercised"] == {"btrfs": {}}
    assert "hypervisor" in areas["Xen"]["reason"]


@pytest.mark.slow
def test_one_kernel_starts_another_of_each_page_size(image: Build) -> None:
    jobs = jobs_of([Machine()], ["16k"])
    (found,) = exercise(image.image, jobs, ["kexec"], modules=image.modules)
    assert found.passed, (found.problem, found.as_json()["failures"], found.console)
    arrived = [c.name for c in found.results if "arrived" in c.name]
    assert len(arrived) == 5


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("page_size", ["4k", "16k", "64k"])
def test_every_exercise_passes(tree: Path, page_size: str) -> None:
    seed = build(tree, page_size="boot", config="virt+seed")
    # test_kvm.py has those that need EL2.
    names = [e.name for e in discover() if not e.selftests and not e.el2]
    jobs = jobs_of([Machine()], [page_size])
    for found in exercise(seed.image, jobs, names, modules=seed.modules):
        assert found.passed, (found.problem, found.as_json()["failures"], found.console)


# With 64K pages some of them take huge pages of 512 MB, which are free or not by chance.
@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize(
    ("page_size", "config"), [("4k", "own-tests"), ("16k", "large-pages+own-tests")]
)
def test_the_kernels_own_tests_pass_where_a_fixed_page_size_passes_them(
    pristine: Path, tree: Path, page_size: str, config: str
) -> None:
    fixed = build(pristine, page_size=page_size, config=f"virt+seed+{config}")
    chosen = build(tree, page_size="boot", config="virt+seed")
    jobs = jobs_of([Machine()], [page_size])
    names = [e.name for e in discover() if e.selftests]
    expected = outcomes(
        names, exercise(fixed.image, jobs, names, modules=fixed.modules, boot_time=False)
    )
    found = outcomes(names, exercise(chosen.image, jobs, names, modules=chosen.modules))
    (mm,) = (o for o in found if o.exercise.name == "mm-selftests")
    assert mm.statuses(page_size)["passed"] > 1000
    assert all(o.statuses(page_size)["passed"] for o in found)
    assert worse(found, {o.exercise.name: o.as_json() for o in expected}) == []


@pytest.mark.full
@pytest.mark.slow
def test_bpf_programs_learn_the_page_size(tree: Path) -> None:
    built = build(tree, page_size="boot", config="virt+btf")
    jobs = jobs_of([Machine()], ["4k", "16k", "64k"])
    for found in exercise(built.image, jobs, ["btf"], modules=built.modules):
        assert found.passed, (found.problem, found.as_json()["failures"], found.console)
        assert [c.status for c in found.results].count("passed") >= 2
    for booted in boot(built.image, jobs, modules=built.modules):
        assert booted.as_json()["checks"]["bpf.page_size"] is True


@pytest.mark.parametrize("text", [None, "{", "[]", "{}"])
def test_what_is_no_earlier_run_is_an_error(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "earlier.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(AnypageError, match="exercises"):
        read_document(file, "exercises")
