"""Measures against values counted by hand, the formats of questions, and a whole report over small notes."""

from __future__ import annotations

import json
from math import log2
from pathlib import Path
from typing import Any

import pytest

from app.answer import Answerer
from app.errors import InputError
from app.evaluation import format_report, run, save
from app.evaluation.measures import (
    facts_present,
    hit,
    mean_reciprocal_rank,
    ndcg,
    percentile,
    risk_coverage,
    within,
)
from app.evaluation.questions import read_questions
from indexer.types import Chunk


def chunk(path: str, text: str, start: int = 1, end: int = 1) -> Chunk:
    """A passage at those lines."""
    return Chunk("c", path, (), text, 0, len(text), start, end)


def write(path: Path, *rows: Any) -> Path:
    """A file of questions, a row on a line."""
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n", "utf-8")
    return path


def test_hits_count_the_first_ranks() -> None:
    assert [hit([1, 3, None, 11], k) for k in (1, 3, 10)] == [0.25, 0.5, 0.5]
    assert hit([], 5) == 0.0


def test_the_reciprocal_rank_is_nothing_past_ten() -> None:
    assert mean_reciprocal_rank([1, 4, None, 11]) == (1 + 0.25) / 4


def test_ndcg_is_one_where_all_that_is_right_comes_first() -> None:
    assert ndcg([[True, True, False]], [2]) == 1.0
    assert ndcg([[False, True]], [1]) == pytest.approx(1 / log2(3))
    assert ndcg([[False], [True]], [0, 1]) == 0.5


def test_a_right_passage_counts_once_its_beginning_is_read() -> None:
    texts, right = ["가" * 500, "나" * 400], [False, True]
    assert [within(texts, right, n) for n in (699, 700)] == [False, True]
    assert not within(texts, [False, False], 4000)


def test_facts_are_looked_for_in_the_head_of_the_answer() -> None:
    facts = [["평균", "mean"], ["분산"]]
    assert facts_present("mean과 분산", facts)
    assert not facts_present("평균만", facts)
    assert [facts_present("가" * 598 + "평균분산", facts, n) for n in (600, 602)] == [False, True]


def test_risk_grows_with_coverage_where_the_unsure_are_wrong() -> None:
    assert risk_coverage([0.9, 0.1, 0.8, 0.2], [True, False, True, False], 2) == [
        {"coverage": 0.5, "risk": 0.0}, {"coverage": 1.0, "risk": 0.5}]


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(values, share) for share in (0.2, 0.5, 0.95)] == [1.0, 3.0, 5.0]
    assert percentile([], 0.5) == 0.0


def test_gold_is_a_substring_a_file_or_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "q.jsonl",
                 {"id": "a", "question": "?", "gold": ["끄는"], "facts": [["끈다", "끄는"]], "kind": "typo", "value": 3},
                 {"question": "?", "gold_files": ["x.md"]},
                 {"question": "?", "gold_lines": [["x.md", 5, 7]]},
                 {"question": "?", "gold": [], "kind": "unanswerable"})
    (quoted, filed, lined, unanswerable), notes = read_questions(path, tmp_path)
    assert notes == tmp_path
    assert (quoted.id, quoted.kind, quoted.facts, quoted.value) == ("a", "typo", (("끈다", "끄는"),), "3")
    assert [quoted.is_gold(chunk("x.md", t)) for t in ("뉴런을 끄는 층", "켜는 층")] == [True, False]
    assert (filed.id, [filed.is_gold(chunk(p, "")) for p in ("x.md", "y.md")]) == ("2", [True, False])
    assert [lined.is_gold(chunk("x.md", "", a, b)) for a, b in ((1, 4), (1, 5), (7, 9), (8, 9))] == [False, True, True, False]
    assert not unanswerable.has_gold and not unanswerable.answerable


