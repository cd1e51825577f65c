# SPDX-License-Identifier: GPL-2.0-only
"""case PMD_SIZE: a case label that is no constant any more."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anypage.findings import Edit, Finding
from anypage.rules import Example
from anypage.source.c import Scope
from anypage.source.lexer import Token
from anypage.source.statements import Statements, blank, columns, statements
from anypage.source_file import File

ID = "case-label"
EXPLANATION = """\
A case label has to be a constant. A chain of ifs does the same where every case ends in break,
return or goto; a case that falls through into the next one is for a human.
"""

_SWITCH = re.compile(rb"([ \t]*)switch\s*\(([\w.>\s\[\]-]+)\)\s*\Z")
_EVENT = re.compile(
    rb"^[ \t]*\#[^\n]*\n|(?<!\w)(?:case\b([^:?;{}]*)|default\s*):[ \t]*\n?|[{}]",
    re.MULTILINE,
)
_INNER_BREAK = re.compile(rb"\bbreak\b")
_WIDTH = 80


EXAMPLES = (
    Example(
        """\
int f(unsigned long size)
{
	switch (size) {
#ifndef __PAGETABLE_PMD_FOLDED
	case PUD_SIZE:
		return pud_sect_supported();
#endif
	case CONT_PMD_SIZE:
	case PMD_SIZE:
		return true;
	}

	return false;
}
""",
        """\
int f(unsigned long size)
{
#ifndef __PAGETABLE_PMD_FOLDED
	if (size == PUD_SIZE)
		return pud_sect_supported();
#endif
	if (size == CONT_PMD_SIZE || size == PMD_SIZE)
		return true;

	return false;
}
""",
    ),
    Example(
        """\
void f(unsigned long size)
{
	switch (size) {
	case CONT_PMD_SIZE:
		contig_ptes = CONT_PMDS;
		break;
	case SZ_1M >> PAGE_SHIFT:
		/* comments stay */
		contig_ptes = 1;
		break;
	default:
		WARN_ON(!size);
	}
}
""",
        """\
void f(unsigned long size)
{
	if (size == CONT_PMD_SIZE) {
		contig_ptes = CONT_PMDS;
	} else if (size == (SZ_1M >> PAGE_SHIFT)) {
		/* comments stay */
		contig_ptes = 1;
	} else {
		WARN_ON(!size);
	}
}
""",
    ),
    # A case under #if takes its else along.
    Example(
        """\
void f(int order)
{
	switch (order) {
	case 0:
		g();
		break;
#ifdef CONFIG_PMD
	case PMD_SHIFT:
		h();
		break;
#endif
	default:
		k();
	}
}
""",
        """\
void f(int order)
{
	if (order == 0) {
		g();
#ifdef CONFIG_PMD
	} else if (order == PMD_SHIFT) {
		h();
#endif
	} else {
		k();
	}
}
""",
    ),
    Example(
        """\
