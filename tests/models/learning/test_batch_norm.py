"""Batch normalization against torch.nn, and the questions it computes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.learning.batch_norm import CONCEPT, BatchNorm1d, BatchNorm2d, parse_parameters, parse_values, run_values

SHAPES = st.one_of(
    st.tuples(st.integers(2, 6), st.integers(1, 5)),
    st.tuples(st.integers(2, 4), st.integers(1, 4), st.integers(1, 5)),
    st.tuples(st.integers(2, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
)


def twins(shape):
    ours = (BatchNorm2d if len(shape) == 4 else BatchNorm1d)(shape[1]).double()
    theirs = (nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d)(shape[1]).double()
    nn.init.uniform_(ours.weight, 0.5, 2)
    nn.init.uniform_(ours.bias, -1, 1)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@settings(max_examples=15, deadline=None)
@given(SHAPES, st.integers(0, 999))
def test_values_gradients_and_running_statistics_equal_torch(shape, seed):
    torch.manual_seed(seed)
    ours, theirs = twins(shape)
    for _ in range(3):
        x = (torch.randn(shape, dtype=torch.float64) * 3 + 1).requires_grad_()
        same = x.detach().clone().requires_grad_()
        a, b = ours(x), theirs(same)
        weights = torch.randn_like(a)
        (a * weights).sum().backward()
        (b * weights).sum().backward()
        torch.testing.assert_close(a, b, atol=1e-6, rtol=0)
        torch.testing.assert_close(x.grad, same.grad, atol=1e-6, rtol=0)
        torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, atol=1e-6, rtol=0)
        torch.testing.assert_close(ours.bias.grad, theirs.bias.grad, atol=1e-6, rtol=0)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, atol=1e-6, rtol=0)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), atol=1e-6, rtol=0)


def test_momentum_none_averages_every_batch_alike():
    torch.manual_seed(0)
    ours, theirs = BatchNorm1d(3, momentum=None), nn.BatchNorm1d(3, momentum=None)
    for _ in range(4):
        x = torch.randn(5, 3)
        torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)


def test_a_training_batch_comes_out_with_mean_beta_and_spread_gamma():
    layer = BatchNorm1d(2).double()
    nn.init.constant_(layer.weight, 2.0)
    nn.init.constant_(layer.bias, 5.0)
    y = layer(torch.randn(400, 2, dtype=torch.float64) * 7 - 3)
    torch.testing.assert_close(y.mean(0), torch.full((2,), 5.0, dtype=torch.float64))
    torch.testing.assert_close(y.std(0, unbiased=False), torch.full((2,), 2.0, dtype=torch.float64), atol=1e-4, rtol=0)


def test_the_running_mean_takes_a_tenth_of_the_first_batch():
    layer = BatchNorm1d(1)
    layer(torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
    assert layer.running_mean.item() == pytest.approx(0.25)


def test_one_value_per_channel_cannot_be_trained():
    with pytest.raises(ValueError, match="one value per channel"):
        BatchNorm1d(4)(torch.randn(1, 4))


def test_a_wrong_number_of_channels_is_named():
    with pytest.raises(ValueError, match="needs 4 channels"):
        BatchNorm2d(4)(torch.randn(2, 3, 5, 5))


@pytest.mark.parametrize(("question", "value"), [
    ("한 배치의 값 [1, 2, 3, 4]를 배치 정규화하면 얼마가 되나요?", "[-1.3416, -0.4472, 0.4472, 1.3416]"),
    ("배치 정규화에서 값이 [10, 20, 30]이고 감마 2, 베타 5이면 결과는?", "[2.5505, 5.0000, 7.4495]"),
])
def test_questions_with_values_are_computed(question, value):
    assert run_values(**parse_values(question)).value == value


@pytest.mark.parametrize(("question", "value"), [
    ("BatchNorm2d(64)의 학습 파라미터는 몇 개야?", "128"),
    ("채널 512개인 배치 정규화 층의 파라미터 수는?", "1,024"),
])
def test_parameters_are_counted(question, value):
    computation = CONCEPT.computations[1]
    assert computation.run(**computation.parse(question)).value == value


@pytest.mark.parametrize("question", ["배치 정규화는 어떻게 계산하나요?", "배치 정규화의 학습 파라미터는 무엇인가?",
                                      "(8, 64, 32, 32) 텐서에 배치 정규화를 하면 평균은 몇 개야?"])
def test_questions_without_numbers_to_put_in_are_left_alone(question):
    assert parse_values(question) is None
    assert parse_parameters(question) is None
