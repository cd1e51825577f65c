# SPDX-License-Identifier: GPL-2.0-only
"""The modules of a kernel, as depmod lists them, and those of them that a guest gets."""

import errno
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from anypage.errors import AnypageError
from anypage.guest.archive import Entry, file_at

# What modprobe reads besides modules.dep; modules.builtin says what needs no loading.
_TABLES = ("modules.alias", "modules.softdep", "modules.builtin", "modules.symbols")


@dataclass(frozen=True, slots=True)
class Modules:
    """folder is lib/modules/VERSION; needs: file -> what it needs, the deepest last."""

    folder: Path
    needs: Mapping[str, tuple[str, ...]]

    @classmethod
    def find(cls, above: Path) -> "Modules":
        """Those below a folder. AnypageError when modules.dep is missing."""
        tables = list(above.glob("**/modules.dep"))
        if not tables:
            raise AnypageError(
                "no modules.dep", where=str(above), remedy="run `make modules_install`"
            )
        rows = (line.partition(":") for line in tables[0].read_text().splitlines())
        return cls(tables[0].parent, {file: tuple(after.split()) for file, _, after in rows})

    def all(self) -> list[Path]:
        """The files of all modules, in load order."""
        return [self.folder / file for file in self._in_order(self.needs)]

    def entries(self, names: Iterable[str]) -> Iterator[Entry]:
        """These modules and what they need, as modprobe finds them; unknown names are left out."""
        place = f"lib/modules/{self.folder.name}"
        wanted = set(map(kernel_name, names))
        tables = {f for f in self.needs if "vfat" in wanted and Path(f).name.startswith("nls_")}
        files = self._in_order(f for f in self.needs if f in tables or kernel_name(f) in wanted)
        lines = (f"{file}: {' '.join(self.needs[file])}\n" for file in files)
        yield file_at(f"{place}/modules.dep", "".join(lines).encode())
        for name in _TABLES:
            if (self.folder / name).is_file():
                yield file_at(f"{place}/{name}", (self.folder / name).read_bytes())
        for file in files:
            yield file_at(f"{place}/{file}", (self.folder / file).read_bytes())

    def _in_order(self, files: Iterable[str]) -> list[str]:
        order: dict[str, None] = {}
        for file in files:
            # modules.dep lists what a module needs, and what that needs, the deepest last.
            order |= dict.fromkeys([*reversed(self.needs[file]), file])
        return list(order)


def kernel_name(file: str) -> str:
    """The kernel's name of a file a-b.ko.xz is a_b."""
    return Path(file).name.split(".")[0].replace("-", "_")


@cache
def special_modules() -> dict[str, dict[str, Any]]:
    """facts/modules.toml, by the kernel's name of a module."""
    text = resources.files("anypage.facts").joinpath("modules.toml").read_text()
    return tomllib.loads(text)


def order_line(file: Path) -> str:
    """How the guest loads a module: see guest/src/module.c."""
    facts = special_modules().get(kernel_name(file.name), {})
    error = getattr(errno, facts["refuses"]) if "refuses" in facts else 0
    stays = int(facts.get("stays", False))
    return f"{file.name} {error} {stays} {facts.get('parameters', '')}\n"
