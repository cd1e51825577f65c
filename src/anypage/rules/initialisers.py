# SPDX-License-Identifier: GPL-2.0-only
"""static int limit = 2 * PAGE_SIZE: an object that exists before the page size is known."""

import re
from collections.abc import Iterator, Sequence

from anypage.deferrable import (
    NotDeferrable,
    const_declarations,
    init_line,
    not_const,
    struct_members,
)
from anypage.findings import Edit, Finding
from anypage.rules import Example
from anypage.source.c import Statement
from anypage.source.deferral import CONST, HEADER, WRAPPER, behind, wrapped
from anypage.source.hoist import NotMovable, hoist
from anypage.source.includes import include
from anypage.source.initialiser import Object, Value, read_object, top_level, values
from anypage.source.lexer import Token, calls, closing
from anypage.source_file import File

ID = "initialiser"
EXPLANATION = """\
The initialiser of an object with static storage has to be a constant. PAGE_SIZE_INITVAL() keeps the
value where it is in a compile-time build and leaves 0 in a boot-time one, where PAGE_SIZE_INIT()
assigns it early in start_kernel(), or when the module is loaded. Such an object is read-only after
init instead of const: __page_size_const.
"""
_REASON = "the initialiser of a static object has to be a constant"
_INDEX = "an index in an initialiser has to be a constant"
_FIX = "deferred initialisation"
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
    # In the one arm that it is in, the line that defers it needs no #if.
    Example(
        """\
#include <linux/mm.h>

#ifdef CONFIG_HAVE_ARCH_HUGE_VMAP
static unsigned int max_shift = 63;

param("nohuge", set_nohuge);
#else
static const unsigned int max_shift = PAGE_SHIFT;
#endif
""",
        """\
#include <linux/mm.h>
#include <linux/page_size_init.h>

#ifdef CONFIG_HAVE_ARCH_HUGE_VMAP
static unsigned int max_shift = 63;

param("nohuge", set_nohuge);
#else
static __page_size_const unsigned int max_shift = PAGE_SIZE_INITVAL(PAGE_SHIFT);
PAGE_SIZE_INIT(max_shift, PAGE_SHIFT);
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
    # A variable of a function is deferred in front of it.
    Example(
        """\
#include <linux/mm.h>

static int other;

/* How low did it get? */
static void check(int free)
{
	/* In bytes. */
	static int lowest = THREAD_SIZE;
	int now;

	now = lowest;
}
""",
        """\
#include <linux/mm.h>
#include <linux/page_size_init.h>

static int other;

/* In bytes. */
static int lowest = PAGE_SIZE_INITVAL(THREAD_SIZE);
PAGE_SIZE_INIT(lowest, THREAD_SIZE);

/* How low did it get? */
static void check(int free)
{
	int now;

	now = lowest;
}
""",
    ),
    Example(
        "static int a;\nvoid f(void)\n{\n\tstatic int a = PAGE_SIZE;\n}\n",
        reason="something else in the file has its name",
    ),
    # KUnit takes the type of a parameter from the array.
    Example("static const int a[] = { PAGE_SIZE };\nKUNIT_ARRAY_PARAM(b, a, c);\n", reason="KUnit"),
    Example("long a[SZ_64K] = {\n\t[PAGE_SIZE - 1] = 1,\n};\n", reason="an index"),
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
    for index in _indices(target):
        if file.depends(index):
            yield file.finding(ID, index, reason=_INDEX, fix="assign that element at run time")
    wanted = _dependent(file, target)
    if not wanted:
        return
    shown = wanted[0].tokens
    try:
        if file.path.startswith("rust/"):
            raise NotDeferrable("Rust needs the constant")
        inits = b"".join(init_line(file, statement, target, value) for value in wanted)
        edits = [wrapped(file.data, value, target.const) for value in wanted]
        edits += not_const(file.data, target)
        companions = tuple(_extern(file, target))
    except NotDeferrable as why:
        yield file.finding(ID, shown, reason=f"{_REASON}, and {why}", fix=_FIX)
    else:
        edits += behind(file.data, statement.end, target.name.text, inits)
        yield file.finding(ID, shown, reason=_REASON, fix=_FIX, edits=edits, companions=companions)
    yield from _more(file, wanted)


def _more(file: File, wanted: Sequence[Value]) -> Iterator[Finding]:
    """The other values of an object: what deals with the first one deals with all."""
    for value in wanted[1:]:
        yield file.finding(ID, value.tokens, reason=_REASON, fix=_FIX, settled=True)


def _indices(target: Object) -> Iterator[Sequence[Token]]:
    """The indices of `[index] = value`."""
    toks = [token for token in target.value if token.kind != "dir"]
    for at, token in enumerate(toks[1:-1], 1):
        if token.text == b"[" and toks[at - 1].text in (b"{", b",", b"]"):
            close = closing(toks, at)
            if close + 1 < len(toks) and toks[close + 1].text in (b"=", b"[", b"."):
                yield toks[at + 1 : close]


def _dependent(file: File, target: Object) -> list[Value]:
    """The values that depend on the page size and are not deferred yet."""
    return [
        value
        for value in values(target, struct_members(file))
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


def _extern(file: File, target: Object) -> Iterator[tuple[str, tuple[Edit, ...]]]:
    """The same in the headers that the file includes."""
    if target.const is None or b"static" in target.words():
        return
    for header in file.names.vocabulary.headers(file.path):
        data = file.read(header)
        edits = [Edit(*span, CONST) for span in const_declarations(data, target.name.text)]
        if edits:
            yield header, (*edits, *include(data, HEADER))


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
    wanted = _dependent(file, target) if target else []
    if not target or not wanted:
        return
    static = next(token for token in toks if token.text == b"static")
    scope = file.data[statement.scope.start : statement.scope.end]
    alone = wanted[0].path == b"" and not target.dimensions and not target.pointer
    reason, fix, edits = _REASON, "a local constant does not have to be static", []
    if target.const and alone and b"&" + target.name.text not in scope:
        edits = [Edit(static.start, static.end + 1, b"")]
    else:
        fix = f"{_FIX}, outside of the function"
        try:
            edits = _hoisted(file, statement, target, wanted)
        except (NotDeferrable, NotMovable) as why:
            reason = f"{_REASON}, and {why}"
    yield file.finding(ID, wanted[0].tokens, reason=reason, fix=fix, edits=edits)
    yield from _more(file, wanted)


def _hoisted(
    file: File, statement: Statement, target: Object, wanted: Sequence[Value]
) -> list[Edit]:
    """The deferred object in front of its function."""
    inits = b"".join(init_line(file, statement, target, value) for value in wanted)
    start, end = target.before[0].start, statement.end
    edits = [wrapped(file.data, value, target.const) for value in wanted]
    edits += not_const(file.data, target)
    text, at = b"", start
    for edit in sorted(edits, key=lambda edit: edit.start):
        text += file.data[at : edit.start] + edit.text
        at = edit.end
    text += file.data[at:end]
    line = file.data[file.data.rfind(b"\n", 0, start) + 1 : start]
    text = re.sub(rb"^%s" % re.escape(line), b"", text, flags=re.MULTILINE) if line else text
    moved = hoist(file.c, statement, start, target.name.text, text + b"\n" + inits)
    return [*moved, *include(file.data, HEADER)]
