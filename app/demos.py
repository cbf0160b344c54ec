"""Which live demos belong beside an answer, and one way to run them for all doors."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.types import DemoLink
from models import catalogue
from models.concept import Computed, Concept, Demo

if TYPE_CHECKING:
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


def run_demo(name: str, params: Mapping[str, Any] | None = None, *, live: Any = None) -> Demo:
    """Run a demo by slug or name.

    Raises:
        ConceptError: no such concept, or a value out of bounds.
    """
    concept = catalogue.get(name)
    with _one_at_a_time:
        return concept.run(params, live=live)


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
