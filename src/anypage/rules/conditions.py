# SPDX-License-Identifier: GPL-2.0-only
"""#if PAGE_SIZE < 8192: the preprocessor cannot know the page size."""

import re
from collections.abc import Callable, Iterator, Sequence

from anypage import limits, page_config
from anypage.choices import Choice, choices, plain
from anypage.condition_group import (
    Group,
    alike,
    always,
    conditional_names,
    exhaustive,
    is_config,
    one_arm,
    read_group,
    right_already,
    users,
)
from anypage.condition_limits import at_limit, limit_name, limited
from anypage.findings import Edit, Finding
from anypage.limits import Limit
from anypage.rules import Example
from anypage.source import arms
from anypage.source.condition import Part
from anypage.source.constant_uses import used_as_constant
from anypage.source.expression import Node
from anypage.source.includes import include
from anypage.source.lexer import Token
from anypage.source.statements import blank
from anypage.source_file import File

ID = "preprocessor-condition"
WORDS = page_config.WORDS
EXPLANATION = """\
In a boot-time image no preprocessor condition can see the page size, and none of the CONFIG names
for one size is set. Around statements, a C `if` does the same; around definitions of one constant,
`?:`. A condition that holds at every size, or at none, keeps its form with a limit of the page
size, and so does an #error. Around declarations one arm has to serve all sizes: which one is
written down in facts/conditions.toml for each driver, because no rule can tell.
"""
EXAMPLES = (
    # Around statements: a C if. No else behind a return.
    Example(
        """\
static inline unsigned int rec_len(unsigned int len)
{
#if (PAGE_SIZE >= 65536)
	if (len == MAX_REC_LEN)
		return 65536;
	return len & 65532;
#else
	return len;
#endif
}
""",
        """\
static inline unsigned int rec_len(unsigned int len)
{
	if (PAGE_SIZE >= 65536) {
		if (len == MAX_REC_LEN)
			return 65536;
		return len & 65532;
	}

	return len;
}
""",
    ),
    # It goes on with an else that stands before it.
    Example(
        """\
void change_mtu(struct adapter *a, int max_frame)
{
	if (max_frame <= 2048)
		a->len = 2048;
	else
#if (PAGE_SIZE / 2) > 16384
		a->len = 16384;
#else
		a->len = PAGE_SIZE / 2;
#endif
}
""",
        """\
void change_mtu(struct adapter *a, int max_frame)
{
	if (max_frame <= 2048)
		a->len = 2048;
	else if ((PAGE_SIZE / 2) > 16384)
		a->len = 16384;
	else
		a->len = PAGE_SIZE / 2;
}
""",
    ),
    # The CONFIG name of arm64 is never set elsewhere, whatever the page size is there.
    Example(
        """\
#include <linux/mm.h>
void f(struct device *d)
{
#if defined(CONFIG_ARM64) && defined(CONFIG_ARM64_64K_PAGES)
	d->order = 5;
#endif
}
void g(struct device *d)
{
#ifdef CONFIG_ARM64_64K_PAGES
	d->order = 5;
#endif
}
""",
        """\
#include <linux/mm.h>
#include <linux/sizes.h>
void f(struct device *d)
{
	if (IS_ENABLED(CONFIG_ARM64) && PAGE_SIZE == SZ_64K)
		d->order = 5;
}
void g(struct device *d)
{
	if (IS_ENABLED(CONFIG_ARM64) && PAGE_SIZE == SZ_64K)
		d->order = 5;
}
""",
    ),
    Example(
        """\
static int f(void)
{
	struct queue_limits lim = {
		.io_min = 1,
#if LOGICAL_BLOCK_SIZE == PAGE_SIZE
		.max_sectors = UINT_MAX,
#endif
		.features = 2,
	};
}
""",
        """\
static int f(void)
{
	struct queue_limits lim = {
		.io_min = 1,
		.max_sectors = LOGICAL_BLOCK_SIZE == PAGE_SIZE ? UINT_MAX : 0,
		.features = 2,
	};
}
""",
    ),
    # Around definitions: ?:, unless somebody needs the constant.
    Example(
        """\
#if PAGE_SHIFT >= 16
# define FL_PG_ORDER 0
#else
# define FL_PG_ORDER (16 - PAGE_SHIFT)
#endif
""",
        "#define FL_PG_ORDER\t(PAGE_SHIFT >= 16 ? 0 : (16 - PAGE_SHIFT))\n",
    ),
    Example(
        """\
#if PAGE_SHIFT > 14
#define PAGE_BITS	14
#else
#define PAGE_BITS	PAGE_SHIFT
#endif
struct ring {
	int slots[PAGE_BITS];
};
""",
        reason="PAGE_BITS is used as a constant",
    ),
    # The same at every size: the limit that would be the first to change that.
    Example(
        """\
#define MAX_BIO_SIZE (1U << 16)
#if MAX_BIO_SIZE > (256 << PAGE_SHIFT)
#error does not fit
#endif
#if PAGE_SHIFT < 20
#define TO_MIB(pages) ((pages) >> (20 - PAGE_SHIFT))
#else
#define TO_MIB(pages) ((pages) << (PAGE_SHIFT - 20))
#endif
struct buffer {
#if (BITS_PER_LONG > 32) || (PAGE_SIZE >= 65536)
	u32 offset;
#else
	u16 offset;
#endif
};
""",
        """\
#define MAX_BIO_SIZE (1U << 16)
#if MAX_BIO_SIZE > (256 << PAGE_SHIFT_MIN)
#error does not fit
#endif
#if PAGE_SHIFT_MAX < 20
#define TO_MIB(pages) ((pages) >> (20 - PAGE_SHIFT))
#else
#define TO_MIB(pages) ((pages) << (PAGE_SHIFT - 20))
#endif
struct buffer {
#if (BITS_PER_LONG > 32) || (PAGE_SIZE_MAX >= 65536)
	u32 offset;
#else
	u16 offset;
#endif
};
""",
    ),
    Example(
        "#if PAGE_SIZE < 8192\n#error too small\n#endif\n",
        reason="does not hold at every page size",
    ),
    # facts/conditions.toml: one arm for a whole driver, and what has to agree with it at run time.
    Example(
        """\
struct rx_buffer {
#if (PAGE_SIZE < 8192)
	u16 count;
#endif
};
int buffer_length(void)
{
	return PAGE_SIZE < 8192 ? 3072 : 2048;
}
""",
        """\
struct rx_buffer {
#if (PAGE_SIZE_MAX < 8192)
	u16 count;
#endif
};
int buffer_length(void)
{
	return PAGE_SIZE_MAX < 8192 ? 3072 : 2048;
}
""",
        path="drivers/net/ethernet/intel/i40e/i40e_main.c",
    ),
    # Elsewhere nobody has said which arm is right.
    Example("#if (PAGE_SIZE < 8192)\nint f(void);\n#endif\n", reason="no #else"),
    # Without any CONFIG name set, the arm is that of the largest size already.
    Example(
        "#ifdef CONFIG_PAGE_SIZE_4KB\n#define SHIFT 12\n#else\n#define SHIFT 13\n#endif\n",
        reason="the preprocessor cannot see",
    ),
    # Other architectures, what is switched off, and what knows about boot-time images.
    Example("#ifdef CONFIG_X86\n#if PAGE_SIZE == 4096\nint f(void);\n#endif\n#endif\n"),
    Example("#if PAGE_SHIFT_MIN == PAGE_SHIFT_MAX && PAGE_SIZE == 4096\nint f(void);\n#endif\n"),
    Example("#if 0 /* not yet */\n#if PAGE_SIZE == 4096\nint f(void);\n#endif\n#endif\n"),
)
_REASON = "the preprocessor cannot see the page size"
_ERROR = re.compile(rb"\s*(?:#[ \t]*(?:error|warning)\b[^\n]*\s*)+\Z")
_WORD = re.compile(rb"\w+")
_COMPARISONS = (b"<", b">", b"<=", b">=", b"==", b"!=")


