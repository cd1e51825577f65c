# SPDX-License-Identifier: GPL-2.0-only
"""`anypage subsystems`: a page from the JSON of other commands."""

from pathlib import Path
from typing import Annotated

import typer

from anypage.cache import whole_file
from anypage.cli_output import Json, print_json, print_lines
from anypage.exercise import merged
from anypage.report import subsystems as report
from anypage.report.earlier import read_document


def subsystems(
    boots: Annotated[list[Path], typer.Argument(help="Of `anypage boot --json`, also --exercise.")],
    page: Annotated[Path | None, typer.Option(help="Write the page to this file.")] = None,
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
    as_json: Json = False,
) -> None:
    """Each area of the kernel: who converts it, and what was seen to work. Exit 1 if any failed."""
    documents = [read_document(path) for path in boots]
    changed = read_document(conversion, "area_lines") if conversion else {}
    lines = {name: (counts["rules"], counts["series"]) for name, counts in changed.items()}
    fixed = merged([read_document(path, "exercises") for path in baseline or ()])
    found = report.summary(documents, lines, objects, fixed)
    if page:
        command = (
            "anypage subsystems BOOTS.json ... --baseline FIXED.json --conversion CONVERT.json "
            "--objects DIR --page FILE"
        )
        with whole_file(page.absolute()) as part:
            part.write_text(report.page(found, documents, command, fixed))
    failed = [area.name for area in found if area.failed]
    if as_json:
        print_json({area.name: area.as_json() for area in found})
    else:
        exercised = sum(area.exercised for area in found)
        names = ", ".join(failed) or "none"
        print_lines([f"{len(found)} areas, {exercised} exercised, failed: {names}"])
    raise typer.Exit(1 if failed else 0)
