# SPDX-License-Identifier: GPL-2.0-only
"""Slow tests share one converted tree and its builds, in the cache of the user."""

from pathlib import Path

import pytest

from anypage.build import Build, build
from anypage.demo import converted
from anypage.fetch import fetch


@pytest.fixture(scope="session")
def pristine() -> Path:
    """Debian's Linux 6.12, as it is."""
    return fetch("6.12").path


@pytest.fixture(scope="session")
def tree() -> Path:
    """The same, converted."""
    return converted("6.12").path


@pytest.fixture(scope="session")
def image(tree: Path) -> Build:
    """The one image."""
    return build(tree, page_size="boot")


@pytest.fixture(scope="session", params=["patched", "variable"])
def seed_image(request: pytest.FixtureRequest, tree: Path) -> Build:
    """One image and modules of every subsystem; the page size by either strategy."""
    flavour = "+variable" if request.param == "variable" else ""
    return build(tree, page_size="boot", config=f"virt+seed{flavour}")
