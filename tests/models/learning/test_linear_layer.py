"""The linear layer against torch's, and the parameters of the boxes example."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.learning.linear_layer import CONCEPT, Linear, parameters


def ask(question):
    for computation in CONCEPT.computations:
        found = computation.parse(question)
        if found is not None:
            return computation.run(**found).value
    return None


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 4), max_size=2), st.integers(1, 6), st.integers(1, 6), st.booleans(),
       st.integers(0, 999))
def test_values_and_gradients_equal_torchs(lead, d_in, d_out, bias, seed):
    torch.manual_seed(seed)
    ours, twin = Linear(d_in, d_out, bias, dtype=torch.float64), nn.Linear(d_in, d_out, bias, dtype=torch.float64)
    twin.load_state_dict(ours.state_dict())
    x = torch.randn(*lead, d_in, dtype=torch.float64)
    ours(x).square().sum().backward()
    twin(x).square().sum().backward()
    torch.testing.assert_close(ours(x), twin(x), atol=1e-6, rtol=0)
    for mine, theirs in zip(ours.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("bias", "count"), [(False, 13), (True, 18)])
def test_the_boxes_example_has_13_parameters_without_and_18_with_bias(bias, count):
    numbers = CONCEPT.run({"bias": bias}).numbers
    assert numbers["파라미터"] == count
    assert numbers["1단계 크기"] == "(64, 4, 3)" and numbers["2단계 크기"] == "(64, 4)"
    assert numbers["출력 크기"] == "(64,)"


def test_shrinking_the_boxes_at_once_takes_six_weights():
    assert parameters(2, 1, bias=False) + parameters(4, 1, bias=False) == 6


def test_the_first_values_lie_within_one_over_the_root_of_the_inputs():
    assert Linear(100, 50).weight.abs().max() <= 0.1


def test_a_layer_without_inputs_is_refused():
    with pytest.raises(ValueError, match="in_features=0"):
        Linear(0, 3)


@pytest.mark.parametrize(("question", "value"), [
    ("입력 784, 출력 128인 선형 층의 파라미터는 몇 개인가?", "100,480"),
    ("nn.Linear(100, 10, bias=False)의 파라미터 수는?", "1,000"),
    ("가중치가 (2, 3), (3, 1), (4, 1)인 선형 층 셋의 파라미터는 편향 없이 모두 몇 개?", "13"),
    ("가중치가 (2, 3), (3, 1), (4, 1)인 Dense 층 셋의 파라미터는 편향까지 모두 몇 개?", "18"),
    ("입력이 1,327,104이고 출력이 1인 Linear layer의 파라미터 수는? (편향 제외)", "1,327,104"),
    ("(64, 4, 2) 입력을 nn.Linear(2, 3)에 넣으면 출력 크기는?", "(64, 4, 3)"),
    ("(32, 100)을 nn.Linear(200, 10)에 넣으면 shape이 어떻게 되나?", "불가능"),
])
def test_a_question_with_sizes_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", [
    "선형 층의 파라미터 수는 어떻게 계산하나?", "입력 2, 은닉 3, 출력 1인 MLP의 파라미터 수는?",
    "입력 채널 3, 출력 채널 16, 커널 5인 합성곱 층의 파라미터는?", "nn.Linear의 출력 크기는?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
