"""The embedded answer, without a language model: the pieces of the notes that answer, put in order, each with its citation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.composer.asked import asked
from app.composer.choice import chosen
from app.composer.draft import Draft, Page
from app.composer.labels import label_of
from app.composer.refusal import Refusal, refused
from app.composer.scores import scored
from app.composer.sides import side_by_side
from app.composer.units import Unit, units_of
from indexer.index import Found
from indexer.types import SearchResult

_PASSAGES = 4
_ADDRESS = re.compile(r"\W*(?:\d+[.)]\s*)?(?:(?:https?://|www\.)\S+\s*)+")
_ASKS_WHERE = re.compile(r"링크|주소|사이트|출처|(?:참고|읽을|볼)\s?(?:자료|문헌|영상|글)|\burl\b", re.IGNORECASE)


def compose(found: Found, results: Sequence[SearchResult]) -> Draft:
    """Answer from the passages, or say why not."""
    refusal = refused(found, results)
    if refusal is not None:
        return _refusal(refusal)
    form = asked(found.query.text)
    top = results[:_PASSAGES]
    units = _telling(units_of(top), found.query.text)
    scores = scored(units, top, found, form)
    page = Page()
    pair = side_by_side(units, scores, found) if form.kind == "comparison" else []
    if pair:
        page.bullets([units[i] for i in pair])
    for run in chosen(units, scores, form, pair) or ([] if pair else [units]):  # nothing but headings
        page.label(label_of(run, found, naming=form.describes and not page.blocks))
        page.add(run)
    return page.draft()


def _telling(units: list[Unit], question: str) -> list[Unit]:
    """The units that say something: a bare address only where one is asked for, or where there is nothing else."""
    told = [u for u in units if not _ADDRESS.fullmatch(u.text)]
    return units if _ASKS_WHERE.search(question) or all(u.kind == "heading" for u in told) else told


def _refusal(refusal: Refusal) -> Draft:
    near = "".join(f"\n- {heading}" for heading in refusal.near)
    text = refusal.reason + (f"\n\n가까운 내용:{near}" if near else "")
    return Draft(text, False, refusal.reason, ())
