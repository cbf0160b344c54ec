"""Names learned from brackets in the notes."""

from __future__ import annotations

import pytest

from indexer.aliases import learn


@pytest.mark.parametrize(("text", "row"), [
    ("배치 정규화(Batch Normalization)는 층의 입력을 고르게 한다.", ("배치 정규화", "Batch Normalization")),
    ("RBM(Restricted Boltzmann Machine)은 두 층이다.", ("RBM", "Restricted Boltzmann Machine")),
    ("CNN(합성곱 신경망)을 쓴다.", ("CNN", "합성곱 신경망")),
    ("우리는 순환 단위(Recurrent Unit)를 쓴다.", ("순환 단위", "Recurrent Unit")),
    ("경사하강법(GD, Gradient Descent)을 쓴다.", ("경사하강법", "Gradient Descent", "GD")),
    ("경사하강법(Gradient Descent, GD)을 쓴다.", ("경사하강법", "Gradient Descent", "GD")),
    ("드롭아웃 (dropout)은 뉴런을 끈다.", ("드롭아웃", "dropout")),
])
def test_a_bracket_with_the_other_name_is_learned(text: str, row: tuple[str, ...]) -> None:
    assert learn([text]) == (row,)


@pytest.mark.parametrize("text", [
    "f(x)를 미분한다", "forward(self, x)", "그림(예: 고양이)", "결과는 좋다(p < 0.05)", "torch.sum(dim)", "다음(e.g. this)",
    "값(value)", "활성화 함수(ReLU, Sigmoid)", "지도 학습(분류)", "제한된 볼츠만 머신(Restricted Boltzmann Machine)",
    "빠르고 (fast)", "()", "모델(model", "[링크](https://example.com)",
])
def test_other_brackets_are_not(text: str) -> None:
    assert learn([text]) == ()


def test_a_name_that_goes_with_several_others_explains_something_else_each_time() -> None:
    assert learn(["데이터셋(train set)", "데이터셋(test set)"]) == ()


def test_the_same_pair_in_many_notes_is_one_row() -> None:
    assert learn(["어텐션(Attention)", "어텐션(attention)", "어텐션 (ATTENTION)"]) == (("어텐션", "Attention"),)


def test_rows_are_sorted_and_do_not_depend_on_the_order_of_the_notes() -> None:
    texts = ["옵티마이저(Optimizer)", "드롭아웃(Dropout)", "어텐션(Attention)"]
    assert learn(texts) == learn(reversed(texts)) == tuple(sorted(learn(texts)))
