"""What was written by hand for training: whole, about things that exist, and none of it an evaluation question."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from indexer.terms import builtin_terms
from indexer.training import written
from models.catalogue import concepts

EVERYDAY = Path(__file__).parents[2] / "benchmarks" / "everyday.jsonl"


def same(question: str) -> str:
    return re.sub(r"\W", "", question)


def all_questions() -> list[str]:
    facets = [q for row in written.rows("facets") for q in (*row["questions"], *row["term_questions"])]
    return [*(r["question"] for r in written.rows("passage_questions")), *facets, *(q for r in written.rows("terms") for q in r["questions"])]


def test_every_passage_question_has_its_passage() -> None:
    pairs = list(written.passage_pairs())
    assert len(pairs) == len(written.rows("passage_questions")) > 3000
    assert all(pair.positive.topic in concepts() for pair in pairs)


def test_every_concept_has_ten_facets_with_questions() -> None:
    found = written.facet_passages()
    assert set(found) == set(concepts())
    assert {len(passages) for passages in found.values()} == {10}
    assert len({p.text for passages in found.values() for p in passages}) == 840
    for row in written.rows("facets"):
        assert 80 <= len(row["passage"]) <= 400, row["passage"]
        assert len(row["questions"]) >= 3
        assert len(row["term_questions"]) >= 1


def test_terms_are_those_of_the_table_and_their_questions_do_not_name_them() -> None:
    terms = builtin_terms()
    for row in written.rows("terms"):
        assert terms.find(row["term"]), row["term"]
        for question in row["questions"]:
            assert row["term"].lower() not in question.lower(), question


@pytest.mark.parametrize("path", [Path(str(files("corpus").joinpath("questions.jsonl"))), EVERYDAY], ids=["corpus", "everyday"])
def test_no_evaluation_question_is_among_them(path: Path) -> None:
    evaluated = {same(json.loads(line)["question"]) for line in path.read_text("utf-8").splitlines()}
    assert evaluated.isdisjoint(map(same, all_questions()))


def test_passages_on_one_topic_from_elsewhere_are_never_negatives() -> None:
    (note, other, *_), (facet, *_) = written.note_passages()["dropout"], written.facet_passages()["dropout"]
    assert facet.may_answer_for(note)
    assert note.may_answer_for(note)
    assert not other.may_answer_for(note)
    assert not written.facet_passages()["bert"][0].may_answer_for(note)
