# SPDX-License-Identifier: GPL-2.0-only
"""The hand-written kernel patches: which of them a kernel version takes."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from anypage.tree import Version, in_range


@dataclass(frozen=True, slots=True)
class Patch:
    """A `git am` patch for the kernel versions from (inclusive) to until (exclusive)."""

    file: Path
    topic: str
    since: str
    until: str


def patches(version: Version) -> list[Patch]:
    """The patches for a kernel version, in the order in which they apply."""
    folder = Path(str(resources.files(__name__)))
    table = tomllib.loads((folder / "series.toml").read_text())["patch"]
    known = [Patch(folder / p["file"], p["topic"], p["from"], p["until"]) for p in table]
    return [patch for patch in known if in_range(version, patch.since, patch.until)]
