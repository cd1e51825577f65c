# SPDX-License-Identifier: GPL-2.0-only
"""A kernel tree as small as it can be, for tests that need no compiler."""

from pathlib import Path

FILES = {
    "Kconfig": "",
    "MAINTAINERS": "MEMORY MANAGEMENT\nF:\tmm/\n\nTHE REST\nF:\t*\nF:\t*/\n",
    "arch/arm64/Kconfig": "config ARM64\n\tbool\n",
    "include/linux/mm.h": "#define BUFFERS (PAGE_SIZE / 512)\n",
    "mm/memory.c": "#include <linux/mm.h>\n\nstatic char buffer[PAGE_SIZE];\n",
    "drivers/net/one.c": "#include <linux/mm.h>\n\nstatic char two[2 * PAGE_SIZE];\n",
}


def small_tree(path: Path, patchlevel: int = 12) -> Path:
    """Write the tree at path."""
    makefile = f"VERSION = 6\nPATCHLEVEL = {patchlevel}\nSUBLEVEL = 9\n"
    for name, text in {"Makefile": makefile, **FILES}.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return path
