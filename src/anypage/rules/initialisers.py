# SPDX-License-Identifier: GPL-2.0-only
"""static int limit = 2 * PAGE_SIZE: an object that exists before the page size is known."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from anypage.findings import Edit, Finding
from anypage.rules import Example
from anypage.source.c import Statement
from anypage.source.deferral import CONST, HEADER, WRAPPER, behind, wrapped
from anypage.source.includes import include
from anypage.source.initialiser import Members, Object, Type, Value, read_object, top_level, values
from anypage.source.lexer import Token, calls, closing, split_commas, tokens
from anypage.source.statements import columns
from anypage.source.structs import members
from anypage.source_file import File

ID = "initialiser"
EXPLANATION = """\
The initialiser of an object with static storage has to be a constant. PAGE_SIZE_INITVAL() keeps the
value where it is in a compile-time build and leaves 0 in a boot-time one, where PAGE_SIZE_INIT()
assigns it early in start_kernel(), or when the module is loaded. Such an object is read-only after
init instead of const: __page_size_const.
"""
_REASON = "the initialiser of a static object has to be a constant"
_FIX = "deferred initialisation"
_COLUMNS = 80
_SECTIONS = frozenset(b"__initconst __section __attribute__ __rodata __param __refconst".split())
_BIN_ATTR = re.compile(rb"BIN_ATTR(?:_ADMIN)?(?:_RO|_WO|_RW)?\Z")


EXAMPLES = (
    Example(
        """\
#include <linux/mm.h>
#include <linux/sched.h>

static const unsigned long dirty_bytes_min = 2 * PAGE_SIZE;
""",
        """\
#include <linux/mm.h>
#include <linux/page_size_init.h>
#include <linux/sched.h>

static __page_size_const unsigned long dirty_bytes_min = PAGE_SIZE_INITVAL(2 * PAGE_SIZE);
PAGE_SIZE_INIT(dirty_bytes_min, 2 * PAGE_SIZE);
""",
    ),
    # One member; what follows the object on its line or belongs to it stays with it.
    Example(
        """\
#include <linux/mm.h>

struct kernfs_ops cgroup_kf_ops = {
	.atomic_write_len	= PAGE_SIZE,
	.open			= cgroup_file_open,
};
EXPORT_SYMBOL_GPL(cgroup_kf_ops);

int sysctl_mlock __read_mostly = 512 + (PAGE_SIZE / 1024); /* kiB per user */
""",
        """\
#include <linux/mm.h>
#include <linux/page_size_init.h>

struct kernfs_ops cgroup_kf_ops = {
	.atomic_write_len	= PAGE_SIZE_INITVAL(PAGE_SIZE),
	.open			= cgroup_file_open,
};
EXPORT_SYMBOL_GPL(cgroup_kf_ops);
PAGE_SIZE_INIT(cgroup_kf_ops.atomic_write_len, PAGE_SIZE);

int sysctl_mlock __read_mostly = PAGE_SIZE_INITVAL(512 + (PAGE_SIZE / 1024)); /* kiB per user */
PAGE_SIZE_INIT(sysctl_mlock, 512 + (PAGE_SIZE / 1024));
""",
    ),
    # Includes further down belong to something else.
    Example(
        """\
#include <linux/mm.h>

static const char *names[] = {
#include <linux/zoo.h>
};
static int limit = PAGE_SIZE;
""",
        """\
#include <linux/mm.h>
#include <linux/page_size_init.h>

static const char *names[] = {
#include <linux/zoo.h>
};
static int limit = PAGE_SIZE_INITVAL(PAGE_SIZE);
PAGE_SIZE_INIT(limit, PAGE_SIZE);
""",
    ),
    # Deep inside: by designators, and by position where the type is known.
    Example(
        """\
#include <linux/mm.h>

struct division {
	unsigned int total;
	unsigned int offset;
};

struct config {
	const char *name;
	struct division src[4];
};

static const struct config configs[] = {
	{
		.name = "a",
	}, {
		.name = "b",
		.src = {
			{ .total = 1, .offset = PAGE_SIZE - 32 },
			{ 1, PAGE_SIZE - 7 },
		},
	},
};
""",
        """\
#include <linux/mm.h>
#include <linux/page_size_init.h>

struct division {
	unsigned int total;
	unsigned int offset;
};

struct config {
	const char *name;
	struct division src[4];
};

