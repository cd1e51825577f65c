# SPDX-License-Identifier: GPL-2.0-only
"""The page of an audit, as a browser shows it."""

import html
import re
from pathlib import Path

import browser

from anypage.findings import Finding
from anypage.report.html import page

EVIL = "</script><script>alert('x')</script><img src=x onerror=alert(1)>"
FOUND = [
    Finding("fs/a.c", 2, 7, "storage", "2 * PAGE_SIZE", ("PAGE_SIZE",), "a bound", "the limit"),
    Finding("fs/b.c", 1, 1, "alignment", EVIL, ("A", "PAGE_SIZE"), EVIL, EVIL),
    Finding("mm/c.c", 1, 1, "hard-coded", "<< 12", (), "why", "fix", severity="suspect"),
]
TEXTS = {
    "fs/a.c": [b"/* one */", b"int a[2 * PAGE_SIZE];", b"/* three */"],
    "fs/b.c": [EVIL.encode()],
    "mm/c.c": [b"\xff" * 1000],
}
# What a user does, before the browser prints what it shows.
CLICK = "<script>document.querySelectorAll('th button')[1].click();</script>"
SEARCH = """<script>
search.value = "B.C"; search.dispatchEvent(new Event("input"));
</script>"""
SELECT = """<script>
rule.value = "storage"; rule.dispatchEvent(new Event("change"));
</script>"""


def shown(tmp_path: Path, found: list[Finding], action: str = "") -> tuple[str, str]:
    return browser.shown(tmp_path, page(found, TEXTS.__getitem__), action)


def places(document: str) -> list[str]:
    rows = document[document.index('id="rows"') : document.index('id="findings"')]
    return re.findall(r"<td><code>([^<]*)</code>", rows)


def test_a_browser_shows_a_treemap_and_a_table(tmp_path: Path) -> None:
    document, console = shown(tmp_path, FOUND)
    assert console == ""
    assert places(document) == ["fs/a.c:2:7", "fs/b.c:1:1", "mm/c.c:1:1"]
    assert "3 of 3 places, in 3 files" in document
    boxes = re.findall(r'<g class="slice', document)
    assert len(boxes) >= 5  # fs, mm, and a class in each of their three files
    assert '<div class="here">2  int a[2 * PAGE_SIZE];</div>' in document
    assert "hard-coded (suspect)" in document


def test_what_a_tree_says_is_text(tmp_path: Path) -> None:
    document, console = shown(tmp_path, FOUND)
    assert console == ""
    assert "<img" not in document
    assert html.escape(EVIL, quote=False) in document


def test_sort_search_and_select(tmp_path: Path) -> None:
    assert places(shown(tmp_path, FOUND, CLICK)[0]) == ["fs/b.c:1:1", "mm/c.c:1:1", "fs/a.c:2:7"]
    assert places(shown(tmp_path, FOUND, SEARCH)[0]) == ["fs/b.c:1:1"]
    assert places(shown(tmp_path, FOUND, SELECT)[0]) == ["fs/a.c:2:7"]


def test_nothing_found_is_a_page_too(tmp_path: Path) -> None:
    document, console = shown(tmp_path, [])
    assert console == ""
    assert "0 of 0 places" in document


def test_the_page_needs_nothing_else() -> None:
    text = page(FOUND, TEXTS.__getitem__)
    assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=", text)
