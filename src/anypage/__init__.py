# SPDX-License-Identifier: GPL-2.0-only
"""One arm64 Linux kernel image, any base page size."""

from anypage.audit import audit, audit_module
from anypage.boot import Machine, boot, full_matrix, jobs_of
from anypage.build import build
from anypage.convert import convert
from anypage.demo import demo
from anypage.doctor import needs
from anypage.errors import AnypageError
from anypage.exercise import exercise
from anypage.fetch import fetch
from anypage.measure import measure_images, measure_tree
from anypage.oracle import oracle

__all__ = [
    "AnypageError",
    "Machine",
    "audit",
    "audit_module",
    "boot",
    "build",
    "convert",
    "demo",
    "exercise",
    "fetch",
    "full_matrix",
    "jobs_of",
    "measure_images",
    "measure_tree",
    "needs",
    "oracle",
]
