"""Votes, blends, and what a crowd gains over one model."""

import pytest
import torch
from torch import nn

from models.learning.ensemble import CONCEPT, Crowd, hard_vote, majority_accuracy, mixup, soft_vote


def test_the_majority_wins_and_a_tie_goes_to_the_smaller_label():
    assert hard_vote(torch.tensor([[0, 1, 2], [0, 1, 1], [1, 1, 0]])).tolist() == [0, 1, 0]


def test_one_sure_model_turns_the_soft_vote_but_not_the_hard_one():
    cat = torch.tensor([0.55, 0.1, 0.55])
    probabilities = torch.stack([cat, 1 - cat], -1)[:, None]  # (models, 1, classes)
    assert hard_vote(probabilities.argmax(-1)).item() == 0
    assert soft_vote(probabilities)[0].argmax().item() == 1
    assert soft_vote(probabilities)[0, 0].item() == pytest.approx(0.4)


def test_three_independent_models_of_seventy_percent_reach_784():
    assert majority_accuracy(0.7, 3) == pytest.approx(0.784)
    assert majority_accuracy(0.4, 3) < 0.4


def test_the_crowd_computes_what_each_network_computes_alone():
    torch.manual_seed(0)
    crowd, x = Crowd(3, (2, 5, 4)).double(), torch.randn(6, 2, dtype=torch.float64)
    for i in range(3):
        first, last = nn.Linear(2, 5).double(), nn.Linear(5, 4).double()
        for layer, weight, bias in zip((first, last), crowd.weights, crowd.biases, strict=True):
            layer.load_state_dict({"weight": weight[i].T, "bias": bias[i, 0]})
        torch.testing.assert_close(crowd(x)[i], last(torch.relu(first(x))), atol=1e-6, rtol=0)


def test_mixed_samples_lie_between_two_samples_and_labels_still_sum_to_one():
    torch.manual_seed(0)
    x, y = torch.randn(50, 3, dtype=torch.float64), nn.functional.one_hot(torch.arange(50) % 2).double()
    mixed, labels = mixup(x, y, 0.4)
    torch.testing.assert_close(labels.sum(1), torch.ones(50, dtype=torch.float64))
    assert mixed.shape == x.shape
    assert (mixed <= x.amax(0) + 1e-9).all()
    assert (mixed >= x.amin(0) - 1e-9).all()


def test_a_large_alpha_mixes_evenly_and_a_small_one_hardly():
    torch.manual_seed(0)
    y = nn.functional.one_hot(torch.arange(2000) % 2).double()
    x = torch.zeros(2000, 1, dtype=torch.float64)
    spread = [mixup(x, y, alpha)[1][:, 0].std().item() for alpha in (0.1, 50.0)]
    assert spread[0] > spread[1]


def test_the_vote_beats_the_average_model_in_the_demo():
    numbers = CONCEPT.run().numbers
    assert numbers["확률 평균(소프트 보팅)"] > numbers["모델 하나의 평균 정확도"]


@pytest.mark.parametrize(("question", "value"), [
    ("정확도 0.7인 모델 3개가 독립일 때 다수결 앙상블의 정확도는?", "0.784"),
    ("정확도 70%짜리 모델 세 개가 서로 독립으로 틀린다면 다수결은 몇 퍼센트가 돼?", "0.784"),
    ("세 모델이 [1, 0, 1]로 예측했을 때 하드 보팅 결과는?", "1"),
    ("모델 세 개의 확률이 [0.55, 0.1, 0.55]일 때 소프트 보팅의 평균 확률은?", "0.4"),
    ("람다 0.7로 라벨 [1, 0]과 [0, 1]을 믹스업하면?", "[0.7, 0.3]"),
])
def test_questions_with_votes_are_computed(question, value):
    parsed = [(c, c.parse(question)) for c in CONCEPT.computations]
    assert [c.run(**arguments).value for c, arguments in parsed if arguments is not None] == [value]


@pytest.mark.parametrize("question", ["하드 보팅은 어떻게 계산하나요?", "앙상블은 모델이 독립일 때 왜 정확도가 "
                                                           "오르나요?"])
def test_questions_without_numbers_are_not_computed(question):
    assert all(c.parse(question) is None for c in CONCEPT.computations)
