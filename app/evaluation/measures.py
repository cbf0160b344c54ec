"""Measures of ranking, answers and refusals; each between 0 and 1 unless it says otherwise.

Source: Manning, Raghavan & Schütze (2008), "Introduction to Information Retrieval", chapter 8; El-Yaniv & Wiener (2010) for
the risk-coverage curve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def hit(ranks: Sequence[int | None], k: int) -> float:
    """The share of questions with a right passage among the first ``k``; a rank counts from 1, None is not found."""
    return _mean([rank is not None and rank <= k for rank in ranks])


def mean_reciprocal_rank(ranks: Sequence[int | None], k: int = 10) -> float:
    """The mean of 1/rank of the first right passage, 0 past ``k``."""
    return _mean([1 / rank if rank is not None and rank <= k else 0.0 for rank in ranks])


def ndcg(relevant: Sequence[Sequence[bool]], totals: Sequence[int], k: int = 10) -> float:
    """Normalized discounted cumulative gain. ``relevant``: per question, right or not by rank; ``totals``: right passages there are."""
    values = []
    for row, total in zip(relevant, totals, strict=True):
        gain = sum(1 / math.log2(i + 2) for i, ok in enumerate(row[:k]) if ok)
        ideal = sum(1 / math.log2(i + 2) for i in range(min(total, k)))
        values.append(gain / ideal if ideal else 0.0)
    return _mean(values)


def within(texts: Sequence[str], right: Sequence[bool], characters: int) -> bool:
    """Whether a right passage begins and is read to its end, or to its first 200 characters, in the first ``characters``."""
    at = 0
    for text, ok in zip(texts, right, strict=True):
        if ok and at + min(len(text), 200) <= characters:
            return True
        at += len(text)
    return False


def facts_present(answer: str, facts: Sequence[Sequence[str]], characters: int = 600) -> bool:
    """Whether one of each group of alternatives stands in the first ``characters`` of the answer."""
    head = answer[:characters]
    return all(any(alternative in head for alternative in group) for group in facts)


def risk_coverage(confidences: Sequence[float], right: Sequence[bool], points: int = 10) -> list[dict[str, float]]:
    """Answering only the most confident questions: at each coverage, the share of wrong answers."""
    order = sorted(range(len(confidences)), key=lambda i: -confidences[i])
    out = []
    for point in range(1, points + 1):
        kept = order[: max(1, round(len(order) * point / points))]
        out.append({"coverage": round(len(kept) / len(order), 3), "risk": round(1 - _mean([right[i] for i in kept]), 4)})
    return out


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _mean(values: Sequence[float | bool]) -> float:
    return sum(values) / len(values) if values else 0.0
