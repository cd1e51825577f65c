# SPDX-License-Identifier: GPL-2.0-only
"""BUILD_BUG_ON(x > PAGE_SIZE): a build-time assertion about the page size."""

from collections.abc import Iterator, Sequence

from anypage.findings import Companions, Edit, Finding
from anypage.limits import Limit, NotConvertible, condition_limits, expression, limit
from anypage.rules import Example
from anypage.source.lexer import Call, Token, calls
from anypage.source_file import File
from anypage.values import SIZES, Context, Evaluator, Unknown

ID = "assertion"
EXPLANATION = """\
A build-time assertion is checked when the page size is not known yet. It has to hold at every size
that the image may boot with, and it stays a build-time assertion: on the limit that binds. That is
PAGE_SIZE_MIN for what must fit in a page, and PAGE_SIZE_MAX for what must hold a page.
"""
_FIX = "assert the limit that binds (PAGE_SIZE_MIN, PAGE_SIZE_MAX)"

# name -> the limit of the condition: whether it may be true at no size, or must be at every size
_ASSERTIONS = {
    b"BUILD_BUG_ON": "max",
    b"BUILD_BUG_ON_MSG": "max",
    b"BUILD_BUG_ON_ZERO": "max",
    b"MAYBE_BUILD_BUG_ON": "max",
    b"static_assert": "min",
    b"_Static_assert": "min",
    b"compiletime_assert": "min",
}
# Masks that have to be constants (include/linux/bitfield.h).
_MASKED = (b"FIELD_PREP", b"FIELD_GET", b"FIELD_FIT", b"FIELD_MAX", b"FIELD_PREP_CONST")
_OTHERS = (b"BUILD_BUG_ON_NOT_POWER_OF_2", b"__BUILD_BUG_ON_NOT_POWER_OF_2")


def examine(file: File) -> Iterator[Finding]:
    """Assertions in statements and in the bodies of macros."""
    for part in file.parts():
        for call in calls(file.c.tokens(part)):
            if call.args and file.depends(call.args[0]):
                yield from _judge(file, call)


def _judge(file: File, call: Call) -> Iterator[Finding]:
    condition = call.args[0]
    if call.name.text in _OTHERS:
        yield _judge_power(file, condition)
    if call.name.text in _MASKED:
        reason = f"{call.name.text.decode()}() asserts that its mask is a constant"
        fix = "shift and mask in the code, or a mask for the largest page"
        yield file.finding(ID, condition, reason=reason, fix=fix)
    if call.name.text not in _ASSERTIONS:
        return
    which = _ASSERTIONS[call.name.text]
    try:
        limits = condition_limits(file, condition, which)
        edits, companions = _rewrite(file, condition, limits, b"||" if which == "max" else b"&&")
    except NotConvertible as error:
        yield file.finding(ID, condition, reason=str(error), fix=_FIX)
        return
    reason = "the assertion is checked at build time"
    yield file.finding(ID, condition, reason=reason, fix=_FIX, edits=edits, companions=companions)


def _judge_power(file: File, value: Sequence[Token]) -> Finding:
    """Page sizes differ by powers of two: what can be lost are the low bits, at the smallest."""
    fix = "assert it for each page size"
    try:
        if not _always_power(file, value):
            raise NotConvertible("a power of two at some page sizes is none at others")
        found = limit(file, value, "min")
    except NotConvertible as error:
        return file.finding(ID, value, reason=str(error), fix=fix)
    reason = "the assertion is checked at build time"
    return file.finding(
        ID, value, reason=reason, fix=_FIX, edits=found.edits, companions=found.companions
    )


def _always_power(file: File, value: Sequence[Token]) -> bool:
    """Is it known to be a power of two at every page size?"""
    node, evaluator = expression(value), Evaluator(file)
    try:
        values = [evaluator.value(node, Context(size, 0), file.data) for size in SIZES]
    except Unknown:
        return False
    return not evaluator.guesses and all(v > 0 and not v & v - 1 for v in values)


def _rewrite(
    file: File, condition: Sequence[Token], limits: Sequence[Limit], operator: bytes
) -> tuple[tuple[Edit, ...], Companions]:
    if len(limits) == 1:
        return limits[0].edits, limits[0].companions
    start, end = condition[0].start, condition[-1].end
    if b"\n" in file.data[start:end]:
        raise NotConvertible("it needs two limits and spans lines")
    texts = [b"(%s)" % one.text(file.data, start, end) for one in limits]
    both = (b" " + operator + b" ").join(texts)
    return (Edit(start, end, both),), tuple(c for one in limits for c in one.companions)