void f(unsigned long size)
{
	switch (size) {
	case PMD_SIZE:
		g();
		fallthrough;
	case PAGE_SIZE:
		h();
	}
}
""",
        reason="falls through",
    ),
    Example("void f(int c)\n{\n\tswitch (c) {\n\tcase 1:\n\t\tg(PAGE_SIZE);\n\t}\n}\n"),
)

_FIX = "a chain of ifs"


def examine(file: File) -> Iterator[Finding]:
    """Each switch with a label that depends on the page size."""
    seen = set()
    for statement in file.statements():
        toks = file.c.tokens(statement)
        label = [token for token in _label(toks) if token.kind != "dir"]
        if not file.depends(label):
            continue
        reason = "a case label has to be a constant"
        if statement.scope.start in seen:  # what deals with the first one deals with all
            yield file.finding(ID, label, reason=reason, fix=_FIX, settled=True)
            continue
        seen.add(statement.scope.start)
        edits: tuple[Edit, ...] = ()
        try:
            edits = (_edit(file, statement.scope),)
        except NotExpressible as why:
            reason = f"{reason}, and {why}"
        yield file.finding(ID, label, reason=reason, fix=_FIX, edits=edits)


def _label(toks: Sequence[Token]) -> Iterator[Token]:
    """The values of the case labels at the start of a statement."""
    inside = False
    for token in toks:
        if token.text == b"case":
            inside = True
        elif token.text == b":":
            inside = False
        elif inside:
            yield token
        elif token.kind != "dir" and token.text != b"default":
            return


def _edit(file: File, scope: Scope) -> Edit:
    blanked = blank(file.data[: scope.end])
    line = blanked.rfind(b"\n", 0, blanked.rfind(b"switch", 0, scope.start)) + 1
    return Edit(line, scope.end, chain(file.data, blanked, line, scope.start, scope.end - 1))


class NotExpressible(Exception):
    """Why a switch cannot become a chain of ifs."""


@dataclass(frozen=True, slots=True)
class Branch:
    """What follows one run of labels. values is empty for default; guard is an #if line.

    leaves: control never gets to its end; simple: no braces needed; spaced: an empty line follows.
    """

    values: tuple[bytes, ...]
    body: bytes
    leaves: bool
    simple: bool
    spaced: bool
    guard: bytes


def chain(text: bytes, blanked: bytes, switch: int, opening: int, closing: int) -> bytes:
    """The ifs that replace [switch, closing]: the line of the `switch (...) {` to its `}`."""
    head = _SWITCH.fullmatch(blanked, switch, opening)
    if head is None:
        raise NotExpressible("the switch is on more than a variable")
    branches = _branches(text, blanked, opening + 1, closing)
    if any(not branch.values for branch in branches[:-1]):
        raise NotExpressible("default is not the last label")
    if not branches[-1].values and not branches[-1].body.strip():
        branches.pop()
    tests = [branch for branch in branches if branch.values]
    separate = all(branch.leaves for branch in tests)
    if branches[0].guard and not separate:
        raise NotExpressible("the first case stands under #if and goes on after the switch")
    return _written(head[1], b" ".join(head[2].split()), branches, separate)


def _branches(text: bytes, blanked: bytes, start: int, end: int) -> list[Branch]:
    """The branches of the switch whose body is [start, end)."""
    branches: list[Branch] = []
    values: list[bytes] = []
    guard = b""
    open_branch = is_default = False
    for event_start, event_end, value in [
        *_events(blanked, start, end),
        (end, end, b"#"),
    ]:
        directive = blanked[event_start:event_end].lstrip().startswith(b"#") or event_start == end
        segment = text[start:event_start]
        if open_branch and (directive or segment.strip()):
            branches.append(_branch(() if is_default else values, segment, guard))
            values, open_branch, is_default = [], False, False
        elif segment.strip():
            raise NotExpressible("code before the first label")
        if directive and event_start < end:
            guard = _guard(text[event_start:event_end], guard)
        elif value is None:
            is_default = open_branch = True
        elif event_start < end:
            open_branch = True
            values.append(b" ".join(value.split()))
        if is_default and values:
            raise NotExpressible("default shares its code with a case")
        start = event_end
    return branches


def _events(blanked: bytes, start: int, end: int) -> Iterator[tuple[int, int, bytes | None]]:
    """Labels (with their value, None for default) and directives outside of inner braces."""
    depth = 0
    for match in _EVENT.finditer(blanked, start, end):
        if match[0] in (b"{", b"}"):
            depth += 1 if match[0] == b"{" else -1
        elif depth == 0:
            yield match.start(), match.end(), match[1]


def _guard(directive: bytes, guard: bytes) -> bytes:
    keyword = directive.replace(b"#", b"").split()[0]
    if keyword == b"endif" and guard:
        return b""
    if keyword.startswith(b"if") and not guard:
        return directive.strip()
    raise NotExpressible("#if around a part of a case")


def _branch(values: Sequence[bytes], body: bytes, guard: bytes) -> Branch:
    parts = statements(blank(body))
    if parts is None or parts.labelled:
        raise NotExpressible("a case is not a run of whole statements")
    if parts.declares:
        raise NotExpressible("a case declares a variable")
    last = parts.parts[-1].strip() if parts.parts else b""
    if last.startswith(b"fallthrough"):
        raise NotExpressible("a case falls through into the next")
    if last == b"break;":
        body = body[: body.rindex(b"break;")]
        parts = Statements(parts.parts[:-1])
    elif values and not parts.jumps:
        raise NotExpressible("a case falls through into the next")
    if any(_INNER_BREAK.search(part) for part in parts.parts):
        raise NotExpressible("a break inside a case")
    simple = parts.simple and body.count(b"\n") <= 1 + body.endswith(b"\n")
    simple = simple and b"/*" not in body
    spaced = body.endswith(b"\n\n")
    return Branch(tuple(values), body.strip(b"\n").rstrip(), parts.jumps, simple, spaced, guard)


def _written(indent: bytes, name: bytes, branches: Sequence[Branch], separate: bool) -> bytes:
    """The ifs: one after the other when all of them leave, else with `else` between them."""
    if separate:
        return _one_by_one(indent, name, branches)
    braces = not all(branch.simple and not branch.guard for branch in branches)
    out: list[bytes] = []
    for branch in branches:
        joint = b"" if not out else b"} else " if braces else b"else "
        head = _test(indent + joint, name, branch.values) if branch.values else indent + joint
        lines = [head.rstrip() + (b" {" if braces else b""), branch.body]
        out += [branch.guard, *lines, b"#endif"] if branch.guard else lines
    return b"\n".join([*out, indent + b"}"] if braces else out)


def _one_by_one(indent: bytes, name: bytes, branches: Sequence[Branch]) -> bytes:
    out: list[bytes] = []
    for branch in branches:
        if not branch.values:
            out.append(re.sub(rb"^\t", b"", branch.body, flags=re.MULTILINE))
            break
        test = _test(indent, name, branch.values)
        lines = [test, branch.body] if branch.simple else [test + b" {", branch.body, indent + b"}"]
        out += [branch.guard, *lines, b"#endif"] if branch.guard else lines
        if branch.spaced and branch is not branches[-1]:
            out.append(b"")
    return b"\n".join(out)


def _test(before: bytes, name: bytes, values: Sequence[bytes]) -> bytes:
    """`if (name == value || ...)`, broken before column 80."""
    lines = [before + b"if ("]
    width = columns(lines[0])
    indent = b"\t" * (width // 8) + b" " * (width % 8)
    for value in values:
        operand = value if re.fullmatch(rb"\w+(\([^()]*\))?", value) else b"(" + value + b")"
        piece = name + b" == " + operand + (b")" if value is values[-1] else b" ||")
        if lines[-1].endswith(b"("):
            lines[-1] += piece
        elif columns(lines[-1] + b" " + piece) + len(b" {") <= _WIDTH:
            lines[-1] += b" " + piece
        else:
            lines.append(indent + piece)
    return b"\n".join(lines)


def _dedented(body: bytes) -> bytes:
    return re.sub(rb"^\t", b"", body.strip(b"\n"), flags=re.MULTILINE)
