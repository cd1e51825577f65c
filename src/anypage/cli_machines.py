# SPDX-License-Identifier: GPL-2.0-only
"""The machines that the lists of values in options stand for."""

import dataclasses
import itertools
from typing import Any

from anypage.boot import Machine
from anypage.errors import AnypageError

_NUMBERS = ("smp", "nodes")
_SWITCH = {"on": True, "off": False}
_WORDS: dict[str, dict[str, Any]] = {
    "kaslr": _SWITCH,
    "el2": _SWITCH,
    "acpi": _SWITCH,
    "firmware": {"none": "none", "efi": "efi"},
}


def combined(base: Machine, **lists: str) -> list[Machine]:
    """base with each combination of values; an empty list leaves what base has.

    lists: field of Machine -> values with commas between. AnypageError for what is no value.
    """
    choices = {name: _values(name, text) for name, text in lists.items() if text}
    return [
        dataclasses.replace(base, **dict(zip(choices, values, strict=True)))
        for values in itertools.product(*choices.values())
    ]


def _values(name: str, text: str) -> list[Any]:
    return [_value(name, word) for word in text.split(",")]


def _value(name: str, word: str) -> Any:
    if name in _NUMBERS:
        if not word.isdecimal():
            raise AnypageError(f"'{word}' is no number", remedy="use such as 1,2,4")
        return int(word)
    if name not in _WORDS:
        return word
    known = list(_WORDS[name])
    if word not in known:
        raise AnypageError(
            f"'{word}' is neither {' nor '.join(known)}",
            remedy=f"use {', '.join(known)} or {','.join(known)}",
        )
    return _WORDS[name][word]
