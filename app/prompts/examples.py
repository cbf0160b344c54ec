"""Few-shot examples: those nearest to the question, as many that can be answered as not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from app.composer.asked import asked
from app.types import Retrieved
from indexer import analyzer
from indexer.terms import builtin_terms

REFUSAL = "노트에서 답을 찾을 수 없습니다."
_SAME_KIND = 0.5


@dataclass(frozen=True)
class Example:
    """A question with its passages, its reasoning and its answer, which is REFUSAL where the passages do not answer."""

    id: str
    question: str
    passages: tuple[Retrieved, ...]
    thoughts: str
    answer: str

    @property
    def answerable(self) -> bool:
        """Whether its passages answer it."""
        return self.answer != REFUSAL


@cache
def examples() -> tuple[Example, ...]:
    """All of them, in the order of the file."""
    lines = files("app.prompts").joinpath("examples.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return tuple(
        Example(
            row["id"],
            row["question"],
            tuple(Retrieved(p["path"], p["heading"], 1, 1, p["text"], 1.0) for p in row["passages"]),
            row["thoughts"],
            row["answer"] if row["answer"] is not None else REFUSAL,
        )
        for row in rows
    )


def nearest(question: str, count: int) -> list[Example]:
    """``count`` examples, half of them unanswerable, the nearest last; the same question gives the same ones."""
    ranked = sorted(examples(), key=lambda e: -_similarity(question, e.question))
    half = count // 2
    chosen = _first(ranked, True, count - half) + _first(ranked, False, half)
    return sorted(chosen, key=ranked.index, reverse=True)


def _first(ranked: Sequence[Example], answerable: bool, count: int) -> list[Example]:
    return [e for e in ranked if e.answerable is answerable][:count]


def _similarity(one: str, other: str) -> float:
    """Shared morphemes (Jaccard), and whether both ask for the same kind of answer."""
    a, b = _tokens(one), _tokens(other)
    shared = len(a & b) / (len(a | b) or 1)
    return shared + (_SAME_KIND if asked(one).kind == asked(other).kind else 0.0)


@cache
def _tokens(question: str) -> frozenset[str]:
    return frozenset(analyzer.tokens(question, builtin_terms()))
