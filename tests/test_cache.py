# SPDX-License-Identifier: GPL-2.0-only
"""The cache: a file is there as a whole, or not at all."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from anypage.cache import made_once, whole_file


def test_threads_that_make_a_file_at_once_all_get_it(tmp_path: Path) -> None:
    target, together = tmp_path / "file", threading.Barrier(4)

    def make(number: int) -> str:
        with whole_file(target) as part:
            together.wait(10)
            part.write_text("whole")
        return target.read_text()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(make, range(4)))
    assert found == ["whole"] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"), whole_file(tmp_path / "file") as part:
        part.write_text("half")
        raise OSError("full")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_made_once_though_two_want_it(tmp_path: Path) -> None:
    made = []

    def make(part: Path) -> None:
        made.append(part)
        time.sleep(0.2)
        (part / "file").touch()

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: made_once(tmp_path / "folder", make), range(2)))
    assert both == [tmp_path / "folder"] * 2
    assert len(made) == 1
    assert (tmp_path / "folder/file").is_file()
