# SPDX-License-Identifier: GPL-2.0-only
"""Which names derive from the page size, as a file sees them."""

import subprocess
import sys

import pytest

from anypage.audit import find
from anypage.vocabulary import Names, Vocabulary, bit_field_widths, defined, limit_values, outline

TREE = {
    "include/linux/base.h": "#define SECTORS (PAGE_SIZE / 512)\n#define TWICE(x) (SECTORS * (x))\n",
    "include/linux/limits.h": "#define PAGE_SIZE_MAX PAGE_SIZE\n"
    "#define BOUND (PAGE_SIZE_MAX / 8)\n",
    "include/linux/paste.h": "#define pt(p) (THREAD_SIZE + (p))\n#define MAP(FN) FN(pt)\n",
    "include/linux/loop.h": "#define A B\n#define B A\n#define FOUR 4 /* not PAGE_SIZE */\n",
    "drivers/gpu/gpu.h": "#define PAGE_SIZE 4096\n#define GPU_SECTORS (PAGE_SIZE / 512)\n",
    "drivers/gpu/a.c": '#include "gpu.h"\n#define OWN SECTORS\n',
    "drivers/net/net.h": "#define RING (PAGE_SIZE / 16)\n",
    "drivers/net/a.c": '#include "net.h"\n',
    "drivers/net/b.c": "#define RING 8\n",
    "drivers/net/sub/c.c": '#include "net.h"\n',
    "drivers/usb/a.c": "int RING;\n",
}


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    tree = {path: text.encode() for path, text in TREE.items()}
    result = Vocabulary.build(outline(path, data, {}) for path, data in tree.items())
    for path, data in tree.items():
        result.add_definitions(path, defined(data, result.candidates))
    return result


def names(vocabulary: Vocabulary, path: str) -> Names:
    return vocabulary.scope(path)


def test_chain_says_why(vocabulary: Vocabulary) -> None:
    seen = names(vocabulary, "drivers/usb/a.c")
    assert seen.chain("PAGE_SHIFT") == ("PAGE_SHIFT",)
    assert seen.chain("TWICE") == ("TWICE", "SECTORS", "PAGE_SIZE")
    assert seen.chain("FOUR") is None


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("drivers/net/a.c", True),
        ("drivers/net/sub/c.c", True),  # by -I of its own part of the tree
        ("drivers/net/b.c", False),  # its own number
        ("drivers/usb/a.c", False),  # another driver's macro
    ],
)
def test_private_macro_is_known_where_it_is_included(
    vocabulary: Vocabulary, path: str, known: bool
) -> None:
    assert ("RING" in names(vocabulary, path)) is known


def test_driver_with_pages_of_its_own(vocabulary: Vocabulary) -> None:
    gpu = names(vocabulary, "drivers/gpu/a.c")
    assert "PAGE_SIZE" not in gpu
    assert "GPU_SECTORS" not in gpu


def test_limits_are_constants(vocabulary: Vocabulary) -> None:
    seen = names(vocabulary, "drivers/usb/a.c")
    assert not any(limit in seen for limit in limit_values())
    assert "BOUND" not in seen


def test_name_of_a_macro_with_parameters_is_no_use_of_it(vocabulary: Vocabulary) -> None:
    seen = names(vocabulary, "drivers/usb/a.c")
    assert "pt" in seen
    assert "MAP" not in seen


def test_macros_that_name_each_other_end(vocabulary: Vocabulary) -> None:
    assert "A" not in names(vocabulary, "drivers/usb/a.c")


def test_findings_are_the_same_in_every_run() -> None:
    code = (
        "from anypage.audit import find\n"
        "tree = {'include/linux/a.h': b'#define N (PMD_SHIFT - PAGE_SHIFT + THREAD_SHIFT)\\n',"
        " 'kernel/a.c': b'#include <linux/a.h>\\nint a[N];\\n'}\n"
        "print(find(tree, jobs=1))\n"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(runs) == 1


def test_a_long_header_of_registers_is_searched_when_it_holds_code() -> None:
    registers = b"".join(b"\n#define REGISTER_%d 0x%08x" % (n, n) for n in range(4000))
    code = registers + b"\nstruct ring {\n\tu8 buf[PAGE_SIZE];\n};\n"
    assert len(find({"drivers/a.h": code}, jobs=1)) == 1


def test_a_header_for_the_assembler_is_not_read_as_c() -> None:
    macro = b"int x = 1;\nstatic int y = PAGE_SIZE;\n"
    guard = b'#ifndef __ASSEMBLY__\n#error "Only include this from assembly code"\n#endif\n'
    assert len(find({"include/a.h": macro}, jobs=1)) == 1
    assert find({"include/a.h": guard + macro}, jobs=1) == []


def test_bit_field_widths() -> None:
    known = frozenset({"BITS", "OTHER"})
    text = b"struct {\n\tu32 offset : BITS;\n\tu32 x:3;\n};\nint y = a ? b : OTHER;\n"
    assert bit_field_widths(text, known) == {"BITS"}
