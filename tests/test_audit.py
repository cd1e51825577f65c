# SPDX-License-Identifier: GPL-2.0-only
"""audit: what a tree, a part of it, or a change to it holds."""

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from kernel import small_tree
from test_cli import anypage as command

import anypage
from anypage.audit import find
from anypage.change import after
from anypage.errors import AnypageError
from anypage.findings import Finding
from anypage.repo import Repo
from anypage.report import sarif, terminal
from anypage.rules import discover

DRIVER = "drivers/net/one.c"
BUFFER = "static char buffer[PAGE_SIZE];\n"
SCHEMA = json.loads((Path(__file__).parent / "data" / "sarif-2.1.0.json").read_text())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small kernel tree in a git repository."""
    path = small_tree(tmp_path / "linux")
    repo = Repo(path)
    repo.git("init", "--quiet")
    commit(repo, "start")
    return path


def commit(repo: Repo, message: str) -> None:
    repo.git("add", "--all")
    repo.git("commit", "--quiet", "-m", message)


def patch(tree: Path, path: str, text: str) -> bytes:
    """The git diff that puts text into a file; the tree is as it was afterwards."""
    repo, old = Repo(tree), (tree / path).read_bytes() if (tree / path).exists() else None
    (tree / path).write_text(text)
    repo.git("add", "--all")
    diff = repo.output("diff", "--cached")
    if old is None:
        (tree / path).unlink()
    else:
        (tree / path).write_bytes(old)
    repo.git("add", "--all")
    return diff


def audit(tree: Path, paths: tuple[str, ...] | list[str] = (), **options: Any) -> list[Finding]:
    return anypage.audit(tree, paths, **options).findings


def places(findings: list[Finding]) -> list[tuple[str, int]]:
    return [(f.path, f.line) for f in findings]


def test_a_tree_or_a_part_of_it(tree: Path) -> None:
    assert places(audit(tree)) == [(DRIVER, 3), ("mm/memory.c", 3)]
    assert places(audit(tree, ["mm"])) == [("mm/memory.c", 3)]
    assert places(audit(tree, [DRIVER, "mm/"])) == places(audit(tree)) == places(audit(tree, ["."]))
    with pytest.raises(AnypageError, match="nothing to audit there"):
        audit(tree, ["sound"])


def test_a_finding_says_where_and_why(tree: Path) -> None:
    (tree / DRIVER).write_text("#include <linux/mm.h>\nint a[BUFFERS];\n")
    found = audit(tree, [DRIVER])[0].as_json()
    assert list(found) == [
        *("path", "line", "column", "rule", "severity", "expression", "via", "reason", "fix")
    ]
    assert (found["line"], found["column"], found["rule"]) == (2, 7, "storage")
    assert found["via"] == ("BUFFERS", "PAGE_SIZE")


def test_only_what_a_patch_adds(tree: Path) -> None:
    text = (tree / DRIVER).read_text()
    # Of two equal lines, the new one.
    assert places(audit(tree, patch=patch(tree, DRIVER, text + text.splitlines(True)[-1]))) == [
        (DRIVER, 4)
    ]
    assert places(audit(tree, patch=patch(tree, DRIVER, BUFFER + text))) == [(DRIVER, 1)]
    # Harmless; moved; taken away; touched without a change to what it says.
    for new in (
        text + "static char a[4];\n",
        text[text.index("static") :] + "\n" + text[: text.index("static")],
        "",
        text.replace("static char two", "static  char two"),
    ):
        assert not audit(tree, patch=patch(tree, DRIVER, new))


def test_a_patch_that_moves_a_file_adds_nothing(tree: Path) -> None:
    repo = Repo(tree)
    repo.git("mv", DRIVER, "drivers/net/two.c")
    diff = repo.output("diff", "--cached", "-M")
    repo.git("mv", "drivers/net/two.c", DRIVER)
    assert b"rename to" in diff
    assert not audit(tree, patch=diff)


def test_a_macro_that_a_patch_changes_reaches_other_files(tree: Path) -> None:
    (tree / "include/linux/x.h").write_text("#define ENTRIES 16\n")
    (tree / DRIVER).write_text("#include <linux/x.h>\nint a[ENTRIES];\n")
    commit(Repo(tree), "x")
    diff = patch(tree, "include/linux/x.h", "#define ENTRIES (PAGE_SIZE / 64)\n")
    assert places(audit(tree, patch=diff)) == [(DRIVER, 2)]


def test_mails_with_a_cover_letter(tree: Path) -> None:
    repo = Repo(tree)
    for number in (1, 2):
        (tree / f"drivers/net/new{number}.c").write_text(f"\n{BUFFER}")
        commit(repo, f"net: new {number}")
    mails = repo.output("format-patch", "--stdout", "--cover-letter", "HEAD~2")
    repo.git("reset", "--quiet", "--hard", "HEAD~2")
    found = audit(tree, patch=mails)
    assert places(found) == [("drivers/net/new1.c", 2), ("drivers/net/new2.c", 2)]
    assert not repo.git("status", "--porcelain")


def test_only_what_the_work_tree_adds(tree: Path) -> None:
    assert not audit(tree, diff="HEAD")
    with (tree / DRIVER).open("a") as file:
        file.write(BUFFER)
    assert places(audit(tree, diff="HEAD")) == [(DRIVER, 4)]
    for revision in ("nonsense", "--output=x"):
        with pytest.raises(AnypageError, match="no such revision"):
            audit(tree, diff=revision)


@pytest.mark.parametrize("path", ["../outside.c", "/etc/outside.c", ".git/config", "link/x.c"])
def test_a_patch_cannot_leave_the_tree(tree: Path, tmp_path: Path, path: str) -> None:
    secret = tmp_path / "outside.c"
    secret.write_text("int secret;\n")
    (tree / "link").symlink_to(tmp_path)
    old, new = (f"a/{path}", f"b/{path}")
    diff = f"--- {old}\n+++ {new}\n@@ -1 +1 @@\n-int secret;\n+{BUFFER}"
    with pytest.raises(AnypageError, match="does not apply"):
        after(tree, diff.encode(), "a patch")
    assert secret.read_text() == "int secret;\n"


def test_a_link_that_a_patch_makes_is_not_followed(tree: Path) -> None:
    diff = (
        b"diff --git a/mm/link.c b/mm/link.c\nnew file mode 120000\n--- /dev/null\n"
        b"+++ b/mm/link.c\n@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n"
    )
    assert after(tree, diff, "a patch") == {}


def test_a_comment_marks_what_is_known(tree: Path) -> None:
    for mark, left in [
        ("// anypage: ignore\n", 0),
        ("/* anypage: ignore[alignment, storage] why */\n", 0),
        ("/* anypage: ignore[alignment] */\n", 1),
        ("// anypage: ignore\n\n", 1),
    ]:
        (tree / DRIVER).write_text(mark + BUFFER)
        assert len(audit(tree, [DRIVER])) == left


def test_exit_codes_and_reports(tree: Path, tmp_path: Path) -> None:
    report, log = tmp_path / "report.json", tmp_path / "log.sarif"
    done = command("audit", str(tree), "--json", "-")
    assert done.returncode == 1
    assert [f["path"] for f in json.loads(done.stdout)] == [DRIVER, "mm/memory.c"]

    done = command("audit", str(tree), "--json", str(report), "--sarif", str(log))
    assert "2 places in 2 files" in done.stdout
    assert f"{DRIVER}:3:17: storage: 2 * PAGE_SIZE" in done.stdout
    assert len(json.loads(log.read_text())["runs"][0]["results"]) == 2

    (tree / DRIVER).write_text("\n\n" + (tree / DRIVER).read_text())  # lines have moved
    assert command("audit", str(tree), "--baseline", str(report)).returncode == 0

    for wrong in (["/nonexistent"], [str(tree), "--patch", "x"], [str(tree), "--baseline", "x"]):
        done = command("audit", *wrong)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")


def test_sarif_follows_its_schema(tree: Path) -> None:
    (tree / "mm/a b<.c").write_text(BUFFER)
    log = sarif.log(audit(tree))
    jsonschema.Draft4Validator(SCHEMA).validate(log)
    location = log["runs"][0]["results"][1]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "mm/a%20b%3C.c"


def test_many_places_are_counted(tree: Path) -> None:
    (tree / "mm/many.c").write_text("static int a0[PAGE_SIZE];\n" * 50)
    lines = terminal.findings(audit(tree))
    assert lines[0] == "mm: 51 storage"
    assert not any("many.c" in line for line in lines)
    assert sum("many.c" in line for line in terminal.findings(audit(tree), long=True)) == 50


def test_every_class_is_explained() -> None:
    for rule in discover():
        text = command("explain", rule.ID).stdout
        assert rule.EXPLANATION.splitlines()[0] in text
        assert "  becomes" in text or "  is reported" in text
    assert command("explain", "nonsense").returncode == 1


def test_nothing_in_a_tree_stops_it(tree: Path) -> None:
    hard = {
        "latin.c": b"/* \xe4\xff */\n" + BUFFER.encode(),
        "crlf.c": b"#include <linux/mm.h>\r\nstatic char a[PAGE_SIZE];\r\n",
        "nul.c": b"\0\0\0" + BUFFER.encode(),
        "braces.c": b"void f(void) {{{{ ((( [[[ \n#if\n#else\n#else\n#endif\n#endif\n" * 9,
        "quotes.c": b"char *a = \"PAGE_SIZE\n'\n/* static char b[PAGE_SIZE];",
        "loop.c": b"#define A B(A)\n#define B(x) A PAGE_SIZE\nint a[A];\nint b[B(B)];\n",
        "long.c": b"int a[" + b"(" * 20_000 + b"PAGE_SIZE" + b")" * 20_000 + b"];\n",
    }
    for name, text in hard.items():
        (tree / "mm" / name).write_bytes(text)
    (tree / "mm/self.c").symlink_to("self.c")
    (tree / "mm/folder.c").mkdir()
    found = {f.path for f in audit(tree)}
    assert {"mm/latin.c", "mm/crlf.c", "mm/nul.c"} <= found
    assert "mm/quotes.c" not in found


def test_git_is_not_needed(tmp_path: Path) -> None:
    tree = small_tree(tmp_path / "plain")
    assert len(audit(tree)) == 2
    with pytest.raises(AnypageError, match="not a git repository"):
        audit(tree, diff="HEAD")
    assert subprocess.run(
        ["git", "-C", tree, "status"], capture_output=True, check=False
    ).returncode


def test_a_module_outside_of_the_tree(tree: Path, tmp_path: Path) -> None:
    module = tmp_path / "module"
    (module / "src").mkdir(parents=True)
    (module / "own.h").write_text("#define ROOM (2 * BUFFERS)\n")
    (module / "src/main.c").write_text('#include <linux/mm.h>\n#include "../own.h"\nint a[ROOM];\n')
    found = anypage.audit_module(module, tree).findings
    assert [(f.path, f.line, f.via) for f in found] == [
        ("src/main.c", 3, ("ROOM", "BUFFERS", "PAGE_SIZE"))
    ]
    assert anypage.audit_module(module / "own.h", tree).findings == []
    assert command("audit", str(module), "--kernel", str(tree)).returncode == 1
    assert command("audit", str(module), "--kernel", str(module)).returncode == 2
    assert command("audit", str(module), "mm", "--kernel", str(tree)).returncode == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnypageError, match="no C file there"):
        anypage.audit_module(tmp_path / "empty", tree)


def test_what_compiles_and_lies_is_suspect(tree: Path) -> None:
    (tree / DRIVER).write_text("void f(void)\n{\n\tx = page_to_pfn(p) << 12;\n}\n")
    (found,) = audit(tree, [DRIVER])
    assert (found.rule, found.severity, found.line) == ("hard-coded", "suspect", 3)
    assert command("audit", str(tree), DRIVER).stdout.count("suspect: hard-coded") == 1


def test_what_is_only_slow_is_converted_and_not_reported(tree: Path) -> None:
    asserted = "BUILD_BUG_ON(BYTES > 4 * (BYTES / PAGE_SIZE));"
    (tree / DRIVER).write_text(f"void f(void)\n{{\n\tn = len / PAGE_SIZE;\n\t{asserted}\n}}\n")
    assert [(f.rule, f.line) for f in audit(tree, [DRIVER])] == [("assertion", 4)]
    found = [(f.rule, f.line) for f in find(tree, jobs=1) if f.path == DRIVER]
    assert ("operation", 3) in found
    assert ("assertion", 4) in found


def test_other_architectures_when_they_are_named(tree: Path) -> None:
    (tree / "arch/x86/include/asm").mkdir(parents=True)
    (tree / "arch/x86/include/asm/x.h").write_text("#define ROOM (2 * PAGE_SIZE)\n")
    (tree / "arch/x86/x.c").write_text("#include <asm/x.h>\nint a[ROOM];\n")
    before = places(audit(tree))
    assert places(audit(tree, archs=["x86"])) == [("arch/x86/x.c", 2), *before]
    assert places(audit(tree)) == before
    with pytest.raises(AnypageError, match="no architecture 'vax'"):
        audit(tree, archs=["vax"])
