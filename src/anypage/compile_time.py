# SPDX-License-Identifier: GPL-2.0-only
"""Two trees built with a compile-time page size, and what differs between their objects."""

from dataclasses import dataclass
from pathlib import Path

from anypage.architectures import architectures, build_objects
from anypage.build import build
from anypage.errors import AnypageError
from anypage.identity import compare, explained

ARM64 = "arm64"


@dataclass(frozen=True, slots=True)
class Result:
    """unexplained, explained: where an object differs first, or why, by its path.

    identical: a number of objects. broken: what does not build of the original tree either, and
    why.
    """

    identical: int
    unexplained: dict[str, str]
    explained: dict[str, str]
    broken: dict[str, str]


def targets(arch: str, page_size: str) -> list[tuple[str, str]]:
    """Architectures of a list with commas, or of `all`, each with a page size; "" for its own.

    AnypageError for one that is not known.
    """
    known = [ARM64, *architectures()]
    names = known if arch == "all" else arch.split(",")
    for name in names:
        if name not in known:
            raise AnypageError(f"no architecture '{name}'", remedy=f"use {', '.join(known)}")
    return [(n, size) for n in names for size in (page_size.split(",") if n == ARM64 else [""])]


def compare_trees(before: Path, after: Path, arch: str, page_size: str, config: str) -> Result:
    """Build both, and compare; the page size and the configuration are those of arm64."""
    broken: dict[str, str] = {}
    if arch == ARM64:
        old, new = (
            build(tree, page_size=page_size, config=config).objects for tree in (before, after)
        )
    else:
        old, new = (build_objects(tree, architectures()[arch]) for tree in (before, after))
        broken = dict(architectures()[arch].broken)
    found = compare(old, new)
    known = explained(page_size or arch)
    differing = {d.path: f"{d.section}: {d.detail}" for d in found.differing}
    unbuilt = {path for path in broken if not (old / path).is_file()}
    lost = [path for path in broken if path not in unbuilt and not (new / path).is_file()]
    differing |= dict.fromkeys([*found.missing, *lost], "only before")
    differing |= dict.fromkeys(found.added, "only after")
    return Result(
        len(found.identical),
        {path: where for path, where in differing.items() if path not in known},
        {path: known[path] for path in differing if path in known},
        {path: broken[path] for path in sorted(unbuilt)},
    )
