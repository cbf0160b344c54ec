"""The feed-forward layer against torch's two linear layers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.attention.feed_forward import CONCEPT, FeedForward, learn_products, parameters


def ask(question):
    for computation in CONCEPT.computations:
        found = computation.parse(question)
        if found is not None:
            return computation.run(**found).value
    return None


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6), st.integers(1, 9), st.sampled_from([("relu", nn.ReLU), ("gelu", nn.GELU)]),
       st.integers(0, 999))
def test_values_and_gradients_equal_torchs(d, wide, activation, seed):
    torch.manual_seed(seed)
    ours = FeedForward(d, wide, activation[0]).double()
    twin = nn.Sequential(nn.Linear(d, wide), activation[1](), nn.Linear(wide, d)).double()
    for mine, theirs in zip(ours.parameters(), twin.parameters(), strict=True):
        theirs.data.copy_(mine.data)
    x = torch.randn(2, 3, d, dtype=torch.float64)
    ours(x).square().sum().backward()
    twin(x).square().sum().backward()
    torch.testing.assert_close(ours(x), twin(x), atol=1e-6, rtol=0)
    for mine, theirs in zip(ours.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, atol=1e-6, rtol=0)


def test_each_token_is_worked_on_by_itself():
    torch.manual_seed(0)
    layer, x = FeedForward(4, 16), torch.randn(1, 5, 4)
    torch.testing.assert_close(layer(x)[:, 2], layer(x[:, 2]))


def test_it_is_the_same_as_two_convolutions_of_kernel_one():
    torch.manual_seed(0)
    layer, x = FeedForward(4, 16), torch.randn(2, 5, 4)
    wide = torch.conv1d(x.mT, layer.linear1.weight[..., None], layer.linear1.bias).relu()
    narrow = torch.conv1d(wide, layer.linear2.weight[..., None], layer.linear2.bias)
    torch.testing.assert_close(layer(x), narrow.mT, atol=1e-6, rtol=0)


def test_without_activation_it_cannot_learn_a_product_however_wide():
    flat, curved = learn_products(8, "none", 0)[1][-1], learn_products(8, "relu", 0)[1][-1]
    assert curved < 0.01 < 0.09 < flat


def test_two_thirds_of_a_blocks_parameters_lie_here():
    numbers = CONCEPT.run().numbers
    assert numbers["피드포워드 파라미터"] == parameters(512, 2048) == 2_099_712
    assert numbers["피드포워드의 몫"] == pytest.approx(2 / 3, abs=0.001)


def test_an_unknown_activation_is_named():
    with pytest.raises(ValueError, match="'swish'"):
        FeedForward(4, 8, "swish")


@pytest.mark.parametrize(("question", "value"), [
    ("d_model=512, d_ff=2048인 피드포워드 층의 파라미터 수는?", "2,099,712"),
    ("d_model 768, d_ff 3072인 FFN은 파라미터가 몇 개예요?", "4,722,432"),
    ("d_model=4, d_ff=16인 FFN을 편향 없이 만들면 파라미터는?", "128")])
def test_a_question_with_sizes_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", [
    "FFN의 파라미터 수는 어떻게 구하나요?", "d_model=512, d_ff=2048인 인코더 블록의 FFN까지 파라미터는?",
    "입력 2, 은닉 3인 MLP의 파라미터는?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
