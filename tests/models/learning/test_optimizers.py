"""Optimizers against torch.optim's, what each is for, and the questions that compute a step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learning.optimizers import CONCEPT, SGD, Adagrad, Adam, RMSProp, race

TWINS = {
    "sgd": (lambda p: SGD(p, 0.05), lambda p: torch.optim.SGD(p, 0.05)),
    "decay": (lambda p: SGD(p, 0.05, weight_decay=0.1), lambda p: torch.optim.SGD(p, 0.05, weight_decay=0.1)),
    "momentum": (lambda p: SGD(p, 0.05, 0.9), lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
    "nag": (lambda p: SGD(p, 0.05, 0.8, nesterov=True), lambda p: torch.optim.SGD(p, 0.05, 0.8, nesterov=True)),
    "adagrad": (lambda p: Adagrad(p, 0.1), lambda p: torch.optim.Adagrad(p, 0.1)),
    "rmsprop": (lambda p: RMSProp(p, 0.01, 0.9), lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9)),
    "adam": (lambda p: Adam(p, 0.1), lambda p: torch.optim.Adam(p, 0.1)),
    "adam with L2": (lambda p: Adam(p, 0.1, (0.8, 0.99), weight_decay=0.01),
                     lambda p: torch.optim.Adam(p, 0.1, (0.8, 0.99), weight_decay=0.01)),
}


def ask(question):
    for computation in CONCEPT.computations:
        if (found := computation.parse(question)) is not None:
            return computation.run(**found)
    return None


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(sorted(TWINS)), st.integers(0, 10_000))
def test_ten_steps_equal_torchs(name, seed):
    torch.manual_seed(seed)
    start = [torch.randn(3, 2, dtype=torch.float64), torch.randn(4, dtype=torch.float64)]
    pairs = []
    for make in TWINS[name]:
        ws = [w.clone().requires_grad_(True) for w in start]
        optimizer = make(ws)
        for _ in range(10):
            optimizer.zero_grad()
            (torch.sin(ws[0]).sum() + (ws[0] ** 2).sum() + (1 + ws[1] ** 4).sqrt().sum()).backward()
            optimizer.step()
        pairs.append(ws)
    for ours, theirs in zip(*pairs, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_a_parameter_without_gradient_stays():
    w = torch.ones(2, requires_grad=True)
    Adam([w], 0.1).step()
    assert w.tolist() == [1, 1]


def test_a_learning_rate_of_zero_is_refused():
    with pytest.raises(ValueError, match="lr=0"):
        SGD([torch.ones(1)], 0)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_adams_first_step_is_the_learning_rate_whatever_the_gradient(scale):
    w = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    (scale * w).sum().backward()
    Adam([w], 0.1).step()
    assert w.item() == pytest.approx(0.9, abs=1e-5)


def test_under_a_steady_gradient_momentum_grows_to_ten_times_and_adagrad_slows_down():
    moved = {}
    for name, make in (("momentum", lambda p: SGD(p, 1.0, 0.9)), ("adagrad", lambda p: Adagrad(p, 1.0))):
        w = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        optimizer = make([w])
        for _ in range(200):
            before = w.item()
            w.grad = torch.ones_like(w)
            optimizer.step()
        moved[name] = before - w.item()
    assert moved["momentum"] == pytest.approx(10, abs=1e-3)
    assert moved["adagrad"] == pytest.approx(200**-0.5, abs=1e-6)


def test_in_a_narrow_valley_sgd_must_stay_below_two_over_the_curvature():
    stable, wild = race(20, 0.05, 0.9, 60), race(50, 0.05, 0.9, 60)
    assert stable["SGD"][1][-1] < 0.1 and wild["SGD"][1][-1] > 1e6
    assert wild["RMSProp"][1][-1] < 0.1


@pytest.mark.parametrize(("question", "value"), [
    ("w=1, 기울기 2, 학습률 0.1, 모멘텀 0.9, 이전 속도 0.5이면 모멘텀 갱신 뒤 w는?", "0.755"),
    ("w=1, 기울기 2, 학습률 0.1, 모멘텀 0.9, 이전 속도 0.5일 때 NAG로 갱신한 w는?", "0.5795"),
    ("Adagrad에서 w=1, 기울기 2, 학습률 0.1이면 첫 갱신 뒤 w는 얼마인가?", "0.9"),
    ("Adam으로 w=1, 기울기 5, 학습률 0.01일 때 첫 걸음 뒤 w는?", "0.99"),
    ("RMSProp, w=1, 기울기 2, 학습률 0.1, 감쇠율 0.9이면 w는?", "0.6838"),
    ("기울기가 계속 같을 때 모멘텀 0.9면 속도는 최대 몇 배까지 커지나?", "10"),
])
def test_a_question_with_numbers_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "Adam은 어떻게 계산하나요?", "torch.optim.SGD에 momentum=0.9 주면 뭐가 바뀌어", "beta1 0.9, beta2 0.999 쓰는 그거",
    "w=2, 기울기 0.5, 학습률 0.1, weight decay 0.01일 때 SGD 갱신 뒤 w는?",
    "w=1, 기울기 2, 학습률 0.1, 모멘텀을 쓰면?"])
def test_a_question_that_leaves_something_out_is_not_computed(question):
    assert ask(question) is None
