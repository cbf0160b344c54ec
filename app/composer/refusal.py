"""When the notes do not say: a small model of the evidence decides, and the refusal says why.

The weights were fitted by ``python -m tests.benchmarks.refusal`` on questions over the notes that ship, answerable and not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from app.types import heading_line
from indexer import analyzer
from indexer.index import Found
from indexer.korean import LATIN, split_latin
from indexer.plain import plain
from indexer.types import SearchResult

NOTHING = "노트에서 이 질문과 관련된 내용을 찾지 못했습니다."
DOES_NOT_SAY = "관련된 노트는 있지만, 이 질문의 답은 적혀 있지 않습니다."
UNKNOWN = "노트에 '{names}'에 관한 내용이 없습니다."

THRESHOLD = 0.15  # on development questions: answers 0.96 to 0.98 of the answerable, refuses 0.95 of those with a name
_BIAS = -3.85
_WEIGHTS = (4.77, -0.85, -0.15, 0.0, 3.72, 0.0, -2.75, 0.5)


@dataclass(frozen=True)
class Refusal:
    """Why there is no answer, and the headings nearest to the question."""

    reason: str
    near: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """What speaks for an answer; every number in 0 … 1.

    ``coverage``: the part of the question's words, by importance, that the best passage holds. ``known``: the part that the
    notes hold at all. ``similarity``: cosine of question and best passage. ``likeness``: the same, token by token. ``heard``: the probability of the clearest concept.
    ``lent``: the part of the primer's words, by weight, that the best passage holds.
    ``missing``: 1 where the question names something that stands nowhere in the notes. ``everyday``: 1 where it names nothing,
    so that few of its words can be expected in the notes.
    """

    coverage: float
    known: float
    similarity: float
    likeness: float
    heard: float
    lent: float
    missing: float
    everyday: float


def evidence(found: Found, results: Sequence[SearchResult]) -> Evidence:
    """Measure a search."""
    weights = found.importance
    total = sum(weights.values()) or 1.0
    passages = [set(analyzer.tokens(plain(r.chunk.searched), found.terms)) for r in results[:3]]
    coverage = max((sum(w for t, w in weights.items() if t in held) / total for held in passages), default=0.0)
    known = sum(w for t, w in weights.items() if t in found.vocabulary) / total
    lent = max((sum(w for t, w in found.lent.items() if t in held) for held in passages), default=0.0) / (sum(found.lent.values()) or 1.0)
    everyday = not found.query.terms and not LATIN.search(found.query.text)
    return Evidence(coverage, known, found.similarity, found.likeness, max((h.score for h in found.heard), default=0.0), lent,
                    float(bool(missing_names(found))), float(everyday))


def missing_names(found: Found) -> tuple[str, ...]:
    """Terms and Latin words of the question that stand nowhere in the notes, under none of their names."""
    text = found.query.text
    matches = found.terms.find(text)
    absent = [text[m.start : m.end] for m in matches if m.token not in found.vocabulary]
    for word in LATIN.finditer(text):
        inside = any(m.start <= word.start() and word.end() <= m.end for m in matches)
        if not inside and len(word[0]) > 1 and not any(t in found.vocabulary for t in split_latin(word[0])):
            absent.append(word[0])
    return tuple(dict.fromkeys(absent))


def confidence(found: Found, results: Sequence[SearchResult]) -> float:
    """The probability that the notes hold the answer: what ``refused`` decides by, for the risk-coverage curve."""
    return _probability(evidence(found, results)) if results else 0.0


def _probability(seen: Evidence) -> float:
    score = _BIAS + sum(w * x for w, x in zip(_WEIGHTS, astuple(seen), strict=True))
    return 1 / (1 + math.exp(-score))


def refused(found: Found, results: Sequence[SearchResult]) -> Refusal | None:
    """The refusal, where the evidence is too thin; None where there is an answer."""
    if not results:
        return Refusal(NOTHING, ())
    seen = evidence(found, results)
    if _probability(seen) >= THRESHOLD:
        return None
    near = tuple(dict.fromkeys(f"{heading_line(r.chunk) or r.chunk.path} ({r.chunk.path})" for r in results[:3]))
    absent = missing_names(found)
    if absent:
        return Refusal(UNKNOWN.format(names="', '".join(absent)), near)
    return Refusal(DOES_NOT_SAY if seen.known > 0.5 else NOTHING, near)
