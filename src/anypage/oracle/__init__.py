# SPDX-License-Identifier: GPL-2.0-only
"""The compiler as the judge: which places do not compile when the page size is no constant.

PAGE_SHIFT becomes a variable, in headers of our own that are found first, and the compiler checks
the syntax of every translation unit that names something of the vocabulary, of enough others to see
every header that does, and of a sample of the rest, where nothing should be. Build-time assertions,
which only an optimiser would judge, have to be constants there. A place is what the compiler
complains about, and every macro on the way to it.
"""

import gzip
import hashlib
import json
import os
import re
import subprocess
import tomllib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from anypage.cache import cache_dir, locked, whole_file
from anypage.errors import AnypageError
from anypage.index import Index
from anypage.oracle.recording import Recording, Unit, record
from anypage.process import run
from anypage.store import contents, open_index
from anypage.tree import KernelTree

# No other name of the kernel has a $.
VARIABLE = "anypage$page_shift"
_ASSERT = """\
#undef __compiletime_assert
#define __compiletime_assert(condition, msg, prefix, suffix) \\
	do { (void)__builtin_choose_expr(__builtin_choose_expr(%s, 1, !!(condition)), 0, 0); } while (0)
"""
# Most assertions have nothing to do with the page size, and their operands are no constants before
# an optimiser saw them; some are about a constant only if it is one (FIELD_PREP). An escaped $ is
# not found in the text of an assertion around this one.
_UNRELATED = (
    '__builtin_strcspn(#condition, "\\44") == sizeof(#condition) - 1'
    ' || !__builtin_strncmp(#condition, "!(__builtin_constant_p(", 23)'
)
# Where the tree and the build folder are: that does not count in a cached answer.
_TREE, _FOLDER = "@tree@", "@folder@"

# What may be no constant with any page size.
_DOUBTFUL = re.compile(r"__builtin_choose_expr|\[-Wvla\]")
_FLAGS = (
    "-fsyntax-only",
    "-fno-diagnostics-show-caret",
    "-fmax-errors=0",
    "-ftrack-macro-expansion=2",
    "-Wvla",
    "-Wundef",
)
_DIAGNOSTIC = re.compile(r"^([^\s:][^:\n]*):(\d+):\d+: (error|warning|note): (.*)$", re.MULTILINE)
_ABOUT = re.compile(
    r"not (?:an? )?(?:integer |compile-time )?constant|n't (?:an? )?(?:integer )?constant"
    r"|nonconstant|not computable|variably modified|variable.length|variable-sized"
    rf"|does not reduce to|must be a constant|poisoned|{re.escape(VARIABLE)}"
)
_ENUMERATOR = re.compile(r"enumerator value for '(\w+)'")
_SAMPLE = 50
_DERIVED = "'__must_be_array'"  # of an array whose bound is a complaint of its own
_EXPANSION = "in expansion of macro"

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Complaint:
    """A place that needs a constant: where it is used, and all places between there and the root.

    path, line: the outermost use of a macro, or the expression itself. chain: all of them.
    """

    path: str
    line: int
    message: str
    chain: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """What the compiler said.

    undecided: assertions that only an optimiser can judge, whatever the page size is. units: what
    was compiled, by source; headers: what that reads, with the source of a unit that does.
    sampled: how many of the units name nothing of the vocabulary.
    """

    recording: Recording
    complaints: tuple[Complaint, ...]
    undecided: tuple[Complaint, ...]
    units: Mapping[str, Unit]
    headers: Mapping[str, str]
    sampled: int = 0


@cache
def facts() -> Mapping[str, Any]:
    """facts/oracle.toml."""
    text = resources.files("anypage.facts").joinpath("oracle.toml").read_text()
    return tomllib.loads(text)


