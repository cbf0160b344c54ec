"""Splits and folds against torch's and scikit-learn's, and the questions that count samples."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold

from models.concept import ConceptError
from models.learning.data_split import CONCEPT, demo, digit_accuracy, k_folds, sizes, split


def ask(question):
    for computation in CONCEPT.computations:
        if (found := computation.parse(question)) is not None:
            return computation.run(**found)
    return None


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 60), st.integers(2, 10))
def test_folds_equal_scikit_learns(n, k):
    if k > n:
        with pytest.raises(ValueError, match=f"k={k}"):
            k_folds(n, k)
        return
    for (train, validation), (expected, held) in zip(k_folds(n, k), KFold(k).split(range(n)), strict=True):
        assert train.tolist() == expected.tolist() and validation.tolist() == held.tolist()


@settings(max_examples=15, deadline=None)
@given(st.integers(20, 200), st.sampled_from([(6, 2, 2), (8, 1, 1), (7, 3), (1, 1, 1)]))
def test_sizes_equal_torchs_random_split(n, ratios):
    parts = torch.utils.data.random_split(range(n), [r / sum(ratios) for r in ratios])
    assert sizes(n, ratios) == [len(p) for p in parts]


def test_no_sample_is_in_two_parts_and_a_seed_repeats_the_split():
    parts = split(100, (6, 2, 2), generator=torch.Generator().manual_seed(1))
    again = split(100, (6, 2, 2), generator=torch.Generator().manual_seed(1))
    assert sorted(torch.cat(parts).tolist()) == list(range(100))
    assert all(torch.equal(a, b) for a, b in zip(parts, again, strict=True))


def test_a_stratified_split_keeps_the_share_of_a_rare_class():
    labels = torch.tensor([0] * 90 + [1] * 10)
    for part in split(100, (8, 1, 1), labels=labels, generator=torch.Generator().manual_seed(0)):
        assert labels[part].float().mean().item() == pytest.approx(0.1)


def test_the_score_on_learned_data_is_higher_than_on_new_data():
    scores = [digit_accuracy(*fold, epochs=60) for fold in k_folds(200, 5, torch.Generator().manual_seed(0))]
    learned, new = (sum(column) / 5 for column in zip(*scores, strict=True))
    assert learned > new > 0.8


def test_a_ratio_with_zero_is_refused():
    with pytest.raises(ConceptError, match="8:0:2"):
        demo(ratio="8:0:2")


@pytest.mark.parametrize(("question", "value"), [
    ("데이터 1000개를 8:1:1로 나누면 각각 몇 개인가요?", "800, 100, 100"),
    ("샘플 150개를 7:3으로 나누면 몇 개씩이야?", "105, 45"),
    ("데이터 100개로 5-fold 교차 검증을 하면 한 번에 몇 개로 학습하나?", "80"),
    ("데이터 100개를 5-겹으로 나누면 검증 조각은 몇 개?", "20"),
    ("k-fold 교차 검증에서 k가 5면 모델을 몇 번 학습시켜요?", "5"),
])
def test_a_question_with_numbers_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "데이터를 6:2:2나 8:1:1로 나눈다는 게 무슨 말이야", "교차 검증은 언제 쓰고 언제 안 써요?",
    "train_test_split에서 test_size는 보통 얼마로 하나요", "MNIST에 random_split(ds, [50000, 10000]) 하는 이유"])
def test_a_question_that_leaves_something_out_is_not_computed(question):
    assert ask(question) is None
