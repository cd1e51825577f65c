# SPDX-License-Identifier: GPL-2.0-only
"""Rewrites one #if group: as a C `if`, or as one #define with `?:`."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from anypage.findings import Edit
from anypage.source.c import Conditional
from anypage.source.statements import Statements, blank, columns, statements

_DEFINE = re.compile(rb"[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+([^\n]+(?:(?<=\\)\n[^\n]+)*)\n?")
_DIRECTIVE = re.compile(rb"^[ \t]*#(?:[^\\\n]|\\\n|\\.)*", re.MULTILINE)
_INDENT = re.compile(rb"^[ \t]*(?=\S)", re.MULTILINE)
_MEMBER = re.compile(rb"([ \t]*)(\.\w+\s*=)[ \t]*([^,;{}#]+),\s*")
_INITIALISER = re.compile(rb"(?:^|[;{}])([^;{}]*)=\s*\{[^{}]*\Z")
_WIDTH = 80
_LIMIT = 100
_NEAR = 2000


class NotConvertible(Exception):
    """Why a group has to stay a preprocessor condition."""


@dataclass(frozen=True, slots=True)
class _Arm:
    test: bytes
    body: bytes
    parts: Statements

    @property
    def needs_braces(self) -> bool:
        return not self.parts.simple or len(self.body.strip().splitlines()) > 1


@dataclass(frozen=True, slots=True)
class Group:
    """#if to #endif, both lines included, with what each arm holds."""

    start: int
    end: int
    bodies: tuple[bytes, ...]


def group(data: bytes, conditional: Conditional) -> Group | None:
    """The group of a conditional; None when its #endif is missing."""
    if conditional.endif is None:
        return None
    lines = [*conditional.arms, conditional.endif]
    bodies = tuple(
        data[line.end + 1 : following.start] for line, following in itertools.pairwise(lines)
    )
    return Group(lines[0].start, lines[-1].end + 1, bodies)


def as_statements(data: bytes, target: Group, tests: Sequence[bytes], exhaustive: bool) -> Edit:
    """The C `if` for a group inside a function.

    tests: one C expression for each #if and #elif; exhaustive: one of them holds always. Raises
    NotConvertible unless every arm is a run of whole statements that may become a block.
    """
    before = _code_before(data, target.start)
    after_else = re.search(rb"\belse\Z", before) is not None
    if before[-1:] not in (b";", b"{", b"}", b":") and not after_else:
        raise NotConvertible("the condition cuts a statement in two")
    follower = blank(data[target.end : target.end + _NEAR]).split(maxsplit=1)
    if follower and follower[0].startswith(b"else"):
        raise NotConvertible("the condition cuts a statement in two")
    block_ends = bool(follower) and follower[0].startswith(b"}")
    arms = [
        _arm(body, test, block_ends)
        for body, test in zip(target.bodies, [*tests, b""], strict=False)
    ]
    if not after_else:
        return Edit(target.start, target.end, _if_chain(arms, _indent(arms)))
    if not (exhaustive or len(arms) > len(tests)) or any(arm.needs_braces for arm in arms):
        raise NotConvertible("the condition cuts a statement in two")
    line = before[before.rfind(b"\n") + 1 :]
    indent = line[: len(line) - len(line.lstrip())]
    start = len(before)
    return Edit(start, target.end, b" " + _simple_chain(arms, indent).lstrip())


def as_member(data: bytes, target: Group, tests: Sequence[bytes]) -> Edit:
    """`.member = test ? value : 0,` for an #if around one member of an automatic object."""
    match = _MEMBER.fullmatch(target.bodies[0])
    declaration = _INITIALISER.search(_code_before(data, target.start))
    automatic = declaration and not re.search(rb"\bstatic\b", declaration[1])
    if len(target.bodies) != 1 or len(tests) != 1 or match is None or not automatic:
        raise NotConvertible("the condition cuts a statement in two")
    value = tests[0] + b" ? " + match[3] + b" : 0,\n"
    line = match[1] + match[2] + b" " + value
    if columns(line[:-1]) > _LIMIT:
        line = match[1] + match[2] + b"\n" + match[1] + b"\t" + value
    return Edit(target.start, target.end, line)