EXAMPLES = (
    Example(
        "void f(void)\n{\n\tBUILD_BUG_ON(sizeof(struct x) > PAGE_SIZE);\n}\n",
        "void f(void)\n{\n\tBUILD_BUG_ON(sizeof(struct x) > PAGE_SIZE_MIN);\n}\n",
    ),
    Example(
        "void f(void)\n{\n\tBUILD_BUG_ON(BATCH > S32_MAX / PAGE_SIZE);\n}\n",
        "void f(void)\n{\n\tBUILD_BUG_ON(BATCH > S32_MAX / PAGE_SIZE_MAX);\n}\n",
    ),
    Example(
        "void f(void)\n{\n\tBUILD_BUG_ON(PAGE_SIZE % sizeof(block) != 0);\n}\n",
        "void f(void)\n{\n\tBUILD_BUG_ON(PAGE_SIZE_MIN % sizeof(block) != 0);\n}\n",
    ),
    Example(  # true at every size: still on the limit that binds
        "static_assert(PAGE_SIZE >= SZ_4K);\n",
        "static_assert(PAGE_SIZE_MIN >= SZ_4K);\n",
    ),
    Example(
        "static_assert(PAGE_SIZE >= 4 * 1024);\n", "static_assert(PAGE_SIZE_MIN >= 4 * 1024);\n"
    ),
    Example(
        "static_assert(PAGE_SIZE % 512 == 0);\n",
        "static_assert(PAGE_SIZE_MIN % 512 == 0);\n",
    ),
    Example(
        "static_assert(PAGE_ALIGNED(SZ_256K));\n",
        "static_assert(IS_ALIGNED((unsigned long)SZ_256K, PAGE_SIZE_MAX));\n",
        others={
            "include/linux/mm.h": "#define PAGE_ALIGNED(addr)\t"
            "IS_ALIGNED((unsigned long)(addr), PAGE_SIZE)\n"
        },
    ),
    Example(
        "void f(void)\n{\n\tBUILD_BUG_ON(PAGE_SIZE % sizeof(long));\n}\n",
        "void f(void)\n{\n\tBUILD_BUG_ON(PAGE_SIZE_MIN % sizeof(long));\n}\n",
    ),
    Example("static_assert(PAGE_SHIFT <= 20);\n", "static_assert(PAGE_SHIFT_MAX <= 20);\n"),
    Example(  # true at each size, though MAX_PTRS_PER_PTE entries do not fit the smallest page
        "void f(void)\n{\n\tBUILD_BUG_ON(MAX_PTRS_PER_PTE * sizeof(pte_t) > PAGE_SIZE);\n}\n",
        "void f(void)\n{\n\tBUILD_BUG_ON(MAX_PTRS_PER_PTE * sizeof(pte_t) > PAGE_SIZE_MAX);\n}\n",
    ),
    Example(
        "#define ATTR(_format)\t\t\t\t\\\n"
        "\tBUILD_BUG_ON(sizeof(_format) >= PAGE_SIZE);\t\\\n\tpr_info(_format)\n",
        "#define ATTR(_format)\t\t\t\t\\\n"
        "\tBUILD_BUG_ON(sizeof(_format) >= PAGE_SIZE_MIN);\t\\\n\tpr_info(_format)\n",
    ),
    Example(
        "#define PFN_BITS\t(SECTION_SIZE_BITS - PAGE_SHIFT)\n"
        "void f(void)\n{\n\tBUILD_BUG_ON(LAST_BIT > PFN_BITS);\n}\n",
        "#define PFN_BITS\t(SECTION_SIZE_BITS - PAGE_SHIFT)\n"
        "#define PFN_BITS_MIN\t(SECTION_SIZE_BITS_MAX - PAGE_SHIFT_MAX)\n"
        "void f(void)\n{\n\tBUILD_BUG_ON(LAST_BIT > PFN_BITS_MIN);\n}\n",
    ),
    Example(
        "void f(void)\n{\n\tBUILD_BUG_ON_NOT_POWER_OF_2(2 * PAGE_SIZE / 256);\n}\n",
        "void f(void)\n{\n\tBUILD_BUG_ON_NOT_POWER_OF_2(2 * PAGE_SIZE_MIN / 256);\n}\n",
    ),
    Example(
        "void f(void)\n{\n\tBUILD_BUG_ON_NOT_POWER_OF_2(PAGE_SIZE - 4096);\n}\n",
        reason="is none at others",
    ),
    Example(
        "static_assert(PAGE_SIZE == SZ_4K);\n",
        reason="does not hold at every page size",
    ),
    Example("void f(void)\n{\n\tBUG_ON(x > PAGE_SIZE);\n}\n"),
    Example(
        "#define MASK GENMASK(PAGE_SHIFT, 0)\nint f(int a)\n{\n\treturn FIELD_GET(MASK, a);\n}\n",
        reason="asserts that its mask",
    ),
    Example("int f(int a)\n{\n\treturn FIELD_PREP(GENMASK(3, 0), PAGE_SHIFT - 12);\n}\n"),
)
