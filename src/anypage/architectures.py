# SPDX-License-Identifier: GPL-2.0-only
"""Other architectures, whose page size nobody chooses: a converted tree builds the same objects."""

import json
import os
import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from anypage.build import build_folder
from anypage.cache import locked
from anypage.errors import AnypageError
from anypage.make import Target, make
from anypage.tree import KernelTree

_RESULT = "anypage.json"

# The preprocessor warns of the definition, whatever -Wno-builtin-macro-redefined says, and parts of
# the kernel make errors of warnings. ELFNOTE() has the line in the name of a note: there a counter.
_NO_LINES = (
    "-w -D__LINE__=0 -D'_note_0=_note_at(__COUNTER__)'"
    " -D'_note_at(n)=_note_of(n)' -D'_note_of(n)=_note_of_##n'"
)


@dataclass(frozen=True, slots=True)
class Architecture:
    """One of facts/architectures.toml, which says what the fields are."""

    name: str
    prefix: str
    package: str
    options: tuple[str, ...]
    lines_in_code: bool = False
    broken: Mapping[str, str] = field(default_factory=dict)

    @property
    def compiler(self) -> str:
        """The program."""
        return f"{self.prefix}gcc"


def architectures() -> dict[str, Architecture]:
    """All that are known, by tuxmake's names."""
    text = resources.files("anypage.facts").joinpath("architectures.toml").read_text()
    return {
        entry["name"]: Architecture(**entry | {"options": tuple(entry["options"])})
        for entry in tomllib.loads(text)["architecture"]
    }


def build_objects(
    tree: Path | str,
    architecture: Architecture,
    *,
    jobs: int | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> Path:
    """Build a small kernel of a tree for another architecture; the folder with its objects.

    It is kept in the cache, keyed by the content of the tree, the configuration and the compiler.
    AnypageError when the compiler is missing, or with its first errors.
    """
    if not shutil.which(architecture.compiler):
        raise AnypageError(f"no {architecture.compiler}", remedy=f"install {architecture.package}")
    source = KernelTree.open(Path(tree))
    fragment = _fragment(architecture)
    flags = _NO_LINES if architecture.lines_in_code else ""
    configuration = [architecture.name.encode(), fragment.encode(), flags.encode()]
    folder = build_folder(source, configuration, architecture.compiler)
    with locked(folder / "lock"):
        if (folder / _RESULT).is_file():
            progress("nothing to do: built before")
            return folder / "objects"
        # What an interrupted run left of it may lack the options.
        (folder / "objects" / ".config").unlink(missing_ok=True)
        options = folder / "options.config"
        options.write_text(fragment)
        target = Target(
            architecture.name,
            architecture.prefix,
            kconfig="tinyconfig",
            flags=flags,
            broken=frozenset(architecture.broken),
        )
        progress(f"make; log: {folder / 'output' / 'build.log'}")
        make(source, folder, target, [options], jobs or os.cpu_count() or 1, ["config", "default"])
        (folder / _RESULT).write_text(json.dumps({"architecture": architecture.name}))
    return folder / "objects"


def _fragment(architecture: Architecture) -> str:
    portable = resources.files("anypage.configs").joinpath("portable.config").read_text()
    return portable + "\n".join([*architecture.options, ""])
