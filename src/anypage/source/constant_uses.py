# SPDX-License-Identifier: GPL-2.0-only
"""Whether a macro is used where only a constant will do."""

import re
from collections.abc import Iterable

from anypage.source.c import parse

_LABEL = re.compile(rb"\bcase\b[^:]*\Z|\[[^\]]*\Z|\b(?:BUILD_BUG_ON\w*|static_assert)\s*\([^;]*\Z")


def used_as_constant(texts: Iterable[bytes], names: Iterable[bytes]) -> bool:
    """Is a name, or a macro built on it, used outside of functions, in an #if, label or bound?"""
    texts = list(texts)
    pending, known = list(names), set(names)
    while pending:
        name = pending.pop()
        for data in texts:
            if name not in data:
                continue
            hits = [match.start() for match in re.finditer(rb"\b%s\b" % re.escape(name), data)]
            if not hits:
                continue
            file = parse(data, hits)
            for directive in file.directives:
                define = directive.define(data)
                if define and define.name not in known and directive.hits:
                    pending.append(define.name)
                    known.add(define.name)
                if directive.hits and directive.keyword in (b"if", b"elif"):
                    return True
            for statement in file.statements:
                if (
                    statement.scope.kind != "block"
                    or data[statement.start :].lstrip()[:7] == b"static "
                ):
                    return True
                if any(_LABEL.search(data[statement.start : hit]) for hit in statement.hits):
                    return True
    return False
