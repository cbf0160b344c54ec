"""BM25 against its formula, and over saving and loading."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.keyword import K1, B, KeywordIndex

PASSAGES = [["드롭아웃", "뉴런", "끄다"], ["합성곱", "커널", "커널", "밀다"], [], ["드롭아웃", "과적합"]]


def bm25(passages: list[list[str]], tokens: dict[str, float]) -> np.ndarray:
    """Lucene's BM25, written out."""
    average = sum(len(p) or 1 for p in passages) / len(passages)
    out = np.zeros(len(passages))
    for token, weight in tokens.items():
        containing = sum(token in p for p in passages)
        if not containing:
            continue
        idf = math.log(1 + (len(passages) - containing + 0.5) / (containing + 0.5))
        for i, passage in enumerate(passages):
            count = Counter(passage)[token]
            out[i] += weight * idf * count / (count + K1 * (1 - B + B * (len(passage) or 1) / average))
    return out


TOKENS = st.lists(st.sampled_from("가나다라마"), max_size=8)


@settings(max_examples=25, deadline=None)
@given(st.lists(TOKENS, min_size=1, max_size=6), st.dictionaries(st.sampled_from("가나다라마바"), st.sampled_from([0.5, 1.0, 2.0])))
def test_scores_are_bm25(passages: list[list[str]], tokens: dict[str, float]) -> None:
    np.testing.assert_allclose(KeywordIndex.build(passages).scores(tokens), bm25(passages, tokens), atol=1e-5)


def test_words_that_stand_nowhere_score_nothing() -> None:
    index = KeywordIndex.build(PASSAGES)
    assert index.scores({"없는말": 1.0}).tolist() == [0.0] * 4
    assert index.scores({}).tolist() == [0.0] * 4


def test_passages_without_a_single_token_are_an_index_too() -> None:
    index = KeywordIndex.build([[], []])
    assert index.vocabulary == frozenset()
    assert index.scores({"§nothing": 1.0, "": 1.0}).tolist() == [0.0, 0.0]


def test_rare_words_matter_more_and_unknown_ones_most() -> None:
    weights = KeywordIndex.build(PASSAGES).importance(["드롭아웃", "커널", "없는말"])
    assert 0 < weights["드롭아웃"] < weights["커널"] < weights["없는말"]
    assert weights["드롭아웃"] == pytest.approx(math.log(1 + 2.5 / 2.5))


def test_coverage_is_the_part_of_the_question_by_importance_that_a_passage_holds() -> None:
    index = KeywordIndex.build(PASSAGES)
    weights = index.importance(["드롭아웃", "과적합", "없는말"])
    total = sum(weights.values())
    expected = [weights["드롭아웃"] / total, 0.0, 0.0, (weights["드롭아웃"] + weights["과적합"]) / total]
    np.testing.assert_allclose(index.coverage(weights), expected, rtol=1e-5)
    assert index.coverage([]).tolist() == [0.0] * 4


def test_what_was_saved_scores_the_same(tmp_path: Path) -> None:
    index = KeywordIndex.build(PASSAGES)
    index.save(tmp_path / "keyword")
    again = KeywordIndex.load(tmp_path / "keyword", index.size)
    tokens = {"드롭아웃": 1.0, "커널": 0.3}
    np.testing.assert_array_equal(again.scores(tokens), index.scores(tokens))
    assert again.vocabulary == index.vocabulary == {"드롭아웃", "뉴런", "끄다", "합성곱", "커널", "밀다", "과적합"}
    assert again.importance(tokens) == index.importance(tokens)
