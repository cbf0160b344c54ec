"""Scales measured on the training data, what they do to descent, and the questions they answer."""

import pytest
import torch
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from models.learning.data_normalization import CONCEPT, descend, min_max, parse_score, standardize, zero_center


def test_the_scales_equal_scikit_learn_on_train_and_test_data():
    torch.manual_seed(0)
    train, test = torch.randn(30, 4, dtype=torch.float64) * 5 + 2, torch.randn(6, 4, dtype=torch.float64)
    for ours, theirs in ((standardize(train), StandardScaler()), (min_max(train), MinMaxScaler())):
        theirs.fit(train.numpy())
        torch.testing.assert_close(ours(test), torch.from_numpy(theirs.transform(test.numpy())))


def test_zero_centering_moves_the_mean_and_keeps_the_spread():
    x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    y = zero_center(x)(x)
    assert y.mean(0).tolist() == [0, 0]
    torch.testing.assert_close(y.std(0), x.std(0))


def test_a_constant_feature_becomes_zero_and_not_nan():
    x = torch.tensor([[7.0, 1.0], [7.0, 2.0]])
    for method in (min_max, standardize):
        assert method(x)(x)[:, 0].tolist() == [0, 0]


def test_standardized_features_round_the_contours():
    torch.manual_seed(0)
    x = torch.randn(200, 2) * torch.tensor([1.0, 20.0])
    y = x.sum(1)
    assert descend(x, y, 5)[2] > 100
    assert descend(standardize(x)(x), y, 5)[2] < 2


def test_the_demo_gets_nearer_to_the_minimum_after_standardization():
    numbers = CONCEPT.run().numbers
    assert numbers["남은 비용(표준화)"] < 0.1 * numbers["남은 비용(그대로)"]


@pytest.mark.parametrize(("question", "value"), [
    ("[2, 4, 6, 8]에서 8의 z-score는 얼마야?", "1.3416"),
    ("[2, 4, 6, 8]을 표준화하면?", "[-1.3416, -0.4472, 0.4472, 1.3416]"),
    ("데이터 [10, 20, 40, 50]을 min-max 정규화하면?", "[0.0000, 0.2500, 0.7500, 1.0000]"),
    ("[2, 4, 6, 8]에서 4를 최소-최대 정규화한 값은?", "0.3333"),
    ("평균 70, 표준편차 10일 때 85점의 z 점수는?", "1.5"),
])
def test_questions_with_numbers_are_computed(question, value):
    parsed = [(c, c.parse(question)) for c in CONCEPT.computations]
    assert [c.run(**arguments).value for c, arguments in parsed if arguments is not None] == [value]


def test_a_question_about_the_formula_is_not_computed():
    assert parse_score("표준화는 왜 평균을 0, 표준편차를 1로 맞추나요?") is None
    assert all(c.parse("표준화는 어떻게 계산하나요?") is None for c in CONCEPT.computations)
