"""NT-Xent by hand, term by term, and what pulling pairs together gives."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from models.generative.simclr import CONCEPT, augment, linear_probe, nt_xent, similarities


def by_hand(first, second, temperature):
    z = torch.cat([first, second])
    n, total = len(first), 0.0
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        top = torch.exp(F.cosine_similarity(z[i], z[j], dim=0) / temperature)
        bottom = sum(torch.exp(F.cosine_similarity(z[i], z[k], dim=0) / temperature) for k in range(2 * n) if k != i)
        total = total - torch.log(top / bottom)
    return total / (2 * n)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 4), st.integers(2, 5), st.sampled_from((0.1, 0.5, 2.0)), st.integers(0, 99))
def test_the_loss_and_its_gradient_equal_the_formula_written_out(n, width, temperature, seed):
    torch.manual_seed(seed)
    first = torch.randn(n, width, dtype=torch.float64, requires_grad=True)
    second = torch.randn(n, width, dtype=torch.float64)
    loss, expected = nt_xent(first, second, temperature), by_hand(first, second, temperature)
    torch.testing.assert_close(loss, expected, atol=1e-6, rtol=0)
    ours, theirs = (torch.autograd.grad(value, first)[0] for value in (loss, expected))
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


def test_views_that_all_look_alike_cost_the_log_of_the_candidates():
    same = torch.ones(4, 3, dtype=torch.float64)
    assert nt_xent(same, same, 0.5).item() == pytest.approx(math.log(7))


def test_equal_pairs_far_from_the_others_cost_almost_nothing():
    z = torch.eye(4, dtype=torch.float64)
    assert nt_xent(z, z, 0.05).item() < 1e-6


def test_a_cosine_does_not_see_lengths():
    z = torch.randn(5, 3, dtype=torch.float64)
    torch.testing.assert_close(similarities(z), similarities(z * torch.rand(5, 1, dtype=torch.float64).add(0.1)))


def test_two_views_of_a_picture_differ_and_keep_its_size():
    torch.manual_seed(0)
    x = torch.rand(6, 64)
    first, second = augment(x, 0.0), augment(x, 0.0)
    assert first.shape == x.shape
    assert not torch.equal(first, second)


def test_separable_representations_have_a_perfect_probe():
    y = torch.arange(10).repeat(20)
    h = F.one_hot(y, 10).float() + 0.01 * torch.randn(200, 10)
    assert linear_probe(h, y, slice(0, 100), slice(100, None)) == 1


def test_training_parts_pairs_from_strangers_and_helps_a_linear_classifier():
    numbers = CONCEPT.run().numbers
    assert numbers["짝의 유사도"] > numbers["남과의 유사도"] + 0.5
    assert numbers["선형 평가(학습 뒤)"] > numbers["선형 평가(학습 전)"]
    assert numbers["NT-Xent 손실"] < numbers["찍을 때의 손실 log(2N-1)"]


@pytest.mark.parametrize(("question", "value"), [
    ("SimCLR에서 배치 256장이면 뷰 하나의 부정 짝은 몇 개야?", "510"),
    ("대조 학습에서 사진 4장의 모든 유사도가 같으면 NT-Xent 손실은 얼마인가요?", "1.9459"),
])
def test_questions_with_numbers_are_computed(question, value):
    parsed = [(c, c.parse(question)) for c in CONCEPT.computations]
    assert [c.run(**arguments).value for c, arguments in parsed if arguments is not None] == [value]


@pytest.mark.parametrize("question", ["SimCLR에서 부정 짝은 어떻게 구하나요?", "NT-Xent 손실은 어떻게 계산해?"])
def test_questions_without_numbers_are_not_computed(question):
    assert all(c.parse(question) is None for c in CONCEPT.computations)
