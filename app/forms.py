"""A passage in the form that was asked for: a question for a formula is better answered where one stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from app.composer.asked import asked
from indexer.types import SearchResult

BONUS = 0.1  # of the best score; measured on development questions
_SIGNS = {
    "formula": re.compile(r"\$\$|\\frac|\\sum|\\begin\{|\$[^$\n]*=[^$\n]*\$|\b[A-Za-z]\([a-z]\)\s*="),
    "code": re.compile(r"```|~~~|\bimport \w|^ {4}\w+.*[=(]", re.MULTILINE),
}


def fitted(question: str, results: Sequence[SearchResult]) -> tuple[SearchResult, ...]:
    """The results in order again, those in the asked form raised a little."""
    sign = _SIGNS.get(asked(question).kind)
    if sign is None or not results:
        return tuple(results)
    bonus = BONUS * max(r.score for r in results)
    raised = [replace(r, score=r.score + bonus, parts={**r.parts, "form": 1.0}) if sign.search(r.chunk.text) else r for r in results]
    best = max(1.0, max(r.score for r in raised))
    return tuple(sorted((replace(r, score=r.score / best) for r in raised), key=lambda r: -r.score))
