# SPDX-License-Identifier: GPL-2.0-only
"""Reads kernel text (C, preprocessor lines, Kconfig) with exact byte ranges."""
