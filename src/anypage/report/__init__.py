# SPDX-License-Identifier: GPL-2.0-only
"""How results look on a terminal."""
