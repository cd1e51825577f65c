# SPDX-License-Identifier: GPL-2.0-only
"""`anypage measure`: what one image costs, beside an image for each page size."""

import json
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from anypage.cli_output import Sizes, out, progress, write
from anypage.geometry import PageSize
from anypage.measure import measure_images, measure_tree
from anypage.report import measurement, measurement_html, measurement_page

_WIDE = 200  # columns of tables in a file


def measure(
    sources: Annotated[
        list[str], typer.Argument(help="A tree, as `anypage fetch` takes it; or arm64 Images.")
    ],
    page_sizes: Sizes = "4k,16k,64k",
    config: Annotated[str, typer.Option(help="As for `anypage build`.")] = "virt",
    also: Annotated[
        str, typer.Option(help="More of the one image, each with a configuration: variable,vmemmap")
    ] = "",
    identity: Annotated[
        bool, typer.Option(help="Also the converted tree's kernels with a fixed page size.")
    ] = True,
    function: Annotated[
        str, typer.Option(help="WORKLOAD:NAME: show what of this function ran, side by side.")
    ] = "",
    json_file: Annotated[
        str, typer.Option("--json", help="Write one JSON document to this file; - as for audit.")
    ] = "",
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write one page for a browser to this file.")
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Write the report to this file.")] = None,
    parallel: Annotated[int, typer.Option(help="Kernels that run side by side.")] = 2,
) -> None:
    """Measure bytes, memory and executed instructions, beside an image for each page size.

    Of a tree: seven kernels are built, what was built before is not built again. Of images: each
    is compared with those before it.
    """
    asked = [PageSize.parse(text) for text in page_sizes.split(",")]
    images = [Path(source) for source in sources]
    if len(sources) == 1 and not _is_image(images[0]):
        result = measure_tree(
            sources[0],
            config=config,
            page_sizes=asked,
            also=also.split(",") if also else [],
            identity=identity,
            parallel=parallel,
            progress=progress,
        )
    else:
        result = measure_images(images, page_sizes=asked, parallel=parallel, progress=progress)
    if json_file:
        write(json_file, json.dumps(measurement.as_json(result), indent=1))
    if html_file:
        write(str(html_file), measurement_html.page(result))
    if page:
        words = ["anypage", "measure", *sources, "--page-sizes", page_sizes, "--config", config]
        words += ["--also", also] * bool(also) + ["--no-identity"] * (not identity)
        words += ["--page", str(page)]
        write(str(page), measurement_page.page(result, shlex.join(words)).rstrip())
    if json_file == "-":
        return
    if function:
        _print_tables(measurement.function_tables(result, *function.partition(":")[::2]))
        return
    _print_tables(measurement.tables(result))


def _is_image(path: Path) -> bool:
    """A file that is no tarball is meant as an image, and named as such when it is none."""
    return path.is_file() and ".tar" not in path.name


def _print_tables(tables: Iterable[Table]) -> None:
    """A file has no width that numbers would have to be cut to."""
    wide = out if out.is_terminal else Console(width=_WIDE)
    for table in tables:
        wide.print(table)
