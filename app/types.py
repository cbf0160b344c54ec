"""The answer row and its parts: what all three doors return. Changing a field is a breaking change for other tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from indexer.types import Chunk, SearchResult


@dataclass(frozen=True)
class Citation:
    """Where a sentence of the answer stands: ``quote`` is a byte-exact substring of the file at those lines."""

    n: int
    path: str
    heading: str
    start_line: int
    end_line: int
    quote: str


@dataclass(frozen=True)
class Retrieved:
    """A passage that was found, after reranking; ``parts``: what each leg of the search gave it, scaled to 0 … 1."""

    path: str
    heading: str
    start_line: int
    end_line: int
    text: str
    score: float
    parts: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, result: SearchResult) -> Retrieved:
        """The passage of a search result."""
        chunk = result.chunk
        return cls(chunk.path, heading_line(chunk), chunk.start_line, chunk.end_line, chunk.text, round(result.score, 4),
                   dict(result.parts))


@dataclass(frozen=True)
class DemoLink:
    """A live demo that belongs beside the answer, with the numbers found for it."""

    slug: str
    title: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Turn:
    """One exchange of a conversation."""

    question: str
    answer: str


@dataclass(frozen=True)
class Answer:
    """The answer row.

    ``answer`` holds marks like [1] that point to ``citations``. ``refusal_reason`` is empty where ``answerable``.
    Beyond the contract: ``concepts`` (slugs heard in the question), ``rewritten`` (the question as searched, where the
    history or a typing slip changed it), ``notices`` (what the reader should know: a budget that ran out, a fallback),
    ``thoughts`` (a model's reasoning, never part of the answer).
    """

    id: str
    question: str
    answer: str
    answerable: bool
    refusal_reason: str
    citations: tuple[Citation, ...]
    retrieved: tuple[Retrieved, ...]
    demos: tuple[DemoLink, ...]
    model: str
    index_generation: str
    timing_ms: Mapping[str, float]
    concepts: tuple[str, ...] = ()
    rewritten: str = ""
    notices: tuple[str, ...] = ()
    thoughts: str = field(default="", repr=False)

    def as_row(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def heading_line(chunk: Chunk) -> str:
    """The heading path on one line."""
    return " > ".join(chunk.heading)
