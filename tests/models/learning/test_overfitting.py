"""Errors by degree, the decomposition behind them, early stopping, and the questions that find its epoch."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learning.losses import mse
from models.learning.overfitting import (
    CONCEPT,
    EarlyStopping,
    demo,
    fit_polynomial,
    powers,
    stop_epoch,
    truth,
)


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 6), st.integers(8, 30), st.integers(0, 10_000))
def test_the_fit_equals_numpys(degree, n, seed):
    torch.manual_seed(seed)
    x, y = torch.rand(n, dtype=torch.float64) * 2 - 1, torch.randn(n, dtype=torch.float64)
    expected = np.polyfit(x.numpy(), y.numpy(), degree)[::-1]
    np.testing.assert_allclose(powers(x, degree) @ fit_polynomial(x, y, degree),
                               np.vander(x.numpy(), degree + 1, increasing=True) @ expected, atol=1e-6)


def test_training_error_only_falls_with_the_degree_and_reaches_zero():
    torch.manual_seed(0)
    x, y = torch.linspace(-1, 1, 10, dtype=torch.float64), torch.randn(10, dtype=torch.float64)
    errors = [mse(powers(x, d) @ fit_polynomial(x, y, d), y).item() for d in range(10)]
    assert all(a >= b - 1e-9 for a, b in pairwise(errors)) and errors[-1] < 1e-12


def test_expected_error_is_bias_squared_plus_variance_plus_noise():
    torch.manual_seed(0)
    x, at = torch.linspace(-1, 1, 15, dtype=torch.float64), torch.tensor([0.3], dtype=torch.float64)
    guesses = torch.stack([powers(at, 3) @ fit_polynomial(x, truth(x) + 0.3 * torch.randn(15, dtype=torch.float64), 3)
                           for _ in range(3000)])[:, 0]
    fresh = truth(at) + 0.3 * torch.randn(3000, dtype=torch.float64)
    parts = (guesses.mean() - truth(at)) ** 2 + guesses.var() + 0.3**2
    assert ((fresh - guesses) ** 2).mean().item() == pytest.approx(parts.item(), rel=0.1)


def test_more_data_calm_the_same_degree():
    few, many = demo(degree=12, samples=15), demo(degree=12, samples=100)
    assert float(few.numbers["검증 오차"].replace(",", "")) > 3 * float(many.numbers["검증 오차"])
    assert "과적합입니다" in few.text and "과소적합입니다" in demo(degree=0).text


def test_stopping_waits_for_patience_epochs_after_the_best():
    assert stop_epoch([0.9, 0.7, 0.6, 0.65, 0.7], 2) == (5, 3)
    assert stop_epoch([3, 2, 1], 1) == (None, 3)
    assert stop_epoch([1, 2, 0.5, 3], 2) == (None, 3)
    with pytest.raises(ValueError, match="patience=0"):
        EarlyStopping(0)


@pytest.mark.parametrize(("question", "value"), [
    ("검증 손실이 [0.9, 0.7, 0.6, 0.65, 0.7]이고 patience가 2이면 조기 종료는 몇 에포크에서 멈추나?", "5"),
    ("val loss [1.0, 0.8, 0.85, 0.79, 0.9, 0.95, 0.99], patience=3일 때 early stopping은 언제 멈춰?", "7"),
    ("검증 손실이 0.5, 0.4, 0.3이고 patience가 1이면 조기 종료는?", "멈추지 않음"),
])
def test_a_question_with_losses_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "조기 종료는 언제 멈추나요?", "EarlyStopping 콜백에서 patience=5 의미", "검증 손실이 [0.9, 0.7]이면 과적합인가?"])
def test_a_question_that_leaves_something_out_is_not_computed(question):
    assert ask(question) is None
