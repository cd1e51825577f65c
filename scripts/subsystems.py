# SPDX-License-Identifier: GPL-2.0-only
"""Make docs/subsystems.md: convert, build, and run every exercise at each page size.

The kernel's own tests run on kernels that are built for each page size, too. All of it takes hours,
and a guest with 64K pages 9 GB of memory. Each step leaves a file in the folder, and one whose file
is there is not run again: an interrupted run goes on, and another image wants another folder.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from anypage.exercises import Exercise, discover

ANYPAGE = Path(sys.executable).with_name("anypage")
PAGE = Path(__file__).parents[1] / "docs/subsystems.md"
FIXED = {
    "4k": "virt+seed+own-tests",
    "16k": "virt+seed+large-pages+own-tests",
    "64k": "virt+seed+large-pages+own-tests",
}
# At 64K the tests take huge pages of 512 MB.
MEMORY = {"4k": "4G", "16k": "4G", "64k": "9G"}


def step(file: Path, *arguments: str | Path, niceness: int = 0) -> Any:
    """The JSON that `anypage ARGUMENTS --json` prints, of the file or into it.

    Exit 1 is a failed check, which the page tells, or a place that the conversion has left.
    """
    if not file.exists():
        part = file.with_suffix(".part")
        start = time.monotonic()
        print(f"{file.stem} ...", flush=True)
        with part.open("w") as output, file.with_suffix(".log").open("w") as log:
            command = ["nice", "-n", str(niceness), ANYPAGE, *arguments, "--json"]
            code = subprocess.run(command, stdout=output, stderr=log).returncode
        if code not in (0, 1) or not part.stat().st_size:
            raise SystemExit(
                f"{file.stem} ended with {code}: {file.with_suffix('.log')}; then run again"
            )
        part.rename(file)
        print(f"{file.stem}: {(time.monotonic() - start) / 60:.0f} min", flush=True)
    return json.loads(file.read_text())


def named(wanted: Callable[[Exercise], bool]) -> str:
    """The exercises that are wanted, as --exercise takes them."""
    return ",".join(exercise.name for exercise in discover() if wanted(exercise))


def other_runs(image: str) -> dict[str, tuple[str, ...]]:
    """The boots of the one image beside own_tests: name -> arguments of `anypage boot`."""
    kvm = named(lambda exercise: exercise.el2)
    other = named(lambda exercise: not exercise.selftests and not exercise.el2)
    runs: dict[str, tuple[str, ...]] = {}
    for size in FIXED:
        at = (image, "--page-size", size, "--exercise")
        runs[f"exercises-{size}"] = (*at, other)
        runs[f"kvm-{size}"] = (*at, kvm, "--cpu", "max,cortex-a72")
    return {**runs, "checks": (image,)}


def own_tests(size: str) -> tuple[str, ...]:
    """Arguments of `anypage boot` that run the kernel's own tests at a page size."""
    names = named(lambda exercise: bool(exercise.selftests))
    return ("--page-size", size, "--memory", MEMORY[size], "--exercise", names)


def main() -> None:
    """Run what has no file in the folder yet, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", default="6.12", help="what `anypage fetch` takes")
    parser.add_argument("--page", type=Path, default=PAGE, help="what to write")
    parser.add_argument("--jobs", type=int, default=2, help="guests side by side")
    given = parser.parse_args()
    folder: Path = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)

    tree = folder / "tree"
    step(folder / "convert.json", "convert", given.source, "--output", tree)
    original = step(folder / "fetch.json", "fetch", given.source)["path"]
    build = ("build", tree, "--page-size", "boot", "--config", "virt+seed")
    image = step(folder / "build.json", *build)
    runs: list[Path] = []
    baselines: list[Path] = []
    with ThreadPoolExecutor(given.jobs) as pool:
        ended = []

        def boot(file: Path, *arguments: str) -> Path:
            ended.append(pool.submit(step, file, "boot", *arguments))
            return file

        # What takes longest is first. Guests wait at times, and then there is something to build.
        for size in FIXED:
            runs.append(boot(folder / f"own-{size}.json", image["image"], *own_tests(size)))
        for size, config in FIXED.items():
            build = ("build", original, "--page-size", size, "--config", config)
            fixed = step(folder / f"build-{size}.json", *build, niceness=10)["image"]
            file = folder / f"own-fixed-{size}.json"
            baselines.append(boot(file, fixed, "--fixed", *own_tests(size)))
        for name, arguments in other_runs(image["image"]).items():
            runs.append(boot(folder / f"{name}.json", *arguments))
        for future in ended:
            future.result()

    command: list[str | Path] = [ANYPAGE, "subsystems", *runs]
    for baseline in baselines:
        command += ["--baseline", baseline]
    command += ["--conversion", folder / "convert.json", "--objects", image["objects"]]
    command += ["--page", given.page]
    raise SystemExit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
