"""Reductions against torch: values, gradients, shapes, places of the greatest."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tensors.reduction import CONCEPT, reduce_max, reduce_mean, reduce_sum, reduced


def ask(question):
    for computation in CONCEPT.computations:
        found = computation.parse(question)
        if found is not None:
            return computation.run(**found).value
    return None


shape = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None)
@given(shape, st.data(), st.booleans(), st.integers(0, 999))
def test_values_and_gradients_equal_torchs(size, data, keepdim, seed):
    dim = data.draw(st.integers(-len(size), len(size) - 1))
    torch.manual_seed(seed)
    x = torch.randn(size, dtype=torch.float64, requires_grad=True)
    for ours, theirs in ((reduce_sum(x, dim, keepdim), x.sum(dim, keepdim)),
                         (reduce_mean(x, dim, keepdim), x.mean(dim, keepdim)),
                         (reduce_max(x, dim, keepdim)[0], x.max(dim, keepdim).values)):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
        torch.testing.assert_close(torch.autograd.grad(ours.square().sum(), x, retain_graph=True),
                                   torch.autograd.grad(theirs.square().sum(), x, retain_graph=True), atol=1e-6, rtol=0)
    assert torch.equal(reduce_max(x, dim, keepdim)[1], x.argmax(dim, keepdim))
    assert reduced(tuple(size), (dim,), keepdim) == tuple(x.sum(dim, keepdim).shape)


def test_whole_numbers_have_no_mean():
    with pytest.raises(TypeError, match=r"float\(\)"):
        reduce_mean(torch.tensor([1, 2]), 0)


def test_the_notes_table():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert reduce_sum(x, 0).tolist() == [4, 6] and reduce_mean(x, 1).tolist() == [1.5, 3.5]
    assert reduce_max(x, 1)[1].tolist() == [1, 1]


def test_the_demo_drops_the_axis_it_names():
    assert CONCEPT.run({"dim": "0"}).numbers["결과 크기"] == "(4,)"
    assert CONCEPT.run({"dim": "1"}).numbers["결과 크기"] == "(3,)"
    assert CONCEPT.run({"dim": "1", "keepdim": True}).numbers["결과 크기"] == "(3, 1)"
    assert CONCEPT.run({"dim": "전체"}).numbers["결과 크기"] == "()"


@pytest.mark.parametrize(("question", "value"), [
    ("(8, 5, 16) 텐서에 mean(dim=-1)을 하면 크기가 어떻게 되나?", "(8, 5)"),
    ("(32, 3, 28, 28)을 sum(dim=1, keepdim=True) 하면 결과의 크기는?", "(32, 1, 28, 28)"),
    ("(16, 3, 8, 8) 사진 묶음에 mean(dim=(1, 2, 3))을 하면 shape은?", "(16,)"),
    ("(2, 3) 텐서를 2번 축으로 sum하면 크기는?", "불가능"),
    ("[0.1, 0.2, 0.6, 0.1]의 argmax는?", "2"),
])
def test_a_question_with_a_shape_and_an_axis_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", ["dim=0으로 sum을 하면 어느 방향으로 더하나?", "argmax는 무엇을 돌려주나?",
                                      "(2, 3) 두 개를 cat(dim=0)으로 합치면 크기는?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
