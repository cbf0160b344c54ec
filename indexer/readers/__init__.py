"""One reader per format, found by a file's suffix.

A reader is a module of this package that defines ``SUFFIXES`` (lower case, with the dot) and
``read(raw: bytes, path: str) -> Parsed``; it raises :class:`indexer.errors.NoteError` when the file cannot be read.
Adding a format is adding such a file. Libraries that only one format needs are imported inside its ``read``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import PurePath
from types import MappingProxyType

from indexer.readers.parsed import Parsed

Read = Callable[[bytes, str], Parsed]


@cache
def readers() -> Mapping[str, Read]:
    """Return suffix -> read function, for every reader module of this package."""
    table: dict[str, Read] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for suffix in getattr(module, "SUFFIXES", ()):
            table[suffix] = module.read
    return MappingProxyType(table)


def reader_for(path: str) -> Read | None:
    """Return the reader of a file name, by its last suffix in any case; None where the suffix is no note's."""
    return readers().get(PurePath(path).suffix.lower())


__all__ = ["Parsed", "Read", "reader_for", "readers"]
