# SPDX-License-Identifier: GPL-2.0-only
"""Instructions of arm64 as text."""

from functools import cache
from typing import Any


def instruction(word: int, address: int) -> str:
    """One instruction, from its encoding."""
    found = next(_disassembler().disasm_lite(word.to_bytes(4, "little"), address), None)
    return f"{found[2]} {found[3]}".rstrip() if found else f".inst {word:#010x}"


@cache
def _disassembler() -> Any:
    # Imported here: it is slow, and most commands do not need it.
    from capstone import CS_ARCH_ARM64, CS_MODE_ARM, Cs

    return Cs(CS_ARCH_ARM64, CS_MODE_ARM)
