"""Saddles told from minima, the odds in n dimensions, and the questions that compute them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learning.saddle_point import (
    CONCEPT,
    MAXIMUM,
    MINIMUM,
    SADDLE,
    UNKNOWN,
    demo,
    hessian,
    kind,
    measured_odds,
    odds_of_minimum,
    saddle,
)


def ask(question):
    for computation in CONCEPT.computations:
        if (found := computation.parse(question)) is not None:
            return computation.run(**found)
    return None


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 4), st.integers(0, 10_000))
def test_the_hessian_equals_autograds(n, seed):
    torch.manual_seed(seed)
    m, x = torch.randn(n, n, dtype=torch.float64), torch.randn(n, dtype=torch.float64)

    def f(w):
        return torch.sin(m @ w).sum() + (w**2).prod()

    torch.testing.assert_close(hessian(f, x), torch.autograd.functional.hessian(f, x), atol=1e-9, rtol=0)


def test_a_linear_direction_has_second_derivative_zero():
    assert hessian(lambda w: 3 * w[0] + w[1] ** 2, torch.zeros(2)).tolist() == [[0, 0], [0, 2]]


@pytest.mark.parametrize(("eigenvalues", "name"), [
    ([2, -2], SADDLE), ([3, 1], MINIMUM), ([-1, -5], MAXIMUM), ([2, 0], UNKNOWN), ([2, 0, -1], SADDLE)])
def test_the_signs_of_the_eigenvalues_tell_the_kind(eigenvalues, name):
    assert kind(eigenvalues) == name


def test_the_origin_of_x2_minus_y2_is_a_saddle_with_eigenvalues_2_and_minus_2():
    eigenvalues = torch.linalg.eigvalsh(hessian(saddle, torch.zeros(2)))
    assert eigenvalues.tolist() == [-2, 2] and kind(eigenvalues.tolist()) == SADDLE


def test_independent_signs_follow_two_to_the_minus_n_and_dense_matrices_are_rarer_still():
    independent, dense = measured_odds(4, 20_000, torch.Generator().manual_seed(0))
    assert independent == pytest.approx(odds_of_minimum(4), abs=0.01)
    assert dense < independent / 5


def test_descent_stays_on_the_axis_and_leaves_beside_it():
    assert "머물러" in demo(y=0.0, steps=100).text
    assert "빠져나갔습니다" in demo(y=0.01, steps=50).text


@pytest.mark.parametrize(("question", "value"), [
    ("100차원에서 임계점이 최솟값일 확률은 얼마야?", "7.889e-31"),
    ("100차원에서 임계점이 안장점이 아닐 확률은 얼마야?", "1.578e-30"),
    ("3차원 임계점이 안장점일 확률은?", "0.75"),
    ("파라미터가 5000개일 때 임계점이 최솟값일 확률", "2^(-5000)"),
    ("헤시안의 고윳값이 [3, -2]이면 그 점은 최솟값이야 안장점이야?", "안장점"),
    ("헤시안 고윳값이 2, 5이면 어떤 임계점이야?", "지역 최솟값"),
])
def test_a_question_with_numbers_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "안장점이 고차원일수록 더 많은 이유가 뭔가요", "f(x,y)=x²-y² 에서 원점은 왜 최소가 아니에요?", "고차원 임계점 확률",
    "안장점에서 헤시안의 고윳값은 어떻게 되나요"])
def test_a_question_without_numbers_is_not_computed(question):
    assert ask(question) is None
