# SPDX-License-Identifier: GPL-2.0-only
"""char buffer[PAGE_SIZE]: an array whose size depends on the page size."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from anypage.findings import Edit, Finding
from anypage.layout import ALIGNED, FIXED, fills_page, is_aligned, is_fixed, structs
from anypage.limits import NotConvertible, limit
from anypage.rules import Example
from anypage.source.arrays import bounds, is_declaration
from anypage.source.c import Scope, Statement
from anypage.source.lexer import Token, calls
from anypage.source_file import File

ID = "storage"
EXPLANATION = """\
An array has its size at build time: in static storage, in a struct, and on the stack too (the
kernel has no variable-length arrays). It must be large enough for every page size: PAGE_SIZE_MAX
where the size grows with the page, PAGE_SIZE_MIN where it shrinks. How much of it is in use is
another number, and still follows the page size: ARRAY_SIZE() of such an array becomes its bound.
"""
_REASON = "the bound of an array is a constant"
_FIX = "make it large enough for every page size"
# macro -> which argument is the size of what it declares
_DECLARERS = {
    b"DECLARE_BITMAP": 1,
    b"DECLARE_KFIFO": 2,
    b"DEFINE_KFIFO": 2,
    b"DECLARE_HASHTABLE": 1,
    b"DEFINE_HASHTABLE": 1,
    b"DEFINE_READ_MOSTLY_HASHTABLE": 1,
}  # the number of the parameter, from 0, that is the bound of an array
_BEGINS_ALONE = re.compile(rb"(?:[(,]|[^=!<>]=)\s*\Z")
_FILLS_PAGE = "the struct fills a page: it needs a flexible array or a computed offset"


def examine(file: File) -> Iterator[Finding]:
    """Array declarators, and macros that declare arrays."""
    refused = _refused_structs(file)
    for statement in file.statements(*file.words):
        yield from _statement(file, statement, refused)
    for define in file.defines():
        yield from _declarers(file, file.c.tokens(define), "")


def _refused_structs(file: File) -> dict[int, str]:
    """Why no array in a struct can just grow: offset of the struct -> reason.

    A struct is converted as a whole or not at all.
    """
    refused: dict[int, str] = {}
    for statement in file.statements():
        if statement.scope.kind != "struct":
            continue
        toks = [t for t in file.c.tokens(statement) if t.kind != "dir"]
        outermost = structs(statement.scope)[-1].start
        if is_aligned(file, statement):
            refused.setdefault(outermost, ALIGNED)
        for _, bound, _ in bounds(toks):
            if not file.depends(bound):
                continue
            if is_fixed(file, statement):
                refused[outermost] = FIXED
            elif fills_page(file, bound):
                refused.setdefault(outermost, _FILLS_PAGE)
    return refused


def _statement(file: File, statement: Statement, refused: Mapping[int, str]) -> Iterator[Finding]:
    toks = [t for t in file.c.tokens(statement) if t.kind != "dir"]
    around = structs(statement.scope)
    refusal = refused.get(around[-1].start, "") if around else ""
    yield from _declarers(file, toks, refusal)
    if statement.scope.kind == "block" and not is_declaration(toks):
        return
    for name, bound, parameter in bounds(toks):
        if file.depends(bound):
            # ARRAY_SIZE() of a parameter does not compile: it would be that of another array.
            scope = None if parameter else statement.scope
            yield _judge(file, name, bound, refusal, "min" if parameter else "max", scope)
        elif any(t.kind == "id" and file.names.through_layout(t.text.decode()) for t in bound):
            fix = "none: it changes with the width of a bit-field"
            yield file.finding(ID, bound, reason=_REASON, fix=fix, settled=True)


def _declarers(file: File, toks: Sequence[Token], refusal: str) -> Iterator[Finding]:
    for call in calls(toks):
        which = _DECLARERS.get(call.name.text)
        if which is not None and which < len(call.args) and file.depends(call.args[which]):
            name = call.args[0][-1] if call.args[0] else call.name
            found = _judge(file, name, call.args[which], refusal)
            macro = f"{call.name.text.decode()}(), parameter {which + 1}"
            yield replace(found, reason=f"{found.reason}; here it is that of {macro}")


def _judge(
    file: File,
    name: Token,
    bound: Sequence[Token],
    refusal: str,
    kind: str = "max",
    scope: Scope | None = None,
) -> Finding:
    if refusal:
        return file.finding(ID, bound, reason=refusal, fix=_FIX)
    try:
        found = limit(file, bound, kind)
        counts = tuple(_counts(file, name, bound, scope)) if scope and found.edits else ()
    except NotConvertible as error:
        return file.finding(ID, bound, reason=str(error), fix=_FIX)
    return file.finding(
        ID,
        bound,
        reason=_REASON,
        fix=_FIX + _sizeof_note(file, name.text),
        edits=(*found.edits, *counts),
        companions=found.companions,
    )


def _counts(file: File, name: Token, bound: Sequence[Token], scope: Scope) -> Iterator[Edit]:
    """Each ARRAY_SIZE() of the array becomes its bound, as far as the page in use fills it.

    NotConvertible where it has to be a constant, or may be that of another array.
    """
    if file.data[name.end : bound[0].start].strip() != b"[":
        return  # it is the bound of another dimension
    text = file.data[bound[0].start : bound[-1].end]
    start, end = (scope.start, scope.end) if scope.kind == "block" else (0, len(file.data))
    word = re.escape(name.text)
    member = rb"(?:\w+(?:->|\.))+" if scope.kind == "struct" else b""
    uses = re.compile(rb"\bARRAY_SIZE\s*\(\s*%s%s\s*\)" % (member, word))
    declared = re.compile(rb"(?:\w[ \t]+\**|\*)%s\s*\[" % word)
    for use in uses.finditer(file.data, start, end):
        line = file.position(use.start())[0]
        if not _in_function(file.data, use.start()):
            raise NotConvertible(f"its ARRAY_SIZE() is a constant on line {line}")
        if len(declared.findall(file.data, start, end)) > 1:
            raise NotConvertible(f"ARRAY_SIZE() on line {line} is of one of several arrays")
        alone = len(bound) == 1 or _is_alone(file.data, *use.span())
        yield Edit(*use.span(), text if alone else b"(%s)" % text)


def _is_alone(data: bytes, start: int, end: int) -> bool:
    """An argument, or all that is assigned: it needs no brackets."""
    before = data[max(0, start - 80) : start]
    return bool(_BEGINS_ALONE.search(before)) and data[end : end + 1] in b"),;"


def _in_function(data: bytes, at: int) -> bool:
    """Functions, and nothing else, begin with a brace that begins a line."""
    return data.rfind(b"\n{", 0, at) > data.rfind(b"\n}", 0, at)


def _sizeof_note(file: File, name: bytes) -> str:
    """Where the size of the array is used: it is that of the largest page now."""
    uses = re.compile(rb"\bsizeof\s*\(?\s*(?:\w+(?:->|\.))*%s\b" % re.escape(name))
    lines = sorted({file.position(m.start())[0] for m in uses.finditer(file.data)})
    if not lines:
        return ""
    return f"; its size is used on line {', '.join(map(str, lines))}"


EXAMPLES = (
    Example("static char buf[PAGE_SIZE];\n", "static char buf[PAGE_SIZE_MAX];\n"),
    Example(
        "void f(void)\n{\n\tstatic char buf[PAGE_SIZE + 1], *p = buf;\n"
        "\tu8 map[SZ_1M >> PAGE_SHIFT];\n}\n",
        "void f(void)\n{\n\tstatic char buf[PAGE_SIZE_MAX + 1], *p = buf;\n"
        "\tu8 map[SZ_1M >> PAGE_SHIFT_MIN];\n}\n",
    ),
    Example(  # one grows, one shrinks
        "struct s {\n\tu8 a[PAGE_SIZE / 512];\n\tstruct page *b[SZ_1M / PAGE_SIZE + 2];\n};\n",
        "struct s {\n\tu8 a[PAGE_SIZE_MAX / 512];\n"
        "\tstruct page *b[SZ_1M / PAGE_SIZE_MIN + 2];\n};\n",
    ),
    Example(
        "#define BLOCKS\t(PAGE_SIZE / 512)\nstatic int a[BLOCKS], n = 3;\n"
        "int f(void)\n{\n\treturn BLOCKS;\n}\n",
        "#define BLOCKS\t(PAGE_SIZE / 512)\n#define BLOCKS_MAX\t(PAGE_SIZE_MAX / 512)\n"
        "static int a[BLOCKS_MAX], n = 3;\nint f(void)\n{\n\treturn BLOCKS;\n}\n",
    ),
    Example(
        "struct s {\n\tDECLARE_BITMAP(used, PMD_SIZE / PAGE_SIZE);\n};\n",
        "struct s {\n\tDECLARE_BITMAP(used, PMD_SIZE_MAX / PAGE_SIZE_MAX);\n};\n",
    ),
    Example(  # as many as are in use, of the array in the function and not of that in the struct
        "struct s {\n\tstruct page *p[SZ_32K / PAGE_SIZE];\n};\n"
        "int f(struct s *s)\n{\n\tstruct page *p[SZ_32K / PAGE_SIZE + 1];\n\n"
        "\treturn map(p, ARRAY_SIZE(p));\n}\n",
        "struct s {\n\tstruct page *p[SZ_32K / PAGE_SIZE_MIN];\n};\n"
        "int f(struct s *s)\n{\n\tstruct page *p[SZ_32K / PAGE_SIZE_MIN + 1];\n\n"
        "\treturn map(p, SZ_32K / PAGE_SIZE + 1);\n}\n",
    ),
    Example(
        "struct s {\n\tu64 entry[PAGE_SIZE / 8];\n};\n"
        "int f(struct s *s, int n)\n{\n\tif (n > ARRAY_SIZE(s->entry))\n"
        "\t\tn = ARRAY_SIZE(s->entry);\n\treturn n;\n}\n",
        "struct s {\n\tu64 entry[PAGE_SIZE_MAX / 8];\n};\n"
        "int f(struct s *s, int n)\n{\n\tif (n > (PAGE_SIZE / 8))\n"
        "\t\tn = PAGE_SIZE / 8;\n\treturn n;\n}\n",
    ),
    Example(
        "static char a[PAGE_SIZE];\nstatic char b[ARRAY_SIZE(a)];\n",
        reason="its ARRAY_SIZE() is a constant on line 2",
    ),
    Example(
        "struct s {\n\tu64 p[PAGE_SIZE / 8];\n};\nstruct t {\n\tu64 p[4];\n};\n"
        "int f(struct t *t)\n{\n\treturn ARRAY_SIZE(t->p);\n}\n",
        reason="one of several arrays",
    ),
    Example(  # its size is that of the other dimension
        "static char a[2][PAGE_SIZE];\nstatic char b[ARRAY_SIZE(a)];\n",
        "static char a[2][PAGE_SIZE_MAX];\nstatic char b[ARRAY_SIZE(a)];\n",
    ),
    Example(  # a macro that depends on the page size in one configuration
        "#ifdef CONFIG_A\n#define N\t(PMD_SHIFT - PAGE_SHIFT)\n#else\n#define N\t1\n#endif\n"
        "static int a[N];\n",
        "#ifdef CONFIG_A\n#define N\t(PMD_SHIFT - PAGE_SHIFT)\n"
        "#define N_MAX\t(PMD_SHIFT_MAX - PAGE_SHIFT_MAX)\n#else\n#define N\t1\n"
        "#define N_MAX\t1\n#endif\nstatic int a[N_MAX];\n",
    ),
    Example(
        "void f(char page[PAGE_SIZE]);\n",
        "void f(char page[PAGE_SIZE_MIN]);\n",
    ),
    Example(  # of the array in the other function
        "void f(char page[PAGE_SIZE]);\nint g(void)\n{\n\tchar page[12];\n\n"
        "\treturn ARRAY_SIZE(page);\n}\n",
        "void f(char page[PAGE_SIZE_MIN]);\nint g(void)\n{\n\tchar page[12];\n\n"
        "\treturn ARRAY_SIZE(page);\n}\n",
    ),
    Example(
        "static char a[PAGE_SIZE];\n",
        path="arch/x86/mm/init.c",
    ),
    Example(
        "struct s {\n\tu32 n;\n\tu8 data[PAGE_SIZE - 4];\n};\n",
        reason="fills a page",
    ),
    Example(  # an array that ends before the end of a page, by way of a macro
        "#define ENTRIES\t(PAGE_SIZE / sizeof(u64) - 1)\n"
        "struct s {\n\tu64 entry[ENTRIES];\n\tu64 next;\n};\n",
        reason="fills a page",
    ),
    Example(  # chunks grow with the page: their number does not
        "#define CHUNK\t(PAGE_SIZE / 64)\n#define CHUNKS\t((PAGE_SIZE - CHUNK) / CHUNK)\n"
        "struct s {\n\tvoid *free[CHUNKS];\n};\n",
        "#define CHUNK\t(PAGE_SIZE / 64)\n#define CHUNK_MIN\t(PAGE_SIZE_MIN / 64)\n"
        "#define CHUNKS\t((PAGE_SIZE - CHUNK) / CHUNK)\n"
        "#define CHUNKS_MAX\t((PAGE_SIZE_MIN - CHUNK_MIN) / CHUNK_MIN)\n"
        "struct s {\n\tvoid *free[CHUNKS_MAX];\n};\n",
    ),
    Example(
        "struct s {\n\tu8 entry[PAGE_SIZE / 8];\n\tu64 next;\n} __packed;\n",
        reason="layout",
    ),
    Example(  # the bit-field gets its width, and all that is made from it changes with that
        "#define BITS (PAGE_SHIFT + 2)\nstruct s {\n\tu32 a : BITS;\n};\nint pool[1 << BITS];\n",
        reason=_REASON,
    ),
    Example("struct s {\n\t__le32 entry[PAGE_SIZE / 4];\n};\n", reason="layout"),
    Example(
        "DEFINE_PER_CPU(char [PAGE_SIZE], buf);\n",
        "DEFINE_PER_CPU(char [PAGE_SIZE_MAX], buf);\n",
    ),
    Example(  # a GPU's own pages
        "#undef PAGE_SIZE\n#define PAGE_SIZE 4096\nstatic char buf[PAGE_SIZE];\n"
    ),
    Example("void f(char *page)\n{\n\tpage[PAGE_SIZE - 1] = 0;\n\tx = y[PAGE_SHIFT];\n}\n"),
)