def test_korquad_paragraphs_become_notes(tmp_path: Path) -> None:
    path = tmp_path / "korquad.json"
    path.write_text(json.dumps({"data": [{"title": "층", "paragraphs": [
        {"context": "드롭아웃은 뉴런을 끈다.", "qas": [
            {"id": "k1", "question": "무엇을 끄나?", "answers": [{"text": "뉴런", "answer_start": 6}, {"text": "뉴런", "answer_start": 6}]}]},
        {"context": "풀링은 크기를 줄인다.", "qas": [{"id": "k2", "question": "무엇을 줄이나?", "answers": [{"text": "크기"}]}]},
    ]}]}, ensure_ascii=False), "utf-8")
    questions, notes = read_questions(path, tmp_path / "made" / "notes")
    assert {p.name: p.read_text("utf-8") for p in notes.iterdir()} == {
        "000_00.txt": "드롭아웃은 뉴런을 끈다.", "000_01.txt": "풀링은 크기를 줄인다."}
    assert [(q.id, q.facts) for q in questions] == [("k1", (("뉴런",),)), ("k2", (("크기",),))]
    assert [questions[1].is_gold(chunk(p, "")) for p in ("000_00.txt", "000_01.txt")] == [False, True]


@pytest.mark.parametrize(("text", "named"), [
    ('{"question": "?", "gold": []}\n{"question"', "2번째 줄"),
    ('{"question": "?"}', "1번째 줄"),
    ("\n", "질문이 없습니다"),
])
def test_an_unreadable_file_names_its_line(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=named):
        read_questions(path, tmp_path)


def test_a_json_file_that_is_not_korquad_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "q.json"
    path.write_text("[]", "utf-8")
    with pytest.raises(InputError, match="KorQuAD"):
        read_questions(path, tmp_path / "notes")


def test_a_report_measures_retrieval_answers_refusals_and_time(study: Answerer, tmp_path: Path) -> None:
    path = write(tmp_path / "study.jsonl",
                 {"id": "right", "question": "드롭아웃이 뭐야?", "gold": ["뉴런을 확률 p로 끄는"], "facts": [["규제"]]},
                 {"id": "wrong", "question": "소프트맥스가 뭐야?", "gold": ["합이 1인"], "facts": [["어디에도 없는 말"]]},
                 {"id": "none", "question": "서울의 인구는 몇 명인가요?", "gold": [], "kind": "unanswerable"})
    steps: list[tuple[int, int]] = []
    settings = study.settings.model_copy(update={"index": tmp_path / "index"})
    found = run(path, study.settings.notes, settings, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert (found["asked"], found["questions"], found["llm"]) == (3, "study.jsonl", "embedded")
    assert found["retrieval"]["hit@1"] == found["retrieval"]["mrr@10"] == 1.0
    answers = found["answers"]
    assert (answers["exact_citations"], answers["answered"], answers["facts_in_600"], answers["refused"]) == (1.0, 1.0, 0.5, 1.0)
    assert [point["coverage"] for point in answers["risk_coverage"]][-1] == 1.0
    assert set(found["latency_ms"]["total"]) == {"p50", "p95"}
    assert [(f["id"], f["rank"], f["facts"], f["exact"]) for f in found["failures"]] == [("wrong", 1, False, True)]
    assert "검색 hit@1" in format_report(found) and "답변 refused" in format_report(found)
    kept = save(found, tmp_path / "reports")
    assert kept.name.endswith("-study.json") and json.loads(kept.read_text("utf-8"))["asked"] == 3


def test_a_limit_asks_only_the_first(study: Answerer, tmp_path: Path) -> None:
    path = write(tmp_path / "two.jsonl", *({"question": q, "gold_files": ["순환/lstm.md"]} for q in ("LSTM이 뭐야?", "게이트는?")))
    settings = study.settings.model_copy(update={"index": tmp_path / "index"})
    assert run(path, study.settings.notes, settings, limit=1)["asked"] == 1
