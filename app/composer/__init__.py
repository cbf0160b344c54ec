"""The embedded answer, without a language model: the pieces of the notes that answer, put in order, each with its citation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.composer.asked import Asked, asked
from app.composer.draft import Draft, written
from app.composer.refusal import Refusal, refused
from app.composer.units import Unit, scored, units_of
from indexer.index import Found
from indexer.types import SearchResult

LENGTH = 560  # characters of an answer; one that needs no scrolling
_PASSAGES = 4


def compose(found: Found, results: Sequence[SearchResult]) -> Draft:
    """Answer from the passages, or say why not."""
    refusal = refused(found, results)
    if refusal is not None:
        return _refusal(refusal)
    form = asked(found.query.text)
    top = results[:_PASSAGES]
    units = units_of(top)
    weights = found.importance
    scores = scored(units, top, weights, form, found.terms)
    return written(_chosen(units, scores, form))


def _refusal(refusal: Refusal) -> Draft:
    near = "".join(f"\n- {heading}" for heading in refusal.near)
    text = refusal.reason + (f"\n\n가까운 내용:{near}" if near else "")
    return Draft(text, False, refusal.reason, ())


def _chosen(units: Sequence[Unit], scores: Sequence[float], form: Asked) -> list[Unit]:
    """The best unit, what belongs to it, then the next best, until the answer is long enough; in reading order."""
    chosen: dict[int, Unit] = {}
    length = 0
    seen: set[str] = set()

    def take(at: int) -> None:
        nonlocal length
        unit = units[at]
        key = re.sub(r"\W+", "", unit.text)
        if at in chosen or key in seen or (chosen and length + len(unit.text) > LENGTH):
            return
        seen.add(key)
        chosen[at] = unit
        length += len(unit.text) + 5

    order = sorted(range(len(units)), key=lambda i: -scores[i])
    for at in order:
        if length >= LENGTH * 0.9:
            break
        if chosen and scores[at] < 0.45 * scores[order[0]]:
            break
        take(at)
        if at in chosen:
            for other in _belonging(units, at):
                take(other)
    return [chosen[i] for i in sorted(chosen, key=lambda i: (units[i].rank, units[i].order))]


def _belonging(units: Sequence[Unit], at: int) -> list[int]:
    """The neighbours without which a unit says little: the sentence before a formula, the items after "다음과 같다"."""
    unit = units[at]

    def neighbour(step: int) -> int | None:
        other = at + step
        return other if 0 <= other < len(units) and units[other].rank == unit.rank else None

    out = []
    before, after = neighbour(-1), neighbour(1)
    if unit.kind in ("formula", "code", "table") and before is not None and units[before].kind in ("paragraph", "list", "heading"):
        out.append(before)
    introduces = re.search(r"(?:다음과\s?같|아래와\s?같|:\s*$|이다음|가지)", unit.text)
    if unit.kind == "heading" or introduces:
        step = 1
        while (other := neighbour(step)) is not None and step <= 6 and (step == 1 or units[other].kind == units[at + 1].kind):
            out.append(other)
            step += 1
    elif after is not None and unit.kind in ("paragraph", "list"):
        out.append(after)
    return out
