# SPDX-License-Identifier: GPL-2.0-only
"""The index in the cache: the same findings as without one, whatever changed in between."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel import small_tree

import anypage
from anypage import store
from anypage.cache import cache_dir
from anypage.findings import Finding
from anypage.index import Index
from anypage.repo import Repo

DRIVER = '#include "own.h"\n#include <linux/mm.h>\nint a[ENTRIES], b[LIMIT];\n'
# What becomes of which file, one after the other; None: it goes.
EDITS: tuple[tuple[str, str | None], ...] = (
    ("drivers/net/own.h", "#define ENTRIES 4\n"),
    ("drivers/net/two.c", DRIVER),
    ("drivers/net/own.h", "#define ENTRIES (PAGE_SIZE / 64)\n"),
    ("drivers/net/deep.h", "#define LIMIT BUFFERS\n"),
    ("drivers/net/own.h", '#include "deep.h"\n#define ENTRIES (PAGE_SIZE / 64)\n'),
    ("include/linux/mm.h", "#define BUFFERS 8\n"),
    ("include/linux/mm.h", "#define BUFFERS (PAGE_SIZE / 512)\n"),
    ("sound/x.c", "int BUFFERS_MAX;\n"),  # the name of the limit is taken
    ("sound/x.c", None),
    ("drivers/net/linux/mm.h", "/* not the one that was meant */\n"),
    ("drivers/net/linux/mm.h", None),
    ("drivers/net/own.h", None),
    ("drivers/net/two.c", DRIVER.replace("LIMIT", "PAGE_SIZE - 1")),
    ("mm/Kconfig", "config A\n\tbool\n\tdepends on ARM64_64K_PAGES\n"),
    ("mm/memory.c", "int none;\n"),
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "_FEW", -1)  # save at each step
    yield


def audit(tree: Path) -> list[Finding]:
    return anypage.audit(tree).findings


def anew(tree: Path) -> list[Finding]:
    return sorted(Index(tree).read_tree().examine(), key=lambda f: (f.path, f.line, f.column))


@pytest.mark.parametrize("with_git", [True, False])
def test_the_same_as_without_a_cache(tmp_path: Path, with_git: bool) -> None:
    tree = small_tree(tmp_path / "linux")
    if with_git:
        Repo(tree).git("init", "--quiet")
        Repo(tree).git("add", "--all")
        Repo(tree).git("commit", "--quiet", "-m", "start")
    seen = [audit(tree)]
    for path, text in EDITS:
        if text is None:
            (tree / path).unlink()
        else:
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
        if with_git and path == "sound/x.c":  # what git lists is another now
            Repo(tree).git("add", "--all")
        assert audit(tree) == anew(tree), path
        seen.append(audit(tree))
    assert sum(a != b for a, b in zip(seen, seen[1:], strict=False)) > 8
    if with_git:
        Repo(tree).git("checkout", "--quiet", "--", ".")
        assert audit(tree) == anew(tree)


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = small_tree(tmp_path / "linux")
    before = audit(tree)
    read: list[str] = []
    was = Index.read

    def noted(index: Index, path: str) -> bytes:
        read.append(path)
        return was(index, path)

    monkeypatch.setattr(Index, "read", noted)
    (tree / "drivers/net/one.c").write_text("static char one[PAGE_SIZE];\n")
    assert len(audit(tree)) == len(before)
    # The other one has a finding, and may have got a comment that marks it.
    assert {*read} == {"drivers/net/one.c", "mm/memory.c"}
    assert read.count("mm/memory.c") == 1


@pytest.mark.parametrize("damage", ["short", "other", "empty", "gone"])
def test_a_cache_that_does_not_fit_is_made_anew(tmp_path: Path, damage: str) -> None:
    tree = small_tree(tmp_path / "linux")
    before = audit(tree)
    file = next(cache_dir("audit").iterdir())
    text = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes({"short": text[:-9], "other": b"x" + text, "empty": b""}[damage])
    assert audit(tree) == before
    assert file.read_bytes() == text


def test_links_are_left_out(tmp_path: Path) -> None:
    tree = small_tree(tmp_path / "linux")
    (tree / "mm/link.c").symlink_to("memory.c")
    assert "mm/link.c" not in store.contents(tree).keys
    Repo(tree).git("init", "--quiet")
    assert "mm/link.c" not in store.contents(tree).keys
    Repo(tree).git("add", "--all")
    assert "mm/link.c" not in store.contents(tree).keys
