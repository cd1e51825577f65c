# SPDX-License-Identifier: GPL-2.0-only
"""A kernel source tree from wherever it is: Debian's package, a tarball, git, or a folder."""

import hashlib
import os
import re
import tarfile
import tempfile
from pathlib import Path

from anypage.cache import cache_dir, whole_folder
from anypage.errors import AnypageError
from anypage.process import run
from anypage.repo import import_folder
from anypage.tree import KernelTree, supported

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
    """The versions of Debian's source package for a series (`6.12`) that apt offers, newest first."""
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
        versions = package_versions(name)
        if not versions:
            raise AnypageError(
                f"apt does not know the package {package}", remedy="run `apt-get update` as root"
            )
        version = versions[0]
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


def _unpacked(tarball: Path, name: str) -> KernelTree:
    target = cache_dir("trees") / name
    if target.is_dir():
        return KernelTree.open(target)
    with tempfile.TemporaryDirectory(dir=cache_dir("downloads")) as folder:
        _extract(tarball, Path(folder))
        tops = [path for path in Path(folder).iterdir() if path.is_dir()]
        if len(tops) != 1:
            raise AnypageError("the tarball does not hold one folder", where=str(tarball))
        tree = KernelTree.open(tops[0])
        with whole_folder(target) as part:
            repo = import_folder(tree.path, part, f"Linux {tree.version}", IMPORT_DATE)
            repo.git("checkout", "--quiet", "--force", "HEAD")
            repo.git("reset", "--quiet", "--hard")
    return KernelTree.open(target)


def _extract(tarball: Path, folder: Path) -> None:
    """Unpack with tar(1), much faster than tarfile, after tarfile has said that no name escapes."""
    try:
        with tarfile.open(tarball) as archive:
            for member in archive:
                tarfile.data_filter(member, str(folder))
    except tarfile.FilterError as error:
        raise AnypageError(
            f"the tarball would write outside of its folder: {error}", where=str(tarball)
        ) from error
    except (tarfile.TarError, OSError, EOFError) as error:
        raise AnypageError(f"not a tarball: {error}", where=str(tarball)) from error
    run(["tar", "--extract", "--file", tarball, "--directory", folder, "--no-same-owner"])


def _cloned(url: str) -> KernelTree:
    target = cache_dir("trees") / f"git-{hashlib.sha256(url.encode()).hexdigest()[:16]}"
    if not target.is_dir():
        with whole_folder(target) as part:
            run(
                ["git", "clone", "--quiet", "--depth", "1", "--", url, part],
                env={"GIT_TERMINAL_PROMPT": "0"},
                what=f"cannot clone {url}",
            )
    return KernelTree.open(target)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_SIZE):
            digest.update(block)
    return digest.hexdigest()[:16]
