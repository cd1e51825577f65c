# SPDX-License-Identifier: GPL-2.0-only
"""A preprocessor condition that asks for a limit of the page size in place of the page size."""

from anypage import limits, page_config
from anypage.condition_group import Group, is_config, truths_of
from anypage.findings import Companions, Edit
from anypage.limits import Limit
from anypage.source.condition import Part
from anypage.source.lexer import Token
from anypage.source_file import File
from anypage.vocabulary import seeds

_GROWS = {
    b">": True,
    b">=": True,
    b"<": False,
    b"<=": False,
}  # true once the left side is large


def limited(group: Group) -> Limit:
    """Each comparison at the limit that gives what it gives at every size."""
    edits: list[Edit] = []
    for part in group.dependent:
        truths = None if is_config(part) else truths_of(group.file, part)
        if truths is None or len(set(truths)) != 1:
            raise limits.NotConvertible("it does not hold at every page size")
        found = _binding(group.file, part, truths[0])
        if found.companions:
            raise limits.NotConvertible("no limit that every architecture has decides it")
        edits += found.edits
    return Limit(tuple(edits))


def _binding(file: File, part: Part, truth: bool) -> Limit:
    """The limit that would be the first to change the truth, were the numbers others."""
    node = part.node
    if node.kind == "binary" and node.text in _GROWS:
        sides = [[t for t in part.tokens if a.start <= t.start < a.end] for a in node.args]
        depend = [file.depends(side) for side in sides]
        if depend.count(True) == 1:
            index = depend.index(True)
            grows = _GROWS[node.text] == (index == 0)
            return limits.limit(file, sides[index], "min" if grows == truth else "max")
    found = limits.condition_limits(file, part.tokens, "min" if truth else "max")
    if len(found) != 1:
        raise limits.NotConvertible("no single limit decides it")
    return found[0]


def at_limit(group: Group, limit: str) -> Limit:
    """Each name at one limit, whose arm is right for every size."""
    edits: list[Edit] = []
    companions: dict[str, set[Edit]] = {}
    for part in group.dependent:
        if is_config(part):
            edits.append(_config_limit(group, part, limit.upper()))
            continue
        for token in _names(group.file, part):
            text, others = limit_name(group.file, token, limit)
            edits.append(Edit(token.start, token.end, text))
            for path, more in others:
                companions.setdefault(path, set()).update(more)
    return Limit(tuple(edits), tuple((p, tuple(e)) for p, e in companions.items()))


def _names(file: File, part: Part) -> list[Token]:
    """What has a limit: the kernel's own names; where there are none, the macros built on them."""
    names = [t for t in part.tokens if t.kind == "id" and t.text.decode() in file.names]
    return [token for token in names if token.text.decode() in seeds()] or names


def limit_name(file: File, token: Token, limit: str) -> tuple[bytes, Companions]:
    """FOO_MAX, new beside a FOO of this file only."""
    text, companions = limits.twin(file, token.text.decode(), limit)
    if any(path != file.path for path, _ in companions):
        raise limits.NotConvertible(f"{token.text.decode()} has no limit yet")
    return text.encode(), companions


def _config_limit(group: Group, part: Part, limit: str) -> Edit:
    """`#ifdef CONFIG_PAGE_SIZE_64KB` -> `#if PAGE_SIZE_MAX == SZ_64K`."""
    data = group.file.data
    text = page_config.comparison(
        part.symbol.decode(), macros=b"SZ_" in data, guarded=False, limit=f"_{limit}"
    )
    directive = group.conditional.arms[0]
    if directive.keyword in (b"ifdef", b"ifndef"):
        test = text if directive.keyword == b"ifdef" else b"!(" + text + b")"
        return Edit(directive.start, part.node.end, b"#if " + test)
    return Edit(part.node.start, part.node.end, b"(" + text + b")")
