# SPDX-License-Identifier: GPL-2.0-only
"""The compiler as the judge of the audit."""

from pathlib import Path

import pytest

from anypage.audit import audit
from anypage.errors import AnypageError
from anypage.findings import Finding
from anypage.oracle import Complaint, Truth, _Judge, oracle
from anypage.oracle.agreement import agreement, explanation
from anypage.oracle.recording import Recording, Unit

MADE = {
    "block/a.c": "static char a[2 *\n\tPAGE_SIZE];\nstatic int b = LIMIT;\n",
    "block/a.h": "#define LIMIT (PAGE_SIZE / 2)\n",
}


def made(tmp_path: Path, complaints: tuple[Complaint, ...]) -> Truth:
    for path, text in MADE.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    recording = Recording(tmp_path, tmp_path, "arm64", "gcc")
    return Truth(recording, complaints, (), {}, dict.fromkeys(MADE, "block/a.c"))


def found(path: str, line: int, column: int, expression: str) -> Finding:
    return Finding(path, line, column, "storage", expression, (), "", "")


def test_a_line_of_the_expression_or_of_a_macro_on_the_way_agrees(tmp_path: Path) -> None:
    array = Complaint("block/a.c", 2, "variably modified", (("block/a.c", 2),))
    value = Complaint("block/a.c", 3, "not constant", (("block/a.h", 1), ("block/a.c", 3)))
    truth = made(tmp_path, (array, value))
    findings = [found("block/a.c", 1, 15, "2 * PAGE_SIZE"), found("block/a.h", 1, 15, "PAGE_SIZE")]
    result = agreement(truth, findings)
    assert (result.recall, result.precision) == (1.0, 1.0)
    assert agreement(truth, findings[:1]).missed == (value,)
    assert agreement(truth, findings[1:]).recall == 0.5


def test_code_of_another_architecture_is_no_place(tmp_path: Path) -> None:
    path = "arch/x86/include/asm/a.h"
    other = Complaint(path, 7, "variably modified", ((path, 7), ("block/a.h", 1)))
    truth = made(tmp_path, (other,))
    result = agreement(truth, [found("block/a.h", 1, 15, "PAGE_SIZE")])
    assert (result.places, result.missed, result.elsewhere) == ((), (), 1)
    assert result.confirmed == 1


def test_what_is_not_known_is_an_error(pristine: Path) -> None:
    with pytest.raises(AnypageError, match="no oracle for the architecture 'vax'"):
        oracle(pristine, arch="vax")
    with pytest.raises(AnypageError, match="not in the tree"):
        oracle(pristine, ["../elsewhere"])


def test_a_cached_answer_holds_for_the_same_tree_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    verdicts = []
    for name in ("one", "two"):
        tree, folder = tmp_path / name / "tree", tmp_path / name / "build"
        (tree / "block").mkdir(parents=True)
        (tree / "block/a.c").write_text("int size;\nstatic char a[size];\n")
        (folder / "objects/include/config").mkdir(parents=True)
        (folder / "objects/include/config/auto.conf").touch()
        recording = Recording(tree, folder, "arm64", "gcc")
        judge = _Judge(recording, {"headers": {}, "config": {}}, {"block/a.c": "content"})
        verdicts.append(judge.verdict(Unit("block/a.c", (f"-I{tree}/include",))))
    assert [(c.path, c.line) for c in verdicts[0].complaints] == [("block/a.c", 2)]
    assert verdicts[1] == verdicts[0]
    assert len(list((tmp_path / "cache/anypage/oracle/results").iterdir())) == 1


@pytest.mark.slow
def test_audit_and_compiler_agree_on_a_part_of_the_kernel(pristine: Path) -> None:
    truth = oracle(pristine, ["block", "ipc"], config="defconfig")
    result = agreement(truth, audit(pristine).findings)
    assert len(truth.units) > 20
    assert len(result.places) > 20
    assert result.recall >= 0.97
    assert result.confirmed > 25
    assert [f for f in result.unconfirmed if not explanation(f)] == []

    half = [f for f in audit(pristine).findings if f.rule != "storage"]
    assert agreement(truth, half).recall < 0.97
