# SPDX-License-Identifier: GPL-2.0-only
"""How a kernel build compiles each file, learned from the build itself.

kbuild runs with a stand-in for the compiler (the script `record`), so all of an allmodconfig takes
minutes. tuxmake has no way to name folders as targets, so make is called directly.
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from anypage.errors import AnypageError
from anypage.process import run
from anypage.tree import KernelTree

_DONE = "recorded"
_PREFIXES = ("-Wp,-M", "-W")


@dataclass(frozen=True, slots=True)
class Unit:
    """A translation unit: source, relative to the tree; arguments of the compiler, without output.

    They hold for the build folder as the current one.
    """

    source: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Recording:
    """A build folder that was prepared with a configuration, and how its files are compiled."""

    tree: Path
    folder: Path
    arch: str
    compiler: str

    @property
    def objects(self) -> Path:
        """The build folder."""
        return self.folder / "objects"

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """One for each source of the tree, by path; a file that is compiled twice counts once."""
        found: dict[str, Unit] = {}
        for file in sorted((self.folder / "commands").iterdir()):
            unit = _unit(self.tree, file.read_bytes().decode().split("\0")[:-1])
            if unit:
                found.setdefault(unit.source, unit)
        return tuple(found[source] for source in sorted(found))


def record(
    tree: KernelTree,
    folder: Path,
    *,
    arch: str,
    facts: Mapping[str, Any],
    config: str,
    jobs: int,
    progress: Callable[[str], None],
) -> Recording:
    """Configure, prepare and record a build in folder; what was recorded before stays.

    config is a make target (allmodconfig) or a .config file. AnypageError when make fails.
    """
    compiler = f"{facts['cross_compile']}gcc"
    recording = Recording(tree.path, folder, arch, compiler)
    if (folder / _DONE).exists():
        return recording
    commands = folder / "commands"
    commands.mkdir(parents=True, exist_ok=True)
    recording.objects.mkdir(exist_ok=True)
    progress(f"make {config} prepare")
    make = _make(recording, facts["cross_compile"], jobs)
    environment = {"ANYPAGE_CC": compiler}
    if Path(config).is_file():
        (recording.objects / ".config").write_bytes(Path(config).read_bytes())
        config = "olddefconfig"
    run([*make, config], env=environment, what=f"make {config} failed")
    if facts["off"]:
        script = tree.path / "scripts/config"
        off = [word for option in facts["off"] for word in ("--disable", option)]
        run([script, "--file", recording.objects / ".config", *off], what="scripts/config failed")
        run([*make, "olddefconfig"], env=environment, what="make olddefconfig failed")
    run([*make, "prepare", "modules_prepare"], env=environment, what="make prepare failed")
    run([compiler, "-x", "c", "-c", "-o", folder / "empty.o", "-"])
    paths = [path for path in facts["paths"] if (tree.path / path).is_dir()]
    if not paths:
        raise AnypageError("nothing to compile there", where=" ".join(facts["paths"]))
    targets = [f"{path}/" if path != "arch" else f"arch/{arch}/" for path in paths]
    progress(f"record how {len(targets)} folders are compiled")
    with (folder / "record.log").open("wb") as log:
        # Links of empty objects fail here and there, and then make ends with an error: nothing
        # depends on them.
        subprocess.run(
            [*make, "-k", *targets],
            env={**os.environ, **environment, "ANYPAGE_COMMANDS": str(commands)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
        )
    if not any(commands.iterdir()):
        raise AnypageError("make compiled nothing", where=log.name)
    (folder / _DONE).touch()
    return recording


def _make(recording: Recording, cross_compile: str, jobs: int) -> list[str]:
    script = resources.files("anypage.oracle").joinpath("record")
    return [
        "make",
        "-s",
        f"-j{jobs}",
        f"--directory={recording.tree}",
        f"O={recording.objects}",
        f"ARCH={recording.arch}",
        f"CROSS_COMPILE={cross_compile}",
        f"CC={script}",
    ]


def _unit(tree: Path, arguments: list[str]) -> Unit | None:
    """None for a file that the build made."""
    source = arguments[-1]
    if not source.startswith(f"{tree}/"):
        return None
    output = arguments.index("-o")
    kept = [*arguments[:output], *arguments[output + 2 : -1]]
    kept = [word for word in kept if word != "-c" and not word.startswith(_PREFIXES)]
    return Unit(os.path.relpath(source, tree), tuple(kept))
