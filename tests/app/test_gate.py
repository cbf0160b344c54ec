"""A gate on a small fixed set: meaning added to words must not make search worse than words alone."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest

from app.answer import Answerer
from app.evaluation.measures import hit, mean_reciprocal_rank
from app.evaluation.questions import EvalQuestion, read_questions
from app.settings import Settings
from tests.benchmarks.ablation import ranks

SLUGS = ("batch_norm", "dropout", "convolution", "attention", "lstm", "rag", "gradient_descent", "overfitting", "softmax_classification",
         "broadcasting", "word_embedding", "gan")


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Answerer, list[EvalQuestion]]:
    folder = tmp_path_factory.mktemp("gate")
    notes = folder / "notes"
    notes.mkdir()
    for slug in SLUGS:
        (notes / f"{slug}.md").write_bytes(files("corpus").joinpath(f"notes/{slug}.md").read_bytes())
    rows = [json.loads(line) for line in files("corpus").joinpath("questions.jsonl").read_text("utf-8").splitlines()]
    chosen = [r for r in rows if r["concept"] in SLUGS and r["kind"] in ("plain", "paraphrase", "typo")]
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in chosen), "utf-8")
    questions, _ = read_questions(path, Path(notes))
    answerer = Answerer(Settings(notes=notes, index=folder / "index"))
    answerer.build()
    return answerer, questions


def test_hybrid_search_is_not_below_keywords_alone(asked: tuple[Answerer, list[EvalQuestion]]) -> None:
    keywords, hybrid = ranks(*asked, "keywords"), ranks(*asked, "bridge")
    assert len(keywords) >= 40
    assert hit(hybrid, 5) >= hit(keywords, 5)
    assert mean_reciprocal_rank(hybrid) >= mean_reciprocal_rank(keywords) - 0.02


def test_what_was_reranked_is_not_below_the_hybrid_that_it_orders(asked: tuple[Answerer, list[EvalQuestion]]) -> None:
    hybrid, reranked, full = (ranks(*asked, row) for row in ("bridge", "reranked", "full"))
    assert hit(reranked, 5) >= hit(hybrid, 5)
    assert mean_reciprocal_rank(reranked) >= mean_reciprocal_rank(hybrid) - 0.02
    assert hit(full, 5) >= hit(hybrid, 5)


def test_nearly_every_question_finds_its_passage_among_five(asked: tuple[Answerer, list[EvalQuestion]]) -> None:
    assert hit(ranks(*asked, "full"), 5) >= 0.9
