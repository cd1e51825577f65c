# SPDX-License-Identifier: GPL-2.0-only
"""Audit a whole tree, beside ripgrep and Coccinelle, in one run: seconds, ratios and memory.

ripgrep finds the bare words in the same files; Coccinelle finds one class (arrays with a bound that
names PAGE_SIZE) in mm/. The audit runs as a user runs it: in a process of its own.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from anypage.fetch import fetch

WORDS = r"\b(PAGE_SIZE|PAGE_SHIFT|PAGE_MASK)\b"
RULE = "@@ type T; identifier i; @@\n* T i[<+... PAGE_SIZE ...+>];\n"
TOUCHED = "mm/page_alloc.c"
PATCH = """\
--- a/mm/page_alloc.c
+++ b/mm/page_alloc.c
@@ -1,1 +1,2 @@
+static char anypage_bench[PAGE_SIZE];
 // SPDX-License-Identifier: GPL-2.0-only
"""


def main() -> None:
    """Print what each took, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", default="6.12", help="what `anypage fetch` takes")
    source = fetch(parser.parse_args().source).path
    if not shutil.which("rg") or not shutil.which("spatch"):
        sys.exit("error: to compare with: apt-get install ripgrep coccinelle")
    with tempfile.TemporaryDirectory(dir=Path.cwd().parent) as name:
        folder = Path(name)
        tree = folder / "linux"
        shutil.copytree(source, tree, symlinks=True)
        # git knows the files of a tree that is in use; those of a copy are new to it.
        subprocess.run(["git", "-C", tree, "update-index", "-q", "--refresh"], check=False)
        (folder / "rule.cocci").write_text(RULE)
        (folder / "a.patch").write_text(PATCH)
        bench(folder, tree)


def bench(folder: Path, tree: Path) -> None:
    """Each command once to have the files in memory, where that is not what is measured."""
    grep = ["rg", "--no-ignore", "--glob=*.[chS]", "--count", WORDS, tree]
    timed(folder, *grep)
    words = timed(folder, *grep)
    syntax = timed(
        folder, "spatch", "--no-show-diff", "--sp-file", folder / "rule.cocci", tree / "mm"
    )
    row("ripgrep: three words, whole tree", words)
    row("Coccinelle: one class, mm/", syntax)
    cold = audited(folder, tree)
    row("audit: whole tree, empty cache", cold, words, "ripgrep")
    audited(folder, tree)
    original = (tree / TOUCHED).read_bytes()
    (tree / TOUCHED).write_bytes(original + b"/* changed */\n")
    row("audit: whole tree, one file changed", audited(folder, tree), words, "ripgrep")
    (tree / TOUCHED).write_bytes(original)
    subprocess.run(["git", "-C", tree, "update-index", "-q", "--refresh"], check=False)
    row("audit: mm/", audited(folder, tree, "mm"), syntax, "Coccinelle")
    patch = audited(folder, tree, "--patch", folder / "a.patch")
    row("audit: a patch", patch, syntax, "Coccinelle")
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"largest process {used >> 10} MiB")


def audited(folder: Path, tree: Path, *options: str | Path) -> float:
    """Seconds of an audit."""
    report = ["--json", folder / "report.json"]
    return timed(folder, sys.executable, "-m", "anypage.cli", "audit", tree, *options, *report)


def timed(folder: Path, *command: str | Path) -> float:
    """Seconds of a command with a cache of its own; to find something or nothing is no error."""
    start = time.monotonic()
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    result = subprocess.run(command, env=environment, capture_output=True, check=False)
    if result.returncode > 1:
        sys.exit(f"error: {command[0]}: {result.stderr.decode(errors='replace')}")
    return time.monotonic() - start


def row(name: str, seconds: float, peer: float | None = None, what: str = "") -> None:
    """One line; with a peer, the ratio to it."""
    ratio = f"  {seconds / peer:6.2f} times {what}" if peer else ""
    print(f"{name:38}{seconds:7.2f} s{ratio}")


if __name__ == "__main__":
    main()
