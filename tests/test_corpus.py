"""The notes and questions that ship: golds stand in the notes, computed answers come out of the concepts."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

from app.demos import calculate
from app.evaluation.questions import read_questions
from app.settings import corpus_notes
from models import catalogue

PATH = files("corpus").joinpath("questions.jsonl")
ROWS: list[dict[str, Any]] = [json.loads(line) for line in PATH.read_text("utf-8").splitlines() if line.strip()]
COMPUTED = [row for row in ROWS if row["kind"] == "computed"]


@pytest.fixture(scope="module")
def notes() -> dict[str, str]:
    return {path.stem: path.read_text("utf-8") for path in corpus_notes().glob("*.md")}


def test_every_row_has_an_id_of_its_own_and_a_question() -> None:
    assert [row for row, count in Counter(r["id"] for r in ROWS).items() if count > 1] == []
    assert [row for row, count in Counter(r["question"] for r in ROWS).items() if count > 1] == []
    assert all(row["question"].strip() == row["question"] != "" for row in ROWS)


def test_the_questions_are_read_by_the_evaluation() -> None:
    asked, place = read_questions(corpus_notes().parent / "questions.jsonl", corpus_notes())
    assert len(asked) == len(ROWS)
    assert place == corpus_notes()
    assert {q.kind for q in asked} >= {"plain", "computed"}


def test_every_gold_stands_in_its_note(notes: dict[str, str]) -> None:
    missing = [(row["id"], gold) for row in ROWS for gold in row["gold"]
               if gold not in (notes[row["concept"]] if row.get("concept") in notes else "\n".join(notes.values()))]
    assert missing == []


def test_answerable_questions_have_gold_and_facts_and_unanswerable_ones_neither() -> None:
    for row in ROWS:
        if row["kind"] == "unanswerable":
            assert not row["gold"], row["id"]
        else:
            assert row["gold"], row["id"]
            assert row["facts"], row["id"]
            assert all(group and all(group) for group in row["facts"]), row["id"]


def test_every_concept_is_asked_about() -> None:
    asked = Counter(row.get("concept") for row in ROWS)
    assert [slug for slug in catalogue.concepts() if asked[slug] < 2] == []


def test_computed_questions_give_exactly_their_value() -> None:
    wrong = {}
    for row in COMPUTED:
        found = calculate(row["question"])
        if found is None or not re.fullmatch(re.escape(row["value"]) + "[가-힣]?", found.result.value):  # 2,560개
            wrong[row["question"]] = (row["value"], found and (found.concept.slug, found.result.value))
    assert wrong == {}


def test_a_computed_answer_shows_its_way_and_what_to_cite(notes: dict[str, str]) -> None:
    for row in COMPUTED:
        found = calculate(row["question"])
        assert found is not None
        assert found.result.steps
        assert found.cite


def test_other_questions_are_not_taken_for_computations() -> None:
    taken = {row["question"]: calculate(row["question"]) for row in ROWS if row["kind"] != "computed"}
    assert {question: (found.concept.slug, found.result.value) for question, found in taken.items() if found} == {}