def oracle(
    tree: Path,
    paths: Sequence[str] = (),
    *,
    config: str = "allmodconfig",
    arch: str = "arm64",
    jobs: int = 2,
    progress: Callable[[str], None] = lambda stage: None,
) -> Truth:
    """Let the compiler judge a tree, or the folders at paths; what it said before is not asked.

    AnypageError for no kernel tree, an architecture that facts/oracle.toml does not have, a
    configuration that does not work.
    """
    source = KernelTree.open(tree)
    if arch not in facts()["arch"]:
        known = ", ".join(facts()["arch"])
        raise AnypageError(f"no oracle for the architecture '{arch}'", remedy=f"use {known}")
    about = {**facts()["arch"][arch], "paths": _folders(paths) or facts()["paths"]}
    index, save = open_index(source.path, jobs=jobs)
    save()
    keys = contents(source.path).keys
    with locked(cache_dir("oracle") / "lock"):
        what = [str(source.path), arch, *_folders(paths)]  # commands hold the path of the tree
        folder = _folder(keys, what, config, f"{about['cross_compile']}gcc")
        recording = record(
            source, folder, arch=arch, facts=about, config=config, jobs=jobs, progress=progress
        )
        judge = _Judge(recording, about, keys)
        affected = tuple(_affected(index, recording.units))
        return _judged(judge, affected, _sample(recording.units, affected), jobs, progress)


def _folders(paths: Sequence[str]) -> list[str]:
    """What is compiled to judge paths: folders of the tree, "." for all that facts/oracle.toml has.

    AnypageError for a path that leads out of the tree.
    """
    found = sorted({os.path.normpath(path) for path in paths})
    if any(path.startswith(("/", "..")) for path in found):
        raise AnypageError("not in the tree", where=" ".join(paths), remedy="name its folders")
    return [] if "." in found else found


def _folder(keys: Mapping[str, str], what: Sequence[str], config: str, compiler: str) -> Path:
    digest = hashlib.sha256(json.dumps(sorted(keys.items())).encode())
    text = Path(config).read_bytes() if Path(config).is_file() else config.encode()
    for part in ("\0".join(what).encode(), text, run([compiler, "--version"])):
        digest.update(b"\0" + part)
    return cache_dir("oracle", digest.hexdigest()[:20])


def _affected(index: Index, units: Sequence[Unit]) -> Iterator[Unit]:
    """Units with a word of the vocabulary, and for each header with one a unit that reads it."""
    headers = {path for path in index.found if path.endswith(".h") and _matters(index, path)}
    rest = []
    for unit in units:
        if _matters(index, unit.source):
            headers -= {*index.vocabulary.reach(unit.source)}
            yield unit
        else:
            rest.append(unit)
    for unit in rest:
        if not headers.isdisjoint(index.vocabulary.private_headers(unit.source)):
            headers -= {*index.vocabulary.reach(unit.source)}
            yield unit
    for unit in rest:
        if headers and not headers.isdisjoint(reached := index.vocabulary.reach(unit.source)):
            headers -= {*reached}
            yield unit


def _sample(units: Iterable[Unit], affected: Iterable[Unit]) -> tuple[Unit, ...]:
    """One of _SAMPLE of the other units, always the same ones."""
    known = {unit.source for unit in affected}
    others = (unit for unit in units if unit.source not in known)
    return tuple(u for u in others if zlib.crc32(u.source.encode()) % _SAMPLE == 0)


def _matters(index: Index, path: str) -> bool:
    names = index.vocabulary.scope(path)
    return any(w in names or w in index.extra for w in index.found.get(path, ()))


def _judged(
    judge: "_Judge",
    affected: Sequence[Unit],
    sample: Sequence[Unit],
    jobs: int,
    progress: Callable[[str], None],
) -> Truth:
    units = (*affected, *sample)
    complaints: set[Complaint] = set()
    undecided: set[Complaint] = set()
    headers: dict[str, str] = {}
    progress(f"judge {len(units)} of {len(judge.recording.units)} translation units")
    with ThreadPoolExecutor(jobs) as pool:
        for done, (unit, verdict) in enumerate(
            zip(units, pool.map(judge.verdict, units), strict=True), 1
        ):
            if not verdict.ran:
                progress(f"{unit.source}: the compiler did not get through")
            complaints.update(verdict.complaints)
            undecided.update(verdict.undecided)
            headers.update(dict.fromkeys(verdict.headers, unit.source))
            if done % 250 == 0:
                progress(f"{done} of {len(units)} judged")
    return Truth(
        judge.recording,
        tuple(sorted(complaints, key=_place)),
        tuple(sorted(undecided - complaints, key=_place)),
        {u.source: u for u in units},
        headers,
        len(sample),
    )


def _place(complaint: Complaint) -> tuple[str, int, str, tuple[Place, ...]]:
    return complaint.path, complaint.line, complaint.message, complaint.chain


@dataclass(frozen=True, slots=True)
class _Verdict:
    complaints: tuple[Complaint, ...]
    undecided: tuple[Complaint, ...]
    headers: frozenset[str]
    ran: bool


