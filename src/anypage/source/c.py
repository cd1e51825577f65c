# SPDX-License-Identifier: GPL-2.0-only
"""The parts of a C file around given places ("hits"): statements, scopes, preprocessor lines.

Only comments, strings, braces and semicolons of the whole file are looked at; what lies between is
read with lexer.tokens() for the few statements that contain a hit. No grammar, so kernel macros do
no harm; errors stay inside one function, because a `}` in column 1 ends everything.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from anypage.source.lexer import COMMENT, DIRECTIVE, STRING, Token, tokens

# A pair of brackets with nothing of interest inside is one step over.
_PLAIN_BRACKETS = rb"\([^(){};\"'/#]*+\)"
# Every alternative starts with a character, and not with a set of them or a ^: re is fast then.
_SKELETON = re.compile(rb"|".join((COMMENT, STRING, _PLAIN_BRACKETS, rb"#|\{|\}|\(|\)|;")))
_DIRECTIVE = re.compile(DIRECTIVE)
_HASH = re.compile(rb"\n[ \t]*+#")
_BRACKET = re.compile(rb"([(\[{])|[)\]}]")
MAX_BYTES = 1 << 20  # of a statement or preprocessor line
_MAX_DEPTH = 256  # of brackets, and of #ifs; clang's -fbracket-depth
_KEYWORD = re.compile(rb"[ \t]*#[ \t]*(\w*)[ \t]*")
_DEFINE = re.compile(rb"[ \t]*#[ \t]*define[ \t]+(\w+)(\(([^)]*)\))?")
_AGGREGATE = re.compile(
    rb"\b(?:struct|union|(enum))\b"
    rb"(?:\s+(?:__(?:attribute__|aligned|section)\s*\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)|\w+))*\s*\Z"
)
_COMPOUND_LITERAL = re.compile(rb"(?:[=,(?:]|\breturn)\s*\([\w\s*\[\]]+\)\s*\Z")


@dataclass(slots=True)
class Scope:
    """What a brace opens: "file" (no brace), "block", "struct" (also union) or "enum".

    head is where the statement that opens it starts; start is the offset of `{`, end after `}`.
    """

    kind: str
    head: int
    start: int
    parent: "Scope | None"
    end: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """A declaration, a member, a statement, the head of a block or the body of an enum.

    Braces of initialisers lie inside; blocks and members are statements of their own (and lie
    inside the statement `struct { ... } name;` too: their hits are theirs only). Directives may
    lie inside: lexer.tokens() yields them as "dir".
    """

    start: int
    end: int
    scope: Scope
    hits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Directive:
    """A preprocessor line with its continuation lines. keyword is `if`, `define`, ...

    condition: index into CFile.conditionals of the innermost #if around it, -1 for none.
    """

    start: int
    end: int
    keyword: bytes
    body: int
    hits: tuple[int, ...]
    condition: int

    def define(self, data: bytes) -> "Define | None":
        """The parts of a #define; None for another line, or one that is too long to be read."""
        match = _DEFINE.match(data, self.start, self.end)
        if self.keyword != b"define" or not match or self.end - self.start > MAX_BYTES:
            return None
        params = None
        if match[2]:
            params = tuple(p for part in match[3].split(b",") if (p := part.strip(b" \t\\\r\n")))
        return Define(match[1], params, match.end(), self.end)


@dataclass(frozen=True, slots=True)
class Define:
    """params is None for an object-like macro; [body, end) is its replacement text."""

    name: bytes
    params: tuple[bytes, ...] | None
    body: int
    end: int


