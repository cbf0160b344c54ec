"""A comparison side by side: for each of the two things the sentence that says what it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.composer.scores import definition_of_names
from app.composer.units import Unit
from app.composer.words import fold
from indexer.index import Found

_PAIR = re.compile(r"([\w.()+\-]+?)(?:이랑|랑|하고|와|과|,|\s+vs\.?|\s+및)\s+([\w.()+\-]+?)(?:의|은|는|이|가|을|를|\s|$)", re.IGNORECASE)
_SENTENCES = ("paragraph", "list", "quote")


def side_by_side(units: Sequence[Unit], scores: Sequence[float], found: Found) -> list[int]:
    """The places in ``units`` of the two sentences; none where one of the things is not said for itself."""
    out: list[int] = []
    for names in _compared(found):
        defines = definition_of_names(names)
        told = [i for i, unit in enumerate(units) if unit.kind in _SENTENCES and i not in out and defines.match(fold(unit.text))]
        if told:
            out.append(max(told, key=lambda i: scores[i]))
    return out if len(out) == 2 else []


def _compared(found: Found) -> list[tuple[str, ...]]:
    """The names of the two things compared: two terms in the question, or the words around 와, 과, vs."""
    matches = found.terms.find(found.query.text)
    tokens = list(dict.fromkeys(match.token for match in sorted(matches, key=lambda match: match.start)))
    if len(tokens) >= 2:
        return [found.terms.row(token) for token in tokens[:2]]
    pair = _PAIR.search(found.query.text)
    return [(pair[1],), (pair[2],)] if pair else []
