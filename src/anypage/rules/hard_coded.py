# SPDX-License-Identifier: GPL-2.0-only
"""page_to_pfn(page) << 12: code that compiles at any page size, and is right at 4K only."""

import re
from collections.abc import Iterator, Sequence

from anypage.findings import Finding
from anypage.rules import Example
from anypage.source.lexer import Token, calls
from anypage.source_file import File

ID = "hard-coded"
EXPLANATION = """\
A frame number times 4096 is an address on a 4K kernel and a wrong one elsewhere, and an address
without its last 12 bits is no start of a page; an order that is a number is 16 times as much memory
with 64K pages. The compiler has nothing to say, so this is a suspicion (severity "suspect"): only a
number beside a function or member that is about pages, for devices have 4K pages of their own.
Write PAGE_SHIFT, PAGE_MASK, PFN_PHYS(), offset_in_page(), get_order().
"""
_FRAMES = frozenset(
    [b"page_to_pfn", b"pfn_to_page", b"virt_to_pfn", b"vm_pgoff", b"remap_pfn_range"]
)
_MAPPED = frozenset([b"vm_start", b"vm_end", b"virt_to_page", b"pin_user_pages_fast"])
# Who asks for an address wants bytes; who asks for a struct page may really want pages.
_ALLOCATION = b"__get_free_pages"
_SHIFTS = (b"<<", b">>")
_SCALES = (b"*", b"/", b"%")
_SHIFT, _SIZE = (b"12",), (b"4096", b"0x1000", b"SZ_4K")
_MASK = re.compile(rb"(?:0x0*fff|4095)u?l*\Z", re.IGNORECASE)
WORDS = frozenset(word.decode() for word in (*_FRAMES, *_MAPPED, _ALLOCATION))


def examine(file: File) -> Iterator[Finding]:
    """Numbers in statements with a frame number, and as the order of an allocation."""
    for statement in file.statements(*WORDS):
        if statement.scope.kind != "block":
            continue
        toks = file.c.tokens(statement)
        yield from _scaled(file, toks)
        yield from _masked(file, toks)
        yield from _orders(file, toks)


def _scaled(file: File, toks: Sequence[Token]) -> Iterator[Finding]:
    if not any(token.text in _FRAMES for token in toks):
        return
    for operator, number in zip(toks, toks[1:], strict=False):
        if (operator.text in _SHIFTS and number.text in _SHIFT) or (
            operator.text in _SCALES and number.text in _SIZE
        ):
            reason = f"{number.text.decode()} stands for the page size beside a frame number"
            fix = "PAGE_SHIFT or PAGE_SIZE; PFN_PHYS(), PHYS_PFN()"
            yield _suspect(file, [operator, number], reason, fix)


def _masked(file: File, toks: Sequence[Token]) -> Iterator[Finding]:
    """x & 0xfff, x & ~0xfff."""
    if not any(token.text in _FRAMES | _MAPPED for token in toks):
        return
    for index, operator in enumerate(toks):
        end = index + (3 if [t.text for t in toks[index + 1 : index + 2]] == [b"~"] else 2)
        mask = toks[index + 1 : end]
        if operator.text in (b"&", b"&=") and mask and _MASK.match(mask[-1].text):
            reason = "the offset in a page has 12 bits with 4K pages only"
            yield _suspect(file, [operator, *mask], reason, "PAGE_MASK, offset_in_page()")


def _orders(file: File, toks: Sequence[Token]) -> Iterator[Finding]:
    for call in calls(toks):
        if call.name.text != _ALLOCATION or len(call.args) != 2:
            continue
        order = call.args[1][0]
        if len(call.args[1]) == 1 and order.kind == "num" and order.text != b"0":
            reason = f"2^{order.text.decode()} pages are another amount of memory at each page size"
            yield _suspect(file, call.args[1], reason, "get_order() of a size in bytes")


def _suspect(file: File, toks: Sequence[Token], reason: str, fix: str) -> Finding:
    return file.finding(ID, toks, reason=reason, fix=fix, severity="suspect")


EXAMPLES = (
    Example(
        "void f(void)\n{\n\tpte = (page_to_pfn(page) << 12) | flags;\n}\n",
        reason="beside a frame number",
    ),
    Example(
        "void f(void)\n{\n\tremap_pfn_range(vma, start, base / SZ_4K, size, prot);\n}\n",
        reason="beside a frame number",
    ),
    Example(
        "void f(void)\n{\n\tbuf = (void *)__get_free_pages(GFP_KERNEL, 2);\n}\n",
        reason="another amount of memory",
    ),
    Example(
        "void f(void)\n{\n\tp = __get_free_pages(gfp, 0);\n\tx = page_to_pfn(p) << PAGE_SHIFT;\n}\n"
    ),
    Example(
        "void f(void)\n{\n\tlength = vma->vm_end - (start & ~0xfffUL);\n}\n",
        reason="offset in a page",
    ),
    Example("void f(void)\n{\n\tx = vma->vm_start & 0xffff;\n\ty = reg & 0xfff;\n}\n"),
    Example("void f(void)\n{\n\tgfn = addr >> 12; /* vm_pgoff << 12 */\n\tu = 2 * 4096;\n}\n"),
)
