# SPDX-License-Identifier: GPL-2.0-only
"""A rewritten expression is worth the largest or the smallest value over the page sizes."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anypage.layout import fills_page
from anypage.limits import Limit, NotConvertible, condition_limits, limit
from anypage.source.expression import parse
from anypage.source.lexer import tokens
from anypage.source_file import File
from anypage.values import SIZES, Context, Evaluator, limit_value
from anypage.vocabulary import Outline, Vocabulary, outline, seeds

ATOMS = ("PAGE_SIZE", "PAGE_SHIFT", "PMD_SHIFT", "SZ_1M", "3", "512", "SECTION_SIZE_BITS")


def file_of(text: str, others: Mapping[str, str] | None = None) -> File:
    """A file of a tree with further files."""
    tree = {"kernel/a.c": text.encode(), **{p: t.encode() for p, t in (others or {}).items()}}
    outlines: list[Outline] = [outline(p, d, {}) for p, d in tree.items()]
    names = Vocabulary.build(outlines).scope("kernel/a.c")
    return File("kernel/a.c", tree["kernel/a.c"], names, frozenset(), lambda p: tree.get(p, b""))


def limits_of(text: str, which: str) -> str:
    """The text of an expression at its limit."""
    file = file_of(text)
    toks = tokens(file.data, 0, len(file.data))
    return limit(file, toks, which).text(file.data, 0, len(file.data)).decode()


def value(text: str, size: int) -> int:
    """What an expression is worth at a page size; limits are constants."""
    file = file_of(text)
    evaluator = Evaluator(file)
    return evaluator.value(parse(tokens(file.data, 0, len(file.data))), Context(size, 0), file.data)


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> str:
    """Sums, products, quotients and shifts of names and numbers, with brackets."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(ATOMS))
    operator = draw(st.sampled_from(("+", "-", "*", "/", ">>", "%")))
    left, right = draw(expressions(depth - 1)), draw(expressions(depth - 1))
    return f"({left} {operator} {right})"


@settings(max_examples=150, deadline=None)
@given(expressions(), st.sampled_from(("max", "min")))
def test_a_limit_is_never_wrong(text: str, which: str) -> None:
    try:
        rewritten = limits_of(text, which)
    except NotConvertible:
        return
    truth = [value(text, size) for size in SIZES]
    constant = {value(rewritten, size) for size in SIZES}
    assert len(constant) == 1
    bound = constant.pop()
    assert bound >= max(truth) if which == "max" else bound <= min(truth)


@settings(max_examples=100, deadline=None)
@given(expressions(), st.sampled_from(("<", ">", "<=", ">=", "==", "!=")), expressions())
def test_a_condition_at_its_limits_says_what_all_sizes_say(left: str, op: str, right: str) -> None:
    text = f"{left} {op} {right}"
    file = file_of(text)
    try:
        limits = condition_limits(file, tokens(file.data, 0, len(file.data)), "max")
    except NotConvertible:
        return
    truth = any(value(text, size) for size in SIZES)
    rewritten = [found.text(file.data, 0, len(file.data)).decode() for found in limits]
    assert any(value(one, 0) for one in rewritten) == truth


@pytest.mark.parametrize(
    ("text", "which", "expected"),
    [
        ("PAGE_SIZE", "max", "PAGE_SIZE_MAX"),
        ("PAGE_SIZE", "min", "PAGE_SIZE_MIN"),
        ("SZ_1M / PAGE_SIZE", "max", "SZ_1M / PAGE_SIZE_MIN"),
        ("PMD_SIZE / PAGE_SIZE", "max", "PMD_SIZE_MAX / PAGE_SIZE_MAX"),
        ("PAGE_SIZE / sizeof(struct x)", "max", "PAGE_SIZE_MAX / sizeof(struct x)"),
        ("DIV_ROUND_UP(LENGTH, PAGE_SIZE) + 1", "max", "DIV_ROUND_UP(LENGTH, PAGE_SIZE_MIN) + 1"),
        ("(LENGTH + PAGE_SIZE - 1) >> PAGE_SHIFT", "max", ""),
        ("32 - PAGE_SHIFT", "max", "32 - PAGE_SHIFT_MIN"),
        ("min(PAGE_SIZE, SZ_16K)", "max", "min(PAGE_SIZE_MAX, SZ_16K)"),
        ("PAGE_SIZE > SZ_4K ? 1 : 8", "max", "PAGE_SIZE_MIN > SZ_4K ? 1 : 8"),
        ("(SZ_32K >> PAGE_SHIFT) ?: 1", "max", "(SZ_32K >> PAGE_SHIFT_MIN) ?: 1"),
        ("THREAD_SIZE_ORDER", "max", "THREAD_SIZE_ORDER_MAX"),
    ],
)
def test_limit(text: str, which: str, expected: str) -> None:
    result = limits_of(text, which)
    assert result == (expected or "(LENGTH + PAGE_SIZE_MIN - 1) >> PAGE_SHIFT_MIN")


