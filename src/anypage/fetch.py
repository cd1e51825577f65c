# SPDX-License-Identifier: GPL-2.0-only
"""A kernel source tree from wherever it is: Debian's package, a tarball, git, or a folder."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from anypage.cache import cache_dir, made_once
from anypage.doctor import update_package_lists
from anypage.errors import AnypageError
from anypage.process import run
from anypage.repo import import_folder
from anypage.tree import KernelTree, supported

SERIES = "6.12"

# Trees from the cache are git repositories: a conversion then copies nothing but links.
IMPORT_DATE = 1_700_000_000

_PACKAGE_VERSION = re.compile(r"\d+\.\d+\.\d+-\S+")
_READ_SIZE = 1 << 20


def fetch(source: str) -> KernelTree:
    """The tree of source; what had to be downloaded or unpacked is kept in the cache.

    source is a folder, a tarball, a git URL, a series that Debian packages (`6.12`), or one version
    of its package (`6.12.113-1~deb12u1`, see package_versions()).
    """
    path = Path(source)
    if path.is_dir():
        return KernelTree.open(path)
    if path.is_file():
        return _unpacked(path, f"tarball-{_digest(path)}")
    if "://" in source or source.endswith(".git"):
        return _cloned(source)
    return _packaged(source)


def package_versions(series: str) -> list[str]:
    """The versions of Debian's source package for a series (`6.12`) that apt has, newest first."""
    output = run(["apt-cache", "madison", _package(series)]).decode()
    versions = [line.split("|")[1].strip() for line in output.splitlines() if line.count("|") == 2]
    return list(dict.fromkeys(versions))


def _package(series: str) -> str:
    for known in supported():
        if known["from"] == series:
            return str(known["debian"])
    names = ", ".join(str(known["from"]) for known in supported())
    raise AnypageError(
        f"'{series}' is no folder, tarball, git URL or supported series",
        remedy=f"series that can be fetched: {names}",
    )


def _packaged(name: str) -> KernelTree:
    if _PACKAGE_VERSION.fullmatch(name):
        series = ".".join(name.split(".")[:2])
        package = _package(series)
        version = name
    else:
        package = _package(name)
        version = _newest(name)
    target = cache_dir("trees") / f"{package}_{version}"
    if target.is_dir():
        return KernelTree.open(target)
    with tempfile.TemporaryDirectory(dir=cache_dir("downloads")) as folder:
        where = Path(folder)
        wanted = f"{package}={version}"
        # As root, apt would like to read the folder as its own user, and warns that it cannot.
        options = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
        run(["apt-get", "download", *options, wanted], cwd=where, what=f"cannot download {wanted}")
        (archive,) = where.glob("*.deb")
        run(["dpkg-deb", "--extract", archive, where / "files"], what=f"cannot unpack {archive}")
        (tarball,) = where.glob("files/usr/src/*.tar.*")
        return _unpacked(tarball, target.name)


def _newest(series: str) -> str:
    versions = package_versions(series)
    if not versions:
        # A new machine has no lists of packages.
        update_package_lists()
        versions = package_versions(series)
    if not versions:
        raise AnypageError(
            f"apt does not know the package {_package(series)}",
            remedy="Debian 12 has it in its security archive: see /etc/apt/sources.list",
        )
    return versions[0]


def _unpacked(tarball: Path, name: str) -> KernelTree:
    target = cache_dir("trees") / name

    def unpack(part: Path) -> None:
        # GNU tar refuses names that lead out of the folder, and follows no link of the archive.
        command: list[str | Path] = ["tar", "--extract", "--file", tarball]
        command += ["--directory", part, "--strip-components=1", "--no-same-owner"]
        run(command, what="cannot unpack the tarball")
        tree = KernelTree.open(part)
        import_folder(part, part, f"Linux {tree.version}", IMPORT_DATE)

    return KernelTree.open(made_once(target, unpack))


def _cloned(url: str) -> KernelTree:
    target = cache_dir("trees") / f"git-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
    command = ["git", "clone", "--quiet", "--depth", "1", "--", url]

    def clone(part: Path) -> None:
        run([*command, part], env={"GIT_TERMINAL_PROMPT": "0"}, what=f"cannot clone {url}")

    return KernelTree.open(made_once(target, clone))


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_SIZE):
            digest.update(block)
    return digest.hexdigest()[:16]
