# SPDX-License-Identifier: GPL-2.0-only
"""Files of a real kernel, damaged in many ways: nothing stops the audit or leads it outside."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from anypage.audit import apply, edits_by_file, find
from anypage.index import UNREAD, in_scope

ROUNDS = 12
FILES = 60
PIECES = (
    *(b"{", b"}", b"(", b")", b"[", b"]", b'"', b"'", b"/*", b"*/", b"//", b"\\\n", b"\0", b"\xff"),
    *(b"\n#if ", b"\n#else\n", b"\n#endif\n", b"\n#define PAGE_SIZE ", b"\n#define A A(A)\n"),
    *(b" PAGE_SIZE ", b"case PAGE_SHIFT:", b"static ", b"enum {", b"\r\n", b"sizeof(", b"= {"),
)
Damage = Callable[[random.Random, bytes], bytes]


def insert(source: random.Random, data: bytes) -> bytes:
    at = source.randint(0, len(data))
    return data[:at] + source.choice(PIECES) + data[at:]


def remove(source: random.Random, data: bytes) -> bytes:
    at = source.randint(0, len(data))
    return data[:at] + data[at + source.randint(1, 40) :]


def repeat(source: random.Random, data: bytes) -> bytes:
    start = source.randint(0, len(data))
    return data[:start] + data[start : start + source.randint(1, 2000)] * 2 + data[start:]


def cut(source: random.Random, data: bytes) -> bytes:
    return data[: source.randint(0, len(data))]


def swap(source: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    a, b = source.randrange(len(lines)), source.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


@pytest.fixture(scope="module")
def sample(pristine: Path) -> dict[str, bytes]:
    """Files with the page size in a place of interest, and the headers of the page size."""
    interesting = (b"[PAGE_SIZE", b"PAGE_SHIFT", b"CONFIG_ARM64_64K_PAGES", b"BUILD_BUG_ON(PAGE")
    found = {}
    for pattern in ("mm/*.c", "fs/*/*.h", "net/*/*.c", "drivers/*/*.c", "arch/arm64/mm/*.c"):
        for path in sorted(pristine.glob(pattern)):
            data = path.read_bytes()
            if any(word in data for word in interesting) and len(data) < 100_000:
                found[path.relative_to(pristine).as_posix()] = data
    assert len(found) > 2 * FILES
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", range(ROUNDS))
def test_damaged_files(sample: dict[str, bytes], number: int) -> None:
    source = random.Random(number)
    damages: tuple[Damage, ...] = (insert, remove, repeat, cut, swap)
    tree = {path: sample[path] for path in source.sample(sorted(sample), FILES)}
    for path in tree:
        for _ in range(source.randint(1, 6)):
            tree[path] = source.choice(damages)(source, tree[path])
    findings = find(tree, jobs=1)
    assert all(in_scope(f.path) and f.path in tree for f in findings)
    assert all(1 <= f.line <= tree[f.path].count(b"\n") + 1 for f in findings)
    for path, edits in edits_by_file(findings).items():
        assert apply(tree[path], edits) != tree[path]


@pytest.mark.parametrize(
    "text",
    [
        b"int a[" + b"1+" * 1_000_000 + b"PAGE_SIZE];\n",
        b"int a[" + b"PAGE_SIZE+" * 200_000 + b"1];\n",
        b"int a[" + b"PAGE_SIZE+" * 3_000 + b"1];\n",
        b"int a[" + b"(" * 100_000 + b"PAGE_SIZE" + b")" * 100_000 + b"];\n",
        b"#define A " + b"\\\n PAGE_SIZE+" * 200_000 + b"1\n",
        b"#if " + b"PAGE_SIZE+" * 200_000 + b"1\n#endif\n",
        b"#if 2\n" * 300 + b"int a[PAGE_SIZE];\n" + b"#endif\n" * 300,
        b"void f(void)\n{" + b"{" * 300 + b"static char a[PAGE_SIZE];\n" + b"}" * 301,
    ],
)
def test_what_is_too_much_to_read_is_said(text: bytes) -> None:
    found = find({"mm/a.c": text})
    assert {finding.rule for finding in found} == {UNREAD}
    assert found[0].reason.startswith("not read: ")


@pytest.mark.parametrize(
    "text",
    [
        b"int a[PAGE_SIZE" + b" " * 100_000 + b"];\n",
        b"int a[PAGE_SIZE];" + b"//" + b"PAGE_SIZE " * 1_000_000,
        b"#define A B\n#define B A + PAGE_SIZE\nint a[B];\n",
        b"#define A(x) A(A(x)) PAGE_SIZE\nint a[A(1)];\n",
        b"int a[PAGE_SIZE" + b"+ PAGE_SIZE" * 30 + b"];\n",
    ],
)
def test_what_is_odd_is_read(text: bytes) -> None:
    assert [finding.rule for finding in find({"mm/a.c": text})] == ["storage"]
