# SPDX-License-Identifier: GPL-2.0-only
"""The one error that a user meets: what is wrong, where, and what to do."""


class AnypageError(Exception):
    """Something that the user can act on.

    what: one clause that says what is wrong; where: file, line or tool; remedy: what to do.
    """

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        remedy = f": {self.remedy}" if self.remedy else ""
        return f"{self.what}{place}{remedy}"
