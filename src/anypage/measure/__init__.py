# SPDX-License-Identifier: GPL-2.0-only
"""What one image for all page sizes costs, beside an image for each: bytes and instructions."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from anypage.build import Build, build
from anypage.demo import converted
from anypage.errors import AnypageError
from anypage.fetch import fetch
from anypage.geometry import PageSize
from anypage.guest import COMPILER
from anypage.identity import Comparison, code_around, compare
from anypage.measure.counting import Count, Run, bench, count, shown_command
from anypage.measure.elf import Kernel
from anypage.measure.sizes import Sizes, sizes
from anypage.process import run as run_program
from anypage.repo import Repo
from anypage.tree import KernelTree

Progress = Callable[[str], None]

_VMLINUX = ("vmlinux", "../objects/vmlinux", "../../../vmlinux")


@dataclass(frozen=True, slots=True)
class Identity:
    """Compile-time builds of two trees. code: by object, what is about the first difference."""

    comparison: Comparison
    code: dict[str, tuple[list[str], list[str]]]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Kernels, their bytes, and what they executed. version: of the kernel's source, "" for images.

    identity: by page size, how the objects of the converted tree compare with the original's.
    conversion: what it changed, in a line; "" for images. method: how it was measured, with which
    programs.
    """

    version: str
    sizes: dict[Kernel, Sizes]
    runs: tuple[Run, ...]
    identity: dict[PageSize, Identity]
    conversion: str
    method: tuple[str, ...]

    def baseline(self, run: Run) -> Run | None:
        """What a run is compared with; None for a first one."""
        same = {r.kernel.name: r for r in self.runs if r.page_size == run.page_size}
        return next((same[name] for name in run.kernel.baselines if name in same), None)


def ratio(run: Run, baseline: Run | None, workload: str) -> float | None:
    """Instructions of a workload, as a multiple of the baseline's."""
    if baseline is None:
        return None
    mine, other = (counted(r, workload) for r in (run, baseline))
    return mine.instructions / other.instructions if mine and other else None


def counted(run: Run, workload: str) -> Count | None:
    """The count of a workload in a run."""
    return next((c for c in run.counts if c.workload == workload), None)


def measure(
    kernels: Sequence[Kernel],
    *,
    version: str = "",
    page_sizes: Sequence[PageSize] = tuple(PageSize),
    parallel: int = 2,
    identity: dict[PageSize, Identity] | None = None,
    conversion: str = "",
    progress: Progress = lambda stage: None,
) -> Measurement:
    """Measure kernels; one that chooses its page size runs at each of page_sizes.

    AnypageError with the end of the console when a kernel does not get through.
    """
    todo = [(kernel, size) for kernel in kernels for size in _sizes_of(kernel, page_sizes)]
    parts = bench()

    def one(job: tuple[Kernel, PageSize]) -> Run:
        run = count(*job, parts)
        progress(f"{job[0].name} at {job[1].label}: {len(run.counts)} workloads")
        return run

    with ThreadPoolExecutor(parallel) as pool:
        try:
            progress("pack the images")
            bytes_of = dict(zip(kernels, pool.map(sizes, kernels), strict=True))
            progress(f"run {len(todo)} times")
            runs = tuple(pool.map(one, todo))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Measurement(version, bytes_of, runs, identity or {}, conversion, tuple(_method()))


def _method() -> Iterator[str]:
    """The versions of the programs, and QEMU's arguments."""
    yield f"anypage {metadata.version('anypage')}"
    for program in ("qemu-system-aarch64", COMPILER):
        yield run_program([program, "--version"]).decode().splitlines()[0]
    yield shown_command()


def _sizes_of(kernel: Kernel, page_sizes: Sequence[PageSize]) -> list[PageSize]:
    return [size for size in page_sizes if kernel.page_size in (None, size)]


def measure_tree(
    source: str,
    *,
    config: str = "virt",
    page_sizes: Sequence[PageSize] = tuple(PageSize),
    also: Sequence[str] = (),
    identity: bool = True,
    jobs: int | None = None,
    parallel: int = 2,
    progress: Progress = lambda stage: None,
) -> Measurement:
    """Build and measure the original tree, and the converted one with each page size fixed, and
    chosen at boot.

    source: what fetch() takes. also: configurations of which each, over config, makes one more
    kernel whose page size is chosen at boot, with the configuration's name. identity: without it,
    no kernels of the converted tree with a fixed page size are built, nor compared with the
    original's. What was built before is not built again.
    """
    tree = fetch(source)
    after = converted(source, progress).path
    builds: dict[str, Build] = {}

    def kernel(
        name: str, path: Path, page_size: str, *baselines: str, config: str = config
    ) -> Kernel:
        progress(f"build {name}")
        made = build(path, page_size=page_size, config=config, jobs=jobs, progress=progress)
        builds[name] = made
        return Kernel(name, made.image, made.objects / "vmlinux", made.modules, baselines)

    kernels, labels = [], [size.label for size in page_sizes]
    for label in labels:
        kernels.append(kernel(f"base-{label}", tree.path, label))
        if identity:
            kernels.append(kernel(f"compile-{label}", after, label, f"base-{label}"))
    fixed = [f"{'compile' if identity else 'base'}-{label}" for label in labels]
    kernels.append(kernel("boot", after, "boot", *fixed))
    for name in also:
        kernels.append(kernel(name, after, "boot", *fixed, config=f"{config}+{name}"))
    same = {}
    if identity:
        progress("compare the objects of compile-time builds")
        same = {
            size: _identity(builds[f"base-{size.label}"], builds[f"compile-{size.label}"])
            for size in page_sizes
        }
    return measure(
        kernels,
        version=str(tree.version),
        page_sizes=page_sizes,
        parallel=parallel,
        identity=same,
        conversion=_conversion(tree, Repo(after)),
        progress=progress,
    )


def _conversion(tree: KernelTree, after: Repo) -> str:
    """How many commits, files and lines."""
    if not tree.commit:
        return ""
    commits = after.git("rev-list", "--count", f"{tree.commit}..HEAD").strip()
    return f"{commits} commits, " + after.git("diff", "--shortstat", tree.commit, "HEAD").strip()


def _identity(before: Build, after: Build) -> Identity:
    found = compare(before.objects, after.objects)
    code = {
        d.path: (code_around(before.objects, d), code_around(after.objects, d))
        for d in found.differing
    }
    return Identity(found, code)


def measure_images(
    images: Sequence[Path],
    *,
    page_sizes: Sequence[PageSize] = tuple(PageSize),
    parallel: int = 2,
    progress: Progress = lambda stage: None,
) -> Measurement:
    """Measure images from anywhere; each is compared with the ones before it.

    The vmlinux of the same build is beside an image, or where make has it. AnypageError without.
    """
    kernels: list[Kernel] = []
    for number, image in enumerate(images, 1):
        before = tuple(kernel.name for kernel in kernels)
        kernels.append(Kernel(f"{number}:{image.name}", image, _vmlinux(image), baselines=before))
    return measure(kernels, page_sizes=page_sizes, parallel=parallel, progress=progress)


def _vmlinux(image: Path) -> Path:
    for place in _VMLINUX:
        if (vmlinux := image.parent / place).is_file():
            return vmlinux.resolve()
    raise AnypageError(
        "no vmlinux for the image",
        where=str(image),
        remedy="put the vmlinux of the same build beside it",
    )
