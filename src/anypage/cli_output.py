# SPDX-License-Identifier: GPL-2.0-only
"""What commands print: results to standard output, progress to standard error."""

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from anypage.cache import whole_file
from anypage.report.terminal import printable

START = time.monotonic()
out = Console()
err = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Sizes = Annotated[str, typer.Option(help="4k, 16k, 64k or default; a list with commas.")]


def progress(stage: str) -> None:
    """A stage of long work, behind the minutes and seconds since the start."""
    seconds = int(time.monotonic() - START)
    err.print(f"{seconds // 60:2d}:{seconds % 60:02d} {stage}", markup=False, highlight=False)


def print_json(value: Any) -> None:
    """The one document of a command."""
    print(json.dumps(value, indent=1, default=str))


def print_lines(lines: Iterable[str]) -> None:
    """Text that may come from a tree: what steers a terminal is not printed."""
    for line in lines:
        out.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def write(name: str, text: str) -> None:
    """To a file, which is there as a whole or not at all; - is standard output."""
    if name == "-":
        print(text)
        return
    with whole_file(Path(name)) as part:
        part.write_text(text + "\n")
