"""Multi-head attention against torch's, and heads that share out the work."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.attention.multi_head_attention import CONCEPT, MultiHeadAttention, learn_neighbours, parameters
from models.concept import ConceptError


def ask(question):
    for computation in CONCEPT.computations:
        found = computation.parse(question)
        if found is not None:
            return computation.run(**found).value
    return None


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.booleans(),
       st.integers(0, 999))
def test_values_weights_and_gradients_equal_torchs(batch, heads, size, queries, keys, bias, seed):
    torch.manual_seed(seed)
    width = heads * size
    ours = MultiHeadAttention(width, heads, bias=bias).double()
    twin = nn.MultiheadAttention(width, heads, bias=bias, batch_first=True).double()
    twin.load_state_dict(ours.state_dict())
    hidden = torch.rand(queries, keys) < 0.3
    hidden[:, 0] = False
    parts = [torch.randn(batch, n, width, dtype=torch.float64) for n in (queries, keys, keys)]
    mine, theirs = [[p.clone().requires_grad_() for p in parts] for _ in range(2)]
    kept = []
    out = ours(*mine, mask=~hidden, kept=kept)
    expected, weights = twin(*theirs, attn_mask=hidden, average_attn_weights=False)
    out.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(out, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(kept[0], weights, atol=1e-6, rtol=0)
    grads = zip([*mine, *ours.parameters()], [*theirs, *twin.parameters()], strict=True)
    for a, b in grads:
        torch.testing.assert_close(a.grad, b.grad, atol=1e-6, rtol=0)


def test_heads_do_not_change_the_number_of_parameters():
    counts = {sum(p.numel() for p in MultiHeadAttention(48, heads).parameters()) for heads in (1, 2, 4, 12)}
    assert counts == {parameters(48)} == {9408}


def test_one_head_cannot_look_both_ways_and_four_can():
    assert learn_neighbours(6, 48, 1, 0)[1] < 0.4
    look, right = learn_neighbours(6, 48, 4, 0)
    assert right > 0.9
    weights = look(torch.arange(6))
    before, after = (weights.roll(by, 1).diagonal(dim1=1, dim2=2).mean(1) for by in (1, -1))
    assert before.argmax() != after.argmax() and min(before.max(), after.max()) > 0.5


def test_a_width_that_does_not_split_is_refused():
    with pytest.raises(ValueError, match="embed_dim=512"):
        MultiHeadAttention(512, 6)
    with pytest.raises(ConceptError, match="512"):
        CONCEPT.run({"d_model": 512, "heads": 6})


def test_the_papers_sizes_give_heads_of_64():
    numbers = CONCEPT.run({"d_model": 512, "heads": 8}).numbers
    assert numbers["헤드 하나의 차원"] == 64 and numbers["파라미터 수"] == 1_050_624


@pytest.mark.parametrize(("question", "value"), [
    ("d_model이 512인 멀티 헤드 어텐션의 파라미터는 몇 개인가요?", "1,050,624"),
    ("nn.MultiheadAttention(256, 8, bias=False)의 파라미터 수는?", "262,144"),
    ("d_model=768, 헤드 12개인 멀티 헤드 어텐션에서 헤드 하나의 차원은?", "64"),
    ("512차원을 헤드 6개로 나누면 헤드 하나의 차원은?", "불가능"),
])
def test_a_question_with_sizes_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", [
    "멀티 헤드 어텐션의 파라미터 수는 어떻게 구하나요?", "헤드 수를 8개에서 16개로 늘리면 파라미터가 늘어나나요?",
    "입력 784, 출력 10인 선형 층의 파라미터 수는?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
