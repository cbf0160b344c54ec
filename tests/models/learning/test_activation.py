"""Activations against torch's own, their known values, and the questions that compute one."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learning.activation import ACTIVATIONS, CONCEPT, Activation, value_and_slope

TWINS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": F.relu, "leaky_relu": F.leaky_relu, "relu6": F.relu6,
         "elu": F.elu, "swish": F.silu, "hard_swish": F.hardswish, "gelu": F.gelu, "mish": F.mish}


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(TWINS)), st.integers(0, 10_000))
def test_values_and_gradients_equal_torchs(name, seed):
    x = 5 * torch.randn(3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    value, slope = value_and_slope(name, x)
    twin = x.clone().requires_grad_(True)
    expected = TWINS[name](twin)
    torch.testing.assert_close(value, expected.detach(), atol=1e-6, rtol=0)
    torch.testing.assert_close(slope, torch.autograd.grad(expected.sum(), twin)[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_far_inputs_stay_finite(name):
    value, slope = value_and_slope(name, torch.tensor([-1000.0, 0.0, 1000.0]))
    assert torch.isfinite(value).all() and torch.isfinite(slope).all()


def test_sigmoids_slope_is_highest_at_zero_with_a_quarter():
    _, slope = value_and_slope("sigmoid", torch.linspace(-4, 4, 81, dtype=torch.float64))
    assert slope.argmax() == 40 and slope.max().item() == pytest.approx(0.25)


def test_relu_has_slope_zero_at_its_kink():
    assert value_and_slope("relu", torch.tensor([-1.0, 0.0, 1.0]))[1].tolist() == [0.0, 0.0, 1.0]


def test_two_linear_layers_without_activation_are_one():
    a, b, x = torch.randn(3, 4), torch.randn(4, 2), torch.randn(5, 3)
    torch.testing.assert_close(x @ a @ b, x @ (a @ b))


def test_as_a_layer_it_refuses_an_unknown_name():
    assert Activation("relu")(torch.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]
    with pytest.raises(ValueError, match="softsign"):
        Activation("softsign")


@pytest.mark.parametrize(("question", "value"), [
    ("sigmoid(2)는 얼마인가?", "0.8808"),
    ("x가 -3일 때 leaky ReLU의 값은?", "-0.03"),
    ("시그모이드에 1.5를 넣었을 때 미분값은?", "0.1491"),
    ("ReLU(-5)의 값은?", "0"),
    ("ReLU6에 8을 넣으면?", "6"),
    ("tanh(1) 계산해 줘", "0.7616"),
    ("GELU(1)은?", "0.8413"),
    ("x=0일 때 시그모이드의 기울기는", "0.25"),
])
def test_a_question_with_a_number_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "시그모이드는 어떻게 계산하나요?", "ReLU와 leaky ReLU의 차이는?", "시그모이드를 10층 쌓으면 기울기는?",
    "ReLU6는 왜 쓰는가", "렐루 미분값이 0일때랑 1일때가 각각 언제임",
    "시그모이드 미분의 최댓값은 왜 0.25인가?", "2012년에 ReLU를 쓴 모델은?", "max(0, x) 이거 뭐예요",
    "np.where(x > 0, x, 0.01*x) 여기서 0.01은 왜 곱해주는 건가요"])
def test_a_question_without_a_number_to_put_in_is_not_computed(question):
    assert ask(question) is None
