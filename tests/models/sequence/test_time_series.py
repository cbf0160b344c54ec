import pytest
import torch

from models.concept import ConceptError
from models.sequence.time_series import CONCEPT, demo, roll_out, slide


def test_a_thousand_values_and_a_window_of_thirty_give_970_pairs():
    x, y = slide(torch.arange(1000.0), 30)
    assert x.shape == (970, 30, 1) and y.shape == (970, 1)


def test_the_answer_is_the_value_right_after_its_window():
    x, y = slide(torch.arange(8.0), 3)
    assert x[2, :, 0].tolist() == [2, 3, 4] and y[2].item() == 5


def test_a_window_as_long_as_the_series_is_refused():
    with pytest.raises(ValueError, match="between 1 and 7"):
        slide(torch.arange(8.0), 8)


def test_a_long_forecast_feeds_its_own_values_back():
    def add_one(window):
        return window[:, -1] + 1

    assert roll_out(add_one, torch.tensor([3.0, 4.0]), 3).tolist() == [5, 6, 7]


def test_the_network_beats_saying_the_same_as_yesterday():
    numbers = demo().numbers
    assert numbers["RNN의 MSE"] < 0.5 * numbers["기준선의 MSE"]


def test_more_noise_leaves_a_larger_error():
    assert demo(noise=0.8).numbers["RNN의 MSE"] > demo(noise=0.05).numbers["RNN의 MSE"]


def test_the_readers_own_numbers_are_forecast():
    values = ", ".join(str(n % 4) for n in range(40))
    numbers = demo(values=values, window=8, epochs=100).numbers
    assert numbers["전체 쌍의 수 N-w"] == 32
    assert numbers["RNN의 MSE"] < 0.2


def test_too_few_numbers_are_refused():
    with pytest.raises(ConceptError, match="수열"):
        demo(values="1, 2, 3")


@pytest.mark.parametrize(
    "question, value",
    [
        ("값이 1000개인 시계열을 창 길이 30으로 자르면 학습 쌍은 몇 개?", "970쌍"),
        ("시계열 데이터 500개, 윈도우 24일 때 샘플 수는?", "476쌍"),
    ],
)
def test_the_question_for_the_pairs_is_computed(question, value):
    computation = CONCEPT.computations[0]
    assert computation.run(**computation.parse(question)).value == value


def test_a_question_without_numbers_is_left_alone():
    assert CONCEPT.computations[0].parse("시계열을 창으로 자르면 샘플이 몇 개 나와요?") is None