def as_define(target: Group, tests: Sequence[bytes]) -> Edit:
    """`#define X (test ? a : b)` for a group whose arms only define the same names."""
    if len(target.bodies) != len(tests) + 1:
        raise NotConvertible("there is no #else")
    arms = [_defines(body) for body in target.bodies]
    if not arms[0] or any(list(arm) != list(arms[0]) for arm in arms):
        raise NotConvertible("the arms do not define the same names")
    lines = [_conditional(name, [arm[name] for arm in arms], tests) for name in arms[0]]
    return Edit(target.start, target.end, b"".join(lines))


def _code_before(data: bytes, end: int) -> bytes:
    """data[:end], without what is no code at its end; comments and directives are blanks."""
    blanked = blank(data[:end])
    return _DIRECTIVE.sub(lambda match: b" " * len(match[0]), blanked).rstrip()


def _arm(body: bytes, test: bytes, block_ends: bool) -> _Arm:
    parts = statements(blank(body))
    if parts is None or not parts.parts:
        raise NotConvertible("the condition cuts a statement in two")
    if parts.labelled:
        raise NotConvertible("a label under the condition")
    if parts.declares and not block_ends:
        raise NotConvertible("a declaration under the condition is used after it")
    return _Arm(test, body.rstrip() + b"\n", parts)


def _indent(arms: Sequence[_Arm]) -> bytes:
    indents = {match[0] for arm in arms if (match := _INDENT.search(arm.body))}
    if len(indents) != 1:
        raise NotConvertible("the arms are not indented alike")
    return indents.pop()


def _if_chain(arms: Sequence[_Arm], indent: bytes) -> bytes:
    """`if (a) {...} else if (b) {...} else {...}`; no else after arms that all leave."""
    tail = b""
    leaves = all(arm.parts.jumps for arm in arms[:-1])
    if leaves and not arms[-1].test and not arms[-1].parts.declares:
        tail, arms = arms[-1].body, arms[:-1]
    if not any(arm.needs_braces for arm in arms):
        deeper = [_Arm(arm.test, _deeper(arm.body), arm.parts) for arm in arms]
        return _simple_chain(deeper, indent) + tail
    out = indent
    for number, arm in enumerate(arms):
        out += b"} else " if number else b""
        out += b"if (" + arm.test + b") {\n" if arm.test else b"{\n"
        out += _deeper(arm.body) + indent
    return out + b"}\n" + (b"\n" + tail if tail else b"")


def _simple_chain(arms: Sequence[_Arm], indent: bytes) -> bytes:
    out = b""
    for number, arm in enumerate(arms):
        words = [b"else"] * (number > 0) + [b"if (" + arm.test + b")"] * bool(arm.test)
        out += indent + b" ".join(words) + b"\n" + arm.body
    return out


def _deeper(body: bytes) -> bytes:
    deeper = _INDENT.sub(lambda match: b"\t" + match[0], body)
    if any(columns(line) > _LIMIT for line in deeper.splitlines()):
        raise NotConvertible("the lines would become too long")
    return deeper


def _defines(body: bytes) -> dict[bytes, bytes]:
    """The object-like macros that an arm defines, when it holds nothing else."""
    found: dict[bytes, bytes] = {}
    position = 0
    while body[position:].strip():
        match = _DEFINE.match(body, position)
        if match is None or blank(match[2]) != match[2] or match[1] in found:
            raise NotConvertible("an arm holds more than definitions of constants")
        found[match[1]] = match[2].rstrip()
        position = match.end()
        position += len(body[position:]) - len(body[position:].lstrip(b"\n"))
    return found


def _conditional(name: bytes, values: Sequence[bytes], tests: Sequence[bytes]) -> bytes:
    line = b"#define " + name + b"\t"
    chain = b" : ".join(
        test + b" ? " + value for test, value in zip(tests, values[:-1], strict=True)
    )
    whole = line + b"(" + chain + b" : " + values[-1] + b")\n"
    if columns(whole) <= _WIDTH and b"\n" not in whole[:-1]:
        return whole
    below = b"\t" + whole[len(line) :]
    if columns(below) <= _WIDTH and b"\n" not in below[:-1]:
        return line + b"\\\n" + below
    out = line + b"\\\n\t("
    for test, value in zip(tests, values[:-1], strict=True):
        out += test + b" ? " + value + b" : \\\n\t "
    return out + values[-1] + b")\n"
