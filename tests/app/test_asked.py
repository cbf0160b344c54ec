"""The kind of answer that a question asks for."""

from __future__ import annotations

import pytest

from app.composer.asked import Asked, asked


@pytest.mark.parametrize(("question", "kind"), [
    ("드롭아웃이 뭐야?", "definition"),
    ("RBM은 어떤 모델인가", "definition"),
    ("기울기 소실이란 무엇인가?", "definition"),
    ("CNN과 RNN의 차이", "comparison"),
    ("L1이랑 L2 비교해줘", "comparison"),
    ("ReLU를 왜 쓰나요?", "reason"),
    ("두 값이 왜 다른가요?", "reason"),
    ("두 손실이 같은 값이 되는 이유는?", "reason"),
    ("풀링의 종류", "list"),
    ("어텐션의 장점", "list"),
    ("어텐션 수식은?", "formula"),
    ("가설 식은?", "formula"),
    ("어떤 방식은 좋은가", "open"),
    ("GRU 코드 보여줘", "code"),
    ("학습은 어떻게 하나요?", "procedure"),
    ("학습률이 크면 어떻게 되나요?", "open"),
    ("층이 몇 개인가요?", "number"),
    ("손실 함수는?", "open"),
    ("테스트 데이터로 골라도 되나요?", "yes_no"),
    ("모르는 문제를 틀리는 현상을 뭐라고 하나요?", "open"),
])
def test_the_words_of_a_question_tell_its_kind(question: str, kind: str) -> None:
    assert asked(question).kind == kind


@pytest.mark.parametrize(("question", "count"), [("세 가지 게이트", 3), ("문제점 2가지", 2), ("여섯 가지", 6), ("게이트 종류", 0)])
def test_the_number_of_things_is_read(question: str, count: int) -> None:
    assert asked(question).count == count


def test_a_description_asks_for_a_name() -> None:
    assert asked("뉴런을 무작위로 끄는 방법은?").describes
    assert asked("드롭아웃의 수식") == Asked("formula")