def examine(file: File) -> Iterator[Finding]:
    """The conditions of one file, and what has to follow a choice between their arms."""
    for number, conditional in enumerate(file.c.conditionals):
        if not any(arm.hits for arm in conditional.arms):
            continue
        if page_config.settled(file.c, number, conditional.arms[0].start):
            continue
        group = read_group(file, conditional)
        if group and group.dependent:
            yield _settled(group) if right_already(group) else _finding(group)
            yield from _more(group)
    yield from _followers(file)


def _more(group: Group) -> Iterator[Finding]:
    """Other lines of the #if that ask for it: what deals with the first one deals with all."""
    file = group.file
    line = file.position(group.dependent[0].tokens[0].start)[0]
    for part in group.dependent[1:]:
        before, line = line, file.position(part.tokens[0].start)[0]
        if line != before:
            fix = "what is done to the first line of this #if"
            yield file.finding(ID, part.tokens, reason=_REASON, fix=fix, settled=True)


def _settled(group: Group) -> Finding:
    fix = "none: with no size set, the arm is that of the largest page, which serves every size"
    toks = group.dependent[0].tokens
    return group.file.finding(ID, toks, reason=_REASON, fix=fix, settled=True)


def _finding(group: Group) -> Finding:
    """The first way that works; without edits when none does."""
    why = ""
    for fix, way in _ways(group):
        try:
            found = way(group)
        except (arms.NotConvertible, limits.NotConvertible) as error:
            why = f", and {error}"
            continue
        return group.file.finding(
            ID,
            group.dependent[0].tokens,
            reason=_REASON,
            fix=fix,
            edits=found.edits,
            companions=found.companions,
        )
    fix = "choose the arm that serves every size, or let both exist"
    return group.file.finding(ID, group.dependent[0].tokens, reason=_REASON + why, fix=fix)


