"""The embedded answer, without a language model: the pieces of the notes that answer, put in order, each with its citation."""

from __future__ import annotations

from collections.abc import Sequence

from app.composer.asked import asked
from app.composer.choice import chosen
from app.composer.draft import Draft, Page
from app.composer.labels import label_of
from app.composer.refusal import Refusal, refused
from app.composer.scores import scored
from app.composer.sides import side_by_side
from app.composer.units import units_of
from indexer.index import Found
from indexer.types import SearchResult

_PASSAGES = 4


def compose(found: Found, results: Sequence[SearchResult]) -> Draft:
    """Answer from the passages, or say why not."""
    refusal = refused(found, results)
    if refusal is not None:
        return _refusal(refusal)
    form = asked(found.query.text)
    top = results[:_PASSAGES]
    units = units_of(top)
    scores = scored(units, top, found, form)
    page = Page()
    pair = side_by_side(units, scores, found) if form.kind == "comparison" else []
    if pair:
        page.bullets([units[i] for i in pair])
    for run in chosen(units, scores, form, pair) or ([] if pair else [units]):  # nothing but headings
        page.label(label_of(run, found, naming=form.describes and not page.blocks))
        page.add(run)
    return page.draft()


def _refusal(refusal: Refusal) -> Draft:
    near = "".join(f"\n- {heading}" for heading in refusal.near)
    text = refusal.reason + (f"\n\n가까운 내용:{near}" if near else "")
    return Draft(text, False, refusal.reason, ())