static __page_size_const struct config configs[] = {
	{
		.name = "a",
	}, {
		.name = "b",
		.src = {
			{ .total = 1, .offset = PAGE_SIZE_INITVAL(PAGE_SIZE - 32) },
			{ 1, PAGE_SIZE_INITVAL(PAGE_SIZE - 7) },
		},
	},
};
PAGE_SIZE_INIT(configs[1].src[0].offset, PAGE_SIZE - 32);
PAGE_SIZE_INIT(configs[1].src[1].offset, PAGE_SIZE - 7);
""",
    ),
    Example(
        """\
#include <linux/mm.h>

static struct cache_info {
	const char *name;
	size_t size;
} infos[] = {
	{ "page", PAGE_SIZE },
};
""",
        """\
#include <linux/mm.h>
#include <linux/page_size_init.h>

static struct cache_info {
	const char *name;
	size_t size;
} infos[] = {
	{ "page", PAGE_SIZE_INITVAL(PAGE_SIZE) },
};
PAGE_SIZE_INIT(infos[0].size, PAGE_SIZE);
""",
    ),
    Example(
        """\
#include <linux/mm.h>

static struct elf_format format = {
#ifdef CONFIG_COREDUMP
	.min_coredump	= PAGE_SIZE,
#endif
};
""",
        """\
#include <linux/mm.h>
#include <linux/page_size_init.h>

static struct elf_format format = {
#ifdef CONFIG_COREDUMP
	.min_coredump	= PAGE_SIZE_INITVAL(PAGE_SIZE),
#endif
};
#ifdef CONFIG_COREDUMP
PAGE_SIZE_INIT(format.min_coredump, PAGE_SIZE);
#endif
""",
    ),
    # The declaration of a const object in a header changes with it.
    Example(
        """\
#include "msg.h"
#include <linux/mm.h>

const int one_page_mtu = PAGE_SIZE - OVERHEAD -
\t\t\t OTHER;
""",
        """\
#include "msg.h"
#include <linux/mm.h>
#include <linux/page_size_init.h>

__page_size_const int one_page_mtu = PAGE_SIZE_INITVAL(PAGE_SIZE - OVERHEAD -
\t\t\t\t\t\t       OTHER);
PAGE_SIZE_INIT(one_page_mtu, PAGE_SIZE - OVERHEAD - OTHER);
""",
        path="net/tipc/msg.c",
        others={"net/tipc/msg.h": "#include <linux/skbuff.h>\nextern const int one_page_mtu;\n"},
        others_after={
            "net/tipc/msg.h": "#include <linux/page_size_init.h>\n#include <linux/skbuff.h>\n"
            "extern __page_size_const int one_page_mtu;\n"
        },
    ),
    Example(
        "#include <linux/mm.h>\nstatic BIN_ATTR_RO(table, PAGE_SIZE);\n",
        "#include <linux/mm.h>\n#include <linux/page_size_init.h>\n"
        "static BIN_ATTR_RO(table, PAGE_SIZE_INITVAL(PAGE_SIZE));\n"
        "PAGE_SIZE_INIT(bin_attr_table.size, PAGE_SIZE);\n",
    ),
    Example(
        "int f(void)\n{\n\tstatic const int len = PAGE_SIZE;\n\n\treturn len;\n}\n",
        "int f(void)\n{\n\tconst int len = PAGE_SIZE;\n\n\treturn len;\n}\n",
    ),
    # The position of what follows an #if is unsure, and so is what an unknown macro stands for.
    Example(
        "static int a[] = {\n#ifdef X\n\t1,\n#endif\n\tPAGE_SIZE\n};\n",
        reason="by its position",
    ),
    Example("static int a[] = { A_LIST(PAGE_SIZE) };\n", reason="more than one value"),
    Example("static struct a b = A_INIT(PAGE_SIZE);\n", reason="more than one value"),
    Example("static DEFINE_PER_CPU(int, a) = PAGE_SIZE;\n", reason="a macro"),
    # bindgen makes Rust's constants of these.
    Example("const int a = PAGE_SIZE;\n", path="rust/bindings/helper.h", reason="Rust"),
    # Nobody can tell which member this is; a copy in a section of its own is not writable.
    Example("static struct a b = { 1, PAGE_SIZE };\n", reason="by its position"),
    Example("static const int a __initconst = PAGE_SIZE;\n", reason="a section of its own"),
    # Automatic objects are initialised at run time.
    Example("int f(void)\n{\n\tint len = PAGE_SIZE;\n\n\treturn len;\n}\n"),
)


def examine(file: File) -> Iterator[Finding]:
    """The objects of one file whose initialiser depends on the page size."""
    for statement in file.statements():
        toks = file.c.tokens(statement)
        if statement.scope.kind == "file":
            yield from _object(file, statement, toks)
        elif statement.scope.kind == "block" and _is_static(toks):
            yield from _local(file, statement, toks)


def _is_static(toks: Sequence[Token]) -> bool:
    first = next((token for token in toks if token.kind != "dir"), None)
    return first is not None and first.text == b"static"


def _object(file: File, statement: Statement, toks: Sequence[Token]) -> Iterator[Finding]:
    toks = _last_declaration(toks)
    target = read_object(toks)
    if target is None:
        yield from _attribute(file, statement, toks)
        return
    wanted = _dependent(file, target)
    if not wanted:
        return
    shown = wanted[0].tokens
    try:
        if file.path.startswith("rust/"):
            raise _NotDeferrable("Rust needs the constant")
        inits = b"".join(_init(file, statement, target, value) for value in wanted)
        edits = [wrapped(file.data, value, target.const) for value in wanted]
        edits += _not_const(file.data, target)
        companions = tuple(_extern(file, target))
    except _NotDeferrable as why:
        yield file.finding(ID, shown, reason=f"{_REASON}, and {why}", fix=_FIX)
        return
    edits += behind(file.data, statement.end, target.name.text, inits)
    yield file.finding(ID, shown, reason=_REASON, fix=_FIX, edits=edits, companions=companions)


def _dependent(file: File, target: Object) -> list[Value]:
    """The values that depend on the page size and are not deferred yet."""
    return [
        value
        for value in values(target, _members(file))
        if file.depends(value.tokens) and value.tokens[0].text != WRAPPER
    ]


def _last_declaration(toks: Sequence[Token]) -> Sequence[Token]:
    """Without what other arms of an #if hold before the declaration."""
    depth = start = 0
    for index, token in enumerate(toks[:-1]):
        depth += (token.text in (b"(", b"[", b"{")) - (token.text in (b")", b"]", b"}"))
        if depth == 0 and token.text == b";":
            start = index + 1
    return toks[start:]


