# SPDX-License-Identifier: GPL-2.0-only
"""What a constant expression is worth at each page size.

What is not known (sizeof, a CONFIG number, the argument of a macro) takes many made-up values, the
same at each size: a rewrite that is right for all of those is taken as right.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from anypage.definitions import definitions, visible
from anypage.source.expression import Node
from anypage.source.macros import Definition
from anypage.source_file import File
from anypage.vocabulary import constants, limit_values, seeds

SIZES = range(3)  # of PAGE_SHIFT 12, 14, 16
SAMPLES = range(96)
_DEPTH = 20


class Unknown(ArithmeticError):
    """No value: an operation without one for these operands, or a call of something unknown."""


def _shift_left(a: int, b: int) -> int:
    if not 0 <= b < 64:
        raise Unknown("<<")
    return a << b


def _shift_right(a: int, b: int) -> int:
    if b < 0:
        raise Unknown(">>")
    return a >> b


def _minus(a: int, b: int) -> int:
    """C would wrap around: such made-up values do not occur."""
    if a >= 0 and a < b:
        raise Unknown("-")
    return a - b


def _divide(a: int, b: int) -> int:
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


_BINARY: Mapping[bytes, Callable[[int, int], int]] = {
    b"+": lambda a, b: a + b,
    b"-": _minus,
    b"*": lambda a, b: a * b,
    b"/": _divide,
    b"%": lambda a, b: a - b * _divide(a, b),
    b"<<": _shift_left,
    b">>": _shift_right,
    b"&": lambda a, b: a & b,
    b"|": lambda a, b: a | b,
    b"^": lambda a, b: a ^ b,
    b"==": lambda a, b: int(a == b),
    b"!=": lambda a, b: int(a != b),
    b"<": lambda a, b: int(a < b),
    b">": lambda a, b: int(a > b),
    b"<=": lambda a, b: int(a <= b),
    b">=": lambda a, b: int(a >= b),
    b"&&": lambda a, b: int(bool(a and b)),
    b"||": lambda a, b: int(bool(a or b)),
    b"?:": lambda a, b: a or b,
}
_UNARY: Mapping[bytes, Callable[[int], int]] = {
    b"-": lambda a: -a,
    b"+": lambda a: a,
    b"~": lambda a: ~a,
    b"!": lambda a: int(not a),
}


def _round_up(a: int, b: int) -> int:
    return -(-a // b) * b


# include/linux/{minmax,math,bits,align,log2,bitops}.h
_CALLS: Mapping[bytes, Callable[..., int]] = {
    **dict.fromkeys((b"min", b"MIN", b"__MIN"), min),
    **dict.fromkeys((b"max", b"MAX", b"__MAX"), max),
    **dict.fromkeys((b"min_t", b"MIN_T"), lambda _, a, b: min(a, b)),
    **dict.fromkeys((b"max_t", b"MAX_T"), lambda _, a, b: max(a, b)),
    **dict.fromkeys((b"clamp",), lambda a, low, high: min(max(a, low), high)),
    **dict.fromkeys((b"DIV_ROUND_UP", b"__KERNEL_DIV_ROUND_UP"), lambda a, b: -(-a // b)),
    **dict.fromkeys((b"roundup", b"round_up", b"ALIGN", b"__ALIGN_KERNEL"), _round_up),
    **dict.fromkeys((b"rounddown", b"round_down", b"ALIGN_DOWN"), lambda a, b: a // b * b),
    **dict.fromkeys((b"BIT", b"BIT_ULL", b"_BITUL", b"_BITULL"), lambda a: _shift_left(1, a)),
    **dict.fromkeys((b"GENMASK", b"GENMASK_ULL"), lambda h, low: (2 << h) - (1 << low)),
    **dict.fromkeys((b"ilog2", b"const_ilog2", b"__ilog2_u32"), lambda a: a.bit_length() - 1),
    **dict.fromkeys((b"order_base_2", b"ilog2_up"), lambda a: max(0, (a - 1).bit_length())),
    b"roundup_pow_of_two": lambda a: 1 << max(0, (a - 1).bit_length()),
    b"rounddown_pow_of_two": lambda a: 1 << (a.bit_length() - 1),
    b"BITS_TO_LONGS": lambda a: -(-a // 64),
    b"BITS_TO_BYTES": lambda a: -(-a // 8),
    b"is_power_of_2": lambda a: int(a > 0 and a & (a - 1) == 0),
    b"IS_ALIGNED": lambda a, b: int(a % b == 0),
}


# sizeof on arm64
_SIZES_OF: Mapping[bytes, int] = {
    b"sizeof(%s)" % name: size
    for size, words in (
        (1, (b"char", b"u8", b"__u8", b"bool")),
        (2, (b"short", b"u16", b"__u16", b"__le16", b"__be16")),
        (
            4,
            (b"int", b"unsigned int", b"u32", b"__u32", b"__le32", b"__be32", b"float"),
        ),
        (
            8,
            (
                b"long",
                b"unsigned long",
                b"u64",
                b"__u64",
                b"void *",
                b"size_t",
                b"sector_t",
            ),
        ),
        (
            8,
            (b"__le64", b"__be64", b"pte_t", b"pmd_t", b"dma_addr_t", b"struct page *"),
        ),
    )
    for name in words
}


_Key = tuple[bytes | int | None, ...]


@dataclass(slots=True)
class Context:
    """How to evaluate: at one size, with one sample; names: given ones (macro parameters)."""

    size: int
    sample: int
    names: Mapping[bytes, int] = field(default_factory=dict)
    # occurrence of a name (its offset) -> "min" or "max": its limit instead of its value
    limits: Mapping[int, str] = field(default_factory=dict)
    limits_follow: bool = False  # MAX_PTRS_PER_PTE is PTRS_PER_PTE at this size
    depth: int = 0
    hint: int | None = None  # the value of everything that is not known


class Evaluator:
    """Evaluates expressions as one file understands their names. guesses: was anything unknown?

    samples_differ: may the value be another with another sample?

    opaque: take numbers and names that do not depend on the page size as unknown, to learn which
    limit binds where the values at hand do not tell (PAGE_SIZE < 16 is false at every size).
    """

    def __init__(self, file: File, *, opaque: bool = False) -> None:
        self.file = file
        self.opaque = opaque
        self.guesses = self.samples_differ = False
        self._values: dict[_Key, int] = {}

    def value(self, node: Node, at: Context, data: bytes) -> int:
        """node's value; data is the text that node was read from. Raises Unknown."""
        kind, args = node.kind, node.args
        if kind == "name":
            return self._name(node, at)
        if kind == "num":
            return self._number(node.text, at)
        if kind == "binary":
            return self._binary(node, at, data)
        if kind in ("paren", "cast"):
            return self.value(args[0], at, data)
        if kind == "call":
            return self._call(node, at, data)
        if kind == "unary":
            return _UNARY[node.text](self.value(args[0], at, data))
        if kind == "ternary":
            return self.value(args[1 if self.value(args[0], at, data) else 2], at, data)
        what = b" ".join(data[node.start : node.end].split())
        if what in _SIZES_OF and not self.opaque:
            return _SIZES_OF[what]
        return self._guess(what, at)

    def _number(self, text: bytes, at: Context) -> int:
        value = number(text)
        return self._guess(text, at) if self.opaque and value > 1 else value

    def _binary(self, node: Node, at: Context, data: bytes) -> int:
        left = self.value(node.args[0], at, data)
        right = self.value(node.args[1], at, data)
        if right == 0 and node.text in (b"/", b"%"):
            raise Unknown(node.text)
        return _BINARY[node.text](left, right)

    def _name(self, node: Node, at: Context) -> int:
        if node.text in at.names:
            return at.names[node.text]
        if node.start not in at.limits:
            return self._name_at(node.text, at)
        return self._limited(node, at, lambda c: self._name_at(node.text, c))

    def _limited(self, node: Node, at: Context, value: Callable[[Context], int]) -> int:
        limit = at.limits.get(node.start)
        if limit is None:
            return value(at)
        values = [value(_plain(at, size)) for size in SIZES]
        return max(values) if limit == "max" else min(values)

    def _name_at(self, name: bytes, at: Context) -> int:
        general: _Key = name, at.size, at.limits_follow, self.opaque
        if general in self.file.names.values:
            return self.file.names.values[general]
        exact: _Key = name, at.size, at.limits_follow, at.sample, at.hint
        if exact in self._values:
            self.samples_differ = True
            return self._values[exact]
        before, self.samples_differ = self.samples_differ, False
        try:
            value = self._value_of(name, at)
            if self.samples_differ:
                self._values[exact] = value
            else:
                self.file.names.values[general] = value
        finally:
            self.samples_differ |= before
        return value

    def _value_of(self, name: bytes, at: Context) -> int:
        text = name.decode()
        if text in limit_values():
            values = limit_values()[text]
            return values[at.size] if at.limits_follow else limit_value(text)
        if text in self.file.names:
            return self._vocabulary(text, (), at)
        if self.opaque:
            return self._guess(name, at)
        if text in constants():
            return constants()[text]
        if not text.startswith("CONFIG_") and (found := visible(self.file, text)):
            try:
                return self._expand(found, (), at)
            except Unknown:
                pass
        return self._guess(name, at)

    def _vocabulary(self, name: str, args: tuple[int, ...], at: Context) -> int:
        found = definitions(self.file, name)
        if found:
            return self._expand(found, args, at)
        if name in seeds() and not args:
            return seeds()[name].values[at.size]
        raise Unknown(name)

    def _expand(self, found: tuple[Definition, ...], args: tuple[int, ...], at: Context) -> int:
        """The value of a macro; of the definitions in the arms of an #if, each has its samples."""
        self.samples_differ |= len(found) > 1
        definition = found[at.sample % len(found)]
        params, node = definition.define.params or (), definition.expression
        if node is None or len(params) != len(args) or at.depth > _DEPTH:
            raise Unknown(definition.define.name)
        names = dict(zip(params, args, strict=True))
        inner = Context(at.size, at.sample, names, {}, at.limits_follow, at.depth + 1, at.hint)
        return self.value(node, inner, definition.c.data)

    def _call(self, node: Node, at: Context, data: bytes) -> int:
        if node.text in (b"min_t", b"max_t", b"MIN_T", b"MAX_T"):
            args = (0, *(self.value(a, at, data) for a in node.args[1:]))
        else:
            args = tuple(self.value(a, at, data) for a in node.args)
        name = node.text.decode()
        if name in self.file.names:
            return self._limited(node, at, lambda c: self._vocabulary(name, args, c))
        if node.text == b"IS_ENABLED":
            self.samples_differ = True
            return at.sample % 2
        if node.text not in _CALLS:
            return self._expand_call(name, args, at)
        try:
            return _CALLS[node.text](*args)
        except (TypeError, ZeroDivisionError, ValueError) as error:
            raise Unknown(name) from error

    def _expand_call(self, name: str, args: tuple[int, ...], at: Context) -> int:
        found = visible(self.file, name)
        if not found:
            raise Unknown(name)
        return self._expand(found, args, at)

    def _guess(self, what: bytes, at: Context) -> int:
        self.guesses = self.samples_differ = True
        if at.hint is not None:
            return at.hint
        return _made_up(what, at.sample)


