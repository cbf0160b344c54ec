"""The causal mask: equal to torch's is_causal, and no future leaks."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from models.attention.attention import scaled_dot_product_attention
from models.attention.causal_mask import CONCEPT, causal_mask, visible


def ask(question):
    for computation in CONCEPT.computations:
        found = computation.parse(question)
        if found is not None:
            return computation.run(**found).value
    return None


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 7), st.integers(1, 5), st.integers(0, 999))
def test_values_and_gradients_equal_is_causal(batch, length, d, seed):
    torch.manual_seed(seed)
    parts = [torch.randn(batch, length, d, dtype=torch.float64) for _ in range(3)]
    mine, theirs = [[p.clone().requires_grad_() for p in parts] for _ in range(2)]
    out = scaled_dot_product_attention(*mine, causal_mask(length))
    twin = F.scaled_dot_product_attention(*theirs, is_causal=True)
    out.square().sum().backward()
    twin.square().sum().backward()
    torch.testing.assert_close(out, twin, atol=1e-6, rtol=0)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-6, rtol=0)


def test_it_hides_where_torchs_square_mask_is_minus_infinity():
    assert causal_mask(5).equal(nn.Transformer.generate_square_subsequent_mask(5) == 0)


@pytest.mark.parametrize(("length", "cells"), [(1, 1), (4, 10), (10, 55)])
def test_the_visible_cells_are_a_staircase(length, cells):
    assert visible(length) == cells == causal_mask(length).sum()


def test_changing_the_last_word_reaches_no_earlier_position():
    numbers = CONCEPT.run({"sentence": "하나 둘 셋 넷"}).numbers
    assert numbers["마스크가 있을 때 미래가 샌 자리"] == 0 and numbers["마스크가 없을 때 미래가 샌 자리"] == 3
    assert (numbers["볼 수 있는 칸"], numbers["가린 칸"]) == (10, 6)


@pytest.mark.parametrize(("question", "value"), [
    ("길이 10인 문장에 코잘 마스크를 씌우면 볼 수 있는 칸은 몇 개인가요?", "55"),
    ("토큰 4개에 causal mask를 쓰면 가려지는 칸은 몇 개?", "6")])
def test_a_question_with_a_length_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", [
    "코잘 마스크에서 볼 수 있는 칸은 몇 개인가요?", "코잘 마스크에서 3번째 토큰은 몇 개를 볼 수 있나요?"])
def test_a_question_without_a_length_is_left_alone(question):
    assert ask(question) is None
