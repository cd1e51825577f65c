# SPDX-License-Identifier: GPL-2.0-only
"""One arm64 Linux kernel image, any base page size."""
