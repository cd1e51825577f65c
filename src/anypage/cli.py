# SPDX-License-Identifier: GPL-2.0-only
"""The command line: parses, prints, exits. What it does, a Python caller can do in three lines."""

import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

import anypage
from anypage import rules
from anypage.audit import not_in
from anypage.boot import Verdict
from anypage.boot import machine as known_machine
from anypage.build import modules_of
from anypage.cache import whole_file
from anypage.cli_identity import identity
from anypage.cli_machines import combined
from anypage.cli_measure import measure
from anypage.cli_output import (
    START,
    Json,
    Sizes,
    err,
    out,
    print_json,
    print_lines,
    progress,
    write,
)
from anypage.cli_subsystems import subsystems
from anypage.doctor import install as install_packages
from anypage.doctor import install_command, needs
from anypage.errors import AnypageError
from anypage.exercise import fewer, merged, outcomes, worse
from anypage.fetch import package_versions
from anypage.oracle.agreement import agreement, explanation
from anypage.process import end_with_groups
from anypage.report import (
    accuracy,
    areas,
    documents,
    html,
    sarif,
    terminal,
)
from anypage.report.earlier import read_document
from anypage.tree import KernelTree

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="One arm64 Linux kernel image, any base page size.",
    pretty_exceptions_enable=False,
)

app.command()(identity)
app.command()(measure)
app.command()(subsystems)


@app.command()
def doctor(
    install: Annotated[bool, typer.Option(help="Install what is missing, with apt.")] = False,
    quiet: Annotated[bool, typer.Option(help="Say nothing when all is there.")] = False,
    tests: Annotated[bool, typer.Option(help="And all that the tests of anypage run.")] = False,
    compilers: Annotated[bool, typer.Option(help="And those of other architectures.")] = False,
    as_json: Json = False,
) -> None:
    """Check that all is here that anypage runs. Exit 1 when something is missing."""
    missing = [need for need in needs(tests=tests, compilers=compilers) if not need.found]
    if missing and install:
        progress(f"install {', '.join(sorted({need.package for need in missing}))}")
        install_packages(missing)
    found = needs(tests=tests, compilers=compilers)
    missing = [need for need in found if not need.found]
    if as_json:
        print_json([dataclasses.asdict(need) for need in found])
    elif missing or not quiet:
        out.print(terminal.needs(found))
    if missing and not as_json:
        print_lines(["install with: " + " ".join(install_command(missing))])
    raise typer.Exit(1 if missing else 0)


