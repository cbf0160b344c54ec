"""Softmax against torch's, what it leaves unchanged, and the questions that compute one."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learning.losses import cross_entropy
from models.learning.softmax_classification import CONCEPT, SoftmaxClassifier, demo, fit, softmax


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(0, 10_000), st.booleans())
def test_values_and_gradients_equal_torchs(shape, seed, last):
    torch.manual_seed(seed)
    dim = -1 if last else 0
    a = (3 * torch.randn(shape, dtype=torch.float64)).requires_grad_(True)
    b, weight = a.detach().clone().requires_grad_(True), torch.randn(shape, dtype=torch.float64)
    ours, theirs = softmax(a, dim), F.softmax(b, dim)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    (ours * weight).sum().backward()
    (theirs * weight).sum().backward()
    torch.testing.assert_close(a.grad, b.grad, atol=1e-6, rtol=0)


def test_probabilities_sum_to_one_and_keep_the_order():
    z = torch.randn(5, 7)
    p = softmax(z, dim=1)
    torch.testing.assert_close(p.sum(dim=1), torch.ones(5))
    assert (p.argsort(dim=1) == z.argsort(dim=1)).all()


def test_adding_a_number_to_all_scores_changes_nothing_and_does_not_overflow():
    z = torch.tensor([2.0, 1.0, 0.1]).double()
    torch.testing.assert_close(softmax(z), softmax(z + 5000))


def test_a_score_higher_by_one_is_e_times_as_probable():
    p = softmax(torch.tensor([2.0, 1.0]).double())
    assert (p[0] / p[1]).item() == pytest.approx(math.e)


def test_with_two_classes_it_is_the_sigmoid_of_the_difference():
    z = torch.tensor([1.7, -0.4]).double()
    torch.testing.assert_close(softmax(z)[0], torch.sigmoid(z[0] - z[1]))


def test_the_gradient_of_the_loss_is_probability_minus_answer():
    z = torch.randn(1, 4, dtype=torch.float64, requires_grad=True)
    cross_entropy(z, torch.tensor([2])).backward()
    expected = softmax(z.detach(), dim=1) - F.one_hot(torch.tensor([2]), 4)
    torch.testing.assert_close(z.grad, expected)


def test_training_equals_torchs_linear_layer_with_its_cross_entropy():
    torch.manual_seed(0)
    x, y = torch.randn(20, 4, dtype=torch.float64), torch.randint(3, (20,))
    ours, theirs = SoftmaxClassifier(4, 3, dtype=torch.float64), torch.nn.Linear(4, 3, dtype=torch.float64)
    ours.linear.load_state_dict(theirs.state_dict())
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    fit(ours, x, y, lr=0.1, epochs=10)
    for _ in range(10):
        optimizer.zero_grad()
        F.cross_entropy(theirs(x), y).backward()
        optimizer.step()
    torch.testing.assert_close(ours.linear.weight, theirs.weight, atol=1e-9, rtol=0)


def test_the_demo_learns_three_regions():
    assert demo().numbers["학습 정확도"] > 0.9


@pytest.mark.parametrize(("question", "value"), [
    ("softmax([2, 1, 0.1])을 계산하면 얼마야?", "[0.6590, 0.2424, 0.0986]"),
    ("로짓이 [1, 2, 3]일 때 소프트맥스 확률은?", "[0.0900, 0.2447, 0.6652]"),
    ("점수 (0, 0, 0, 0)에 softmax를 적용하면?", "[0.2500, 0.2500, 0.2500, 0.2500]"),
])
def test_a_question_with_scores_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "소프트맥스는 어떻게 계산하나요?", "F.softmax에서 dim=1은 무슨 뜻이에요",
    "클래스가 2개면 소프트맥스는 시그모이드와 같아지나요?", "(p1 + p2 + p3) / 3 이렇게 softmax 확률을 평균내는 이유",
    "로짓이 [2, 1, 0.1]이고 정답이 첫 번째일 때 softmax 크로스 엔트로피는?"])
def test_a_question_without_scores_is_not_computed(question):
    assert ask(question) is None
