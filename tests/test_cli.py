# SPDX-License-Identifier: GPL-2.0-only
"""The command line: one clear line for wrong input, and JSON for programs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from kernel import small_tree

from anypage.report.terminal import printable


def anypage(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    command = [sys.executable, "-m", "anypage.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    ["doctor", "fetch", "audit", "oracle", "convert", "build", "boot", "identity", "demo"],
)
def test_every_command_has_help_and_json(command: str) -> None:
    done = anypage(command, "--help")
    assert done.returncode == 0
    assert "--json" in done.stdout


def test_wrong_input_is_one_line_and_exit_1(tmp_path: Path) -> None:
    output = str(tmp_path / "out")
    old = small_tree(tmp_path / "old", patchlevel=6)
    for source, said in [
        (str(tmp_path), "not a Linux kernel tree"),
        (str(old), "supported are 6.12.y"),
        ("nonsense", "no folder, tarball, git URL or supported series"),
    ]:
        done = anypage("convert", source, "--output", output)
        errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        assert done.returncode == 1
        assert len(errors) == 1
        assert said in errors[0]
        assert not Path(output).exists()


def test_doctor_lists_its_needs_as_json() -> None:
    needs = json.loads(anypage("doctor", "--json").stdout)
    assert {"name", "why", "package", "found"} == set(needs[0])


def test_a_missing_image_is_said(tmp_path: Path) -> None:
    done = anypage("boot", str(tmp_path / "Image"))
    assert done.returncode == 1
    assert "cannot read the image" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--firmware", "uefi"), "'uefi' is neither none nor efi: use none, efi or none,efi"),
        (("--kaslr", "yes"), "'yes' is neither on nor off"),
        (("--smp", "1,a"), "'a' is no number"),
        (("--baseline", "x.json"), "--baseline compares exercises"),
    ],
)
def test_a_value_that_makes_no_sense_is_said(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    done = anypage("boot", str(tmp_path / "Image"), *options)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {said}")


def test_what_steers_a_terminal_is_not_printed() -> None:
    assert printable("a\tb\x1b[2Jc\x07") == "a\tb\ufffd[2Jc\ufffd"
