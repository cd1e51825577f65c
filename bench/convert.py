# SPDX-License-Identifier: GPL-2.0-only
"""Convert a whole tree, beside git's import of the same tree, in one run: seconds and memory."""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from anypage.convert import convert
from anypage.fetch import IMPORT_DATE, fetch
from anypage.repo import import_folder


def main() -> None:
    """Print both times, their ratio and the largest memory use of a process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", default="6.12", help="what `anypage fetch` takes")
    tree = fetch(parser.parse_args().source)
    with tempfile.TemporaryDirectory(dir=Path.cwd().parent) as name:
        folder = Path(name)
        start = time.monotonic()
        (folder / "peer").mkdir()
        import_folder(tree.path, folder / "peer", "peer", IMPORT_DATE)
        peer = time.monotonic() - start
        result = convert(tree.path, folder / "converted")
    own = sum(result.seconds.values())
    used = [
        resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    print(f"git add and commit of the tree  {peer:7.1f} s")
    print(f"anypage convert                 {own:7.1f} s  ratio {own / peer:.2f}")
    for stage, seconds in result.seconds.items():
        print(f"  {stage:30}{seconds:7.1f} s")
    print(f"largest process                 {max(used) >> 10:7} MiB")


if __name__ == "__main__":
    main()
