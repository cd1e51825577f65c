# SPDX-License-Identifier: GPL-2.0-only
"""Structs whose layout is not the kernel's own to change."""

from anypage.source.c import Scope, Statement
from anypage.source_file import File

FIXED = "the layout of the struct is fixed: by hardware, on disk or on the wire"
_TYPES = (b"__le", b"__be")


def structs(scope: Scope) -> list[Scope]:
    """The struct that scope is and those around it, innermost first."""
    found = []
    at: Scope | None = scope
    while at and at.kind == "struct":
        found.append(at)
        at = at.parent
    return found


def is_fixed(file: File, member: Statement) -> bool:
    """Is it packed, or is the member of a type with a byte order?"""
    if any(t.text.startswith(_TYPES) for t in file.c.tokens(member) if t.kind == "id"):
        return True
    return any(b"packed" in _around(file, scope) for scope in structs(member.scope))


def _around(file: File, scope: Scope) -> bytes:
    """What stands before and after the braces of a struct."""
    tail = file.data.find(b";", scope.end)
    return file.data[scope.head : scope.start] + file.data[scope.end : tail]
