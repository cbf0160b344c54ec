"""When the notes are said not to answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.answer import Answerer
from app.composer.refusal import UNTREATED, confidence, evidence, missing_names
from app.settings import load_settings
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
    assert missing("합성곱 신경망이 뭐야?") == 0.25  # both names stand there, side by side nowhere
    assert missing("조건부 확률이 뭐야?") == 1.0  # only 확률 does
    assert missing("게이트 순환 신경망이 뭐야?") == 1.0  # nor do two count, of which one is a part of the other


@pytest.fixture(scope="module")
def curriculum(tmp_path_factory: pytest.TempPathFactory) -> Answerer:
    """Over all notes that ship."""
    answerer = Answerer(load_settings(index=tmp_path_factory.mktemp("curriculum") / "index"))
    answerer.build()
    return answerer


@pytest.mark.parametrize(("question", "about"), [
    ("사람이 고른 답을 점수로 삼아 말투를 고치는 학습", "보상 모델"),
    ("손님을 비슷한 무리로 묶는데 무리 가운데 점을 자꾸 옮기는 방법", "k-평균"),
])
def test_what_everyday_words_mean_and_the_notes_never_mention_is_named(curriculum: Answerer, question: str, about: str) -> None:
    answer = curriculum.answer(question)
    assert not answer.answerable
    assert answer.refusal_reason == UNTREATED.format(name=about)


def test_what_is_absent_tells_more_the_more_the_notes_treat(curriculum: Answerer, study: Answerer) -> None:
    def absent(answerer: Answerer) -> float:
        found, ranked = answerer.search("손님을 비슷한 무리로 묶는데 무리 가운데 점을 자꾸 옮기는 방법")
        return evidence(found, ranked.results).absent

    assert 0 < absent(study) < absent(curriculum) < 1


def test_confidence_is_above_a_half_exactly_where_it_is_answered(study: Answerer) -> None:
    for question in ("드롭아웃이 뭐야?", "서울의 인구는 몇 명인가요?", "합성곱은 커널을 어떻게 옮겨?"):
        found, ranked = study.search(question)
        assert (confidence(found, ranked.results) >= 0.5) == study.answer(question).answerable


def test_without_an_encoder_it_still_tells(tmp_path: Path) -> None:
    answerer = Answerer(study_settings(tmp_path, encoder="none"))
    answerer.build()
    assert answerer.answer("드롭아웃이 뭐야?").answerable
    assert not answerer.answer("서울의 인구는 몇 명인가요?").answerable