class _NotDeferrable(Exception):
    """Why the value of an object cannot be assigned later."""


def _init(file: File, statement: Statement, target: Object, value: Value) -> bytes:
    """The PAGE_SIZE_INIT() of one value, under the #if that the value stands under."""
    if value.path is None:
        raise _NotDeferrable("the value has no name: it is initialised by its position")
    text = file.data[value.start : value.end]
    if b"#" in text or any(token.kind == "dir" for token in value.tokens):
        raise _NotDeferrable("there is an #if inside the value")
    if _is_several(file, value):
        raise _NotDeferrable(f"{value.tokens[0].text.decode()} is more than one value")
    head = b"PAGE_SIZE_INIT(" + target.name.text + value.path + b","
    line = head + b" " + b" ".join(text.split()) + b");"
    if columns(line) > _COLUMNS:
        line = head + b"\n\t       " + b" ".join(text.split()) + b");"
    opening = _conditions(file, statement, value.start)
    return b"".join(o + b"\n" for o in opening) + line + b"\n" + b"#endif\n" * len(opening)


def _conditions(file: File, statement: Statement, offset: int) -> list[bytes]:
    """The #if lines inside the statement that decide whether the text at offset is there."""
    lines = []
    for conditional in file.c.conditionals:
        first, last = conditional.arms[0], conditional.endif
        if last is None or not statement.start <= first.start < offset < last.start:
            continue
        arms = [arm for arm in conditional.arms if arm.start < offset]
        test = file.data[first.start : first.end].strip()
        if len(arms) == 1:
            lines.append(test)
        elif len(arms) == 2 and arms[1].keyword == b"else":
            lines.append(_negated(test))
        else:
            raise _NotDeferrable("it stands under an #elif")
    return lines


def _negated(test: bytes) -> bytes:
    keyword, _, condition = test.lstrip(b"# \t").partition(b" ")
    opposite = {b"ifdef": b"#ifndef ", b"ifndef": b"#ifdef "}.get(keyword)
    return opposite + condition if opposite else b"#if !(" + condition.strip() + b")"


