import pytest
import torch
from hypothesis import given, settings

from models.concept import ConceptError
from models.sequence.lstm import CONCEPT, LSTM, demo
from tests.models.sequence.test_rnn import SIZES, assert_same_as_torch


@settings(max_examples=15, deadline=None)
@given(**SIZES)
def test_values_and_gradients_equal_torch(steps, batch, width, hidden, layers, batch_first):
    assert_same_as_torch(
        LSTM(width, hidden, layers, batch_first=batch_first),
        torch.nn.LSTM(width, hidden, layers, batch_first=batch_first),
        steps,
        batch,
        width,
        batch_first,
    )


def test_the_traced_states_are_those_of_the_forward_pass():
    torch.manual_seed(0)
    layer, x = LSTM(2, 5), torch.randn(7, 3, 2)
    torch.testing.assert_close(layer.trace(x)["h"], layer(x)[0])


def test_a_mark_outside_the_sequence_is_refused():
    with pytest.raises(ConceptError, match=r"12.*4 이하"):
        demo(length=4, mark=12)


def test_the_memory_task_is_learned_far_below_guessing():
    numbers = demo().numbers
    assert numbers["마지막 손실(MSE)"] < 0.05  # a guess of 0 has 1/3
    assert abs(numbers["끝에서 말한 값"] - numbers["기억할 값"]) < 0.3


def test_an_open_forget_gate_and_a_closed_input_gate_keep_the_cell_as_it_is():
    layer = LSTM(1, 2)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.bias_ih_l0[:2], layer.bias_ih_l0[2:4] = -100.0, 100.0  # i = 0, f = 1
    c = torch.tensor([[[0.3, -0.7]]])
    _, (_, kept) = layer(torch.randn(50, 1, 1), (torch.zeros(1, 1, 2), c))
    torch.testing.assert_close(kept, c)


def test_a_low_forget_bias_makes_the_memory_leak():
    assert demo(forget_bias=-4.0).numbers["마지막 손실(MSE)"] > demo(forget_bias=1.0).numbers["마지막 손실(MSE)"]


@pytest.mark.parametrize(
    "question, value",
    [
        ("nn.LSTM(10, 20)은 파라미터가 몇 개야?", "2,560개"),
        ("LSTM 입력 크기 100, 은닉 크기 128일 때 파라미터 수는?", "117,760개"),
        ("양방향 nn.LSTM(10, 20) 파라미터 수", "5,120개"),
    ],
)
def test_the_parameter_question_is_computed(question, value):
    computation = CONCEPT.computations[0]
    assert computation.run(**computation.parse(question)).value == value


def test_a_question_without_numbers_is_left_alone():
    assert CONCEPT.computations[0].parse("LSTM 파라미터 수 공식은 어떻게 나온 거야") is None
    assert CONCEPT.computations[0].parse("GRU와 LSTM의 파라미터 수 차이, 입력 10 은닉 20") is None
