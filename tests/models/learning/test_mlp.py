"""The MLP against nn.Sequential, XOR, and the parameters of the notes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.learning.mlp import CONCEPT, MLP, TORCH_NAMES, count, fit


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found).value


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=5), st.sampled_from(sorted(TORCH_NAMES)), st.integers(0, 999))
def test_values_and_gradients_equal_a_sequential_of_torchs(widths, activation, seed):
    torch.manual_seed(seed)
    ours = MLP(widths, activation, dtype=torch.float64)
    parts = []
    for layer in ours.layers:
        twin = nn.Linear(layer.in_features, layer.out_features, dtype=torch.float64)
        twin.load_state_dict(layer.state_dict())
        parts += [twin, getattr(nn, TORCH_NAMES[activation])()]
    theirs = nn.Sequential(*parts[:-1])
    x = torch.randn(7, widths[0], dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-6, rtol=0)
    ours(x).square().sum().backward()
    theirs(x).square().sum().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, other.grad, atol=1e-6, rtol=0)


def test_without_activation_three_layers_are_one():
    torch.manual_seed(0)
    model = MLP((2, 5, 4, 1), "none", dtype=torch.float64)
    a, b, c = (layer.weight for layer in model.layers)
    x = torch.randn(6, 2, dtype=torch.float64)
    torch.testing.assert_close(model(x) - model(torch.zeros(1, 2, dtype=torch.float64)), x @ (c @ b @ a).T)


def test_four_hidden_neurons_learn_xor_and_one_does_not():
    assert CONCEPT.run({"hidden": 4}).numbers["맞힌 점"] == 4
    assert CONCEPT.run({"hidden": 1}).numbers["맞힌 점"] < 4
    assert CONCEPT.run({"activation": "none"}).numbers["맞힌 점"] < 4


def test_more_hidden_neurons_follow_a_curve_closer():
    x = torch.linspace(-1, 1, 40)[:, None]
    y = torch.sin(5 * x)
    final = []
    for hidden in (1, 16):
        torch.manual_seed(0)
        final.append(fit(MLP((1, hidden, 1)), x, y, nn.functional.mse_loss, steps=300, rate=0.05)[-1])
    assert final[1] < 0.1 * final[0]


@pytest.mark.parametrize(("widths", "total"), [((2, 4, 1), 17), ((784, 128, 10), 101_770), ((2, 3, 1), 13)])
def test_the_parameters_equal_those_of_the_model(widths, total):
    assert count(widths) == total == sum(p.numel() for p in MLP(widths).parameters())


@pytest.mark.parametrize(("question", "value"), [
    ("784-128-10 MLP의 파라미터는 모두 몇 개인가?", "101,770"),
    ("입력 2, 은닉 3, 출력 1인 다층 퍼셉트론의 파라미터 수는?", "13"),
    ("입력 784, 은닉층 256, 128, 출력 10인 신경망의 매개변수는 몇 개?", "235,146"),
    ("편향 없는 2-3-1 신경망의 파라미터 수는?", "9"),
])
def test_a_question_with_widths_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", [
    "MLP의 파라미터 수는 어떻게 세나?", "은닉층 2개를 둔 신경망의 파라미터 수는?",
    "입력 784, 출력 128인 선형 층의 파라미터는?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None


def test_a_model_of_one_width_is_refused():
    with pytest.raises(ValueError, match="widths"):
        MLP([3])
