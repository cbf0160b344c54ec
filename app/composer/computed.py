"""A question with numbers, answered by running the concept: the result, the way to it, and the formula cited from the notes."""

from __future__ import annotations

from collections.abc import Sequence

from app.composer.asked import Asked
from app.composer.draft import Draft, written
from app.composer.scores import scored
from app.composer.units import units_of
from app.demos import Calculation
from indexer.index import Found
from indexer.types import SearchResult

_PASSAGES = 3


def compose_computed(calculation: Calculation, found: Found, results: Sequence[SearchResult]) -> Draft:
    """``found`` and ``results``: a search for the formula (``calculation.cite``); without one the result stands uncited."""
    top = results[:_PASSAGES]
    units = units_of(top)
    scores = scored(units, top, found, Asked("formula"))
    # The notes' own formula where they have one; else the sentence that says most about it.
    order = sorted(range(len(units)), key=lambda i: (units[i].kind == "formula" and scores[i] > 0.8, scores[i]), reverse=True)
    basis = written([[units[order[0]]]]) if order else Draft("", True, "", ())
    result = calculation.result
    computed = f"**{result.value}**\n\n{result.steps}"
    if result.formula and result.formula not in result.steps:
        computed += f"\n\n{result.formula}"
    note = f"\n\n노트의 근거:\n\n{basis.answer}" if basis.answer else ""
    return Draft(computed + note, True, "", basis.citations)
