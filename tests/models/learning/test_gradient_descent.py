"""Descent against torch's SGD, its limits on a quadratic, and the questions that compute a step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learning.gradient_descent import CONCEPT, SURFACES, demo, descend, step


def ask(question):
    for computation in CONCEPT.computations:
        if (found := computation.parse(question)) is not None:
            return computation.run(**found)
    return None


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 5), st.floats(0.001, 0.2), st.integers(0, 10_000))
def test_the_walk_equals_torchs_sgd(d, lr, seed):
    torch.manual_seed(seed)
    matrix, start = torch.randn(d, d, dtype=torch.float64), torch.randn(d, dtype=torch.float64)

    def cost(w):
        return ((matrix @ w) ** 2).sum() / 10 + torch.sin(w).sum()

    points, _ = descend(cost, start, lr, 5)
    w = start.clone().requires_grad_(True)
    optimizer = torch.optim.SGD([w], lr=lr)
    for point in points:
        torch.testing.assert_close(w.detach(), point, atol=1e-9, rtol=1e-9)
        optimizer.zero_grad()
        cost(w).backward()
        optimizer.step()


def test_a_step_goes_against_the_gradient():
    w = torch.tensor([3.0])
    step([w], [torch.tensor([4.0])], 0.1)
    assert w.item() == pytest.approx(2.6)


@pytest.mark.parametrize(("lr", "shrinks"), [(0.01, True), (0.99, True), (1.01, False), (1.1, False)])
def test_on_a_square_the_walk_converges_only_below_two_over_the_curvature(lr, shrinks):
    points, _ = descend(lambda w: (w**2).sum(), torch.tensor([1.0]), lr, 20)
    assert (points[-1].abs() < points[0].abs()).item() is shrinks


def test_steps_shorten_by_themselves_near_the_bottom():
    points, _ = descend(lambda w: (w**2).sum(), torch.tensor([5.0]), 0.1, 10)
    lengths = (points[1:] - points[:-1]).norm(dim=1)
    assert (lengths[1:] < lengths[:-1]).all()


def test_another_start_reaches_another_valley():
    cost, _ = SURFACES["두 골짜기"]
    left, _ = descend(cost, torch.tensor([-3.0, 1.0]), 0.05, 200)
    right, _ = descend(cost, torch.tensor([3.0, 1.0]), 0.05, 200)
    assert left[-1][0] < -1 and right[-1][0] > 1


def test_a_rate_above_the_limit_is_told_in_the_text():
    assert "튀어 나갔습니다" in demo(lr=0.12).text
    assert "지그재그" in demo(lr=0.095).text


@pytest.mark.parametrize(("question", "value"), [
    ("가중치 w=3, 기울기 4, 학습률 0.1이면 경사하강법 한 번 뒤의 w는?", "2.6"),
    ("w가 1이고 기울기가 -2, 학습률이 0.5일 때 갱신된 값은?", "2"),
    ("f(x)=x^2에서 x=5, 학습률 0.1로 경사하강을 3번 하면 x는?", "2.56"),
    ("f(x) = 2x² 에서 x=1부터 학습률 0.6으로 경사하강 두 번", "1.96"),
])
def test_a_question_with_numbers_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "경사하강법의 갱신식은?", "학습률 0.1은 너무 큰가요?", "f(x)=x²에서 보폭을 1.1로 하면 값이 어디로 가나",
    "w=1, 기울기 2, 학습률 0.1, 모멘텀 0.9로 갱신하면?", "f(x,y)=x^2-y^2에서 x=1, 학습률 0.1로 경사하강 2번"])
def test_a_question_without_all_it_needs_is_not_computed(question):
    assert ask(question) is None
