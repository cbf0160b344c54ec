"""Attention against torch's, worked numbers, and the seq2seq that learns where to look."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from models.attention.alignment import reverse
from models.attention.attention import CONCEPT, attention_weights, scaled_dot_product_attention
from models.concept import ConceptError


def ask(question):
    for computation in CONCEPT.computations:
        found = computation.parse(question)
        if found is not None:
            return computation.run(**found).value
    return None


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5), st.integers(1, 6), st.integers(1, 4), st.booleans(),
       st.integers(0, 999))
def test_values_and_gradients_equal_torchs(batch, queries, keys, d, dv, masked, seed):
    torch.manual_seed(seed)
    parts = [torch.randn(batch, n, width, dtype=torch.float64) for n, width in ((queries, d), (keys, d), (keys, dv))]
    mask = torch.rand(batch, queries, keys) < 0.6 if masked else None
    if mask is not None:
        mask[..., 0] = True  # torch gives nan where a query may see nothing
    results = []
    for attend in (scaled_dot_product_attention, lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m)):
        inputs = [part.clone().requires_grad_() for part in parts]
        out = attend(*inputs, mask)
        out.square().sum().backward()
        results.append([out, *(x.grad for x in inputs)])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=0)


def test_each_query_shares_out_a_weight_of_one():
    weights = attention_weights(torch.randn(2, 3, 4), torch.randn(2, 5, 4))
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3))


def test_a_query_that_may_see_nothing_brings_nothing_instead_of_nan():
    out = scaled_dot_product_attention(torch.randn(2, 4), torch.randn(3, 4), torch.randn(3, 4),
                                       torch.tensor([[True, True, True], [False, False, False]]))
    assert out.isfinite().all() and (out[1] == 0).all()


def test_the_dot_product_of_d_random_components_has_variance_d_and_one_after_dividing():
    generator = torch.Generator().manual_seed(0)
    q, k = (torch.randn(20_000, 64, generator=generator) for _ in range(2))
    scores = (q * k).sum(-1)
    assert scores.var().item() == pytest.approx(64, rel=0.05)
    assert (scores / 8).var().item() == pytest.approx(1, rel=0.05)


def test_without_the_root_one_key_takes_nearly_all():
    numbers = CONCEPT.run({"d_k": 512}).numbers
    assert numbers["나누지 않을 때 가장 큰 가중치"] > 0.9 > numbers["나눌 때 가장 큰 가중치"]


@pytest.mark.parametrize("digits", ["31415", "807"])
def test_the_trained_seq2seq_writes_backwards_and_looks_along_the_other_diagonal(digits):
    wrote, looked, loss = reverse(digits, 0)
    assert wrote == digits[::-1] and loss < 0.3
    torch.testing.assert_close(looked.sum(-1), torch.ones(len(digits)))
    assert looked.flip(1).diagonal().mean() > 0.6


def test_the_readers_vectors_are_worked_through():
    numbers = CONCEPT.run({"query": "1, 0", "keys": "1 0; 0 1", "values": "10 0; 0 10"}).numbers
    assert numbers["가중치"] == "[0.6698, 0.3302]" and numbers["출력"] == "[6.6976, 3.3024]"


@pytest.mark.parametrize(("params", "named"), [
    ({"query": "1, 0, 2"}, "차원"), ({"values": "1 2"}, "값"), ({"digits": "12a"}, "12a"), ({"query": "가"}, "가")])
def test_vectors_that_do_not_fit_are_named(params, named):
    with pytest.raises(ConceptError, match=named):
        CONCEPT.run(params)


@pytest.mark.parametrize(("question", "value"), [
    ("질의 [1, 2]와 키 [3, 4]의 스케일드 어텐션 점수는 얼마인가요?", "7.7782"),
    ("query [1, 0], key [[1, 0], [0, 1]]일 때 어텐션 가중치를 계산해 줘", "[0.6698, 0.3302]"),
    ("q=[1, 0], K=[[1, 0], [0, 1]], V=[[10, 0], [0, 10]]이면 어텐션 출력은?", "[6.6976, 3.3024]"),
    ("쿼리 (1, 2)와 키 (3, 4)의 어텐션 점수를 √d_k로 나누지 않으면?", "11"),
    ("질의 [1, 0]과 키 [1, 0], [0, 1]의 어텐션 점수는?", "[0.7071, 0.0000]"),
])
def test_a_question_with_vectors_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", [
    "어텐션 점수는 어떻게 계산하나요?", "질의와 키와 값은 각각 무엇인가요?",
    "질의 [1, 2]와 키 [3, 4, 5]의 어텐션 점수는?",
    "[0.7, 0.2, 0.1]의 엔트로피는?", "크기 (2, 3)과 (3, 4)를 곱하면?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