def _is_several(file: File, value: Value) -> bool:
    """Whether the value is a macro for `{ ... }`, for named members or for a list.

    An element of an array that is an unknown macro may be.
    """
    toks = value.tokens
    if value.type and value.type.tag and not value.type.dimensions:
        return True
    call = len(toks) > 1 and toks[1].text == b"(" and closing(toks, 1) == len(toks) - 1
    if toks[0].kind != "id" or (len(toks) > 1 and not call):
        return False
    definition = re.compile(
        rb"^[ \t]*#[ \t]*define[ \t]+%s(?:\([^)\n]*\))?[ \t\\\n]((?:[^\\\n]|\\\n|\\.)*)"
        % toks[0].text,
        re.MULTILINE,
    )
    bodies = [
        tokens(match[1], 0, len(match[1]), directive_body=True)
        for path in (file.path, *file.names.vocabulary.headers(file.path))
        for match in definition.finditer(file.read(path))
    ]
    if not bodies:
        return call and (value.path or b"").endswith(b"]")
    return any(
        body and (body[0].text in (b"{", b".") or len(split_commas(body)) > 1) for body in bodies
    )


def _not_const(data: bytes, target: Object) -> list[Edit]:
    """__page_size_const for const, also where the file declares the object beforehand."""
    sections = _SECTIONS & target.words()
    if sections or any(word.startswith(b"__section") for word in target.words()):
        raise _NotDeferrable("it lies in a section of its own")
    if target.const is None:
        return []
    edits = [Edit(target.const.start, target.const.end, CONST)]
    for start, end in _declarations(data[: target.before[0].start], target.name.text):
        edits.append(Edit(start, end, CONST))
    return edits


def _declarations(data: bytes, name: bytes) -> Iterator[tuple[int, int]]:
    """The `const` of every declaration without a value, like `extern const int name;`."""
    pattern = rb"^(?:static|extern)\b[^;=(){}#]*?\b(const)\b[^;=(){}#]*\b%s\b[^;=(){}#]*;" % name
    for match in re.finditer(pattern, data, re.MULTILINE):
        yield match.span(1)


def _extern(file: File, target: Object) -> Iterator[tuple[str, tuple[Edit, ...]]]:
    """The same in the headers that the file includes."""
    if target.const is None or b"static" in target.words():
        return
    for header in file.names.vocabulary.headers(file.path):
        data = file.read(header)
        edits = [Edit(*span, CONST) for span in _declarations(data, target.name.text)]
        if edits:
            yield header, (*edits, *include(data, HEADER))


def _members(file: File) -> Members:
    """struct definitions of this file and of the headers that it includes."""

    def look_up(tag: bytes) -> Mapping[bytes, Type] | None:
        for path in (file.path, *file.names.vocabulary.headers(file.path)):
            data = file.data if path == file.path else file.read(path)
            found = members(data, tag) if tag in data else None
            if found is not None:
                return found
        return None

    return cache(look_up)


def _attribute(file: File, statement: Statement, toks: Sequence[Token]) -> Iterator[Finding]:
    """`static BIN_ATTR_RO(name, PAGE_SIZE);` defines bin_attr_name, with a member size."""
    code = [token for token in toks if token.kind != "dir"]
    for call in calls(code):
        if call.index > 1 or not _BIN_ATTR.match(call.name.text) or not call.args[-1:]:
            continue
        size = call.args[-1]
        if not file.depends(size) or size[0].text == WRAPPER:
            continue
        name = b"bin_attr_" + b"".join(token.text for token in call.args[0])
        text = file.data[size[0].start : size[-1].end]
        init = b"PAGE_SIZE_INIT(" + name + b".size, " + text + b");\n"
        edits = (
            wrapped(file.data, Value(b".size", size)),
            *behind(file.data, statement.end, name, init),
        )
        yield file.finding(ID, size, reason=_REASON, fix=_FIX, edits=edits)
    equal = top_level(code, b"=")
    if equal and file.depends(code[equal:]):
        reason = f"{_REASON}, and a macro or a list of declarators defines it"
        yield file.finding(ID, code[equal + 1 :], reason=reason, fix=_FIX)


def _local(file: File, statement: Statement, toks: Sequence[Token]) -> Iterator[Finding]:
    """A static object of a function: an automatic one will do when it is a constant number."""
    target = read_object(toks)
    if target is None:
        return
    wanted = _dependent(file, target)
    if not wanted:
        return
    static = next(token for token in toks if token.text == b"static")
    scope = file.data[statement.scope.start : statement.scope.end]
    alone = wanted[0].path == b"" and not target.dimensions and not target.pointer
    if target.const and alone and b"&" + target.name.text not in scope:
        edit = Edit(static.start, static.end + 1, b"")
        fix = "a local constant does not have to be static"
        yield file.finding(ID, wanted[0].tokens, reason=_REASON, fix=fix, edits=(edit,))
        return
    reason = f"{_REASON}, and this one belongs to a function"
    yield file.finding(ID, wanted[0].tokens, reason=reason, fix="move it out of the function")
