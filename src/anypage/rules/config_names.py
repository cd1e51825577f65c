# SPDX-License-Identifier: GPL-2.0-only
"""IS_ENABLED(CONFIG_ARM64_64K_PAGES): a question that no boot-time image says yes to."""

from collections.abc import Iterator, Sequence

from anypage import page_config
from anypage.findings import Edit, Finding
from anypage.rules import Example
from anypage.source.includes import include
from anypage.source.lexer import Call, Token, calls
from anypage.source_file import File
from anypage.vocabulary import seeds

ID = "config-name"
EXPLANATION = """\
IS_ENABLED() of a CONFIG name for one page size compiles in every image and is false in a boot-time
one, without a word from the compiler; CONFIG_PAGE_SHIFT is not defined there. In functions the
answer is a comparison with PAGE_SIZE, which a compile-time build folds just the same.
"""
WORDS = page_config.WORDS | {page_config.SHIFT}
EXAMPLES = (
    # On other architectures the arm64 name is never set, whatever their page size is.
    Example(
        """\
#include <linux/sizes.h>
int f(u64 phys)
{
	if (IS_ENABLED(CONFIG_ARM64_64K_PAGES) && (phys >> 48))
		return 1;
	return !IS_ENABLED(CONFIG_PAGE_SIZE_4KB) + !IS_ENABLED(CONFIG_ARM64_4K_PAGES);
}
""",
        """\
#include <linux/sizes.h>
int f(u64 phys)
{
	if (IS_ENABLED(CONFIG_ARM64) && PAGE_SIZE == SZ_64K && (phys >> 48))
		return 1;
	return (PAGE_SIZE != SZ_4K) + !(IS_ENABLED(CONFIG_ARM64) && PAGE_SIZE == SZ_4K);
}
""",
    ),
    Example(
        """\
#include <linux/kernel.h>
int f(bool other)
{
	return IS_ENABLED(CONFIG_ARM64_64K_PAGES) || other;
}
""",
        """\
#include <linux/kernel.h>
#include <linux/sizes.h>
int f(bool other)
{
	return PAGE_SIZE == SZ_64K || other;
}
""",
        path="arch/arm64/mm/example.c",
    ),
    Example(
        "unsigned long f(void)\n{\n\treturn 1UL << CONFIG_PAGE_SHIFT;\n}\n",
        "unsigned long f(void)\n{\n\treturn 1UL << PAGE_SHIFT;\n}\n",
    ),
    # Storage needs a limit, which one depends on its use; the stub cannot read the kernel's size.
    Example(
        "struct s {\n\tu8 page[1U << CONFIG_PAGE_SHIFT];\n};\n", reason="outside of a function"
    ),
    Example(
        "int f(void)\n{\n\treturn IS_ENABLED(CONFIG_ARM64_4K_PAGES);\n}\n",
        path="drivers/firmware/efi/libstub/arm64.c",
        reason="linked apart",
    ),
    Example("int f(void)\n{\n\treturn IS_ENABLED(CONFIG_ARM64_MTE); /* CONFIG_PAGE_SHIFT */\n}\n"),
    Example("#define PAGE_SHIFT CONFIG_PAGE_SHIFT\n", path="arch/arm64/include/asm/example.h"),
)
_REASON = "not set in a boot-time image, and the compiler does not say so"
_FIX = "a comparison with PAGE_SIZE"
_APART = (
    "arch/arm64/kernel/pi/",
    "arch/arm64/kernel/vdso",
    "arch/arm64/kvm/hyp/",
    "arch/arm64/include/asm/vdso/",
    "drivers/firmware/efi/libstub/",
    "include/vdso/",
    "lib/vdso/",
)
_BEFORE = (b"(", b"&&", b"||", b"=", b",", b"return", b"?", b":")
_BEHIND = (b")", b"&&", b"||", b";", b",", b"?", b":")


def examine(file: File) -> Iterator[Finding]:
    """The CONFIG names in one file, but for those in #if and #ifdef (preprocessor-condition)."""
    for directive in file.c.directives:
        define = directive.define(file.data) if directive.hits else None
        if not define or define.name.decode() in seeds():  # #define PAGE_SHIFT CONFIG_PAGE_SHIFT
            continue
        if not page_config.settled(file.c, directive.condition, directive.start):
            toks = file.c.tokens(directive)
            yield from _reported(file, toks, "it is part of a macro")
    for statement in file.statements(*WORDS):
        toks = [token for token in file.c.tokens(statement) if token.kind != "dir"]
        if file.path.startswith(_APART):
            if not page_config.knows_boot_time(file.data):
                yield from _reported(file, toks, "this code is linked apart from the kernel")
        elif statement.scope.kind != "block":
            yield from _reported(file, toks, "it stands outside of a function")
        else:
            yield from _converted(file, toks)


def _reported(file: File, toks: Sequence[Token], why: str) -> Iterator[Finding]:
    for token in toks:
        if token.text.decode(errors="replace") in WORDS:
            yield file.finding(ID, [token], reason=f"{_REASON}; {why}", fix="by hand")


def _converted(file: File, toks: Sequence[Token]) -> Iterator[Finding]:
    for call in calls(toks):
        argument = call.args[0] if call.args else ()
        name = argument[0].text.decode(errors="replace") if len(argument) == 1 else ""
        if call.name.text == b"IS_ENABLED" and name in page_config.WORDS:
            shown = toks[call.index : call.close + 1]
            edits = [_comparison(file, toks, call, name)]
            if b"SZ_" not in file.data:
                edits += include(file.data, b"linux/sizes.h")
            yield file.finding(ID, shown, reason=_REASON, fix=_FIX, edits=edits)
    for token in toks:
        if token.text.decode(errors="replace") == page_config.SHIFT:
            edit = Edit(token.start, token.end, b"PAGE_SHIFT")
            yield file.finding(ID, [token], reason=_REASON, fix="PAGE_SHIFT", edits=(edit,))


def _comparison(file: File, toks: Sequence[Token], call: Call, name: str) -> Edit:
    guarded = not file.path.startswith("arch/arm64/")
    text = page_config.comparison(name, macros=True, guarded=guarded)
    first = call.index
    if first and toks[first - 1].text == b"!" and b"&&" not in text:
        text = text.replace(b"==", b"!=").replace(b"<", b">=")
        first -= 1
    before = toks[first - 1].text if first else b"("
    behind = toks[call.close + 1].text if call.close + 1 < len(toks) else b";"
    alone = before in _BEFORE and behind in _BEHIND
    if not alone or (b"&&" in text and b"||" in (before, behind)):
        text = b"(" + text + b")"
    return Edit(toks[first].start, toks[call.close].end, text)
