# SPDX-License-Identifier: GPL-2.0-only
"""add x1, x0, #PAGE_SIZE: assembly and linker scripts, which know numbers only."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from anypage.findings import Finding
from anypage.rules import Example
from anypage.source.lexer import Token
from anypage.source_file import File

ID = "assembly"
EXPLANATION = """\
An immediate of an instruction, a directive of the assembler and an expression of a linker script
are numbers of the image. Code reads the value at run time, from TCR_EL1.TG0 or a variable and never
inside a loop, or has the instruction patched at boot; a linker script aligns for the largest page.
"""
_IMMEDIATE = "what the assembler puts into the image is a number"
_SCRIPT = "what the linker lays out is a number"
WORDS = frozenset(
    ["CONFIG_ARM64_4K_PAGES", "CONFIG_ARM64_16K_PAGES", "CONFIG_ARM64_64K_PAGES"],
)


def applies(path: str) -> bool:
    """Assembly, and linker scripts before the preprocessor."""
    return path.endswith(".S")


def examine(file: File) -> Iterator[Finding]:
    """One finding for each line that names the page size, or what derives from it."""
    if not file.words:
        return
    tokens = file.tokens(0, len(file.data))
    for _, line in groupby(tokens, key=lambda token: file.position(token.start)[0]):
        code = _code(file, list(line))
        wanted = [token for token in code if token.text.decode(errors="replace") in file.words]
        if not wanted:
            continue
        script = file.path.endswith(".lds.S")
        yield file.finding(
            ID,
            code if len(code) > 1 else wanted,
            reason=_SCRIPT if script else _IMMEDIATE,
            fix="lay out for the largest page" if script else "read it at run time, or patch it",
            settled=True,
        )


def _code(file: File, line: Sequence[Token]) -> Sequence[Token]:
    """The tokens of a line; of a preprocessor line, those of a condition."""
    if line[0].kind != "dir":
        return line
    if not line[0].text.lstrip(b"# \t").startswith((b"if", b"elif")):
        return []
    hash_sign = file.data.index(b"#", line[0].start)
    return [t for t in file.tokens(hash_sign + 1, line[0].end) if t.kind != "dir"][1:]


EXAMPLES = (
    Example(
        "SYM_FUNC_START(f)\n\tadd\tx0, x0, #PAGE_SIZE // 4096\n\tret\nSYM_FUNC_END(f)\n",
        path="arch/arm64/lib/example.S",
        reason=_IMMEDIATE,
    ),
    Example(
        "SECTIONS\n{\n\t. = ALIGN(PAGE_SIZE);\n}\n",
        path="arch/arm64/kernel/example.lds.S",
        reason=_SCRIPT,
    ),
    Example("/* PAGE_SIZE */\n#define SIZE PAGE_SIZE\n\tret\n", path="arch/arm64/lib/example.S"),
)