@dataclass(slots=True)
class Conditional:
    """#if ... #endif: arms are the #if, #elif, #else lines; endif is the #endif or None (broken).

    scope is the scope in which the #if stands; parent the index of the #if around it or -1.
    """

    arms: list[Directive]
    scope: Scope
    parent: int
    endif: Directive | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A place with hits that is not looked at, and why: no kernel has such, and it could take ages.

    at is the offset of the first hit.
    """

    at: int
    reason: str


@dataclass(slots=True)
class CFile:
    """What parse() finds. directives: all of them; statements: those with hits, in file order."""

    data: bytes
    unread: list[Unread] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    directives: list[Directive] = field(default_factory=list)
    conditionals: list[Conditional] = field(default_factory=list)
    root: Scope = field(default_factory=lambda: Scope("file", 0, 0, None))
    _tokens: dict[tuple[int, int], list[Token]] = field(default_factory=dict)

    def tokens(self, part: Statement | Directive | Define) -> list[Token]:
        """Tokens of a statement, or of the body of a preprocessor line."""
        in_code = isinstance(part, Statement)
        start = part.start if isinstance(part, Statement) else part.body
        if (start, part.end) not in self._tokens:
            found = tokens(self.data, start, part.end, directive_body=not in_code)
            self._tokens[start, part.end] = found
        return self._tokens[start, part.end]


@dataclass(slots=True)
class _Frame:
    """scope is None inside the braces of an initialiser, which belong to the statement around."""

    scope: Scope | None
    statement: int
    parens: int = 0
    in_parens: bool = False


def parse(data: bytes, hits: Sequence[int]) -> CFile:
    """Read data; hits are sorted byte offsets. Hits in comments and strings are dropped."""
    return _Parser(data, hits).run()


class _Parser:
    def __init__(self, data: bytes, hits: Sequence[int]) -> None:
        self.data = data
        self.hits = hits
        self.next_hit = 0
        self.pending: list[int] = []
        self.file = CFile(data)
        self.stack = [_Frame(self.file.root, 0)]
        self.open_ifs: list[tuple[int, list[_Frame], list[_Frame] | None]] = []

    def run(self) -> CFile:
        """Walk the skeleton once."""
        data = self.data
        scanner = _SKELETON.scanner(data)  # type: ignore[attr-defined]
        while match := scanner.search():
            start, end = match.span()
            self._take_hits(start)
            char = data[start]
            if char == 0x3B:  # ;
                self._semicolon(end)
            elif char == 0x7B:  # {
                if after := self._uninteresting(start):
                    scanner = _SKELETON.scanner(data, after)  # type: ignore[attr-defined]
                    continue
                self._open(start)
            elif char == 0x7D:  # }
                self._close(start)
            elif char == 0x28:  # (
                self.stack[-1].parens += end - start == 1
            elif char == 0x29:  # )
                self.stack[-1].parens = max(0, self.stack[-1].parens - 1)
            elif char in b"\"'":
                self._skip_hits(end)
            elif char == 0x2F:  # a comment
                self._skip_hits(end)
                self._not_yet(start, end)
            elif (begin := _line_start(data, start)) >= 0:  # a #
                end = _line_end(data, start)
                self._directive(begin, end)
                self._not_yet(begin, end)
                scanner = _SKELETON.scanner(data, end)  # type: ignore[attr-defined]
        self._take_hits(len(data))
        self._finish(self.stack[-1], len(data))
        for frame in self.stack:
            if frame.scope:
                frame.scope.end = len(data)
        self.file.statements.sort(key=lambda s: s.start)
        return self.file

    def _uninteresting(self, brace: int) -> int:
        """Where the body of a function ends that has neither hits nor directives; else 0.

        Only where the braces are in column 1 and balanced: all else needs a closer look.
        """
        frame, data = self.stack[-1], self.data
        if len(self.stack) > 1 or frame.parens or data[brace - 1 : brace + 2] != b"\n{\n":
            return 0
        end = data.find(b"\n}", brace) + 2
        has_hit = self.next_hit < len(self.hits) and self.hits[self.next_hit] < end
        if end < 2 or has_hit or _HASH.search(data, brace, end):
            return 0
        if data.count(b"{", brace, end) != data.count(b"}", brace, end):
            return 0
        if data.rfind(b"/*", brace, end) > data.rfind(b"*/", brace, end):
            return 0
        if data[brace - 2 : brace] != b")\n" and self._kind(frame, brace) != "block":
            return 0
        self._finish(frame, brace)
        frame.statement = end
        return end

    def _not_yet(self, start: int, end: int) -> None:
        """A comment or directive before the first token of a statement is no part of it."""
        frame = self.stack[-1]
        blank = not self.data[frame.statement : start].strip()
        if frame.scope and frame.statement <= start and blank:
            frame.statement = end

    def _take_hits(self, upto: int) -> None:
        while self.next_hit < len(self.hits) and self.hits[self.next_hit] < upto:
            self.pending.append(self.hits[self.next_hit])
            self.next_hit += 1

    def _skip_hits(self, upto: int) -> tuple[int, ...]:
        first = self.next_hit
        while self.next_hit < len(self.hits) and self.hits[self.next_hit] < upto:
            self.next_hit += 1
        return tuple(self.hits[first : self.next_hit])

    def _finish(self, frame: _Frame, end: int) -> None:
        """The statement of frame ends here; it takes the hits that no inner one took."""
        split = bisect_left(self.pending, frame.statement)
        if frame.scope and len(self.pending) > split:
            taken = self._readable(frame.statement, end, tuple(self.pending[split:]))
            if taken:
                self.file.statements.append(Statement(frame.statement, end, frame.scope, taken))
            del self.pending[split:]
        frame.statement = end

    def _readable(self, start: int, end: int, hits: tuple[int, ...]) -> tuple[int, ...]:
        """The hits, or none when there is too much around them."""
        why = ""
        if hits and end - start > MAX_BYTES:
            why = f"{(end - start) >> 20} MiB of code in one piece"
        elif hits and (len(self.stack) > _MAX_DEPTH or _depth(self.data, start, end) > _MAX_DEPTH):
            why = f"more than {_MAX_DEPTH} brackets inside each other"
        elif hits and len(self.open_ifs) > _MAX_DEPTH:
            why = f"more than {_MAX_DEPTH} #ifs inside each other"
        if why:
            self.file.unread.append(Unread(hits[0], why))
        return () if why else hits

    def _semicolon(self, end: int) -> None:
        frame = self.stack[-1]
        if frame.scope and not frame.parens:
            self._finish(frame, end)

    def _open(self, brace: int) -> None:
        frame = self.stack[-1]
        kind = self._kind(frame, brace)
        if kind == "init":
            self.stack.append(_Frame(None, brace))
            return
        outer = next(f.scope for f in reversed(self.stack) if f.scope)
        scope = Scope(kind, frame.statement, brace, outer)
        in_parens = frame.parens > 0 or frame.scope is None
        if kind == "block" and not in_parens:
            self._finish(frame, brace)
        self.stack.append(_Frame(scope, brace + 1, in_parens=in_parens))

    def _kind(self, frame: _Frame, brace: int) -> str:
        before = self._significant(brace)
        if frame.parens or frame.scope is None:
            return "block" if before == b"(" else "init"
        if before in (b"=", b",", b"]"):
            return "init"
        head = self.data[max(frame.statement, brace - 600) : brace]
        if aggregate := _AGGREGATE.search(head):
            return "enum" if aggregate[1] else "struct"
        if frame.scope.kind == "block":
            return "init" if _COMPOUND_LITERAL.search(head) else "block"
        if frame.scope.kind == "file":
            return "init" if b")" not in head else "block"
        return "struct"

    def _significant(self, at: int) -> bytes:
        """The last byte before at that is neither white space nor comment."""
        while True:
            head = self.data[max(0, at - 400) : at].rstrip()
            if not head.endswith(b"*/") or b"/*" not in head:
                return head[-1:]
            at = max(0, at - 400) + head.rindex(b"/*")

    def _close(self, brace: int) -> None:
        in_column_1 = self.data[brace - 1 : brace] == b"\n"
        if in_column_1 and len(self.stack) > 2 and self._in_function():
            del self.stack[2:]
        if len(self.stack) == 1:
            self._finish(self.stack[0], brace + 1)
            return
        frame = self.stack[-1]
        self._finish(frame, brace)
        self.stack.pop()
        if frame.scope:
            frame.scope.end = brace + 1
            if frame.scope.kind == "block" and not frame.in_parens:
                self.stack[-1].statement = brace + 1
                self.stack[-1].parens = 0

    def _in_function(self) -> bool:
        scope = self.stack[1].scope
        return bool(scope and scope.kind == "block")

    def _directive(self, start: int, end: int) -> None:
        match = _KEYWORD.match(self.data, start, end)
        keyword, body = (match[1], match.end()) if match else (b"", end)
        condition = self.open_ifs[-1][0] if 0 < len(self.open_ifs) <= _MAX_DEPTH else -1
        hits = self._readable(start, end, self._skip_hits(end))
        directive = Directive(start, end, keyword, body, hits, condition)
        self.file.directives.append(directive)
        if keyword in (b"if", b"ifdef", b"ifndef"):
            scope = next(f.scope for f in reversed(self.stack) if f.scope)
            self.open_ifs.append((len(self.file.conditionals), self._snapshot(), None))
            self.file.conditionals.append(Conditional([directive], scope, condition))
        elif keyword in (b"else", b"elif") and self.open_ifs:
            number, before, first = self.open_ifs[-1]
            self.file.conditionals[number].arms.append(directive)
            self.open_ifs[-1] = (number, before, first or self.stack)
            self.stack = [_Frame(f.scope, f.statement, f.parens, f.in_parens) for f in before]
        elif keyword == b"endif" and self.open_ifs:
            number, _, first = self.open_ifs.pop()
            self.file.conditionals[number].endif = directive
            if first and len(first) != len(self.stack):
                self.stack = first

    def _snapshot(self) -> list[_Frame]:
        return [_Frame(f.scope, f.statement, f.parens, f.in_parens) for f in self.stack]


def _line_start(data: bytes, at: int) -> int:
    """Where the line starts of which only blanks are before at; -1 when there is more."""
    while at and data[at - 1] in b" \t":
        at -= 1
    return at if not at or data[at - 1] == 0x0A else -1


def _line_end(data: bytes, at: int) -> int:
    """Where the preprocessor line ends whose # is at at."""
    line = _DIRECTIVE.match(data, at)
    return line.end() if line else at + 1


def _depth(data: bytes, start: int, end: int) -> int:
    """How many brackets are open at most."""
    depth = most = 0
    for match in _BRACKET.finditer(data, start, end):
        depth += 1 if match[1] else -1
        most = max(most, depth)
    return most
