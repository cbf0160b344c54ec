"""Schedules against torch's, their worked numbers, and the questions that compute a rate."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learning.lr_schedule import (
    CONCEPT,
    Scheduler,
    cosine,
    exponential,
    inverse_root,
    noisy_descent,
    step_decay,
)
from models.learning.optimizers import SGD


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found)


@settings(max_examples=15, deadline=None)
@given(st.floats(1e-3, 1), st.integers(1, 7), st.floats(0.1, 1))
def test_rates_equal_torchs(lr, step_size, gamma):
    schedulers = torch.optim.lr_scheduler
    for rule, make in (
        (lambda first, t: step_decay(first, t, step_size, gamma), lambda o: schedulers.StepLR(o, step_size, gamma)),
        (lambda first, t: exponential(first, t, gamma), lambda o: schedulers.ExponentialLR(o, gamma)),
        (lambda first, t: cosine(first, t, 20), lambda o: schedulers.CosineAnnealingLR(o, 20)),
        (inverse_root, lambda o: schedulers.LambdaLR(o, lambda t: max(t, 1) ** -0.5)),
    ):
        ours, theirs = SGD([torch.zeros(1)], lr), torch.optim.SGD([torch.zeros(1)], lr=lr)
        scheduler, twin = Scheduler(ours, rule), make(theirs)
        for _ in range(20):
            assert ours.lr == pytest.approx(theirs.param_groups[0]["lr"], abs=1e-9)
            theirs.step()
            scheduler.step()
            twin.step()


def test_thirty_and_a_tenth_leave_a_thousandth_after_ninety_epochs():
    assert step_decay(1.0, 90, 30, 0.1) == pytest.approx(0.001)
    assert step_decay(1.0, 29, 30, 0.1) == 1.0


def test_after_twenty_epochs_of_0_95_about_36_percent_are_left():
    assert exponential(1.0, 20, 0.95) == pytest.approx(0.358, abs=1e-3)


def test_shrinking_steps_settle_lower_than_a_fixed_rate():
    def run(rule):
        return noisy_descent(0.2, rule, 40, torch.Generator().manual_seed(0))[-5:].mean()

    assert run(lambda first, t: step_decay(first, t, 10, 0.5)) < run(lambda first, t: first) / 2


@pytest.mark.parametrize(("question", "value"), [
    ("StepLR에서 초기 학습률 0.1, step_size=30, gamma=0.1이면 90에포크 뒤 학습률은?", "0.0001"),
    ("학습률 0.1에 매 에포크 0.95를 곱하면 20에포크 뒤 학습률은?", "0.0358"),
    ("step_size=5, gamma=0.9, lr=0.01인 StepLR의 12에포크째 학습률은?", "0.0081"),
    ("step_size=30, gamma=0.1이면 90에포크 뒤엔 처음 값의 몇 배야?", "0.001"),
    ("0.95^epoch로 학습률을 줄이면 20에포크 뒤엔 처음의 몇 퍼센트야?", "35.8486%"),
    ("학습률 0.1을 10에포크마다 절반으로 줄이면 25에포크의 학습률은?", "0.025"),
    ("k/sqrt(epoch)에서 k=1, 학습률 0.1이면 25에포크의 학습률은?", "0.02"),
])
def test_a_question_with_numbers_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "StepLR은 어떻게 계산하나요?", "10에포크마다 보폭에 0.1을 곱하게 만드는 파이토치 코드",
    "30에포크째에서 loss 곡선이 갑자기 한 계단 뚝 떨어지는 건 왜 그런가요",
    "alpha = 0.95 ** epoch * alpha0 이 식이 하는 일", "Adam 학습률 0.001로 10에포크 학습하면?"])
def test_a_question_that_leaves_something_out_is_not_computed(question):
    assert ask(question) is None
