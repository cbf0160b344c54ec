"""A heading over what would be unclear without it: sentences that do not name what the question asks about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.composer.prose import title
from app.composer.units import Unit
from app.composer.words import fold, named
from indexer.index import Found

_LONGEST = 50  # characters
_WORD = re.compile(r"[가-힣]{2,}|[a-z]{2,}\d*")
_DEEPEST = 2  # headings: the section's and that of what it belongs to


def label_of(run: Sequence[Unit], found: Found, *, naming: bool) -> str:
    """The nearest heading that says what the units do not; empty where none is needed.

    A heading is shown that names a term of the question; with ``naming`` (the question describes a thing and asks for its
    name), any. Headings nest badly in real notes, so that others would mislead.
    """
    text = fold(" ".join(unit.text for unit in run))
    titles = dict.fromkeys(title(heading) for heading in run[0].chunk.heading[-_DEEPEST:])
    silent = [t for t in titles if _words(t) and not any(word in text for word in _words(t))]
    if not naming:
        names = [re.compile(named(name)) for token in found.query.terms for name in found.terms.row(token)]
        silent = [t for t in silent if any(name.search(fold(t)) for name in names)][-1:]
    label = " > ".join(silent)
    return label if len(label) <= _LONGEST else ""


def _words(text: str) -> list[str]:
    return _WORD.findall(fold(text))