Way = Callable[[Group], Limit]


def _ways(group: Group) -> Iterator[tuple[str, Way]]:
    choice = _choice(group)
    if choice:
        fix = f"the arm of the {choice.limit}imum size for all sizes: {choice.why}"
        yield fix, lambda g: at_limit(g, choice.limit)
        return
    if any(_ERROR.match(blank(body)) for body in group.text.bodies):
        yield "the limit that binds", limited
        return
    if alike(group):
        yield "a limit: the condition is the same at every size", limited
    elif one_arm(group):
        yield "a limit: every size takes the same arm", lambda g: at_limit(g, "max")
    if group.in_function:
        yield "a conditional value", _member
        yield "a C if", _statements
    else:
        yield "a conditional expression", _define


def _statements(group: Group) -> Limit:
    """A C if, when nothing in its arms exists under the same condition only."""
    tests = _c_tests(group)
    words = {word for body in group.text.bodies for word in _WORD.findall(blank(body))}
    if words & conditional_names(group):
        raise arms.NotConvertible("an arm uses what exists under such a condition only")
    edit = arms.as_statements(group.file.data, group.text, tests, exhaustive(group))
    return Limit((edit, *_sizes(group.file.data, edit)))


def _member(group: Group) -> Limit:
    """One value with ?:, which is 0 where the member is not there."""
    edit = arms.as_member(group.file.data, group.text, _c_tests(group))
    return Limit((edit, *_sizes(group.file.data, edit)))


def _define(group: Group) -> Limit:
    """One #define with ?:, when the macro is not needed as a constant."""
    edit = arms.as_define(group.text, _c_tests(group))
    names = re.findall(rb"#define (\w+)", edit.text)
    if used_as_constant(users(group.file), names):
        raise arms.NotConvertible(f"{names[0].decode()} is used as a constant")
    return Limit((edit, *_sizes(group.file.data, edit)))


def _sizes(data: bytes, edit: Edit) -> tuple[Edit, ...]:
    needed = b"SZ_" in edit.text and b"SZ_" not in data
    return include(data, b"linux/sizes.h") if needed else ()


def _c_tests(group: Group) -> list[bytes]:
    data = group.file.data

    def replace(part: Part) -> bytes | None:
        if part.symbol == b"CONFIG_ARM64":
            return b"IS_ENABLED(CONFIG_ARM64)"
        if is_config(part):
            arm64 = any(p.symbol == b"CONFIG_ARM64" for test in group.tests for p in test.parts)
            guarded = not arm64 and not group.file.path.startswith("arch/arm64/")
            name = part.symbol.decode()
            return page_config.comparison(name, macros=True, guarded=guarded)
        if part.symbol:
            raise arms.NotConvertible(f"{part.symbol.decode()} decides as well")
        return None

    return [test.render(data, replace) for test in group.tests]


def _choice(group: Group) -> Choice | None:
    """The entry of facts/conditions.toml that covers every dependent part."""
    for choice in choices():
        if choice.covers(group.file.path) and all(
            _operands(group.file.data, part.node) in choice.tests
            for part in group.dependent
            if not always(group.file, part)
        ):
            return choice
    return None


def _operands(data: bytes, node: Node) -> frozenset[bytes]:
    if node.kind == "call":
        return frozenset((node.args[0].text,)) if node.args else frozenset()
    return frozenset(plain(data[arg.start : arg.end]) for arg in node.args)


def _followers(file: File) -> Iterator[Finding]:
    """Tests at run time of what facts/conditions.toml decided for the driver."""
    for choice in choices():
        if choice.run_time and choice.covers(file.path):
            for comparison in _compared(file, choice):
                yield _follower(file, choice, comparison)


def _compared(file: File, choice: Choice) -> Iterator[Sequence[Token]]:
    """Left side, operator and right side of each such test in a function."""
    for statement in file.statements():
        if statement.scope.kind != "block":
            continue
        toks = file.c.tokens(statement)
        for left, operator, right in zip(toks, toks[1:], toks[2:], strict=False):
            known = frozenset((left.text, right.text)) in choice.tests
            if known and operator.text in _COMPARISONS:
                yield left, operator, right


def _follower(file: File, choice: Choice, comparison: Sequence[Token]) -> Finding:
    names = [token for token in comparison if token.text.decode() in file.names]
    edits = [Edit(t.start, t.end, limit_name(file, t, choice.limit)[0]) for t in names]
    return file.finding(
        ID,
        comparison,
        reason="the #ifs of this driver choose one arm for every size",
        fix=f"the same choice: {choice.why}",
        edits=edits,
        severity="follow-up",
    )
