"""When the notes are said not to answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.answer import Answerer
from app.composer.refusal import confidence, evidence, missing_names
from tests.app.conftest import study_settings


@pytest.mark.parametrize("question", ["서울의 인구는 몇 명인가요?", "내일 비가 오면 우산을 챙겨야 해?", "PPO에서 클리핑은 왜 하나요?", "세탁기는 어떻게 청소해?"])
def test_what_the_notes_do_not_treat_is_refused_with_its_reason(study: Answerer, question: str) -> None:
    answer = study.answer(question)
    assert not answer.answerable and answer.refusal_reason and not answer.citations


@pytest.mark.parametrize("question", ["드롭아웃이 뭐야?", "점수를 합이 1인 확률로 바꾸는 함수는?", "학습할 때 뉴런을 확률로 꺼 버리면 뭐가 좋아?", "LSTM은 왜 게이트를 쓰나요?"])
def test_what_they_treat_is_answered(study: Answerer, question: str) -> None:
    answer = study.answer(question)
    assert answer.answerable and answer.citations


def test_notes_on_quite_another_field_answer_its_questions(tmp_path: Path) -> None:
    settings = study_settings(tmp_path)
    (settings.notes / "찌개.md").write_text(
        "# 김치찌개\n\n김치찌개는 돼지고기를 먼저 볶고 신 김치와 물을 넣어 20분 끓인다.\n\n## 보관\n\n식힌 뒤 냉장고에 사흘까지 둔다.\n", "utf-8")
    answerer = Answerer(settings)
    answerer.build()
    answer = answerer.answer("김치찌개는 어떻게 끓여?")
    assert answer.answerable and "20분" in answer.answer


def test_a_name_that_stands_nowhere_is_named_and_a_size_is_no_name(study: Answerer) -> None:
    assert missing_names(study.search("YOLO는 드롭아웃을 쓰나요?")[0]) == ("YOLO",)
    assert missing_names(study.search("32x32 사진에 드롭아웃을 쓰나요?")[0]) == ()


def test_a_name_weighs_more_than_a_common_word(study: Answerer) -> None:
    def missing(question: str) -> float:
        found, ranked = study.search(question)
        return evidence(found, ranked.results).missing

    assert (missing("Zorblax 드롭아웃"), missing("zorblax 드롭아웃"), missing("드롭아웃")) == (1.0, 0.5, 0.0)


def test_confidence_is_above_a_half_exactly_where_it_is_answered(study: Answerer) -> None:
    for question in ("드롭아웃이 뭐야?", "서울의 인구는 몇 명인가요?", "합성곱은 커널을 어떻게 옮겨?"):
        found, ranked = study.search(question)
        assert (confidence(found, ranked.results) >= 0.5) == study.answer(question).answerable


def test_without_an_encoder_it_still_tells(tmp_path: Path) -> None:
    answerer = Answerer(study_settings(tmp_path, encoder="none"))
    answerer.build()
    assert answerer.answer("드롭아웃이 뭐야?").answerable
    assert not answerer.answer("서울의 인구는 몇 명인가요?").answerable