def _plain(at: Context, size: int) -> Context:
    return Context(size, at.sample, at.names, {}, at.limits_follow, at.depth, at.hint)


@cache
def _made_up(what: bytes, sample: int) -> int:
    """Small ones, ones of all magnitudes, many about a page; powers of two among them."""
    source = random.Random(b"%s %d" % (what, sample))
    if what.startswith((b"sizeof", b"offsetof")):
        return source.choice(
            (1 << source.randint(0, 16), source.randint(1, 1 << source.randint(1, 17)))
        )
    if sample % 3 == 0:
        return source.randint(1, 40)
    low, high = ((1, 24), (9, 18))[sample % 3 - 1]
    return (1 << source.randint(low, high)) + source.choice((0, source.randint(-1, 300)))


def limit_value(name: str) -> int:
    """The constant that a limit name stands for."""
    values = limit_values()[name]
    smallest = any(name == s.minimum for s in seeds().values())
    return min(values) if smallest else max(values)


def size_of(type_name: bytes) -> int | None:
    """sizeof in bytes, on arm64; None for a type that is not known here."""
    return _SIZES_OF.get(b"sizeof(%s)" % type_name)


@cache
def number(text: bytes) -> int:
    """A C integer constant; raises Unknown."""
    digits = text.lower().rstrip(b"ul")
    try:
        if digits.startswith(b"0") and digits.isdigit():
            return int(digits, 8)
        return int(digits, 0)
    except ValueError as error:
        raise Unknown(text) from error