@pytest.mark.parametrize("text", ["unknown(PAGE_SIZE)", "CONT_PTES", "{ PAGE_SIZE }"])
def test_no_guess(text: str) -> None:
    with pytest.raises(NotConvertible):
        limits_of(text, "max")


def test_macro_gets_a_limit_beside_it_and_what_it_is_made_of_too() -> None:
    header = "#define SECTORS\t\t(PAGE_SIZE / 512)\n#define WORDS(x)\t(SECTORS / (x))\n"
    file = file_of('#include "a.h"\nWORDS(8)', {"kernel/a.h": header})
    start = file.data.index(b"WORDS")
    found: Limit = limit(file, tokens(file.data, start, len(file.data)), "max")

    assert found.text(file.data, start, len(file.data)) == b"WORDS_MAX(8)"
    ((path, edits),) = found.companions
    assert path == "kernel/a.h"
    assert [e.text.decode() for e in edits] == [
        "\n#define SECTORS_MAX\t(PAGE_SIZE_MAX / 512)",
        "\n#define WORDS_MAX(x)\t(SECTORS_MAX / (x))",
    ]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("#ifndef N\n#define N PAGE_SIZE\n#endif\n", "architectures"),
        ("#if PAGE_SIZE > 4096\n#define N PAGE_SIZE\n#else\n#define N 4096\n#endif\n", "#if"),
        ("#define N PAGE_SIZE\nenum { N_MAX };\n#define M N_MAX\n", "something else"),
    ],
)
def test_macro_that_gets_no_limit(header: str, reason: str) -> None:
    file = file_of('#include "a.h"\nN', {"kernel/a.h": header})
    file.names.vocabulary.taken |= {"N_MAX"} & set(header.split())
    with pytest.raises(NotConvertible, match=reason):
        limit(file, tokens(file.data, len(file.data) - 1, len(file.data)), "max")


def test_existing_limit_is_used_when_it_is_one() -> None:
    right = file_of("#define N (PAGE_SIZE / 8)\n#define N_MAX 8192\nN")
    wrong = file_of("#define N (PAGE_SIZE / 8)\n#define N_MAX 512\nN")
    assert limit(right, tokens(right.data, len(right.data) - 1, len(right.data)), "max")
    with pytest.raises(NotConvertible, match="not the limit"):
        limit(wrong, tokens(wrong.data, len(wrong.data) - 1, len(wrong.data)), "max")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PAGE_SIZE - sizeof(struct x)", True),
        ("PAGE_SIZE / 8 - 1", True),
        ("PAGE_SIZE / 8", False),
        ("(LENGTH + PAGE_SIZE - 1) / PAGE_SIZE", False),
        ("1 << (PAGE_SHIFT - 9)", False),
    ],
)
def test_what_fills_a_page(text: str, expected: bool) -> None:
    file = file_of(text)
    assert fills_page(file, tokens(file.data, 0, len(file.data))) is expected


def test_every_limit_of_a_seed_is_one_of_its_values() -> None:
    for seed in seeds().values():
        assert not seed.maximum or limit_value(seed.maximum) == max(seed.values)
        assert not seed.minimum or limit_value(seed.minimum) == min(seed.values)
