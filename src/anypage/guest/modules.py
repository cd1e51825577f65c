# SPDX-License-Identifier: GPL-2.0-only
"""The modules of a kernel, as depmod lists them, and those of them that a guest gets."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

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

    def with_needs(self, names: Iterable[str]) -> list[Path]:
        """The files of modules and of what they need, in load order; unknown names are left out."""
        return [self.folder / file for file in self._closure(list(names))]

    def entries(self, names: Iterable[str]) -> Iterator[Entry]:
        """The same as modprobe finds them in the guest, with its tables cut down to them."""
        place = f"lib/modules/{self.folder.name}"
        files = self._closure(list(names))
        lines = (f"{file}: {' '.join(self.needs[file])}\n" for file in files)
        yield file_at(f"{place}/modules.dep", "".join(lines).encode())
        for name in _TABLES:
            if (self.folder / name).is_file():
                yield file_at(f"{place}/{name}", (self.folder / name).read_bytes())
        for file in files:
            yield file_at(f"{place}/{file}", (self.folder / file).read_bytes())

    def _closure(self, names: list[str]) -> list[str]:
        chosen: dict[str, None] = {}
        if any(_is_called(name, "vfat") for name in names):
            tables = [file for file in self.needs if Path(file).name.startswith("nls_")]
            chosen |= dict.fromkeys(tables)
        for name in names:
            for file in self.needs:
                if _is_called(file, name):
                    chosen |= dict.fromkeys([*reversed(self.needs[file]), file])
        return list(chosen)


def _is_called(file: str, name: str) -> bool:
    """The kernel's name of a file a-b.ko.xz is a_b."""
    return Path(file).name.split(".")[0].replace("-", "_") == name.replace("-", "_")
