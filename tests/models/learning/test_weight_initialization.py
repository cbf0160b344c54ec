"""Xavier and He against torch.nn.init, and what they do to signals in depth."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.learning import weight_initialization as ours
from models.learning.weight_initialization import CONCEPT, forward_values, parse

TWINS = [
    (ours.xavier_normal_, nn.init.xavier_normal_),
    (ours.xavier_uniform_, nn.init.xavier_uniform_),
    (ours.he_normal_, lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu")),
    (ours.he_uniform_, lambda w: nn.init.kaiming_uniform_(w, nonlinearity="relu")),
]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 7), min_size=2, max_size=4), st.sampled_from(TWINS), st.integers(0, 999))
def test_the_same_seed_draws_the_same_weights_as_torch(shape, twins, seed):
    drawn = []
    for fill in twins:
        torch.manual_seed(seed)
        drawn.append(fill(torch.empty(shape, dtype=torch.float64)))
    torch.testing.assert_close(*drawn, atol=1e-6, rtol=0)


def test_a_vector_has_no_fans():
    with pytest.raises(ValueError, match="at least two axes"):
        ours.fans(torch.zeros(3))


def test_the_notes_worked_numbers():
    assert ours.he_std(512) == 0.0625
    assert math.sqrt(3) * ours.xavier_std(100, 90) == pytest.approx(0.1777, abs=5e-5)


def test_he_keeps_the_signal_through_relu_and_xavier_halves_it_at_every_layer():
    sizes = {name: [v.square().mean().item() for v in forward_values(name, "relu", 10, 256, 0)] for name in
             ("He 정규", "Xavier 정규")}
    assert 0.3 < sizes["He 정규"][10] / sizes["He 정규"][1] < 3
    assert sizes["Xavier 정규"][10] / sizes["Xavier 정규"][1] == pytest.approx(0.5**9, rel=0.7)


def test_zeros_give_every_neuron_the_same_value():
    assert torch.equal(forward_values("모두 0", "sigmoid", 3, 16, 0)[-1], torch.full((64, 16), 0.5))


@pytest.mark.parametrize(("question", "value"), [
    ("입력이 512개인 층의 He 초기화 표준편차는?", "0.0625"),
    ("He 초기화에서 입력이 512개면 표준편차가 얼마로 나와?", "0.0625"),
    ("fan_in=300, fan_out=100일 때 Xavier 정규분포의 표준편차를 구해 줘", "0.0707"),
    ("nn.Linear(100, 90)을 xavier uniform으로 초기화하면 범위의 한계는 얼마?", "0.1777"),
    ("fan_in이 50일 때 He 초기화의 분산은?", "0.04"),
])
def test_questions_with_fans_are_computed(question, value):
    assert ours.run(**parse(question)).value == value


@pytest.mark.parametrize("question",
                         ["Xavier와 He 초기화의 표준편차는 어떻게 다른가요?", "He 초기화의 표준편차는 어떻게 구하나요?",
                                      "입력이 300개일 때 Xavier 표준편차는?"])
def test_questions_that_leave_a_number_out_are_not_computed(question):
    assert parse(question) is None


def test_the_demo_says_that_small_weights_lose_the_signal():
    assert "사라졌습니다" in CONCEPT.run({"method": "작은 난수 0.01"}).text
