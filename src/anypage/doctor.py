# SPDX-License-Identifier: GPL-2.0-only
"""Is everything here that anypage runs? And if not: install it."""

import os
import shutil
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from anypage.architectures import architectures
from anypage.errors import AnypageError
from anypage.process import run

_QUIET = {"DEBIAN_FRONTEND": "noninteractive"}


@dataclass(frozen=True, slots=True)
class Need:
    """A program on PATH or a file that anypage needs; found is where it is, "" if it is missing."""

    name: str
    why: str
    package: str
    found: str


def needs(*, tests: bool = False, compilers: bool = False) -> list[Need]:
    """All that facts/packages.toml asks for, as it is on this machine.

    tests: for them as well; compilers: those of facts/architectures.toml, too.
    """
    text = resources.files("anypage.facts").joinpath("packages.toml").read_text()
    known = tomllib.loads(text)
    entries = known["need"] + (known["tests"] if tests else [])
    return [_need(entry) for entry in entries] + (_compilers() if compilers else [])


def _compilers() -> list[Need]:
    return [
        _need({"program": a.compiler, "why": f"builds kernels for {a.name}", "package": a.package})
        for a in architectures().values()
    ]


def _need(entry: dict[str, str]) -> Need:
    if "program" in entry:
        name = entry["program"]
        # mkfs.ext4 is in /sbin, which is not on everybody's PATH.
        found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or ""
    else:
        name = entry["file"]
        found = name if Path(name).exists() else ""
    return Need(name, entry["why"], entry["package"], found)


def install_command(missing: list[Need]) -> list[str]:
    """The command that installs what is missing."""
    packages = sorted({need.package for need in missing})
    return ["apt-get", "install", "--yes", "--no-install-recommends", *packages]


def install(missing: list[Need]) -> None:
    """Install with apt, as root or through sudo; AnypageError that names the command otherwise."""
    command = install_command(missing)
    try:
        update_package_lists()
        run([*_as_root(), *command], env=_QUIET, what="apt-get install failed")
    except AnypageError as error:
        raise AnypageError(
            error.what, where=error.where, remedy=f"as root: {' '.join(command)}\n{error.remedy}"
        ) from error


def update_package_lists() -> None:
    """Run `apt-get update`, as root or through sudo; AnypageError without the right."""
    run([*_as_root(), "apt-get", "update"], env=_QUIET, what="apt-get update failed")


def _as_root() -> list[str]:
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        return ["sudo", "-n"]
    raise AnypageError("no right to run apt-get", remedy="become root, or install sudo")
