"""Linear regression: hand gradients against autograd, descent against the normal equation, the notes' data."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.concept import ConceptError
from models.learning.linear_regression import CONCEPT, gradients, hypothesis, least_squares, train


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found).value


def data(seed, m, d):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(m, d, generator=generator, dtype=torch.float64),
            torch.randn(m, 1, generator=generator, dtype=torch.float64))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.integers(2, 12), st.integers(1, 4))
def test_the_formula_gives_autograds_gradients(seed, m, d):
    x, y = data(seed, m, d)
    weight = torch.randn(d, 1, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(1, dtype=torch.float64, requires_grad=True)
    cost = torch.nn.functional.mse_loss(hypothesis(x, weight, bias), y)
    expected = torch.autograd.grad(cost, (weight, bias))
    with torch.no_grad():
        ours = gradients(x, y, weight, bias)
    torch.testing.assert_close(ours, expected, atol=1e-6, rtol=0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.integers(1, 3))
def test_the_normal_equation_equals_numpys_least_squares(seed, d):
    x, y = data(seed, 12, d)
    weight, bias = least_squares(x, y)
    expected = np.linalg.lstsq(np.hstack((x.numpy(), np.ones((12, 1)))), y.numpy(), rcond=None)[0][:, 0]
    np.testing.assert_allclose(torch.cat((weight[:, 0], bias)).numpy(), expected, atol=1e-8)


def test_descent_reaches_the_normal_equation():
    x, y = data(0, 20, 2)
    weight, bias, _ = train(x, y, rate=0.1, steps=2000)[-1]
    torch.testing.assert_close((weight, bias), least_squares(x, y), atol=1e-8, rtol=0)


def test_the_cost_falls_at_a_small_rate_and_grows_at_a_large_one():
    small, large = CONCEPT.run({"rate": 0.01}), CONCEPT.run({"rate": 0.5})
    assert small.numbers["MSE"] < 1 < 1e6 < large.numbers["MSE"]
    assert "너무 커서" in large.text


def test_two_inputs_give_a_plane():
    numbers = CONCEPT.run({"points": "0 0 1; 1 0 3; 0 1 4; 1 1 6", "rate": 0.3, "steps": 500}).numbers
    assert numbers["최소제곱 W"] == "2, 3" and numbers["최소제곱 b"] == 1


@pytest.mark.parametrize("points", ["1 2", "1; 2", "1 2; 1 3"])
def test_points_without_a_single_line_are_refused(points):
    with pytest.raises(ConceptError, match="점"):
        CONCEPT.run({"points": points})


@pytest.mark.parametrize(("question", "value"), [
    ("x=[1, 2, 3], y=[2, 4, 6]에 선형 회귀를 하면 기울기는?", "W=2, b=0"),
    ("x=[0, 1, 2, 3], y=[1, 3, 5, 7]을 선형 회귀 하면 직선의 기울기와 절편은?", "W=2, b=1"),
    ("입력 [1, 2, 4], 정답 [1, 3, 2]의 최소제곱 직선은?", "W=0.2143, b=1.5"),
])
def test_a_question_with_data_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", ["선형 회귀의 비용은 어떻게 구하나?", "x=[1, 1], y=[2, 3]에 선형 회귀를 하면?",
                                      "x=[1, 2], y=[0, 1]에 로지스틱 회귀를 하면?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
