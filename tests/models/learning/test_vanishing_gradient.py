"""Gradients by depth: where they vanish, what keeps them, where they explode; and the products that are computed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.learning.vanishing_gradient import CONCEPT, DeepNet, demo, gradient_norms


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found)


def ratio(depth=15, **options):
    torch.manual_seed(0)
    norms = gradient_norms(DeepNet(depth, 16, **options), torch.randn(32, 16))
    return norms[0] / norms[-1]


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 4), st.booleans(), st.booleans(), st.integers(0, 10_000))
def test_the_network_equals_one_of_torchs_layers(depth, residual, batch_norm, seed):
    torch.manual_seed(seed)
    net = DeepNet(depth, 5, "sigmoid", residual=residual, batch_norm=batch_norm).double()
    x = torch.randn(6, 5, dtype=torch.float64)
    layers = [nn.Linear(5, 5).double() for _ in range(depth)]
    for twin, layer in zip(layers, net.layers, strict=True):
        twin.load_state_dict(layer.state_dict())
    states = [x]
    for layer in layers:
        z = layer(states[-1])
        z = nn.functional.batch_norm(z, None, None, training=True) if batch_norm else z
        states.append(states[-1] + torch.sigmoid(z) if residual else torch.sigmoid(z))
    out = states[-1] @ net.out.weight.T + net.out.bias
    torch.testing.assert_close(net(x), out, atol=1e-6, rtol=0)
    expected = torch.autograd.grad(out.sum(), states[1:])
    assert gradient_norms(net, x) == pytest.approx([g.norm().item() for g in expected], rel=1e-6, abs=1e-6)


def test_sigmoids_lose_at_least_a_factor_of_four_a_layer_when_weights_keep_the_length():
    torch.manual_seed(0)
    h = torch.randn(16, requires_grad=True)
    y = h
    for _ in range(10):
        y = torch.sigmoid(torch.linalg.qr(torch.randn(16, 16))[0] @ y)  # 길이를 바꾸지 않는 가중치
    (gradient,) = torch.autograd.grad(y @ torch.nn.functional.normalize(torch.randn(16), dim=0), h)
    assert gradient.norm() < 0.25**10


def test_relu_residuals_and_batch_norm_keep_what_the_sigmoid_loses():
    sigmoid = ratio(activation="sigmoid")
    assert sigmoid < 1e-6
    assert ratio(activation="relu", gain=2**0.5) > 1e-2
    assert ratio(activation="sigmoid", residual=True) > 1e-2
    assert ratio(activation="sigmoid", batch_norm=True) > 1e4 * sigmoid


def test_large_weights_explode_and_the_demo_says_so():
    assert ratio(activation="relu", gain=4.0) > 1e3
    assert "폭발" in demo(gain=4.0).text and "폭발" not in demo().text


@pytest.mark.parametrize(("question", "value"), [
    ("시그모이드를 10층 쌓으면 기울기는 최대 몇 배로 줄어드나?", "9.537e-07"),
    ("층마다 기울기가 1.5배가 되면 20층을 지나며 몇 배로 커져?", "3,325.2567"),
    ("층마다 0.5를 곱하면 8층 뒤 기울기는 몇 배?", "0.0039"),
])
def test_a_question_with_numbers_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "기울기 소실은 왜 생기나요?", "시그모이드를 열 층 쌓으면 왜 학습이 안 돼요?", "ReLU를 20층 쌓으면 기울기는 몇 배?",
    "시그모이드 20층은 loss가 꿈쩍도 안 하는데 3층으로 줄이면 잘 돼요"])
def test_a_question_that_leaves_something_out_is_not_computed(question):
    assert ask(question) is None