class _Judge:
    """Asks the compiler, or the cache; answers are found by the content of all that was read."""

    def __init__(
        self, recording: Recording, about: Mapping[str, Any], keys: Mapping[str, str]
    ) -> None:
        self.recording, self.keys = recording, keys
        self.results = cache_dir("oracle", "results")
        self.usual: dict[Complaint, bool] = {}  # of doubtful ones: no constant anyway?
        self.places = recording.folder / "headers"
        self.include = f"arch/{recording.arch}/include"
        self.replaced = frozenset(f"{self.include}/{name}" for name in about["headers"])
        self.first = [f"-I{self.places}", "-include", str(self.places / "anypage.h")]
        self._write_headers(about)
        self.digest = hashlib.sha256()
        for file in sorted(self.places.rglob("*.h")):
            self.digest.update(file.read_bytes().replace(str(recording.tree).encode(), b""))

    def verdict(self, unit: Unit) -> _Verdict:
        """What the compiler says of a unit, without assertions that no page size makes constant."""
        said = self._ask(unit, constant=False)
        complaints = _complaints(self._here(said["text"]), self.recording)
        doubtful = {c for c in complaints if _DOUBTFUL.search(c.message)}
        if not doubtful <= self.usual.keys():  # headers are read again and again
            constant = self._ask(unit, constant=True)["text"]
            usual = {*_complaints(self._here(constant), self.recording)}
            self.usual |= {complaint: complaint in usual for complaint in doubtful}
        undecided = [c for c in complaints if self.usual.get(c)]
        complaints = [c for c in complaints if not self.usual.get(c)]
        read = frozenset(path for path in said["read"] if not path.startswith("/"))
        read |= self.replaced
        return _Verdict(tuple(complaints), tuple(undecided), read, said["ran"])

    def _here(self, text: str) -> str:
        text = text.replace(_TREE, str(self.recording.tree))
        return text.replace(_FOLDER, str(self.recording.folder))

    def _anywhere(self, text: str) -> str:
        text = text.replace(str(self.recording.folder), _FOLDER)
        return text.replace(str(self.recording.tree), _TREE)

    def _write_headers(self, about: Mapping[str, Any]) -> None:
        """The headers that are found before those of the tree."""
        texts = {"anypage.h": self._first_header(about)}
        for name, names in about["headers"].items():
            original = self.recording.tree / self.include / name
            if original.is_file():
                text = original.read_text(errors="replace")
                texts[name] = f'#line 1 "{original}"\n' + _with_variables(text, names)
        texts["constant/anypage.h"] = _ASSERT % "0"
        for name, text in texts.items():
            (self.places / name).parent.mkdir(parents=True, exist_ok=True)
            (self.places / name).write_text(text)

    def _first_header(self, about: Mapping[str, Any]) -> str:
        configured = (self.recording.objects / "include/config/auto.conf").read_text()
        lines = [f"extern unsigned int {VARIABLE};"]
        for name, otherwise in about["config"].items():
            found = re.search(rf"^{name}=(\d+)$", configured, re.MULTILINE)
            if value := found[1] if found else otherwise:
                lines += [f"#undef {name}", f"#define {name} {_variable(value)}"]
        lines += [f"#define {name} {value}" for name, value in facts()["limits"].items()]
        for name in facts()["poison"]:
            lines += [f"#undef {name}", f"#pragma GCC poison {name}"]
        return "\n".join(lines) + "\n" + _ASSERT % _UNRELATED

    def _ask(self, unit: Unit, *, constant: bool) -> dict[str, Any]:
        first = ["-include", str(self.places / "constant/anypage.h")] if constant else self.first
        name = self._name(unit, constant)
        file = self.results / f"{name}.json.gz"
        try:
            known = dict(json.loads(gzip.decompress(file.read_bytes())))
            if known["content"] == self._content(known["read"]):
                return known
        except (OSError, ValueError, KeyError, EOFError):
            pass
        said = self._compile(unit, first, name)
        said["content"] = self._content(said["read"])
        if said["ran"]:
            with whole_file(file) as part:
                part.write_bytes(gzip.compress(json.dumps(said).encode(), 1))
        return said

    def _name(self, unit: Unit, constant: bool) -> str:
        digest = self.digest.copy()
        words = "\0".join([self.recording.compiler, unit.source, *unit.arguments])
        digest.update(repr((self._anywhere(words), constant, _FLAGS)).encode())
        return digest.hexdigest()[:32]

    def _content(self, read: Iterable[str]) -> str:
        """The content of files: of the tree (a path in it), or of the build folder (objects/)."""
        digest = hashlib.sha256()
        for path in read:
            digest.update(f"{path}\0{self.keys.get(path) or self._other(path)}\0".encode())
        return digest.hexdigest()

    @cache  # noqa: B019 - lives as long as a run of the oracle
    def _other(self, path: str) -> str:
        file = self.recording.objects / path.removeprefix("//")
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""

    def _compile(self, unit: Unit, first: Sequence[str], name: str) -> dict[str, Any]:
        listed = self.recording.folder / f"{name}.d"
        source = self.recording.tree / unit.source
        at = unit.arguments.index("-nostdinc") if "-nostdinc" in unit.arguments else 0
        flags = [word for word in first if word.startswith("-I")]
        rest = [word for word in first if not word.startswith("-I")]
        command = [self.recording.compiler, *unit.arguments[:at], *flags, *unit.arguments[at:]]
        command += [*rest, *_FLAGS, "-MD", "-MF", str(listed), str(source)]
        result = subprocess.run(
            command,
            cwd=self.recording.objects,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        read = sorted(self._relative(_files(listed)))
        listed.unlink(missing_ok=True)
        said = "\n".join(_wanted_lines(result.stderr))
        return {"text": self._anywhere(said), "read": read, "ran": unit.source in read}

    def _relative(self, files: Iterable[str]) -> Iterator[str]:
        tree = f"{self.recording.tree}/"
        for path in files:
            whole = os.path.normpath(self.recording.objects / path)
            if not whole.startswith(f"{self.places}/"):
                yield whole.removeprefix(tree) if whole.startswith(tree) else f"//{path}"


def _files(listed: Path) -> list[str]:
    """The prerequisites in a makefile that the compiler wrote."""
    try:
        text = listed.read_text(errors="replace")
    except OSError:
        return []
    return text.replace("\\\n", " ").partition(":")[2].split()


def _with_variables(text: str, names: Iterable[str]) -> str:
    """Every #define of names has its value, and is no constant."""
    for name in names:
        pattern = rf"(#\s*define\s+{name}\s+)(\S.*?)(\s*(?:/\*.*)?)$"
        text = re.sub(pattern, "\\1" + _variable("\\2") + "\\3", text, flags=re.MULTILINE)
    return text


def _variable(value: str) -> str:
    """No constant for the compiler; for the preprocessor it is the value, with a warning."""
    return f"({value} + {VARIABLE})"


def _wanted_lines(text: str) -> Iterator[str]:
    """Complaints that are about constants, with the notes on macros behind each."""
    wanted = False
    for match in _DIAGNOSTIC.finditer(text):
        if match[3] != "note":
            wanted = bool(_ABOUT.search(match[4]))
        if wanted and (match[3] != "note" or _EXPANSION in match[4]):
            yield match[0]


def _complaints(text: str, recording: Recording) -> list[Complaint]:
    groups: list[list[tuple[str, ...]]] = []
    for diagnostic in _DIAGNOSTIC.findall(text):
        if diagnostic[2] != "note":
            groups.append([])
        groups[-1].append(diagnostic)
    complaints = (_complaint(group, recording) for group in groups)
    return [complaint for complaint in complaints if complaint]


def _complaint(group: Sequence[tuple[str, ...]], recording: Recording) -> Complaint | None:
    """None for what follows from another complaint."""
    if any(_DERIVED in message for *_, message in group):
        return None
    chain = []
    for path, line, _, _ in group:
        whole = os.path.normpath(recording.objects / path)
        if not whole.startswith(f"{recording.folder}/"):
            chain.append((os.path.relpath(whole, recording.tree), int(line)))
    message = group[0][3]
    if chain and (enumerator := _ENUMERATOR.match(message)):
        chain[-1] = _line_of(recording, chain[-1], enumerator[1])
    return Complaint(*chain[-1], message, tuple(chain)) if chain else None


def _line_of(recording: Recording, place: Place, name: str) -> Place:
    """The compiler points behind the value: the last line up to there with the name."""
    lines = (recording.tree / place[0]).read_text(errors="replace").splitlines()[: place[1]]
    found = (n for n in range(len(lines), 0, -1) if re.search(rf"\b{name}\b", lines[n - 1]))
    return place[0], next(found, place[1])
