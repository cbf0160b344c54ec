"""Which of two passages goes first when only one has the form that was asked for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.forms import fitted
from indexer import analyzer
from indexer.index import Found
from indexer.terms import builtin_terms
from indexer.types import Chunk, SearchResult


def first(question: str, *passages: tuple[str, str], scores: Sequence[float] = (1.0, 0.97)) -> str:
    """The text of the passage that comes first; ``passages``: (heading, text), as the search ordered them."""
    terms = builtin_terms()
    results = [SearchResult(Chunk(f"c{i}", "a.md", ("노트", heading), text, 0, len(text), 1, 1), score)
               for i, ((heading, text), score) in enumerate(zip(passages, scores, strict=True))]
    query = analyzer.query(question, terms, frozenset())
    return fitted(Found(tuple(results), query, (), {}, {}, 0.0, terms, frozenset()), results)[0].chunk.text


@pytest.mark.parametrize(("question", "passages", "expected"), [
    ("배치 정규화는 왜 쓰나요?", (("배치 정규화", "배치의 평균을 쓴다."), ("왜 쓰는가", "학습이 안정된다.")), "학습이 안정된다."),
    ("배치 정규화의 수식은?", (("배치 정규화", "배치의 평균을 쓴다."), ("계산", "$$y = ax + b$$")), "$$y = ax + b$$"),
    ("배치 정규화란?", (("쓰임", "CNN에 자주 쓴다."), ("뜻", "배치 정규화는 입력을 고르게 한다.")), "배치 정규화는 입력을 고르게 한다."),
])
def test_the_form_that_was_asked_for_goes_first(question: str, passages: tuple[tuple[str, str], ...], expected: str) -> None:
    assert first(question, *passages) == expected


def test_a_much_better_passage_stays_first_in_any_form() -> None:
    passages = (("배치 정규화", "배치의 평균을 쓴다."), ("왜 쓰는가", "학습이 안정된다."))
    assert first("배치 정규화는 왜 쓰나요?", *passages, scores=(1.0, 0.5)) == "배치의 평균을 쓴다."
