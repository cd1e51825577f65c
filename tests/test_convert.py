# SPDX-License-Identifier: GPL-2.0-only
"""convert: complete or not at all, the same twice, and the input as it was."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kernel import small_tree

from anypage import convert
from anypage.areas import REST, area_of
from anypage.areas import areas as kernel_areas
from anypage.convert import Lines
from anypage.errors import AnypageError
from anypage.fetch import package_versions
from anypage.repo import Repo
from anypage.report import areas
from anypage.series import Patch
from anypage.tree import Version

# `anypage.convert` is the function; this is where it looks its helpers up.
module = sys.modules["anypage.convert"]

_CHILD = """
import sys
sys.path.insert(0, {tests!r})
from test_convert import no_series
no_series()
from anypage import convert
convert({source!r}, {output!r}, jobs=1)
"""


def no_series() -> None:
    """The series fits a whole kernel only."""

    def none(version: Version) -> list[Patch]:
        return []

    vars(module).update(patches=none, _apply=lambda repo, chosen, version: None)


@pytest.fixture(autouse=True)
def _without_series(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "slow" in request.keywords:
        return
    monkeypatch.setattr(module, "patches", lambda version: [])
    monkeypatch.setattr(module, "_apply", lambda repo, chosen, version: None)


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its time and text."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in files}


def test_a_tree_becomes_a_branch_with_a_commit_for_each_subsystem(tmp_path: Path) -> None:
    result = convert(small_tree(tmp_path / "linux"), tmp_path / "out")
    text = (tmp_path / "out/mm/memory.c").read_text()
    assert "static char buffer[PAGE_SIZE_MAX];" in text
    subjects = Repo(result.output).git("log", "--format=%s").splitlines()
    assert [s.split(": ")[0] for s in subjects] == ["net", "mm", "Linux 6.12.9"]
    assert result.edits == {"storage": 2}
    assert Repo(result.output).git("status", "--porcelain") == ""


def test_lines_are_counted_by_area(tmp_path: Path) -> None:
    result = convert(small_tree(tmp_path / "linux"), tmp_path / "out")
    assert result.area_lines["memory management"] == Lines(series=0, rules=2)
    assert result.area_lines["Xen"] == Lines(series=0, rules=0)
    assert sum(lines.rules for lines in result.area_lines.values()) == result.lines.rules
    page = areas.page(result, "anypage convert")
    assert "| memory management | 2 | 0 | 100% |\n" in page
    assert "| everything else | 2 | 0 | 100% |\n" in page
    assert "| Xen |" not in page


def test_the_longest_beginning_of_a_path_is_its_area() -> None:
    assert area_of("drivers/net/xen-netfront.c") == "Xen"
    assert area_of("fs/nfsd/nfs4proc.c") == "NFS"
    assert area_of("fs/buffer.c") == "file systems"
    assert area_of("drivers/gpu/drm/drm_mm.c") == REST


def test_the_same_tree_gives_the_same_commits(tmp_path: Path) -> None:
    source = small_tree(tmp_path / "linux")
    first = convert(source, tmp_path / "first")
    second = convert(source, tmp_path / "second")
    assert (first.head, first.tree) == (second.head, second.tree)


def test_the_source_is_not_touched(tmp_path: Path) -> None:
    source = small_tree(tmp_path / "linux")
    repo = Repo(source)
    repo.git("init")
    repo.git("add", ".")
    repo.git("commit", "--message", "pristine")
    before = snapshot(source)
    result = convert(source, tmp_path / "out")
    assert snapshot(source) == before
    assert result.pristine == repo.head()


def test_an_output_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(AnypageError, match="the output exists"):
        convert(small_tree(tmp_path / "linux"), tmp_path / "out")


def test_a_link_out_of_the_tree_is_not_written_through(tmp_path: Path) -> None:
    source = small_tree(tmp_path / "linux")
    victim = tmp_path / "victim.c"
    victim.write_text("static char buffer[PAGE_SIZE];\n")
    (source / "mm/link.c").symlink_to(victim)
    with pytest.raises(AnypageError, match="would leave the tree"):
        convert(source, tmp_path / "out")
    assert victim.read_text() == "static char buffer[PAGE_SIZE];\n"
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    source = small_tree(tmp_path / "linux")
    (source / "mm/large.c").write_text("int x;\n" * 100_000)
    code = _CHILD.format(
        tests=str(Path(__file__).parent), source=str(source), output=str(tmp_path / "out")
    )
    limited = f"ulimit -f 64; exec {sys.executable} -c '{code}'"
    done = subprocess.run(["bash", "-c", limited], check=False, capture_output=True)
    assert done.returncode != 0
    assert not (tmp_path / "out").exists()
    assert convert(source, tmp_path / "out").files == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_anywhere_the_output_is_absent_or_whole(
    tmp_path: Path, number: signal.Signals
) -> None:
    source, output = small_tree(tmp_path / "linux"), tmp_path / "out"
    whole = convert(source, tmp_path / "whole")
    code = _CHILD.format(tests=str(Path(__file__).parent), source=str(source), output=str(output))
    chance = random.Random(6)
    stopped = 0
    for _ in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", code], stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(chance.uniform(0.05, 0.8))
        if child.poll() is None:
            os.killpg(child.pid, number)
            stopped += 1
        child.wait()
        if output.exists():
            assert Repo(output).head("HEAD^{tree}") == whole.tree
            subprocess.run(["rm", "-r", str(output)], check=True)
    assert stopped
    assert convert(source, output).tree == whole.tree
    left = [p.name for p in tmp_path.iterdir() if p.name.startswith(".out")]
    assert left == []


@pytest.mark.slow
def test_areas_are_paths_of_the_kernel(pristine: Path) -> None:
    beginnings = {beginning for known in kernel_areas().values() for beginning in known}
    unknown = {b for b in beginnings if not any(pristine.glob(f"{b.rstrip('/')}*"))}
    assert unknown == {"include/asm-generic/page-limits.h"}  # new in the series


@pytest.mark.slow
def test_debians_kernel_converts_with_most_generic_lines_from_rules(
    pristine: Path, tmp_path: Path
) -> None:
    result = convert(pristine, tmp_path / "out")
    assert result.generic_lines.by_rules >= 0.7
    with pytest.raises(AnypageError, match="converted already"):
        convert(tmp_path / "out", tmp_path / "again")


@pytest.mark.slow
@pytest.mark.full
def test_every_package_of_debian_converts(tmp_path: Path) -> None:
    versions = package_versions("6.12")
    assert versions
    for version in versions:
        result = convert(version, tmp_path / version)
        assert result.generic_lines.by_rules >= 0.7
        shutil.rmtree(tmp_path / version)
