"""Losses against torch's own, the worked numbers of the notes, and the questions that compute one."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from models.concept import ConceptError
from models.learning.losses import (
    CONCEPT,
    binary_cross_entropy,
    cross_entropy,
    cross_entropy_of,
    demo,
    entropy,
    information,
    log_softmax,
    mae,
    mse,
    nll,
)


def ask(question):
    for computation in CONCEPT.computations:
        if (found := computation.parse(question)) is not None:
            return computation.run(**found)
    return None


def same(ours, theirs, x):
    """Value and gradient with respect to ``x`` are equal."""
    a, b = x.clone().requires_grad_(True), x.clone().requires_grad_(True)
    left, right = ours(a), theirs(b)
    torch.testing.assert_close(left, right, atol=1e-6, rtol=1e-9)
    torch.testing.assert_close(torch.autograd.grad(left.sum(), a)[0], torch.autograd.grad(right.sum(), b)[0],
                               atol=1e-6, rtol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6), st.integers(2, 7), st.integers(0, 10_000))
def test_values_and_gradients_equal_torchs(n, k, seed):
    torch.manual_seed(seed)
    scores, other = 3 * torch.randn(n, k, dtype=torch.float64), torch.randn(n, k, dtype=torch.float64)
    target, soft = torch.randint(k, (n,)), torch.softmax(other, dim=1)
    same(lambda x: mse(x, other), lambda x: F.mse_loss(x, other), scores)
    same(lambda x: mae(x, other), lambda x: F.l1_loss(x, other), scores)
    same(lambda x: log_softmax(x, dim=1), lambda x: F.log_softmax(x, dim=1), scores)
    same(lambda x: cross_entropy(x, target), lambda x: F.cross_entropy(x, target), scores)
    same(lambda x: cross_entropy(x, soft), lambda x: F.cross_entropy(x, soft), scores)
    same(lambda x: nll(x, target), lambda x: F.nll_loss(x, target), scores)
    same(lambda x: binary_cross_entropy(x, soft.round()), lambda x: F.binary_cross_entropy(x, soft.round()),
         torch.sigmoid(scores))


def test_cross_entropy_equals_nll_on_a_one_hot_answer():
    p, q = torch.tensor([0.0, 0.0, 1.0]).double(), torch.tensor([0.1, 0.1, 0.8]).double()
    assert cross_entropy_of(p, q).item() == pytest.approx(-math.log(0.8))
    assert nll(q.log()[None], torch.tensor([2])).item() == pytest.approx(0.2231, abs=1e-4)


def test_cross_entropy_is_entropy_plus_kl():
    p, q = torch.tensor([0.5, 0.25, 0.25]).double(), torch.tensor([0.2, 0.3, 0.5]).double()
    kl = F.kl_div(q.log(), p, reduction="sum")
    torch.testing.assert_close(cross_entropy_of(p, q), entropy(p) + kl)


def test_a_fair_coin_carries_one_bit_and_a_certain_event_none():
    assert entropy(torch.tensor([0.5, 0.5]).double()).item() / math.log(2) == pytest.approx(1)
    assert entropy(torch.tensor([1.0, 0.0])).item() == 0
    assert information(torch.tensor(1.0)).item() == 0


def test_ten_classes_guessed_evenly_cost_about_2_3():
    assert cross_entropy(torch.zeros(4, 10), torch.arange(4)).item() == pytest.approx(2.3026, abs=1e-4)


def test_huge_scores_do_not_overflow():
    assert torch.isfinite(cross_entropy(torch.tensor([[1000.0, -1000.0]]), torch.tensor([1])))


def test_probabilities_that_do_not_sum_to_one_are_refused_with_their_sum():
    with pytest.raises(ConceptError, match=r"1\.3"):
        demo(prediction="0.9, 0.4")
    with pytest.raises(ConceptError, match="4"):
        demo(target=4)


@pytest.mark.parametrize(("question", "value"), [
    ("예측이 [0.7, 0.2, 0.1]이고 정답이 첫 번째일 때 크로스 엔트로피는?", "0.3567"),
    ("로짓이 [2, 1, 0.1]이고 정답 인덱스가 0이면 교차 엔트로피는?", "0.417"),
    ("P=[0, 0, 1], Q=[0.1, 0.1, 0.8]의 cross entropy를 구해 줘", "0.2231"),
    ("정답 클래스의 확률이 0.8일 때 NLL은?", "0.2231"),
    ("예측 0.9, 정답 1일 때 BCE는 얼마인가요?", "0.1054"),
    ("예측 [2.5, 0, 2], 정답 [3, -0.5, 2]의 MSE를 구해 줘", "0.1667"),
    ("예측값 3, 실제값 5의 평균제곱오차는?", "4"),
    ("확률 분포 [0.5, 0.25, 0.25]의 엔트로피는 몇 비트인가?", "1.5"),
    ("확률이 0.25인 사건의 정보량은 몇 비트?", "2"),
])
def test_a_question_with_numbers_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "크로스 엔트로피는 어떻게 계산하나요?", "MSE와 크로스 엔트로피는 각각 언제 쓰나", "엔트로피가 최대가 되는 분포는?",
    "클래스 10개 분류 시작하자마자 오차가 2.3 근처인데 정상인가요?", "[0.7, 0.2, 0.1]의 크로스 엔트로피는?",
    "[3, 4, 5]의 엔트로피는?"])
def test_a_question_without_all_it_needs_is_not_computed(question):
    assert ask(question) is None
