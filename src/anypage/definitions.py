# SPDX-License-Identifier: GPL-2.0-only
"""The #defines behind names, as the file that uses them sees them."""

from anypage.source.macros import Definition, read_macros
from anypage.source_file import File
from anypage.vocabulary import all_defined, repetitions


def definitions(file: File, name: str) -> tuple[Definition, ...]:
    """Every #define of a name of the vocabulary in the one file that defines it.

    () for a seed, or when several files that this one includes define it.
    """
    files = file.names.definition_files(name)
    return in_file(file, files[0], name) if len(files) == 1 else ()


def visible(file: File, name: str) -> tuple[Definition, ...]:
    """Every #define of any macro in the first of the files that define it, as this one includes."""
    cache = file.names.visible
    if name not in cache:
        cache[name] = _find(file, name)
    return cache[name]


def in_file(file: File, path: str, name: str) -> tuple[Definition, ...]:
    """Every #define of name in the file at path."""
    cache = file.names.vocabulary.parsed
    if path not in cache:
        cache[path] = read_macros(path, file.read(path))
    return cache[path].get(name, ())


def _find(file: File, name: str) -> tuple[Definition, ...]:
    vocabulary = file.names.vocabulary
    for path in vocabulary.reach(file.path):
        if path in repetitions():
            continue
        if path not in vocabulary.defines:
            vocabulary.defines[path] = all_defined(file.read(path))
        if name in vocabulary.defines[path]:
            return in_file(file, path, name)
    return ()