@app.command()
def fetch(
    source: Annotated[
        str, typer.Argument(help="6.12, a version of Debian's package, tarball, git URL, folder.")
    ],
    list_versions: Annotated[
        bool, typer.Option("--list", help="List the versions of Debian's package.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Get a kernel source tree, and print where it is."""

    if list_versions:
        versions = package_versions(source)
        print_json(versions) if as_json else print_lines(versions)
        return
    tree = anypage.fetch(source)
    found = {"path": str(tree.path), "version": str(tree.version), "commit": tree.commit}
    print_json(found) if as_json else print_lines([str(tree.path)])


@app.command()
def convert(
    tree: Annotated[str, typer.Argument(help="What `anypage fetch` takes.")],
    output: Annotated[Path, typer.Option(help="The folder of the new repository.")],
    page: Annotated[Path | None, typer.Option(help="Write who converts what to this file.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes that search the tree.")] = 2,
    as_json: Json = False,
) -> None:
    """Convert a tree into a new repository. Exit 1 when places are left that need a person."""
    result = anypage.convert(tree, output, jobs=jobs, progress=progress)
    if page:
        with whole_file(page) as part:
            part.write_text(areas.page(result, "anypage convert TREE --output DIR --page FILE"))
    if as_json:
        print_json(documents.conversion(result))
    else:
        print_lines(terminal.for_a_person(result))
        out.print(terminal.conversion(result))
    raise typer.Exit(1 if result.unconverted else 0)


@app.command()
def audit(
    tree: Annotated[
        Path, typer.Argument(help="The top folder of a kernel tree; with --kernel, a module.")
    ],
    paths: Annotated[
        list[str] | None, typer.Argument(help="Files and folders of the tree; all without them.")
    ] = None,
    kernel: Annotated[
        Path | None, typer.Option(help="The kernel tree that an out-of-tree module is built for.")
    ] = None,
    diff: Annotated[
        str, typer.Option(help="Only what the work tree adds to this git revision.")
    ] = "",
    patch: Annotated[
        str, typer.Option(help="Only what this patch or mbox adds; - reads standard input.")
    ] = "",
    arch: Annotated[
        str, typer.Option(help="Architectures to read besides arm64, such as x86,s390.")
    ] = "",
    baseline: Annotated[
        Path | None, typer.Option(help="Leave out what this earlier --json report holds.")
    ] = None,
    json_file: Annotated[
        str, typer.Option("--json", help="Write a JSON array to this file; - for standard output.")
    ] = "",
    sarif_file: Annotated[
        str, typer.Option("--sarif", help="Write SARIF 2.1.0 to this file; - as above.")
    ] = "",
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write one page for a browser to this file.")
    ] = None,
    long: Annotated[bool, typer.Option(help="Print every place, however many they are.")] = False,
    jobs: Annotated[int, typer.Option(help="Processes that search the tree.")] = 2,
) -> None:
    """List every place that needs the page size at compile time. The tree is only read.

    Exit 0: nothing found; 1: something found; 2: it could not run.
    """
    try:
        known = read_document(baseline) if baseline else []
        change = _read(patch) if patch else None
        if kernel and (paths or diff or patch or arch):
            raise AnypageError("--kernel takes a module as a whole", remedy="name its folder alone")
        report = (
            anypage.audit_module(tree, kernel, jobs=jobs)
            if kernel
            else anypage.audit(
                tree,
                paths or (),
                diff=diff,
                patch=change,
                patch_name=patch,
                archs=arch.split(",") if arch else (),
                jobs=jobs,
            )
        )
    except (AnypageError, OSError, ValueError) as error:
        err.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
    findings = not_in(known, report.findings)
    if json_file:
        write(json_file, json.dumps([f.as_json() for f in findings], indent=1))
    if sarif_file:
        write(sarif_file, json.dumps(sarif.log(findings), indent=1))
    if html_file:
        write(str(html_file), html.page(findings, report.lines))
    if "-" not in (json_file, sarif_file):
        print_lines(terminal.findings(findings, long=long))
    raise typer.Exit(1 if findings else 0)


def _read(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


@app.command()
def oracle(
    tree: Annotated[Path, typer.Argument(help="The top folder of a kernel tree.")],
    paths: Annotated[
        list[str] | None, typer.Argument(help="Folders that are compiled; all without them.")
    ] = None,
    config: Annotated[
        str, typer.Option(help="A target of the kernel's make, or a .config file.")
    ] = "allmodconfig",
    arch: Annotated[str, typer.Option(help="arm64 or x86.")] = "arm64",
    jobs: Annotated[int, typer.Option(help="Compilers side by side.")] = 2,
    page: Annotated[Path | None, typer.Option(help="Write the report to this file.")] = None,
    as_json: Json = False,
) -> None:
    """Compare the audit with the compiler's verdict. It runs the Makefiles of the tree.

    Exit 0: they agree, or it is explained; 1: they do not. What was judged once is in the cache.
    """
    truth = anypage.oracle(
        tree, paths or (), config=config, arch=arch, jobs=jobs, progress=progress
    )
    result = agreement(truth, anypage.audit(tree, jobs=jobs).findings)
    if page:
        words = " ".join(["anypage oracle TREE", *(paths or ()), f"--config {Path(config).name}"])
        title = f"Linux {KernelTree.open(tree).version}, {arch} {Path(config).name}"
        with whole_file(page) as part:
            part.write_text(accuracy.page(truth, result, title, f"{words} --arch {arch}"))
    if as_json:
        print_json(documents.agreement(result))
    else:
        print_lines([*accuracy.disagreements(result), *accuracy.numbers(truth, result)])
    open_ends = [*result.missed, *(f for f in result.unconfirmed if not explanation(f))]
    raise typer.Exit(1 if open_ends else 0)


@app.command()
def explain(
    rule: Annotated[str, typer.Argument(help="A class of findings; without it, all of them.")] = "",
) -> None:
    """Print why a class of places needs a constant, and what to write instead, with examples."""
    known = {r.ID: r for r in rules.discover()}
    if rule and rule not in known:
        raise AnypageError(f"no class of findings is called {rule}", remedy=", ".join(known))
    for name in [rule] if rule else known:
        print_lines(terminal.explanation(known[name]))


@app.command()
def build(
    tree: Annotated[Path, typer.Argument(help="A kernel tree.")],
    page_size: Annotated[str, typer.Option(help="boot, 4k, 16k or 64k.")] = "boot",
    config: Annotated[str, typer.Option(help="virt, virt+debug, or a file.")] = "virt",
    jobs: Annotated[int, typer.Option(help="0: as many as there are cores.")] = 0,
    as_json: Json = False,
) -> None:
    """Build an image and its modules."""
    result = anypage.build(
        tree, page_size=page_size, config=config, jobs=jobs or None, progress=progress
    )
    if as_json:
        print_json(dataclasses.asdict(result))
        return
    print_lines(
        [f"image    {result.image}", f"bytes    {result.bytes:,}", f"sha256   {result.sha256}"]
    )
    print_lines([f"modules  {result.modules}", f"seconds  {result.seconds}"])
    if result.sites:
        print_lines(
            [f"sites    {sum(result.sites.values()):,}, patched at boot; decoded, all right:"]
        )
        print_lines([f"{count:>9,} {kind}" for kind, count in result.sites.items()])


@app.command()
def boot(
    image: Annotated[
        Path, typer.Argument(help="What `anypage build` prints, or another arm64 Image.")
    ],
    page_size: Sizes = "4k,16k,64k",
    machine: Annotated[str, typer.Option(help="A machine of facts/machines.toml.")] = "default",
    cpu: Annotated[str, typer.Option(help="CPU models; a list with commas.")] = "",
    smp: Annotated[str, typer.Option(help="Numbers of CPUs, such as 1,2,4.")] = "",
    memory: Annotated[str, typer.Option(help="Memory sizes, such as 256M,8G.")] = "",
    kaslr: Annotated[str, typer.Option(help="on, off or on,off.")] = "",
    numa: Annotated[str, typer.Option(help="Numbers of NUMA nodes, such as 1,2.")] = "",
    el2: Annotated[str, typer.Option(help="on, off or on,off: CPUs start at EL2.")] = "",
    firmware: Annotated[str, typer.Option(help="none, efi or none,efi.")] = "",
    acpi: Annotated[str, typer.Option(help="on, off or on,off.")] = "",
    matrix: Annotated[bool, typer.Option(help="Boot every machine that is known.")] = False,
    exercise: Annotated[
        str, typer.Option(help="Exercise these subsystems instead: all, or names with commas.")
    ] = "",
    baseline: Annotated[
        list[Path] | None,
        typer.Option(help="With --exercise: another kernel's --json; what fails there may fail."),
    ] = None,
    modules: Annotated[
        Path | None,
        typer.Option(help="A folder with lib/modules; found for what `anypage build` made."),
    ] = None,
    append: Annotated[str, typer.Option(help="More words for the kernel command line.")] = "",
    expect: Annotated[str, typer.Option(help="The page size that must come out.")] = "",
    fixed: Annotated[bool, typer.Option(help="The image has one page size, fixed.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds for each boot.")] = 180.0,
    jobs: Annotated[int, typer.Option(help="Boots side by side.")] = 1,
    as_json: Json = False,
) -> None:
    """Boot an image under QEMU and verify it from inside. Exit 1 when any boot fails.

    Options that take a list are combined with each other: each machine boots at each page size.
    """
    if baseline and not exercise:
        raise AnypageError("--baseline compares exercises", remedy="name them with --exercise")
    machines = combined(
        known_machine(machine),
        cpu=cpu,
        smp=smp,
        memory=memory,
        kaslr=kaslr,
        nodes=numa,
        el2=el2,
        firmware=firmware,
        acpi=acpi,
    )
    todo = anypage.jobs_of(machines, page_size.split(","), append=append, expect=expect)
    if matrix:
        todo = anypage.full_matrix()
    progress(f"{len(todo)} boots")
    common: dict[str, Any] = {
        "modules": modules or modules_of(image),
        "boot_time": not fixed,
        "timeout": timeout,
        "parallel": jobs,
    }
    names = exercise.split(",")
    if exercise:
        verdicts = anypage.exercise(image, todo, names, **common, progress=progress)
    else:
        verdicts = anypage.boot(image, todo, **common, done=lambda v: progress(_in_short(v)))
    found = outcomes(names, verdicts) if exercise else []
    if as_json:
        document = {
            "image": documents.image(image, verdicts),
            "boots": [verdict.as_json() for verdict in verdicts],
        }
        print_json(document | ({"exercises": documents.exercises(found)} if exercise else {}))
    else:
        out.print(terminal.exercises(found) if exercise else terminal.boots(verdicts))
        print_lines([*terminal.skips(found), *terminal.failures(verdicts)])
    if not baseline:
        raise typer.Exit(0 if all(v.passed for v in verdicts) else 1)
    expected = merged([read_document(path, "exercises") for path in baseline])
    new = worse(found, expected)
    if not as_json:
        less = fewer(documents.exercises(found), expected)
        print_lines(["worse than the baseline:", *(new or ["nothing"])])
        print_lines(["passed there, skipped or absent here:", *(less or ["nothing"])])
    raise typer.Exit(1 if new or any(v.problem for v in verdicts) else 0)


def _in_short(verdict: Verdict) -> str:
    result = "passed" if verdict.passed else "FAILED"
    return f"{verdict.requested} on {verdict.machine.cpu}: {result}"


@app.command()
def demo(as_json: Json = False) -> None:
    """Fetch Linux 6.12, convert it, build one image, boot it at every page size."""
    result = anypage.demo(progress=progress)
    verdicts = list(result.boots)
    if as_json:
        image = documents.image(result.build.image, verdicts)
        converted = documents.conversion(result.conversion) if result.conversion else None
        print_json(
            {
                "tree": str(result.tree),
                "conversion": converted,
                "image": image,
                "boots": [v.as_json() for v in verdicts],
                "passed": result.passed,
            }
        )
    else:
        if result.conversion:
            out.print(terminal.conversion(result.conversion))
        print_lines([f"image {result.build.image}", f"sha256 {result.build.sha256}"])
        out.print(terminal.boots(verdicts))
        print_lines(terminal.failures(verdicts))
        seconds = time.monotonic() - START
        verdict = "one image, every page size" if result.passed else "FAILED"
        print_lines([f"{verdict}; {seconds / 60:.1f} minutes"])
    raise typer.Exit(0 if result.passed else 1)


def main() -> None:
    """The entry point: an error is one line and exit 1. Ctrl-C is exit 130, by typer.

    Another signal is its number and 128. With each, what was started ends too.
    """
    end_with_groups()
    try:
        app()
    except AnypageError as error:
        err.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except BrokenPipeError:
        os._exit(1)
    except OSError as error:
        err.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
