# SPDX-License-Identifier: GPL-2.0-only
"""Kconfig: an option that is offered for one page size only."""

import itertools
import re
from collections.abc import Collection, Iterator, Mapping

from anypage.findings import Edit, Finding
from anypage.rules import Example
from anypage.source.kconfig import Condition, Node, conditions
from anypage.source_file import File

ID = "kconfig"
EXPLANATION = """\
A condition on PAGE_SIZE_*KB, PAGE_SIZE_LESS_THAN_*KB or ARM64_*K_PAGES asks which page size the
image has. An image whose page size is chosen at boot has several, and no such symbol is set in it:
the option silently disappears. It belongs there when one of the sizes at least satisfies the
condition; the code behind it then has to refuse the other sizes at run time (a driver at probe, by
dev_require_page_size_max()).
"""

_SIZES = (4, 16, 64)
_SIZE = re.compile(rb"PAGE_SIZE_(\d+)KB|ARM64_(\d+)K_PAGES")
_LIMIT = re.compile(rb"PAGE_SIZE_LESS_THAN_(\d+)KB")
_BOOT_TIME = (b"PAGE_SIZE_BOOT_TIME", b"ARM64_BOOT_TIME_PAGE_SIZE")
_DEFINITIONS = {"arch/Kconfig", "arch/arm64/Kconfig"}
_FIX = "offer it in a boot-time image as well; its code must refuse the sizes that do not suit it"


EXAMPLES = (
    Example(
        """\
config VMXNET3
	tristate "VMware VMXNET3 ethernet driver"
	depends on PCI && INET
	depends on PAGE_SIZE_LESS_THAN_64KB
	help
	  Needs PAGE_SIZE_4KB.
""",
        """\
config VMXNET3
	tristate "VMware VMXNET3 ethernet driver"
	depends on PCI && INET
	depends on PAGE_SIZE_LESS_THAN_64KB || PAGE_SIZE_BOOT_TIME
	help
	  Needs PAGE_SIZE_4KB.
""",
        path="drivers/net/Kconfig",
    ),
    # A symbol of arm64's own is only replaced by one of arm64's own.
    Example(
        "config MESON_SM\n\tbool\n\tdepends on ARM64_4K_PAGES\n",
        "config MESON_SM\n\tbool\n\tdepends on ARM64_4K_PAGES || ARM64_BOOT_TIME_PAGE_SIZE\n",
        path="drivers/firmware/meson/Kconfig",
    ),
    # Parentheses where && would bind closer; an alternative goes on as it is.
    Example(
        "config A\n\tbool\n\tdepends on B || (C && PAGE_SIZE_4KB)\n",
        "config A\n\tbool\n\tdepends on B || (C && (PAGE_SIZE_4KB || PAGE_SIZE_BOOT_TIME))\n",
        path="drivers/a/Kconfig",
    ),
    Example(
        "if PAGE_SIZE_4KB\nconfig A\n\tbool\nendif\n",
        "if PAGE_SIZE_4KB || PAGE_SIZE_BOOT_TIME\nconfig A\n\tbool\nendif\n",
        path="drivers/a/Kconfig",
    ),
    # True already when some size satisfies it: nothing to do.
    Example("config A\n\tbool\n\tdepends on !PAGE_SIZE_64KB\n", path="drivers/a/Kconfig"),
    Example(
        "config A\n\tbool\n\tdepends on PAGE_SIZE_LESS_THAN_256KB\n",
        path="fs/a/Kconfig",
    ),
    # A number has no union.
    Example(
        "config A\n\tint\n\tdefault 5 if PAGE_SIZE_64KB\n",
        path="drivers/a/Kconfig",
        reason="one value",
    ),
    # The page sizes themselves, and other architectures.
    Example("config A\n\tbool\n\tdepends on PAGE_SIZE_4KB\n", path="arch/arm64/Kconfig"),
    Example("config A\n\tbool\n\tdepends on PAGE_SIZE_4KB\n", path="arch/mips/Kconfig"),
)


def applies(path: str) -> bool:
    """Kconfig files that an arm64 kernel reads, without those which define the page sizes."""
    if not path.rpartition("/")[2].startswith("Kconfig") or path in _DEFINITIONS:
        return False
    return not path.startswith("arch/") or path.startswith("arch/arm64/")


def examine(file: File) -> Iterator[Finding]:
    """The conditions of one Kconfig file that are wrong when the size is chosen at boot."""
    for condition in conditions(file.data):
        leaves = [leaf for leaf in condition.expression.leaves() if _truth(leaf, 4) is not None]
        if leaves and not _right(condition.expression):
            yield _judge(file, condition, leaves)


def _judge(file: File, condition: Condition, leaves: list[Node]) -> Finding:
    if condition.keyword in ("default", "range") and condition.type not in (
        "bool",
        "tristate",
    ):
        return _finding(file, leaves[0], "one value cannot suit every page size")
    for count in range(1, len(leaves) + 1):
        for chosen in itertools.combinations(leaves, count):
            if _right(condition.expression, chosen):
                edits = tuple(_edit(condition.expression, leaf) for leaf in chosen)
                return _finding(file, chosen[0], "not set in a boot-time image", edits)
    return _finding(file, leaves[0], "no set of page sizes satisfies this condition")


def _right(expression: Node, granted: Collection[Node] = ()) -> bool:
    """Whether it holds in a boot-time image, with the granted parts true, when some size fits."""
    leaves = list(expression.leaves())
    others = sorted({leaf.text for leaf in leaves if _truth(leaf, 4) is None})

    def holds(size: int | None, given: Mapping[bytes, bool]) -> bool:
        def truth(leaf: Node) -> bool:
            known = True if size is None and leaf in granted else _truth(leaf, size)
            return given[leaf.text] if known is None else known

        return expression.holds(truth)

    for values in itertools.product((False, True), repeat=len(others)):
        given = dict(zip(others, values, strict=True))
        if holds(None, given) != any(holds(size, given) for size in _SIZES):
            return False
    return True


def _truth(leaf: Node, size: int | None) -> bool | None:
    """What a symbol is with pages of size KiB (None: chosen at boot); None if it is another's."""
    if leaf.text in _BOOT_TIME:
        return True
    if match := _SIZE.fullmatch(leaf.text):
        return size == int(match[1] or match[2])
    if match := _LIMIT.fullmatch(leaf.text):
        return (size or max(_SIZES)) < int(match[1])
    return None


def _edit(expression: Node, leaf: Node) -> Edit:
    """`X` -> `X || PAGE_SIZE_BOOT_TIME`; for an arm64 symbol, arm64's own name."""
    name = "ARM64_BOOT_TIME_PAGE_SIZE" if leaf.text.startswith(b"ARM64") else "PAGE_SIZE_BOOT_TIME"
    text = f"{leaf.text.decode()} || {name}"
    if expression.parent_of(leaf).kind in ("&&", "!"):
        text = f"({text})"
    return Edit(leaf.tokens[0].start, leaf.tokens[-1].end, text.encode())


def _finding(file: File, leaf: Node, reason: str, edits: tuple[Edit, ...] = ()) -> Finding:
    line, column = file.position(leaf.tokens[0].start)
    fix = _FIX if edits else "give it a value or a condition of its own in a boot-time image"
    return Finding(file.path, line, column, ID, leaf.text.decode(), (), reason, fix, edits)
