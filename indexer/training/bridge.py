"""Train the concept bridge: two logistic regressions over questions as learners ask them, one on tokens, one on vectors.

Beside the concepts they learn what is about none of them, from sentences about daily life.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from scipy.sparse import csr_matrix, vstack
from sklearn.linear_model import LogisticRegression

from indexer import analyzer
from indexer.bridge import OTHER, token_features
from indexer.encoder import EmbeddedEncoder
from indexer.terms import builtin_terms
from indexer.training import data as source
from indexer.training import written
from models.catalogue import concepts

MOST_OTHER = 3600
_OFTEN = 4  # a word that stands in none of the concepts' texts is only kept from so many of the others on


def questions() -> list[tuple[str, str]]:
    """(concept, question): those asked for a concept, and for a passage of its note; the facets' are left to measure with."""
    return [*source.asked_questions(), *((row["note"], row["question"]) for row in written.rows("passage_questions"))]


def examples(data: Path) -> list[tuple[str, str]]:
    """(concept, text): the questions, what is about none, each concept's names, and the sentences of its note."""
    named = [(slug, name) for slug, terms in source.concept_terms().items() for name in terms]
    named += [(slug, name) for slug, concept in concepts().items() for name in (concept.title, *concept.aliases)]
    other = [(OTHER, text) for text in source.other_sentences(data, 0, MOST_OTHER)]
    return [*questions(), *other, *named, *source.own_sentences()]


def train(data: Path, out: Path, *, held_out: bool = True) -> dict[str, float]:
    """Write ``bridge.json`` and ``bridge.safetensors`` to ``out``; return accuracies on a fifth never trained on."""
    encoder = EmbeddedEncoder()
    rows = examples(data)
    terms = builtin_terms()
    tokens = [list(analyzer.query(text, terms, frozenset()).tokens) for _, text in rows]
    vectors = encoder.encode([text for _, text in rows], kind="query")
    labels = np.array([label for label, _ in rows])
    is_asked = (np.arange(len(rows)) < len(questions())) | (labels == OTHER)
    scores: dict[str, float] = {}
    if held_out:
        part = np.random.default_rng(1).random(len(rows)) < 0.2
        fitted = _fit(tokens, vectors, labels, ~part)
        scores = _scores(fitted, tokens, vectors, labels, part & is_asked)
    facts, arrays = _fit(tokens, vectors, labels, np.ones(len(rows), bool))
    out.mkdir(parents=True, exist_ok=True)
    save_file({k: np.ascontiguousarray(v.astype(np.float16)) for k, v in arrays.items()}, out / "bridge.safetensors")
    (out / "bridge.json").write_text(json.dumps({**facts, "encoder": encoder.fingerprint, "held_out": scores}, ensure_ascii=False), "utf-8")
    return scores


def _fit(tokens: Sequence[Sequence[str]], vectors: np.ndarray, labels: np.ndarray, part: np.ndarray) -> tuple[dict, dict[str, np.ndarray]]:
    counts = Counter(t for i in np.flatnonzero(part).tolist() for t in set(tokens[i]))
    of_concepts = {t for i in np.flatnonzero(part & (labels != OTHER)).tolist() for t in tokens[i]}
    vocabulary = sorted(t for t in counts if t in of_concepts or counts[t] >= _OFTEN)
    idf = np.array([np.log((1 + part.sum()) / (1 + counts[t])) + 1 for t in vocabulary], dtype=np.float32)
    numbers = {t: i for i, t in enumerate(vocabulary)}
    features = vstack([csr_matrix(token_features(tokens[i], numbers, idf)) for i in np.flatnonzero(part).tolist()], format="csr")
    lexical = LogisticRegression(C=20, max_iter=300).fit(features, labels[part])
    dense = LogisticRegression(C=30, max_iter=500).fit(vectors[part], labels[part])
    assert (lexical.classes_ == dense.classes_).all()
    arrays = {"idf": idf, "lexical.weight": lexical.coef_, "lexical.bias": lexical.intercept_,
              "dense.weight": dense.coef_, "dense.bias": dense.intercept_}
    return {"classes": lexical.classes_.tolist(), "vocabulary": vocabulary}, arrays


def _scores(fitted: tuple[dict, dict[str, np.ndarray]], tokens: Sequence[Sequence[str]], vectors: np.ndarray, labels: np.ndarray,
            part: np.ndarray) -> dict[str, float]:
    from indexer.bridge import Bridge, Head

    facts, arrays = fitted
    bridge = Bridge(facts["classes"], {}, {t: i for i, t in enumerate(facts["vocabulary"])}, arrays["idf"],
                    Head(arrays["lexical.weight"], arrays["lexical.bias"]), Head(arrays["dense.weight"], arrays["dense.bias"]))
    first = third = strange = 0
    asked, other = np.flatnonzero(part & (labels != OTHER)).tolist(), np.flatnonzero(part & (labels == OTHER)).tolist()
    for i in asked:
        known = bridge.probabilities(tokens[i], vectors[i])
        ranked = sorted(known, key=lambda c: -known[c])
        first += ranked[0] == labels[i]
        third += labels[i] in ranked[:3]
        strange += known[OTHER] > 0.5
    kept = sum(bridge.probabilities(tokens[i], vectors[i])[OTHER] > 0.5 for i in other)
    return {"hit1": round(first / len(asked), 4), "hit3": round(third / len(asked), 4), "questions": len(asked),
            "taken_for_other": round(strange / len(asked), 4), "other": round(kept / len(other), 4)}
