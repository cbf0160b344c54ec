"""Penalties against torch's weight decay and scikit-learn's ridge and lasso, and the questions that compute one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso, Ridge

from models.learning.losses import mse
from models.learning.regularization import CONCEPT, demo, l1_penalty, l2_penalty, lasso, ridge


def ask(question):
    for computation in CONCEPT.computations:
        if (found := computation.parse(question)) is not None:
            return computation.run(**found)
    return None


@settings(max_examples=15, deadline=None)
@given(st.floats(1e-3, 1), st.integers(0, 10_000))
def test_descending_the_l2_penalty_equals_torchs_weight_decay(strength, seed):
    torch.manual_seed(seed)
    x, y, start = (torch.randn(s, dtype=torch.float64) for s in ((8, 3), (8,), (3,)))
    ours, theirs = start.clone().requires_grad_(True), start.clone().requires_grad_(True)
    plain, decayed = torch.optim.SGD([ours], 0.05), torch.optim.SGD([theirs], 0.05, weight_decay=2 * strength)
    for _ in range(5):
        for w, optimizer, penalty in ((ours, plain, l2_penalty(ours, strength)), (theirs, decayed, 0)):
            optimizer.zero_grad()
            (mse(x @ w, y) + penalty).backward()
            optimizer.step()
    torch.testing.assert_close(ours, theirs, atol=1e-9, rtol=0)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.01, 5), st.integers(0, 10_000))
def test_solutions_equal_scikit_learns(strength, seed):
    torch.manual_seed(seed)
    x, y = torch.randn(30, 4, dtype=torch.float64), torch.randn(30, dtype=torch.float64)
    second = Ridge(alpha=strength * 30, fit_intercept=False).fit(x.numpy(), y.numpy()).coef_
    first = Lasso(alpha=strength / 2, fit_intercept=False, tol=1e-12).fit(x.numpy(), y.numpy()).coef_
    np.testing.assert_allclose(ridge(x, y, strength), second, atol=1e-6)
    np.testing.assert_allclose(lasso(x, y, strength), first, atol=1e-6)


def test_the_notes_weights_cost_0_7_and_2_5():
    w = torch.tensor([3.0, -4.0])
    assert l1_penalty(w, 0.1).item() == pytest.approx(0.7) and l2_penalty(w, 0.1).item() == pytest.approx(2.5)


def test_gradients_are_lambda_sign_and_two_lambda_w():
    w = torch.tensor([3.0, -4.0], requires_grad=True)
    assert torch.autograd.grad(l1_penalty(w, 0.1), w)[0].tolist() == pytest.approx([0.1, -0.1])
    assert torch.autograd.grad(l2_penalty(w, 0.1), w)[0].tolist() == pytest.approx([0.6, -0.8])


def test_l1_reaches_exactly_zero_and_l2_never_does():
    weak, strong = demo(strength=0.0), demo(strength=3.0)
    assert weak.numbers["0이 된 가중치(L1)"] == 0
    assert strong.numbers["0이 된 가중치(L1)"] >= 3 and strong.numbers["0이 된 가중치(L2)"] == 0
    assert "평평" in demo(strength=20.0).text


@pytest.mark.parametrize(("question", "value"), [
    ("가중치 [3, -4], 람다 0.1일 때 L2 벌점은 얼마인가?", "2.5"),
    ("가중치가 [3, -4]이고 λ=0.1이면 L1 페널티는?", "0.7"),
    ("w=2, 기울기 0.5, 학습률 0.1, weight decay 0.01일 때 SGD 갱신 뒤 w는?", "1.948"),
])
def test_a_question_with_numbers_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "L1 규제와 L2 규제의 차이는?", "optimizer에 weight_decay=1e-4 주면 L2랑 같은 거예요?",
    "가중치 [3, -4], 람다 0.1일 때 벌점은?", "loss = mse + 0.01 * w.pow(2).sum() 뒤에 붙은 항은 뭐예요"])
def test_a_question_that_leaves_something_out_is_not_computed(question):
    assert ask(question) is None
