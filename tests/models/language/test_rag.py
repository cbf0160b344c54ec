import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.language.rag import CONCEPT, PASSAGES, bm25, build_prompt, demo, fuse, grams, rrf, small_search, unit_range

LIVE = {
    "question": "드롭아웃은 왜 쓰나요?",
    "tokens": ["드롭아웃", "쓰"],
    "concepts": ["dropout"],
    "keyword": [["A", 7.0], ["B", 3.0]],
    "vector": [["B", 0.8], ["C", 0.6]],
    "fused": [["B", 0.7], ["A", 0.5], ["C", 0.1]],
    "reranked": [["A", 0.9], ["B", 0.2]],
    "prompt": "글에 답이 <없으면> 모른다고 답하라.\n질문: 드롭아웃은 왜 쓰나요?",
}


@settings(max_examples=15, deadline=None)
@given(
    documents=st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=8), min_size=2, max_size=6),
    question=st.lists(st.sampled_from("abcde"), min_size=1, max_size=4, unique=True),
)
def test_bm25_scores_equal_the_bm25s_library(documents, question):
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    index.index(documents, show_progress=False)
    known = [term for term in question if any(term in d for d in documents)]
    expected = index.get_scores(known) if known else np.zeros(len(documents))
    np.testing.assert_allclose(bm25(question, documents), expected, rtol=1e-5, atol=1e-6)


def test_letter_pairs_do_not_mind_particles():
    assert set(grams("뉴런을")) & set(grams("뉴런이")) == {"뉴런"}


def test_scores_are_brought_between_zero_and_one():
    assert unit_range([2.0, 4.0, 3.0]).tolist() == [0.0, 1.0, 0.5]
    assert unit_range([5.0, 5.0]).tolist() == [0.0, 0.0]


def test_fusion_moves_from_the_keyword_order_to_the_dense_order():
    dense, keyword = [("A", 0.9), ("B", 0.1)], [("B", 8.0), ("A", 2.0)]
    assert [label for label, _ in fuse(dense, keyword, 0.0)] == ["B", "A"]
    assert [label for label, _ in fuse(dense, keyword, 1.0)] == ["A", "B"]
    assert fuse(dense, keyword, 0.25) == [("B", 0.75), ("A", 0.25)]


def test_in_the_note_the_passage_that_both_searches_like_wins_by_rank():
    ranks = {"A": (1, 4), "B": (2, 2), "C": (3, 9)}
    assert max(ranks, key=lambda name: rrf(ranks[name])) == "B"


def test_the_small_search_finds_the_passage_about_overfitting():
    found = small_search("과적합을 줄이는 방법은?", 0.5, 3)
    assert "과적합" in found["reranked"][0][0]
    assert {label for label, _ in found["fused"]} == set(PASSAGES)
    assert found["prompt"] == build_prompt("과적합을 줄이는 방법은?", [p for p, _ in found["reranked"]])


def test_the_running_systems_stages_are_drawn_as_they_are():
    shown = CONCEPT.run({"alpha": 0.0}, live=LIVE)
    assert shown.numbers["맨 앞의 글"] == "A"
    assert shown.numbers["비중 0로 융합한 1등"] == "A"
    assert [list(trace.x) for trace in shown.figure.data] == [[7.0, 3.0], [0.8, 0.6], [0.7, 0.5, 0.1], [0.9, 0.2]]
    assert "&lt;없으면&gt; 모른다고 답하라.<br>질문" in shown.detail.data[0].cells["values"][1][3]


def test_empty_stages_are_drawn_too():
    empty = {key: [] for key in ("tokens", "concepts", "keyword", "vector", "fused", "reranked")}
    assert demo(live={**empty, "question": "?", "prompt": ""}).numbers["맨 앞의 글"] == "없음"


@pytest.mark.parametrize(
    "question, value",
    [
        ("BM25에서 1등, 벡터 검색에서 4등인 문서의 RRF 점수는?", "0.0320"),
        ("k=10일 때 2위와 3위면 RRF 값은?", "0.1603"),
    ],
)
def test_the_question_for_the_rrf_is_computed(question, value):
    computation = CONCEPT.computations[0]
    assert computation.run(**computation.parse(question)).value == value


def test_a_question_without_ranks_is_left_alone():
    assert CONCEPT.computations[0].parse("RRF 점수는 어떻게 계산하나요?") is None
