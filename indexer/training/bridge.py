"""Train the concept bridge: two logistic regressions over questions as learners ask them, one on tokens, one on vectors."""

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
from indexer.bridge import token_features
from indexer.encoder import EmbeddedEncoder
from indexer.terms import builtin_terms
from indexer.training import data as source
from indexer.training import written
from models.catalogue import concepts


def questions() -> list[tuple[str, str]]:
    """(concept, question): those asked for a concept, and for a passage of its note; the facets' are left to measure with."""
    return [*source.asked_questions(), *((row["note"], row["question"]) for row in written.rows("passage_questions"))]


def examples() -> list[tuple[str, str]]:
    """(concept, text): the questions, then each concept's names, and the sentences of its note."""
    named = [(slug, name) for slug, terms in source.concept_terms().items() for name in terms]
    named += [(slug, name) for slug, concept in concepts().items() for name in (concept.title, *concept.aliases)]
    return [*questions(), *named, *source.own_sentences()]


def train(out: Path, *, held_out: bool = True) -> dict[str, float]:
    """Write ``bridge.json`` and ``bridge.safetensors`` to ``out``; return accuracies on a fifth never trained on."""
    encoder = EmbeddedEncoder()
    rows = examples()
    terms = builtin_terms()
    tokens = [list(analyzer.query(text, terms, frozenset()).tokens) for _, text in rows]
    vectors = encoder.encode([text for _, text in rows], kind="query")
    labels = np.array([label for label, _ in rows])
    is_asked = np.arange(len(rows)) < len(questions())
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
    vocabulary = sorted(counts)
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
    first = third = 0
    for i in np.flatnonzero(part).tolist():
        known = bridge.probabilities(tokens[i], vectors[i])
        ranked = sorted(known, key=lambda c: -known[c])
        first += ranked[0] == labels[i]
        third += labels[i] in ranked[:3]
    return {"hit1": round(float(first / part.sum()), 4), "hit3": round(float(third / part.sum()), 4), "questions": int(part.sum())}
