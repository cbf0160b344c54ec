"""From everyday words to concepts, with small heads checked by hand and with the bridge that ships."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from indexer.analyzer import Query, query
from indexer.bridge import OTHER, Bridge, Head, Hearing, token_features
from indexer.terms import builtin_terms
from models import catalogue
from tests.fakes import FakeEncoder

VOCABULARY = {"외우다": 0, "기억": 1}
IDF = np.array([2.0, 1.0], dtype=np.float32)
CLASSES = ("dropout", "overfitting", "lstm")
TERMS = {"dropout": ["드롭아웃"], "overfitting": ["과적합"], "lstm": ["LSTM", "셀 상태"]}


def heads(dense: bool = False) -> tuple[Head, Head | None]:
    lexical = Head(np.array([[0, 0], [4, 0], [0, 4]], np.float32), np.array([1, 0, 0], np.float32))
    other = Head(np.array([[0, 0], [0, 0], [9, 0]], np.float32), np.zeros(3, np.float32))
    return lexical, other if dense else None


def bridge(dense: bool = False) -> Bridge:
    return Bridge(CLASSES, TERMS, VOCABULARY, IDF, *heads(dense))


def asked(*words: str) -> Query:
    return Query(" ".join(words), dict.fromkeys(words, 1.0), ())


def test_features_are_tf_idf_of_length_one() -> None:
    features = token_features(["외우다", "외우다", "기억", "모름"], VOCABULARY, IDF)
    raw = np.array([2 * (1 + np.log(2)), 1.0])
    np.testing.assert_allclose(features, raw / np.linalg.norm(raw), rtol=1e-6)
    assert token_features(["모름"], VOCABULARY, IDF).tolist() == [0.0, 0.0]


def test_probabilities_are_a_softmax_of_the_head() -> None:
    found = bridge().probabilities(["외우다"], None)
    logits = np.array([1.0, 4.0, 0.0])
    np.testing.assert_allclose(list(found.values()), np.exp(logits) / np.exp(logits).sum(), rtol=1e-5)
    assert list(found) == list(CLASSES)


def test_both_heads_are_averaged_as_log_probabilities() -> None:
    vector = np.array([1.0, 0.0], np.float32)
    found = bridge(dense=True).probabilities(["외우다"], vector)
    lexical, dense = heads(dense=True)
    assert dense is not None
    logs = (lexical.log_probabilities(np.array([1.0, 0.0])) + dense.log_probabilities(vector)) / 2
    np.testing.assert_allclose(list(found.values()), np.exp(logs) / np.exp(logs).sum(), rtol=1e-5)
    assert max(found, key=lambda slug: found[slug]) == "lstm"
    assert bridge(dense=True).probabilities(["외우다"], None) == bridge().probabilities(["외우다"], None)


def test_a_concept_that_is_clear_is_heard_with_its_terms() -> None:
    heard = bridge().hear(asked("기억"), None).concepts
    assert (heard[0].slug, heard[0].terms) == ("lstm", ("LSTM", "셀 상태"))
    assert 0.9 < heard[0].score < 1
    assert all(h.score >= 0.05 for h in heard)


def test_three_concepts_are_heard_at_most_and_none_where_nothing_is_clear() -> None:
    def alike(count: int) -> Bridge:
        slugs = [f"c{i}" for i in range(count)]
        return Bridge(slugs, {c: [c] for c in slugs}, VOCABULARY, IDF,
                      Head(np.zeros((count, 2), np.float32), np.zeros(count, np.float32)), None)

    assert [h.score for h in alike(5).hear(asked("기억"), None).concepts] == pytest.approx([0.2] * 3)
    assert alike(84).hear(asked("기억"), None) == Hearing()


def test_the_dense_head_serves_only_the_encoder_it_was_trained_with(tmp_path: Path) -> None:
    lexical, dense = heads(dense=True)
    assert dense is not None
    (tmp_path / "bridge.json").write_text(
        json.dumps({"encoder": "fake-1", "classes": CLASSES, "vocabulary": list(VOCABULARY)}), "utf-8")
    save_file({"idf": IDF, "lexical.weight": lexical.weight, "lexical.bias": lexical.bias, "dense.weight": dense.weight,
               "dense.bias": dense.bias}, tmp_path / "bridge.safetensors")
    for encoder in (None, FakeEncoder("fake"), FakeEncoder("other")):
        loaded = Bridge.load(encoder, tmp_path)
        vector = np.array([1.0, 0.0], np.float32)
        assert loaded.probabilities(["외우다"], vector) == pytest.approx(bridge().probabilities(["외우다"], None))


@pytest.fixture(scope="module")
def shipped() -> Bridge:
    return Bridge.load(None)


def test_the_bridge_that_ships_knows_only_concepts_of_the_catalogue(shipped: Bridge) -> None:
    classes = set(shipped.probabilities([], None))
    assert classes - {OTHER} == set(catalogue.concepts()) & classes
    assert len(classes) == 85
    for slug in classes - {OTHER}:
        assert shipped._terms[slug], f"{slug} has no terms to search for"


@pytest.mark.parametrize(("question", "slug"), [
    ("훈련 데이터는 다 맞히는데 새로운 문제는 틀려요", "overfitting"),
    ("사진 앞에 필터를 대고 밀면서 곱하는 거", "convolution"),
    ("모델이 없는 사실을 지어내서 말해요", "hallucination"),
])
def test_everyday_words_are_heard_as_the_concept(shipped: Bridge, question: str, slug: str) -> None:
    heard = shipped.hear(query(question, builtin_terms(), frozenset()), None).concepts
    assert slug in [h.slug for h in heard]


def test_small_talk_is_no_clear_concept(shipped: Bridge) -> None:
    heard = shipped.hear(query("오늘 저녁에 뭐 먹을까?", builtin_terms(), frozenset()), None)
    assert heard.other > 0.5 and all(h.score < 0.3 for h in heard.concepts)
