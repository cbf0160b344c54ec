"""Late interaction: how a passage's score comes about, how it is kept, and what a search makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.build import build
from indexer.encoder import EmbeddedEncoder
from indexer.index import Index, Weights
from indexer.tokens import TOKEN_DIM, TokenStore, TokenVectors, token_encoder
from tests.fakes import FakeEncoder, FakeTokenEncoder


def unit(rows: list[list[float]]) -> np.ndarray:
    array = np.array(rows, dtype=np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def kept(rows: list[list[float]]) -> np.ndarray:
    return TokenVectors.of(unit(rows), np.ones(len(rows))).vectors


def test_every_token_of_the_question_counts_by_its_weight_and_its_best_match() -> None:
    store = TokenStore.of([kept([[1, 0], [0, 1]]), kept([[1, 0]]), kept([[0, 1], [0, -1]])])
    question = TokenVectors.of(unit([[1, 0], [0, 1]]), np.array([3.0, 1.0]))
    np.testing.assert_allclose(store.scores(question, [0, 1, 2]), [1.0, 0.75, 0.25], atol=0.01)
    np.testing.assert_allclose(store.scores(question, [2, 0]), [0.25, 1.0], atol=0.01)


def test_a_token_without_weight_is_not_looked_for() -> None:
    store = TokenStore.of([kept([[1, 0]])])
    question = TokenVectors.of(unit([[1, 0], [-1, 0]]), np.array([1.0, 0.0]))
    assert store.scores(question, [0])[0] == pytest.approx(1.0, abs=0.01)
    assert store.scores(TokenVectors.of(unit([[1, 0]]), np.array([0.0])), [0]).tolist() == [0.0]
    assert store.scores(question, []).shape == (0,)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.integers(1, 5), st.integers(0, 1000))
def test_the_score_is_the_weighted_mean_of_the_greatest_cosines(lengths: list[int], asked: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    passages = [unit(random.standard_normal((n, 8)).tolist()) for n in lengths]
    vectors, weights = unit(random.standard_normal((asked, 8)).tolist()), random.random(asked) + 0.1
    scores = TokenStore.of([kept(p.tolist()) for p in passages]).scores(TokenVectors.of(vectors, weights), range(len(lengths)))
    expected = [((vectors @ p.T).max(1) * weights).sum() / weights.sum() for p in passages]
    np.testing.assert_allclose(scores, expected, atol=0.02)  # 8 bits a number


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    passages = [kept([[1, 0], [0, 1]]), kept([[1, 1]])]
    TokenStore.of(passages).save(tmp_path)
    loaded = TokenStore.load(tmp_path)
    for number, passage in enumerate(passages):
        np.testing.assert_array_equal(loaded.passage(number), passage)


def test_an_encoder_without_the_head_is_no_token_encoder() -> None:
    assert token_encoder(None) is None
    assert token_encoder(FakeEncoder()) is None
    assert token_encoder(FakeTokenEncoder()) is not None


def test_a_search_looks_closer_at_what_it_found(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.md").write_text("# 하나\n\n나무 나무 나무 나무 사과 나무 나무\n", "utf-8")
    (notes / "b.md").write_text("# 둘\n\n사과 나무 바다 하늘 구름\n", "utf-8")
    encoder = FakeTokenEncoder()
    build(notes, tmp_path / "index", encoder=encoder)
    index = Index.open(tmp_path / "index", encoder=encoder)
    only_tokens = replace(Weights.only("keyword"), tokens=100, tokens_unnamed=100)
    first = index.search("사과 바다", weights=only_tokens).results[0]
    assert first.chunk.path == "b.md"
    assert first.parts["tokens"] == 1.0
    assert "tokens" not in index.search("사과 바다", weights=Weights().without("tokens")).results[0].parts


def test_a_rebuild_keeps_the_tokens_of_what_did_not_change(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.md").write_text("# 하나\n\n나무와 사과\n", "utf-8")
    encoder = FakeTokenEncoder()
    build(notes, tmp_path / "index", encoder=encoder)
    (notes / "b.md").write_text("# 둘\n\n바다와 하늘\n", "utf-8")
    encoder.embedded.clear()
    assert build(notes, tmp_path / "index", encoder=encoder).embedded == 1
    index = Index.open(tmp_path / "index", encoder=encoder)
    assert index._tokens is not None
    for number, chunk in enumerate(index.chunks):
        _, (made,) = encoder.encode_tokens([chunk.searched], kind="passage")
        np.testing.assert_array_equal(index._tokens.passage(number), made.vectors)


def test_the_encoder_that_ships_gives_both_in_one_pass() -> None:
    encoder = EmbeddedEncoder()
    texts = ["배치 정규화는 층의 입력을 고르게 맞춘다.", "짧다"]
    vectors, tokens = encoder.encode_tokens(texts, kind="query")
    np.testing.assert_allclose(vectors, encoder.encode(texts, kind="query"), atol=1e-5)
    for text, made in zip(texts, tokens, strict=True):
        ids = encoder.tokenizer.encode(text).ids
        length = len([i for i in ids if i != 0])
        assert made.vectors.shape == (length, encoder.token_dim) == (length, TOKEN_DIM)
        assert made.weights[0] == made.weights[-1] == 0  # [CLS] and [SEP] are no words
        assert (made.weights[1:-1] > 0).all()


def test_half_precision_in_bulk_moves_nothing_that_matters() -> None:
    encoder = EmbeddedEncoder()
    texts = ["배치 정규화는 층의 입력을 고르게 맞춘다.", "합성곱 필터는 특징을 찾는다."]
    exact, bulk = encoder.encode(texts, kind="passage"), encoder.encode_tokens(texts, kind="passage")[0]
    assert (exact * bulk).sum(1).min() > 0.999
