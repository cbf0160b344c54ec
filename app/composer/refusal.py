"""When the notes do not say: measured from how much of the question the best passages cover, and said with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.types import heading_line
from indexer import analyzer
from indexer.index import Found
from indexer.plain import plain
from indexer.types import SearchResult

NOTHING = "노트에서 이 질문과 관련된 내용을 찾지 못했습니다."
DOES_NOT_SAY = "관련된 노트는 있지만, 이 질문의 답은 적혀 있지 않습니다."


@dataclass(frozen=True)
class Refusal:
    """Why there is no answer, and the headings nearest to the question."""

    reason: str
    near: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """What speaks for an answer; every number in 0 … 1.

    ``coverage``: the part of the question's words, by importance, that the best passage holds. ``known``: the part that the
    notes hold at all. ``similarity``: cosine of question and best passage. ``reranked``: the reranker's score of the first
    passage. ``heard``: the probability of the clearest concept.
    """

    coverage: float
    known: float
    similarity: float
    reranked: float
    heard: float


def evidence(found: Found, results: Sequence[SearchResult]) -> Evidence:
    """Measure a search."""
    weights = found.importance
    total = sum(weights.values()) or 1.0
    passages = [set(analyzer.tokens(plain(r.chunk.searched), found.terms)) for r in results[:3]]
    coverage = max((sum(w for t, w in weights.items() if t in held) / total for held in passages), default=0.0)
    known = sum(w for t, w in weights.items() if t in found.vocabulary) / total
    return Evidence(coverage, known, found.similarity, max((r.parts.get("reranker", 0.0) for r in results[:3]), default=0.0),
                    max((h.score for h in found.heard), default=0.0))


def confidence(found: Found, results: Sequence[SearchResult]) -> float:
    """How much speaks for an answer, 0 … 1: what ``refused`` decides by, for the risk-coverage curve."""
    if not results:
        return 0.0
    seen = evidence(found, results)
    return min(1.0, max(seen.coverage, 0.9 * seen.heard) * (0.5 + 0.5 * seen.known))


def refused(found: Found, results: Sequence[SearchResult]) -> Refusal | None:
    """The refusal, where the evidence is too thin; None where there is an answer."""
    near = tuple(dict.fromkeys(f"{heading_line(r.chunk) or r.chunk.path} ({r.chunk.path})" for r in results[:3]))
    if not results:
        return Refusal(NOTHING, ())
    seen = evidence(found, results)
    if seen.known < 0.35 and seen.heard < 0.5:
        return Refusal(NOTHING, near)
    if seen.coverage < 0.4 and seen.heard < 0.4:
        return Refusal(DOES_NOT_SAY, near)
    return None
