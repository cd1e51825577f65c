# SPDX-License-Identifier: GPL-2.0-only
"""`anypage subsystems`: a page from the JSON of other commands."""

from pathlib import Path
from typing import Annotated

import typer

from anypage.cache import whole_file
from anypage.exercise import merged
from anypage.report import subsystems as report
from anypage.report.earlier import read_document


def subsystems(
    boots: Annotated[list[Path], typer.Argument(help="Of `anypage boot --json`, also --exercise.")],
    page: Annotated[Path, typer.Option(help="Write the page to this file.")],
    conversion: Annotated[
        Path | None, typer.Option(help="Of `anypage convert --json`: lines of each area.")
    ] = None,
    objects: Annotated[
        Path | None, typer.Option(help="The build folder, as `anypage build --json` names it.")
    ] = None,
    baseline: Annotated[
        list[Path] | None,
        typer.Option(help="The same of kernels with a fixed page size: what fails there may fail."),
    ] = None,
) -> None:
    """Write a page: each area of the kernel, who converts it, and what was seen to work."""
    documents = [read_document(path) for path in boots]
    found = read_document(conversion, "area_lines") if conversion else {}
    lines = {name: (counts["rules"], counts["series"]) for name, counts in found.items()}
    fixed = merged([read_document(path, "exercises") for path in baseline or ()])
    command = (
        "anypage subsystems BOOTS.json ... --baseline FIXED.json --conversion CONVERT.json "
        "--objects DIR --page FILE"
    )
    with whole_file(page.absolute()) as part:
        part.write_text(report.page(documents, lines, objects, command, fixed))
