# SPDX-License-Identifier: GPL-2.0-only
"""The CONFIG names that say which page size an image has. The compiler is silent about them."""

import re

from anypage.source.c import CFile
from anypage.source.statements import blank

WORDS = frozenset(
    [f"CONFIG_PAGE_SIZE_{size}KB" for size in (4, 8, 16, 32, 64, 256)]
    + [f"CONFIG_ARM64_{size}K_PAGES" for size in (4, 16, 64)]
    + ["CONFIG_PAGE_SIZE_LESS_THAN_64KB"]
)
SHIFT = "CONFIG_PAGE_SHIFT"
_NAME = re.compile(r"CONFIG_(?:(ARM64)_|PAGE_SIZE_|PAGE_SIZE_LESS_THAN_)(\d+)K(?:B|_PAGES)")
_ARCHITECTURES = re.compile(
    rb"\bCONFIG_(?:X86\w*|PPC\w*|S390|MIPS\w*|SPARC\w*|PARISC\w*|ALPHA|ARM|RISCV|LOONGARCH|M68K"
    rb"|SUPERH\w*|XTENSA|ARC|UML|CSKY|HEXAGON|MICROBLAZE|NIOS2|OPENRISC)\b(?!\w)"
)

_BOOT_TIME = re.compile(rb"CONFIG_\w*BOOT_TIME\w*|\bPAGE_SHIFT_MIN\s*[!=]=\s*PAGE_SHIFT_MAX\b")


def holds(name: str, page_shift: int) -> bool:
    """Whether the symbol is set in an image of this page size only."""
    match = _NAME.fullmatch(name)
    assert match
    size = 1 << (page_shift - 10)
    return size < int(match[2]) if "LESS_THAN" in name else size == int(match[2])


def comparison(name: str, *, macros: bool, guarded: bool, limit: str = "") -> bytes:
    """`PAGE_SIZE == SZ_64K` for a symbol; with its limit, `PAGE_SIZE_MAX`, for a constant.

    macros: SZ_64K is defined, else it is a number. An arm64 symbol is not set elsewhere, whatever
    the page size is there: guarded adds that.
    """
    match = _NAME.fullmatch(name)
    assert match
    size = f"SZ_{match[2]}K" if macros else str(int(match[2]) << 10)
    operator = "<" if "LESS_THAN" in name else "=="
    text = f"PAGE_SIZE{limit} {operator} {size}"
    return (f"IS_ENABLED(CONFIG_ARM64) && {text}" if guarded and match[1] else text).encode()


def settled(c: CFile, condition: int, offset: int) -> bool:
    """Whether an #if around offset settles the matter: the code is not for a boot-time image.

    It is for another architecture, switched off, or chosen by what a boot-time image is.
    """
    while condition >= 0:
        conditional = c.conditionals[condition]
        arm = [arm for arm in conditional.arms if arm.start <= offset][-1]
        test = blank(c.data[arm.body : arm.end]).strip()
        if arm.keyword == b"if" and test == b"0":
            return True
        if arm.keyword in (b"ifdef", b"if", b"elif") and _only_elsewhere(test):
            return True
        if any(knows_boot_time(c.data[a.body : a.end]) for a in conditional.arms):
            return True
        condition = conditional.parent
    return False


def knows_boot_time(test: bytes) -> bool:
    """Whether a condition tells boot-time images from others."""
    return _BOOT_TIME.search(test) is not None


def _only_elsewhere(test: bytes) -> bool:
    return b"!" not in test and b"||" not in test and _ARCHITECTURES.search(test) is not None
