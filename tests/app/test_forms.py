"""Which of two passages goes first when only one has the form that was asked for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.forms import fitted, list_lengths
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
    ("배치 정규화의 장점 두 가지는?", (("장점", "- 빠르다"), ("쓰임", "- 빠르다\n- 안정된다")), "- 빠르다\n- 안정된다"),
    ("배치 정규화란?", (("쓰임", "CNN에 자주 쓴다."), ("뜻", "배치 정규화는 입력을 고르게 한다.")), "배치 정규화는 입력을 고르게 한다."),
])
def test_the_form_that_was_asked_for_goes_first(question: str, passages: tuple[tuple[str, str], ...], expected: str) -> None:
    assert first(question, *passages) == expected


@pytest.mark.parametrize(("text", "lengths"), [
    ("- 하나\n- 둘\n\n말.\n\n1. 가\n2. 나\n3. 다", {2, 3}),
    ("- 하나\n    - 안\n    - 안\n    - 안\n- 둘", {2, 3}),
    ("* 하나\n이어지는 말\n* 둘", {1}),  # what stands at the margin ends a list
    ("- 하나\n  이어지는 말\n- 둘", {2}),
    ("- 하나\n- 둘\n\n1. 가\n2. 나\n3. 다", {2, 3}),
    ("* * *\n말\n- - -", set()),  # rules
    ("```\n- 하나\n- 둘\n```", set()),
    ("말뿐이다.", set()),
    ("", set()),
])
def test_lists_are_counted_each_by_itself(text: str, lengths: set[int]) -> None:
    assert list_lengths(text) == lengths


def test_a_much_better_passage_stays_first_in_any_form() -> None:
    passages = (("배치 정규화", "배치의 평균을 쓴다."), ("왜 쓰는가", "학습이 안정된다."))
    assert first("배치 정규화는 왜 쓰나요?", *passages, scores=(1.0, 0.5)) == "배치의 평균을 쓴다."
