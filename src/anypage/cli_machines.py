# SPDX-License-Identifier: GPL-2.0-only
"""The machines that the lists of values in options stand for."""

import dataclasses
import itertools
from typing import Any

from anypage.boot import Machine
from anypage.errors import AnypageError

_SWITCHES = ("kaslr", "el2", "acpi")
_NUMBERS = ("smp", "nodes")


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
    words = text.split(",")
    if name in _SWITCHES:
        return [_switch(word) for word in words]
    return [int(word) for word in words] if name in _NUMBERS else words


def _switch(word: str) -> bool:
    if word not in ("on", "off"):
        raise AnypageError(f"'{word}' is neither on nor off", remedy="use on, off or on,off")
    return word == "on"
