# SPDX-License-Identifier: GPL-2.0-only
"""All of it on a real kernel: fetch, convert, build one image, boot it at every page size."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from anypage.boot import Job, Machine, Verdict, boot, jobs_of, machine
from anypage.build import Build, build
from anypage.cache import cache_dir, locked
from anypage.convert import Conversion, convert
from anypage.fetch import SERIES, fetch

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Demo:
    """One image and its boots; conversion is None when that was done before."""

    tree: Path
    conversion: Conversion | None
    build: Build
    boots: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        return all(verdict.passed for verdict in self.boots)


def converted(source: str = SERIES, progress: Progress = lambda stage: None) -> "Converted":
    """The converted tree of source in the cache; made anew when the source or anypage changed.

    It stays at one path, so that ccache knows the files that have not changed.
    """
    progress(f"fetch Linux {source}")
    tree = fetch(source)
    made_of = f"{tree.commit} {_own_content()}"
    target = cache_dir("converted") / tree.path.name
    mark = target.with_name(f"{target.name}.made-of")
    with locked(target.with_name(f"{target.name}.lock")):
        if target.is_dir() and mark.is_file() and mark.read_text() == made_of:
            progress("nothing to convert: done before")
            return Converted(target, None)
        mark.unlink(missing_ok=True)
        if target.is_dir():
            shutil.rmtree(target)
        conversion = convert(tree.path, target, progress=progress)
        mark.write_text(made_of)
        return Converted(target, conversion)


@dataclass(frozen=True, slots=True)
class Converted:
    """A converted tree, and how it was made if that was now."""

    path: Path
    conversion: Conversion | None


def demo_jobs() -> list[Job]:
    """Each page size on a CPU that has all, and one that the CPU lacks."""
    return [*jobs_of([Machine()], ["4k", "16k", "64k"]), *jobs_of([machine("fallback")], ["16k"])]


def demo(progress: Progress = lambda stage: None) -> Demo:
    """Raises AnypageError when a step cannot be done; boots that fail are in the result."""
    tree = converted(progress=progress)
    image = build(tree.path, page_size="boot", progress=progress)
    progress("boot at 4K, 16K, 64K, and ask a CPU for what it lacks")
    verdicts = boot(image.image, demo_jobs(), modules=image.modules)
    return Demo(tree.path, tree.conversion, image, tuple(verdicts))


def _own_content() -> str:
    """A digest of what makes the conversion: this package's code, data and patches."""
    folder = Path(str(resources.files("anypage")))
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".toml", ".patch") and path.is_file():
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()
