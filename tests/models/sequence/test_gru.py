import pytest
import torch
from hypothesis import given, settings

from models.concept import ConceptError
from models.sequence.gru import CONCEPT, GRU, demo
from tests.models.sequence.test_rnn import SIZES, assert_same_as_torch


@settings(max_examples=15, deadline=None)
@given(**SIZES)
def test_values_and_gradients_equal_torch(steps, batch, width, hidden, layers, batch_first):
    assert_same_as_torch(
        GRU(width, hidden, layers, batch_first=batch_first),
        torch.nn.GRU(width, hidden, layers, batch_first=batch_first),
        steps,
        batch,
        width,
        batch_first,
    )


def test_the_traced_states_are_those_of_the_forward_pass():
    torch.manual_seed(0)
    layer, x = GRU(2, 5), torch.randn(7, 3, 2)
    torch.testing.assert_close(layer.trace(x)["h"], layer(x)[0])


def test_a_mark_outside_the_sequence_is_refused():
    with pytest.raises(ConceptError, match=r"12.*4 이하"):
        demo(length=4, mark=12)


def test_the_memory_task_is_learned_far_below_guessing():
    numbers = demo().numbers
    assert numbers["마지막 손실(MSE)"] < 0.05  # a guess of 0 has 1/3
    assert abs(numbers["끝에서 말한 값"] - numbers["기억할 값"]) < 0.3


def test_an_update_gate_of_one_copies_the_old_state():
    layer = GRU(1, 2)
    with torch.no_grad():
        layer.bias_ih_l0[2:4] = 100.0  # z = 1
    h = torch.tensor([[[0.3, -0.7]]])
    torch.testing.assert_close(layer(torch.randn(20, 1, 1), h)[1], h)


def test_the_update_gate_lets_the_marked_value_in_and_then_closes():
    numbers = demo(epochs=150).numbers
    assert numbers["표시된 시점의 z 평균"] < numbers["나머지 시점의 z 평균"]


def test_it_has_three_quarters_of_the_parameters_of_an_lstm():
    numbers = demo(epochs=10).numbers
    assert numbers["GRU 파라미터 수"] / numbers["LSTM 파라미터 수"] == 0.75


@pytest.mark.parametrize(
    "question, value",
    [("nn.GRU(10, 20)의 파라미터 개수는?", "1,920개"), ("입력 64, 은닉 128인 GRU의 파라미터 수를 구해 줘", "74,496개")],
)
def test_the_parameter_question_is_computed(question, value):
    computation = CONCEPT.computations[0]
    assert computation.run(**computation.parse(question)).value == value


def test_a_question_without_sizes_is_left_alone():
    assert CONCEPT.computations[0].parse("GRU 파라미터 수는 LSTM의 몇 분의 몇이야?") is None
