# SPDX-License-Identifier: GPL-2.0-only
"""Programs for arm64 that nobody here wrote: Debian's packages, unpacked."""

import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from anypage.cache import cache_dir, made_once
from anypage.errors import AnypageError
from anypage.process import run

# What is opened by name while a program runs: by the C library, when a thread ends.
_BY_NAME = {"libc.so.6": ("libgcc_s.so.1",)}
_LIBRARIES = ("lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu", "lib", "usr/lib")


def files(group: str) -> dict[str, bytes]:
    """Name -> content of a group of facts/programs.toml; downloaded once.

    AnypageError when apt cannot get them.
    """
    facts = _facts(group)
    folder = unpacked(facts["packages"])
    return {name: _inside(folder, path).read_bytes() for name, path in facts["files"].items()}


def _facts(group: str) -> dict[str, Any]:
    text = resources.files("anypage.facts").joinpath("programs.toml").read_text()
    return dict(tomllib.loads(text)[group])


def unpacked(packages: Iterable[str]) -> Path:
    """A folder with the files of packages and of all that they depend on; downloaded once."""
    names = sorted(set(packages))
    target = cache_dir("programs") / hashlib.sha256(json.dumps(names).encode()).hexdigest()[:16]
    return made_once(target, lambda part: _unpack(names, part))


def _unpack(packages: list[str], target: Path) -> None:
    """apt has another architecture here, and lists of its own: the machine's stay as they are."""
    with tempfile.TemporaryDirectory(dir=cache_dir("downloads")) as name:
        folder = Path(name)
        for part in ("lists/partial", "archives/partial"):
            (folder / part).mkdir(parents=True)
        (folder / "status").touch()
        apt: list[str | Path] = ["apt-get", "-o", "APT::Architecture=arm64"]
        apt += ["-o", "APT::Architectures=arm64", "-o", f"Dir::State={folder}"]
        apt += ["-o", f"Dir::State::status={folder}/status", "-o", f"Dir::Cache={folder}"]
        apt += ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
        run([*apt, "update"], what="cannot read Debian's lists of arm64 packages")
        # It is downloaded as for a machine on which nothing is installed, and not installed.
        apt += ["--yes", "--no-install-recommends", "--download-only", "install"]
        run([*apt, *packages], what=f"cannot download {packages}")
        for archive in (folder / "archives").glob("*.deb"):
            run(["dpkg-deb", "--extract", archive, target], what=f"cannot unpack {archive}")


def with_libraries(folder: Path, paths: Iterable[str]) -> dict[str, bytes]:
    """Path -> content of files below folder, and of the libraries that they need."""
    found: dict[str, bytes] = {}
    left = list(paths)
    while left:
        path = left.pop()
        if path not in found:
            file = _inside(folder, path)
            found[path] = file.read_bytes()
            left += [_library(folder, name) for name in _needed(file)]
    return found


def _needed(file: Path) -> list[str]:
    """The libraries and the loader that an ELF file names; none for other files."""
    with file.open("rb") as stream:
        if stream.read(4) != b"\x7fELF":
            return []
        elf = ELFFile(stream)
        names = [s.get_interp_name() for s in elf.iter_segments() if isinstance(s, InterpSegment)]
        for section in elf.iter_sections():
            if isinstance(section, DynamicSection):
                names += [str(vars(tag)["needed"]) for tag in section.iter_tags("DT_NEEDED")]
    needed = [Path(name).name for name in names]
    return [*needed, *(more for name in needed for more in _BY_NAME.get(name, ()))]


def _library(folder: Path, name: str) -> str:
    for place in _LIBRARIES:
        if (folder / place / name).is_file():
            # The kernel looks for the loader in /lib.
            return f"lib/{name}" if name.startswith("ld-") else f"{place}/{name}"
    raise AnypageError(f"no library {name} in Debian's packages", where=str(folder))


def _inside(folder: Path, path: str) -> Path:
    """The file, whose links must not lead out of the folder."""
    file = (folder / path).resolve()
    if not file.is_relative_to(folder.resolve()) or not file.is_file():
        raise AnypageError(f"no {path} in Debian's packages", where=str(folder))
    return file
