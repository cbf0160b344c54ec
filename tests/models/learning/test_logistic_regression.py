"""Logistic regression: hand gradients against autograd of torch's BCE, the notes' data, the two surfaces."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learning.logistic_regression import CONCEPT, LogisticRegression, gradients, train


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found).value


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.integers(1, 12), st.integers(1, 4))
def test_values_and_gradients_equal_torchs_binary_cross_entropy(seed, m, d):
    torch.manual_seed(seed)
    model = LogisticRegression(d, dtype=torch.float64)
    x, y = torch.randn(m, d, dtype=torch.float64), torch.randint(0, 2, (m,)).double()
    weight, bias = model.linear.weight, model.linear.bias
    theirs = torch.sigmoid(F.linear(x, weight, bias)[:, 0])
    torch.testing.assert_close(model(x), theirs, atol=1e-6, rtol=0)
    expected = torch.autograd.grad(F.binary_cross_entropy(theirs, y), (weight, bias))
    with torch.no_grad():
        ours = gradients(x, y, model(x))
    torch.testing.assert_close(ours, expected, atol=1e-6, rtol=0)


def test_the_six_points_of_the_notes_are_parted():
    x = torch.tensor([[1, 2], [2, 3], [3, 1], [4, 3], [5, 3], [6, 2]], dtype=torch.float64)
    y = torch.tensor([0, 0, 0, 1, 1, 1], dtype=torch.float64)
    model, costs = train(x, y, rate=1.0, steps=1000)
    assert ((model(x) > 0.5) == (y > 0.5)).all() and costs[-1] < 0.05


def test_parted_data_let_the_weights_grow_without_end():
    x = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    y = torch.tensor([0.0, 1.0], dtype=torch.float64)
    short, long = (train(x, y, rate=1.0, steps=steps)[0].linear.weight.item() for steps in (100, 2000))
    assert long > short + 2


def test_a_wide_gap_is_parted_and_no_gap_is_a_coin():
    assert CONCEPT.run({"gap": 8.0}).numbers["정확도"] == 1
    assert CONCEPT.run({"gap": 0.0, "n": 200}).numbers["정확도"] < 0.7


def test_mse_is_flat_where_bce_still_pulls():
    w = torch.tensor(-20.0, dtype=torch.float64, requires_grad=True)  # x = 1, y = 1: 완전히 틀렸다
    target = torch.tensor(1.0, dtype=torch.float64)
    p = torch.sigmoid(w)
    (bce,) = torch.autograd.grad(F.binary_cross_entropy(p, target), w, retain_graph=True)
    (mse,) = torch.autograd.grad((p - target) ** 2, w)
    assert bce.item() == pytest.approx(-1) and abs(mse.item()) < 1e-7


@pytest.mark.parametrize(("question", "value"), [
    ("로지스틱 회귀에서 로짓 z=2이면 확률은?", "0.8808"),
    ("로지스틱 회귀에서 w=1.5, b=-2, x=2이면 1일 확률은?", "0.7311"),
    ("logistic regression에서 z가 0일 때 출력은?", "0.5"),
])
def test_a_question_with_numbers_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", ["로지스틱 회귀의 확률은 어떻게 계산하나?", "sigmoid(2)는 얼마인가?",
                                      "로지스틱 회귀에서 왜 출력이 0.5이면 경계인가?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
