# SPDX-License-Identifier: GPL-2.0-only
"""asm("..." : : "i" (PAGE_SIZE)): an operand that the compiler writes into the assembly."""

import re
from collections.abc import Iterator, Sequence

from anypage.findings import Finding
from anypage.rules import Example
from anypage.source.lexer import Token, calls, closing
from anypage.source_file import File

ID = "asm-operand"
EXPLANATION = """\
An operand with the constraint "i" or "n" is a number in the text of the instruction, and so is what
asm-offsets.c hands to assembly with DEFINE(). At run time the value comes in a register ("r"), or
the code that uses it reads it where it is needed.
"""
_REASON = "an immediate operand has to be a constant"
_FIX = 'an operand in a register ("r")'
_IMMEDIATE = re.compile(rb'"[%&]*[inIJKLMS]+"\Z')
_ASM = (b"asm", b"__asm__", b"asm_volatile_goto", b"asm_goto_output")
_OFFSETS = re.compile(rb"#\s*include\s*<linux/kbuild\.h>")


def examine(file: File) -> Iterator[Finding]:
    """Operands of inline assembly, in functions and macros, and values for assembly."""
    offsets = _OFFSETS.search(file.data) is not None
    for part in file.parts():
        toks = file.c.tokens(part)
        for operand in _operands(toks):
            if file.depends(operand):
                yield file.finding(ID, operand, reason=_REASON, fix=_FIX)
        for call in calls(toks) if offsets else ():
            if call.name.text == b"DEFINE" and len(call.args) == 2 and file.depends(call.args[1]):
                fix = "read it at run time, in assembly too"
                yield file.finding(ID, call.args[1], reason=_REASON, fix=fix, settled=True)


def _operands(toks: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """What stands in the brackets behind an immediate's constraint."""
    if not any(token.text in _ASM for token in toks):
        return
    for index, token in enumerate(toks[:-1]):
        is_constraint = token.kind == "str" and _IMMEDIATE.match(token.text)
        if is_constraint and toks[index + 1].text == b"(":
            yield toks[index + 2 : closing(toks, index + 1)]


EXAMPLES = (
    Example(
        'void f(void)\n{\n\tasm volatile("mov x0, %0" : : "i" (PAGE_SIZE) : "x0");\n}\n',
        reason=_REASON,
    ),
    Example(
        '#define OP(x)\tasm("# %0" : : "n" (x << PAGE_SHIFT))\n',
        reason=_REASON,
    ),
    Example(
        "#include <linux/kbuild.h>\nint main(void)\n{\n\tDEFINE(PAGE_SZ, PAGE_SIZE);\n}\n",
        reason=_REASON,
    ),
    Example('void f(void)\n{\n\tasm("mov x0, %0" : : "r" (PAGE_SIZE) : "x0");\n}\n'),
)
