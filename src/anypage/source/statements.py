# SPDX-License-Identifier: GPL-2.0-only
"""Statements of a C function, as far as a rewrite of a few lines needs to know them."""

import re
from dataclasses import dataclass

from anypage.source.lexer import COMMENT, STRING

_DECLARATION = re.compile(
    rb"""\s*(?:
        (?:static|const|register|volatile|struct|union|enum|unsigned|signed|int|long|char|short|bool
          |void|float|double|size_t|ssize_t|[us](?:8|16|32|64)|__[a-z]*\d\d|\w+_t|DECLARE_\w+|DEFINE_\w+)\b
        | (?!(?:return|goto|else|case|do|sizeof)\b)\w+[ \t]+\**[ \t]*\w+[ \t]*(?:[=;,\[])
        | (?!(?:return|goto|else|case|do|sizeof)\b)\w+[ \t]*\*+[ \t]*\w+[ \t]*(?:[=;,\[])
    )""",
    re.VERBOSE,
)
_LABEL = re.compile(rb"\s*(?:case\b|default\s*:|\w+\s*:(?!:))")
_JUMP = re.compile(rb"\s*(?:return|goto|break|continue)\b")
_COMPOUND = re.compile(rb"\s*(?:if|else|for|while|do|switch|\w*for_each\w*)\b")
_CONTINUES = {
    ord(";"): re.compile(rb"\s*else\b"),
    ord("}"): re.compile(rb"\s*(?:else\b|while\b[^{}]*;|[;,.)\]])"),
}
_NOISE = re.compile(COMMENT + rb"|" + STRING, re.MULTILINE)
_BLANKED = bytes(byte if byte in b"\n\\" else 0x20 for byte in range(256))
_TAB = 8


@dataclass(frozen=True, slots=True)
class Statements:
    """A run of whole statements, each with the blanks before it."""

    parts: tuple[bytes, ...]

    @property
    def declares(self) -> bool:
        """Whether a name that is declared here may be used after the run."""
        return any(_DECLARATION.match(part) for part in self.parts)

    @property
    def labelled(self) -> bool:
        """Whether a label or case lies between the statements."""
        return any(_LABEL.match(part) for part in self.parts)

    @property
    def jumps(self) -> bool:
        """Whether control never leaves at the end."""
        return bool(self.parts) and _JUMP.match(self.parts[-1]) is not None

    @property
    def simple(self) -> bool:
        """Whether it is one statement on one line that holds no other statement."""
        if len(self.parts) != 1 or b"{" in self.parts[0]:
            return False
        return _COMPOUND.match(self.parts[0]) is None and b"\n" not in self.parts[0].strip()


def statements(blanked: bytes) -> Statements | None:
    """The outermost statements of a blanked text; None if it is not a run of whole statements."""
    parts = []
    depth = start = 0
    for position, byte in enumerate(blanked):
        if byte in b"([{":
            depth += 1
        elif byte in b")]}":
            depth -= 1
            if depth < 0:
                return None
        if depth == 0 and byte in b";}" and not _CONTINUES[byte].match(blanked, position + 1):
            parts.append(blanked[start : position + 1])
            start = position + 1
    if depth or blanked[start:].strip() or b"#" in blanked:
        return None
    if parts and re.match(rb"\s*else\b", parts[0]):
        return None
    return Statements(tuple(parts))


def blank(text: bytes) -> bytes:
    """The text with comments, strings and character constants overwritten by spaces."""
    return _NOISE.sub(lambda match: match[0].translate(_BLANKED), text)


def columns(line: bytes) -> int:
    """The width of a line, tabs being 8 columns wide."""
    return len(line.expandtabs(_TAB))
