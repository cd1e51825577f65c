# SPDX-License-Identifier: GPL-2.0-only
"""Objects with an initialiser, and the path to every value in it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from anypage.source.lexer import Token, closing, split_commas

_ATTRIBUTES = (b"__attribute__", b"__aligned", b"__section", b"__printf")


@dataclass(frozen=True, slots=True)
class Type:
    """`struct tag name[][]`: the tag, empty for a scalar, and the number of array dimensions."""

    tag: bytes = b""
    dimensions: int = 0


# The members of a struct in their order; None when the struct is not known or has unnamed ones.
Members = Callable[[bytes], Mapping[bytes, Type] | None]


@dataclass(frozen=True, slots=True)
class Object:
    """`specifiers declarator = value`: the tokens of one object with an initialiser."""

    name: Token
    before: Sequence[Token]
    dimensions: int
    pointer: bool
    value: Sequence[Token]

    def words(self) -> set[bytes]:
        """Storage class, qualifiers, type and attributes."""
        return {token.text for token in self.before if token.kind == "id"} - {self.name.text}

    @property
    def type(self) -> Type:
        """The type, as far as the declaration tells it."""
        return Type(b"" if self.pointer else tag_of(self.before), self.dimensions)

    @property
    def const(self) -> Token | None:
        """The `const` that makes the object itself (not what it points to) constant."""
        begin = 0
        if self.pointer:
            begin = max(i for i, token in enumerate(self.before) if token.text == b"*")
        found = [token for token in self.before[begin:] if token.text == b"const"]
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an initialiser. path (`.a[3].b`) is None when the text does not tell it.

    type: None when it is not known.
    """

    path: bytes | None
    tokens: Sequence[Token]
    type: Type | None = None

    @property
    def start(self) -> int:
        """Where the value begins in the file."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.tokens[-1].end


def read_object(tokens: Sequence[Token]) -> Object | None:
    """The object that a declaration defines; None for anything else, or for several objects."""
    code = _trimmed(tokens)
    equal = top_level(code, b"=")
    if equal is None or code[-1].text != b";":
        return None
    value = _trimmed(code[equal + 1 : -1])
    code = _without_bodies([token for token in code[:equal] if token.kind != "dir"])
    if not value or len(split_commas(value)) > 1 or top_level(code, b",") is not None:
        return None
    name = _declared(code)
    if name is None or code[0].text in (b"typedef", b"return", b"extern"):
        return None
    at = code.index(name)
    pointer = any(token.text == b"*" for token in code[:at])
    return Object(name, code, dimensions(code[at + 1 :]), pointer, value)


def _trimmed(tokens: Sequence[Token]) -> Sequence[Token]:
    """Without preprocessor lines at both ends."""
    code = [index for index, token in enumerate(tokens) if token.kind != "dir"]
    return tokens[code[0] : code[-1] + 1] if code else ()


def _without_bodies(code: Sequence[Token]) -> list[Token]:
    """The declaration without the members of a struct that it defines."""
    result: list[Token] = []
    index = 0
    while index < len(code):
        if code[index].text == b"{" and tag_of(result):
            index = closing(code, index)
        else:
            result.append(code[index])
        index += 1
    return result


def top_level(code: Sequence[Token], text: bytes) -> int | None:
    """Index of the first token text outside of all brackets."""
    depth = 0
    for index, token in enumerate(code):
        if depth == 0 and token.text == text:
            return index
        depth += (token.text in (b"(", b"[", b"{")) - (token.text in (b")", b"]", b"}"))
    return None


def tag_of(declaration: Sequence[Token]) -> bytes:
    """The NAME of `struct NAME` or `union NAME` in a declaration, or empty."""
    texts = [token.text for token in declaration]
    for word in (b"struct", b"union"):
        if word in texts[:-1]:
            return texts[texts.index(word) + 1]
    return b""


def dimensions(after_name: Sequence[Token]) -> int:
    """How many array bounds follow a declared name."""
    count = index = 0
    while index < len(after_name) and after_name[index].text == b"[":
        index = closing(after_name, index) + 1
        count += 1
    return count


def _declared(before: Sequence[Token]) -> Token | None:
    """The name: the last word before array bounds and attributes. None if that is unsure."""
    index = 0
    name = None
    while index < len(before):
        token = before[index]
        if token.text == b"(":
            if name is None or not name.text.startswith(b"__"):
                return None
            index = closing(before, index)
        elif token.text == b"[":
            index = closing(before, index)
        elif token.text == b"{":
            return None
        elif token.kind == "id" and not _is_attribute(token, before, index):
            name = token
        index += 1
    return name


def _is_attribute(token: Token, before: Sequence[Token], index: int) -> bool:
    """`__read_mostly` after the name. `__u32` before a name is a type."""
    follows = before[index + 1] if index + 1 < len(before) else None
    if token.text.startswith(b"__"):
        return follows is None or follows.text == b"(" or follows.text.startswith(b"__")
    return follows is None and token.text.startswith(b"____")


def values(target: Object, members: Members) -> Iterator[Value]:
    """Every innermost value of the object's initialiser.

    An #if makes the position of what follows unsure.
    """
    yield from _value(target.value, b"", target.type, members)


def _value(
    tokens: Sequence[Token], path: bytes | None, type_: Type | None, members: Members
) -> Iterator[Value]:
    braces = _braces(tokens)
    if braces is None:
        yield Value(path, tokens, type_)
        return
    position: int | None = 0
    for element in split_commas(braces):
        steps, value = _designators(_trimmed(element))
        if not value:
            continue
        if steps or element[0].kind == "dir":
            position = None
        elif position is not None:
            steps = _positional(type_, position, members)
            position += 1
        below = None if path is None or not steps else path + b"".join(steps)
        yield from _value(value, below, _type_at(type_, steps, members), members)


def _braces(tokens: Sequence[Token]) -> Sequence[Token] | None:
    """What is inside of `{ ... }` or `(type){ ... }`; None for an expression."""
    index = 0
    if tokens[0].text == b"(" and (close := closing(tokens, 0)) + 1 < len(tokens):
        index = close + 1
    if tokens[index].text == b"{" and closing(tokens, index) == len(tokens) - 1:
        return tokens[index + 1 : -1]
    return None


def _designators(element: Sequence[Token]) -> tuple[list[bytes], Sequence[Token]]:
    """`.a[3] = value` -> [b".a", b"[3]"], value."""
    steps: list[bytes] = []
    index = 0
    while index + 1 < len(element):
        if element[index].text == b"." and element[index + 1].kind == "id":
            steps.append(b"." + element[index + 1].text)
            index += 2
        elif element[index].text == b"[":
            close = closing(element, index)
            inner = element[index : close + 1]
            if any(token.text == b"..." for token in inner):
                return [], element
            steps.append(b"".join(token.text for token in inner))
            index = close + 1
        else:
            break
    if steps and index < len(element) and element[index].text == b"=":
        return steps, element[index + 1 :]
    return [], element


def _positional(type_: Type | None, position: int, members: Members) -> list[bytes]:
    if type_ is None:
        return []
    if type_.dimensions:
        return [b"[%d]" % position]
    known = members(type_.tag) if type_.tag else None
    if known is None or position >= len(known):
        return []
    return [b"." + list(known)[position]]


def _type_at(type_: Type | None, steps: Sequence[bytes], members: Members) -> Type | None:
    for step in steps:
        if type_ is None:
            return None
        if step.startswith(b"["):
            type_ = Type(type_.tag, type_.dimensions - 1) if type_.dimensions else None
        else:
            known = members(type_.tag) if type_.tag and not type_.dimensions else None
            type_ = None if known is None else known.get(step[1:])
    return type_
