# SPDX-License-Identifier: GPL-2.0-only
"""`anypage identity`: are the objects of a compile-time page size the same in two trees?"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from anypage.architectures import architectures, build_objects
from anypage.build import build
from anypage.cli_output import Json, print_json, print_lines, progress
from anypage.errors import AnypageError
from anypage.identity import compare, explained

ARM64 = "arm64"


def identity(
    before: Annotated[Path, typer.Argument(help="A kernel tree.")],
    after: Annotated[Path, typer.Argument(help="What `anypage convert` makes of it.")],
    page_size: Annotated[
        str, typer.Option(help="For arm64: 4k, 16k or 64k; a list with commas.")
    ] = "4k,16k,64k",
    config: Annotated[str, typer.Option(help="For arm64: virt, virt+seed, or a file.")] = "virt",
    arch: Annotated[
        str, typer.Option(help="arm64, x86_64, riscv, ...; a list with commas, or all.")
    ] = "arm64",
    as_json: Json = False,
) -> None:
    """Build two trees with a compile-time page size, and compare them object by object.

    Exit 0: what differs is explained in facts/identity.toml; 1: something else does.
    """
    results = {}
    for name in _names(arch):
        for size in page_size.split(",") if name == ARM64 else [""]:
            label = f"{name} {size}".strip()
            progress(f"{label}: build and compare")
            results[label] = _compared(before, after, name, size, config)
    if as_json:
        print_json({label: dataclasses.asdict(result) for label, result in results.items()})
    else:
        for label, result in results.items():
            print_lines(_lines(label, result))
    raise typer.Exit(1 if any(result.unexplained for result in results.values()) else 0)


@dataclass(frozen=True, slots=True)
class _Result:
    """unexplained, explained: where an object differs first, or why, by its path.

    broken: what does not build of the original tree either, and why.
    """

    identical: int
    unexplained: dict[str, str]
    explained: dict[str, str]
    broken: dict[str, str]


def _names(arch: str) -> list[str]:
    known = [ARM64, *architectures()]
    names = known if arch == "all" else arch.split(",")
    for name in names:
        if name not in known:
            raise AnypageError(f"no architecture '{name}'", remedy=f"use {', '.join(known)}")
    return names


def _compared(before: Path, after: Path, arch: str, size: str, config: str) -> _Result:
    broken: dict[str, str] = {}
    if arch == ARM64:
        old, new = (build(tree, page_size=size, config=config).objects for tree in (before, after))
    else:
        old, new = (build_objects(tree, architectures()[arch]) for tree in (before, after))
        broken = dict(architectures()[arch].broken)
    found = compare(old, new)
    known = explained(size or arch)
    differing = {d.path: f"{d.section}: {d.detail}" for d in found.differing}
    differing |= dict.fromkeys(found.missing, "only before") | dict.fromkeys(
        found.added, "only after"
    )
    return _Result(
        len(found.identical),
        {path: where for path, where in differing.items() if path not in known},
        {path: known[path] for path in differing if path in known},
        broken,
    )


def _lines(label: str, result: _Result) -> list[str]:
    counts = (
        f"{result.identical} objects identical, {len(result.explained)} differ and are explained"
    )
    return [
        f"{label}: {counts}",
        *(f"  unexplained: {path}: {where}" for path, where in result.unexplained.items()),
        *(f"  not built of either: {path}: {why}" for path, why in result.broken.items()),
    ]
