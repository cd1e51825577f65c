# SPDX-License-Identifier: GPL-2.0-only
"""`anypage identity`: are the objects of a compile-time page size the same in two trees?"""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from anypage.cache import whole_file
from anypage.cli_output import Json, print_json, print_lines, progress
from anypage.compile_time import Result, compare_trees, targets
from anypage.report import compile_time as report


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
    page: Annotated[Path | None, typer.Option(help="Write a page to this file, too.")] = None,
    as_json: Json = False,
) -> None:
    """Build two trees with a compile-time page size, and compare them object by object.

    Exit 0: what differs is explained in src/anypage/facts/identity.toml; 1: something else does.
    """
    results = {}
    for name, size in targets(arch, page_size):
        label = f"{name} {size}".strip()
        progress(f"{label}: build and compare")
        results[label] = compare_trees(before, after, name, size, config)
    if page:
        command = (
            f"anypage identity ORIGINAL CONVERTED --arch {arch} --config {config} "
            f"--page-size {page_size} --page FILE"
        )
        with whole_file(page.absolute()) as part:
            part.write_text(report.page(results, command))
    if as_json:
        print_json({label: dataclasses.asdict(result) for label, result in results.items()})
    else:
        for label, result in results.items():
            print_lines(_lines(label, result))
    raise typer.Exit(1 if any(result.unexplained for result in results.values()) else 0)


def _lines(label: str, result: Result) -> list[str]:
    counts = (
        f"{result.identical} objects identical, {len(result.explained)} differ and are explained"
    )
    return [
        f"{label}: {counts}",
        *(f"  unexplained: {path}: {where}" for path, where in result.unexplained.items()),
        *(f"  not built of either: {path}: {why}" for path, why in result.broken.items()),
    ]
