# SPDX-License-Identifier: GPL-2.0-only
"""A tree and a configuration to an image and its modules, through tuxmake."""

import hashlib
import json
import os
import re
import shutil
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from anypage.cache import cache_dir, locked
from anypage.errors import AnypageError
from anypage.make import Target, make
from anypage.patch_sites import patch_sites
from anypage.process import run
from anypage.repo import Repo
from anypage.tree import KernelTree

CROSS_COMPILE = "aarch64-linux-gnu-"
PAGE_SIZES = ("boot", "4k", "16k", "64k")

_OPTION = re.compile(r"^(CONFIG_\w+)=(.*)$", re.MULTILINE)
_ARM64 = Target("arm64", CROSS_COMPILE, kernel_image="Image")
_RESULT = "anypage.json"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Build:
    """What a build gave. modules is a folder with lib/modules; seconds is 0 when nothing was to do.

    objects is the build folder itself. sites: how many instructions of each kind are patched for
    the page size at boot; each has been decoded and judged.
    """

    image: Path
    sha256: str
    bytes: int
    modules: Path
    objects: Path
    config: str
    page_size: str
    seconds: float
    sites: Mapping[str, int] = field(default_factory=dict)


def build(
    tree: Path | str,
    *,
    page_size: str = "boot",
    config: str = "virt",
    jobs: int | None = None,
    progress: Progress = lambda stage: None,
) -> Build:
    """Build an arm64 image of a tree with the page size chosen at boot, or fixed to one.

    config names a file of anypage/configs without its ending, several joined by `+`, or is the path
    of a configuration fragment. The build folder is in the cache, keyed by the content of the tree,
    the configuration and the compiler: what was built before is not built again. AnypageError with
    the first errors of the compiler when it fails, or when Kconfig drops an option that was asked
    for.
    """
    source = KernelTree.open(Path(tree))
    fragments = _fragments(page_size, config)
    if page_size == "boot" and not source.is_converted:
        raise AnypageError(
            "the page size of this tree cannot be chosen at boot",
            where=str(source.path),
            remedy="build what `anypage convert` makes of it, or name a --page-size",
        )
    texts = [fragment.read_bytes() for fragment in fragments]
    folder = build_folder(source, texts, f"{CROSS_COMPILE}gcc")
    with locked(folder / "lock"):
        known = _known(folder)
        if known:
            progress("nothing to do: built before")
            return known
        start = time.monotonic()
        _make(source, folder, fragments, jobs or os.cpu_count() or 1, progress)
        return _result(folder, config, page_size, round(time.monotonic() - start, 1))


def modules_of(image: Path) -> Path | None:
    """The modules that build() made with this image; None for an image from elsewhere."""
    known = _known(image.absolute().parent.parent)
    return known.modules if known else None


def _fragments(page_size: str, config: str) -> list[Path]:
    if page_size not in PAGE_SIZES:
        raise AnypageError(f"'{page_size}' is no page size", remedy=f"use {', '.join(PAGE_SIZES)}")
    names = [*config.split("+"), f"page-{page_size}"]
    return [_fragment(name) for name in names]


def _fragment(name: str) -> Path:
    if Path(name).is_file():
        return Path(name).absolute()
    folder = Path(str(resources.files("anypage.configs")))
    path = folder / f"{name}.config"
    if not path.is_file() or "/" in name:
        known = sorted(p.stem for p in folder.glob("*.config") if not p.stem.startswith("page-"))
        raise AnypageError(
            f"no configuration '{name}'", remedy=f"name a file, or one of {', '.join(known)}"
        )
    return path


def build_folder(source: KernelTree, configuration: Iterable[bytes], compiler: str) -> Path:
    """Where a build is kept: by the content of the tree, its configuration and the compiler."""
    digest = hashlib.sha256(_content(source).encode())
    for text in configuration:
        digest.update(text)
    digest.update(run([compiler, "--version"]))
    return cache_dir("builds") / digest.hexdigest()[:20]


def _content(source: KernelTree) -> str:
    """What the tree holds; for a tree that git does not know as clean, where it is and when."""
    if source.commit and not Repo(source.path).changes():
        return Repo(source.path).head("HEAD^{tree}")
    newest = max((p.stat().st_mtime_ns for p in source.path.rglob("*") if p.is_file()), default=0)
    return f"{source.path} {newest}"


def _known(folder: Path) -> Build | None:
    try:
        known = json.loads((folder / _RESULT).read_text())
    except (OSError, ValueError):
        return None
    paths = {name: folder / known.pop(name) for name in ("image", "modules", "objects")}
    if not paths["image"].is_file():
        return None
    return Build(**paths, **known, seconds=0.0)


def _make(
    source: KernelTree, folder: Path, fragments: list[Path], jobs: int, progress: Progress
) -> None:
    log = folder / "output" / "build.log"
    progress(f"make, {jobs} jobs; log: {log}")
    # What an interrupted run left of it may lack the fragments.
    (folder / "objects" / ".config").unlink(missing_ok=True)
    make(source, folder, _ARM64, fragments, jobs, ["config"])
    _check_config(folder / "objects" / ".config", fragments)
    make(source, folder, _ARM64, fragments, jobs, ["config", "kernel", "modules"])


def _check_config(config: Path, fragments: list[Path]) -> None:
    have = dict(_OPTION.findall(config.read_text()))
    asked: dict[str, str] = {}
    for fragment in fragments:
        asked |= dict(_OPTION.findall(fragment.read_text()))
    dropped = [
        f"{name}={value} (is {have.get(name, 'n')})"
        for name, value in asked.items()
        if have.get(name, "n") != value
    ]
    if dropped:
        raise AnypageError(
            f"Kconfig did not take {', '.join(dropped)}",
            where=str(config),
            remedy="a dependency is missing from the configuration",
        )


def _sites(vmlinux: Path) -> dict[str, int]:
    sites = patch_sites(vmlinux)
    if sites is None:
        return {}
    if sites.wrong:
        first = sites.wrong[0]
        raise AnypageError(
            f"{len(sites.wrong)} patch sites are wrong; the first, for {first.kind} with "
            f"{first.page_size.label} pages, is '{first.found}'",
            where=f"{vmlinux}: {first.address:#x}",
            remedy=f"it should be '{first.expected}': see asm/page-const-list.h",
        )
    return dict(sites.count)


def _result(folder: Path, config: str, page_size: str, seconds: float) -> Build:
    output, modules = folder / "output", folder / "modules"
    shutil.rmtree(modules, ignore_errors=True)
    modules.mkdir()
    for archive in output.glob("modules.tar*"):
        with tarfile.open(archive) as tar:
            # The link lib/modules/VERSION/build leads out of the folder.
            files = [member for member in tar if not member.issym()]
            tar.extractall(modules, members=files, filter="data")
    image = output / "Image"
    data = image.read_bytes()
    known = {
        "image": str(image.relative_to(folder)),
        "modules": "modules",
        "objects": "objects",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "config": config,
        "page_size": page_size,
        "sites": _sites(folder / "objects" / "vmlinux"),
    }
    part = folder / f"{_RESULT}.part"
    part.write_text(json.dumps(known, indent=1))
    part.rename(folder / _RESULT)
    result = _known(folder)
    assert result is not None
    return replace(result, seconds=seconds)
