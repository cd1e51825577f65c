# SPDX-License-Identifier: GPL-2.0-only
"""Make docs/subsystems.md: convert, build, and run every exercise at each page size.

The kernel's own tests run on kernels that are built for each page size, too. All of it takes hours,
and a guest with 64K pages 9 GB of memory. What each run found is kept in docs/subsystems: it is not
run again for the same kernel. After a change of an exercise, remove the results that have it. The
folder has what is not kept, and an interrupted run goes on with it; another source, and a changed
conversion, want another folder.
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
RESULTS = PAGE.with_suffix("")
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


def build(folder: Path, name: str, *arguments: str | Path, niceness: int = 0) -> Any:
    """What `anypage build` prints. It has a cache that knows when a configuration changes."""
    file = folder / f"{name}.json"
    file.unlink(missing_ok=True)
    return step(file, "build", *arguments, niceness=niceness)


def known(name: str, sha256: str) -> bool:
    """Whether there are results of a run, of this image."""
    file = RESULTS / f"{name}.json"
    return file.exists() and json.loads(file.read_text())["image"]["sha256"] == sha256


def run(folder: Path, name: str, *arguments: str) -> None:
    """Boot, and keep what the page and --baseline take; not where the image was."""
    file = folder / f"{name}.json"
    found = step(file, "boot", *arguments)
    kept = {"image": {key: found["image"][key] for key in ("bytes", "sha256")}}
    kept |= {"exercises": found["exercises"]} if "exercises" in found else {"boots": found["boots"]}
    RESULTS.mkdir(exist_ok=True)
    part = RESULTS / f"{name}.part"
    part.write_text(json.dumps(kept, indent=1) + "\n")
    part.rename(part.with_suffix(".json"))
    # Otherwise it would come again when somebody removes the result.
    file.unlink()


def named(wanted: Callable[[Exercise], bool]) -> str:
    """The exercises that are wanted, as --exercise takes them."""
    return ",".join(exercise.name for exercise in discover() if wanted(exercise))


def runs_of(image: str) -> dict[str, tuple[str, ...]]:
    """The boots of the one image: name -> arguments of `anypage boot`; first what takes longest."""
    kvm = named(lambda exercise: exercise.el2)
    other = named(lambda exercise: not exercise.selftests and not exercise.el2)
    runs = {f"own-{size}": (image, *own_tests(size)) for size in FIXED}
    for size in FIXED:
        at = (image, "--page-size", size, "--exercise")
        runs[f"exercises-{size}"] = (*at, other)
        # The second has no VHE, and no 16K pages.
        runs[f"kvm-{size}"] = (*at, kvm, "--cpu", "max" if size == "16k" else "max,cortex-a72")
    return {**runs, "checks": (image,)}


def own_tests(size: str) -> tuple[str, ...]:
    """Arguments of `anypage boot` that run the kernel's own tests at a page size."""
    names = named(lambda exercise: bool(exercise.selftests))
    return ("--page-size", size, "--memory", MEMORY[size], "--exercise", names)


def main() -> None:
    """Run what has no result yet, then write the page."""
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
    image = build(folder, "build", tree, "--page-size", "boot", "--config", "virt+seed")
    runs = runs_of(image["image"])
    with ThreadPoolExecutor(given.jobs) as pool:
        todo = [name for name in runs if not known(name, image["sha256"])]
        ended = [pool.submit(run, folder, name, *runs[name]) for name in todo]
        # Guests wait at times, and then there is something to build.
        for size, config in FIXED.items():
            of = (original, "--page-size", size, "--config", config)
            fixed = build(folder, f"build-{size}", *of, niceness=10)
            name, arguments = f"own-fixed-{size}", (fixed["image"], "--fixed", *own_tests(size))
            if not known(name, fixed["sha256"]):
                ended.append(pool.submit(run, folder, name, *arguments))
        for future in ended:
            future.result()

    command: list[str | Path] = [
        ANYPAGE,
        "subsystems",
        *(RESULTS / f"{name}.json" for name in runs),
    ]
    for size in FIXED:
        command += ["--baseline", RESULTS / f"own-fixed-{size}.json"]
    command += ["--conversion", folder / "convert.json", "--objects", image["objects"]]
    command += ["--page", given.page]
    raise SystemExit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
