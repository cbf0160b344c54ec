"""Posteriors by counting, beliefs against scipy's sums, and Bayesian optimisation against a fine grid."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from models.learning.bayes import (
    CONCEPT,
    Belief,
    expected_improvement,
    gaussian_process,
    optimise,
    posterior,
    train_once,
)


def test_a_positive_test_of_a_rare_disease_is_wrong_five_times_in_six():
    assert posterior(0.01, 0.99, 0.05) == pytest.approx(1 / 6)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 50), st.integers(0, 50), st.integers(1, 50), st.integers(0, 50))
def test_the_posterior_equals_counting_heads_in_a_table(a_and_b, a_not_b, b_not_a, neither):
    total = a_and_b + a_not_b + b_not_a + neither
    a, not_a = a_and_b + a_not_b, b_not_a + neither
    assert posterior(a / total, a_and_b / a, b_not_a / not_a) == pytest.approx(a_and_b / (a_and_b + b_not_a))


def test_probabilities_outside_zero_to_one_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        posterior(1.2, 0.5, 0.5)
    with pytest.raises(ValueError, match="tells nothing"):
        posterior(0.5, 0, 0)


def test_todays_posterior_is_tomorrows_prior():
    assert Belief(2, 2).after(1, 0).after(2, 1) == Belief(2, 2).after(3, 1)
    assert Belief(2, 2).after(3, 0).mean == pytest.approx(5 / 7)


def test_the_density_integrates_to_one_and_narrows_with_data():
    x = torch.linspace(0.0005, 0.9995, 2000)
    assert torch.trapezoid(Belief(5, 3).density(x), x).item() == pytest.approx(1, abs=1e-3)
    assert Belief(2, 2).after(70, 30).std < Belief(2, 2).after(7, 3).std


def test_the_gaussian_process_equals_scikit_learn():
    torch.manual_seed(0)
    x, y, at = torch.rand(6, dtype=torch.float64), torch.randn(6, dtype=torch.float64), torch.rand(9,
                                                                                                   dtype=torch.float64)
    theirs = GaussianProcessRegressor(RBF(0.5, "fixed"), alpha=1e-3, normalize_y=True).fit(x[:, None].numpy(),
                                                                                           y.numpy())
    mean, std = gaussian_process(x, y, at)
    expected_mean, expected_std = theirs.predict(at[:, None].numpy(), return_std=True)
    torch.testing.assert_close(mean, torch.from_numpy(expected_mean), atol=1e-6, rtol=0)
    torch.testing.assert_close(std, torch.from_numpy(expected_std), atol=1e-5, rtol=0)


def test_a_point_nobody_tried_promises_more_than_a_known_one_with_the_same_mean():
    gain = expected_improvement(torch.tensor([1.0, 1.0]), torch.tensor([0.1, 1.0]), best=1.0)
    assert gain[1] > gain[0] > 0


def test_eight_trials_come_near_to_the_best_of_two_hundred():
    _, ys = optimise(train_once, -4.0, 0.0, 10)
    best = min(train_once(x) for x in torch.linspace(-4, 0, 101).tolist())
    assert min(ys) < best + 0.1


@pytest.mark.parametrize(("question", "value"), [
    ("유병률 1%, 민감도 99%, 위양성률 5%인 검사에서 양성이면 병일 확률은?", "0.1667"),
    ("유병률이 0.02이고 민감도가 0.9, 특이도가 0.95이면 양성일 때 실제로 아플 확률은?", "0.2687"),
    ("사전확률 0.2, P(B|A)=0.6, P(B|A^c)=0.1일 때 사후확률은?", "0.6"),
    ("Beta(2, 2) 사전분포에서 앞면 3번, 뒷면 0번이면 사후 평균은?", "0.7143"),
])
def test_questions_with_probabilities_are_computed(question, value):
    parsed = [(c, c.parse(question)) for c in CONCEPT.computations]
    assert [c.run(**arguments).value for c, arguments in parsed if arguments is not None] == [value]


@pytest.mark.parametrize("question", ["사후확률은 어떻게 계산하나요?", "베이즈 정리로 유병률 1%인 질병 검사 확률 직접 "
                                                          "계산해줘"])
def test_questions_that_leave_a_number_out_are_not_computed(question):
    assert all(c.parse(question) is None for c in CONCEPT.computations)
