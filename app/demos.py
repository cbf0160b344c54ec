"""Which live demos belong beside an answer, and one way to run them for all doors."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.types import DemoLink
from models import catalogue
from models.concept import Computed, Concept, Demo, Value

if TYPE_CHECKING:
    from app.answer import Answerer
    from app.composer.draft import Draft
    from indexer.index import Found


_one_at_a_time = threading.Lock()  # torch has one seed for all threads: two demos at once would not be deterministic


@dataclass(frozen=True)
class Calculation:
    """A question with numbers, answered by running a concept."""

    concept: Concept
    result: Computed
    cite: str


def demos_for(found: Found, draft: Draft, question: str) -> tuple[DemoLink, ...]:
    """At most three demos, best first, prefilled with the numbers of the question, then of the cited notes."""
    cited = [c.quote for c in draft.citations] if draft.answerable else []
    heard = {h.slug: h.score for h in found.heard}
    ranked = catalogue.ranked(question, [*(f"{c.heading} {c.quote}" for c in draft.citations), *cited], heard)
    return tuple(DemoLink(c.slug, c.title, catalogue.prefilled(c, question, *cited)) for c in ranked)


@dataclass(frozen=True)
class Ran:
    """A demo that was run: of which concept, with what values (those left at their defaults included).

    ``live``: whether the running system handed it what it shows.
    """

    concept: Concept
    params: Mapping[str, Value]
    demo: Demo
    live: bool


def run_demo(name: str, params: Mapping[str, Any] | None = None, *, question: str = "",
             answerer: Answerer | None = None) -> Ran:
    """Run a demo by slug or name.

    With the ``question`` of a reader and the ``answerer`` that answers it, a concept that opens up the running system shows
    it at work on that question (or on the one that ``params`` have in its place).

    Raises:
        ConceptError: no such concept, or a value out of bounds.
        PilgiError: see ``app.live.live_value``.
    """
    concept = catalogue.get(name)
    values = concept.check(params or {})
    live = None
    if concept.live and answerer is not None and question.strip():
        from app.live import live_value  # it needs all that answers; most demos need none of it

        typed = values.get(_QUESTION, concept.defaults().get(_QUESTION))
        live = live_value(answerer, concept, question if typed == concept.defaults().get(_QUESTION) else str(typed))
        values = _asking(concept, values, question) if live is not None else values
    with _one_at_a_time:
        return Ran(concept, {**concept.defaults(), **values}, concept.run(values, live=live), live is not None)


_QUESTION = "question"  # the control of a concept that is run over a question


def _asking(concept: Concept, params: dict[str, Value], question: str) -> dict[str, Value]:
    """``params`` with the reader's question in the control for one, where it holds its default and the question fits in."""
    control = next((c for c in concept.controls if c.name == _QUESTION), None)
    if control is None or params.get(_QUESTION, control.default) != control.default:
        return params
    fits = 0 < len(question.strip()) <= control.max_length
    return {**params, _QUESTION: question.strip()} if fits else params


def calculate(question: str) -> Calculation | None:
    """Answer a question with numbers by running the concept that it asks for; None where it asks for nothing of the kind."""
    named = catalogue.find(question)
    order = [*named, *(c for c in catalogue.concepts().values() if c not in named)]
    for concept in order:
        for computation in concept.computations:
            arguments = computation.parse(question)
            if arguments is not None:
                return Calculation(concept, computation.run(**arguments), computation.cite)
    return None
