# SPDX-License-Identifier: GPL-2.0-only
"""Statements around given places of a C file, whatever else the file holds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anypage.audit import apply, edits_by_file, find
from anypage.findings import Edit
from anypage.source.c import CFile, parse
from anypage.source.expression import NotAnExpression
from anypage.source.expression import parse as parse_expression
from anypage.source.lexer import tokens


def read(text: str, word: str = "HERE") -> CFile:
    data = text.encode()
    return parse(data, [m.start() for m in re.finditer(word.encode(), data)])


def found(text: str) -> list[tuple[str, str]]:
    """Kind of scope and text of every statement that holds the word HERE."""
    c = read(text)
    return [(s.scope.kind, c.data[s.start : s.end].decode().strip()) for s in c.statements]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int a; char b[HERE]; int c;", [("file", "char b[HERE];")]),
        ("struct s { int a; int b[HERE]; } x;", [("struct", "int b[HERE];")]),
        ("struct s { int a; } x[HERE];", [("file", "struct s { int a; } x[HERE];")]),
        ("enum e { A, B = HERE };", [("enum", "A, B = HERE")]),
        ("int a[] = { 1, HERE };", [("file", "int a[] = { 1, HERE };")]),
        ("int f(void) { g(); h(HERE); }", [("block", "h(HERE);")]),
        ("int f(void) { if (x > HERE) { y(); } }", [("block", "if (x > HERE)")]),
        ("int f(void) { for (i = 0; i < HERE; i++) g(); }",
         [("block", "for (i = 0; i < HERE; i++) g();")]),
        ("int f(void) { x = (struct s) { HERE }; }", [("block", "x = (struct s) { HERE };")]),
        ("int x = ({ int y = HERE; y; });", [("block", "int y = HERE;")]),
        ("enum e f(int a) { g(HERE); }", [("block", "g(HERE);")]),
        ("/* HERE */ int a; // HERE\nchar *s = \"HERE\";", []),
        ("static int x[] __initdata = {\n#ifdef A\n\tHERE,\n#endif\n};",
         [("file", "static int x[] __initdata = {\n#ifdef A\n\tHERE,\n#endif\n};")]),
    ],
)  # fmt: skip
def test_statements(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def test_arms_of_a_conditional_may_cut_a_block() -> None:
    text = "int f(void)\n{\n#ifdef A\n\tif (a) {\n#else\n\tif (b) {\n#endif\n\t\tg(HERE);\n\t}\n}\n"
    assert found(f"{text}char c[HERE];\n") == [("block", "g(HERE);"), ("file", "char c[HERE];")]


def test_unbalanced_brace_does_no_harm_after_the_function() -> None:
    assert found("int f(void)\n{\n\tif (a) {\n}\n\nchar c[HERE];\n") == [("file", "char c[HERE];")]


def test_define_with_continuation_lines() -> None:
    c = read("#define F(a, b) \\\n\tg(a, \\\n\t  HERE)\nint x;\n")
    (directive,) = c.directives
    define = directive.define(c.data)
    assert define is not None
    assert (define.name, define.params) == (b"F", (b"a", b"b"))
    assert [t.text for t in c.tokens(define)] == [b"g", b"(", b"a", b",", b"HERE", b")"]
    assert directive.hits


def test_conditionals_know_their_arms() -> None:
    c = read("#if A\n#ifdef B\n#endif\n#elif C\n#else\n#endif\n")
    assert [[arm.keyword for arm in one.arms] for one in c.conditionals] == [
        [b"if", b"elif", b"else"],
        [b"ifdef"],
    ]
    assert c.conditionals[1].parent == 0


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data: bytes) -> None:
    parse(data, sorted({0, len(data) // 2}))
    assert all(data[t.start : t.end] == t.text for t in tokens(data, 0, len(data)))


@given(st.text(alphabet="{}()[];=,#\\\n\"'/* PAGE_SIZEif", max_size=120))
def test_broken_c_is_audited(text: str) -> None:
    data = b"static char buf[PAGE_SIZE];\n" + text.encode()
    edits = edits_by_file(find({"kernel/a.c": data}, jobs=1))
    apply(data, edits.get("kernel/a.c", ()))


@pytest.mark.parametrize(
    "data",
    [
        b"static char buf[PAGE_SIZE];\r\nint \xe9\xff;\r\n",
        b"\x00\x00static char buf[PAGE_SIZE];\n",
        b"static char buf[PAGE_SIZE]; /* Andr\xe9 */",
    ],
)
def test_odd_bytes_are_kept(data: bytes) -> None:
    edits = edits_by_file(find({"kernel/a.c": data}, jobs=1))
    assert apply(data, edits["kernel/a.c"]) == data.replace(b"PAGE_SIZE", b"PAGE_SIZE_MAX")


@pytest.mark.parametrize("text", ["", "(", "a b c", "1 +", "{ 1 }", "a ? b", "int x", ")"])
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(NotAnExpression):
        parse_expression(tokens(text.encode(), 0, len(text)))


def test_edits_do_not_overlap() -> None:
    assert apply(b"abc", [Edit(1, 2, b"X"), Edit(2, 2, b"Y"), Edit(1, 1, b"W")]) == b"aWXYc"
    with pytest.raises(ValueError, match="overlap"):
        apply(b"abcd", [Edit(0, 3, b"X"), Edit(2, 4, b"Y")])
