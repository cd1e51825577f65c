# SPDX-License-Identifier: GPL-2.0-only
"""Programs for arm64 that nobody here wrote: Debian's packages, unpacked."""

import hashlib
import json
import os
import tempfile
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from anypage.cache import cache_dir, whole_folder
from anypage.errors import AnypageError
from anypage.process import run


def files(group: str) -> dict[str, bytes]:
    """Name -> content of a group of facts/programs.toml; downloaded once.

    AnypageError when apt cannot get them.
    """
    facts = _facts(group)
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    target = cache_dir("programs") / digest
    if not target.is_dir():
        with whole_folder(target) as part:
            _unpack(facts["packages"], part)
    return {name: _inside(target, path).read_bytes() for name, path in facts["files"].items()}


def _facts(group: str) -> dict[str, Any]:
    text = resources.files("anypage.facts").joinpath("programs.toml").read_text()
    return dict(tomllib.loads(text)[group])


def _unpack(packages: list[str], target: Path) -> None:
    """apt has another architecture here, and lists of its own: the machine's stay as they are."""
    with tempfile.TemporaryDirectory(dir=cache_dir("downloads")) as name:
        folder = Path(name)
        for part in ("lists/partial", "archives/partial", "debs"):
            (folder / part).mkdir(parents=True)
        (folder / "status").touch()
        apt: list[str | Path] = ["apt-get", "-o", "APT::Architecture=arm64"]
        apt += ["-o", "APT::Architectures=arm64", "-o", f"Dir::State={folder}"]
        apt += ["-o", f"Dir::State::status={folder}/status", "-o", f"Dir::Cache={folder}"]
        apt += ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
        run([*apt, "update"], what="cannot read Debian's lists of arm64 packages")
        where = folder / "debs"
        run([*apt, "download", *packages], cwd=where, what=f"cannot download {packages}")
        for archive in where.glob("*.deb"):
            run(["dpkg-deb", "--extract", archive, target], what=f"cannot unpack {archive}")


def _inside(folder: Path, path: str) -> Path:
    """The file, whose links must not lead out of the folder."""
    file = (folder / path).resolve()
    if not file.is_relative_to(folder.resolve()) or not file.is_file():
        raise AnypageError(f"no {path} in Debian's packages", where=str(folder))
    return file
