"""cat and stack against torch: values, gradients, shapes, refusals."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.concept import ConceptError
from models.tensors.joining import CONCEPT, cat, stack


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found).value


def same(mine, theirs, parts):
    torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=0)
    weights = torch.randn(mine.shape, dtype=torch.float64)
    torch.testing.assert_close(torch.autograd.grad((mine * weights).sum(), parts),
                               torch.autograd.grad((theirs * weights).sum(), parts), atol=1e-6, rtol=0)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.lists(st.integers(1, 3), min_size=1, max_size=4),
       st.data())
def test_values_and_gradients_equal_torchs(size, lengths, data):
    dim = data.draw(st.integers(-len(size), len(size) - 1))
    parts = []
    for length in lengths:
        own = list(size)
        own[dim] = length
        parts.append(torch.randn(own, dtype=torch.float64, requires_grad=True))
    same(cat(parts, dim), torch.cat(parts, dim), parts)
    equal = [torch.randn(size, dtype=torch.float64, requires_grad=True) for _ in lengths]
    new = data.draw(st.integers(-len(size) - 1, len(size)))
    same(stack(equal, new), torch.stack(equal, new), equal)


def test_stack_is_cat_after_unsqueeze():
    a, b = torch.tensor([[1, 2], [3, 4]]), torch.tensor([[5, 6], [7, 8]])
    assert torch.equal(stack([a, b], 1), cat([a[:, None], b[:, None]], 1))
    assert cat([a, b], 1).tolist() == [[1, 2, 5, 6], [3, 4, 7, 8]]


def test_lengths_that_do_not_meet_are_refused():
    with pytest.raises(ValueError, match="axis 0 has 2 and 3"):
        cat([torch.ones(2, 3), torch.ones(3, 3)], 1)
    with pytest.raises(ValueError, match="axis 0 has 3 and 4"):
        stack([torch.ones(3), torch.ones(4)])


def test_unequal_rows_can_only_be_joined_downwards():
    assert CONCEPT.run({"rows_b": 4}).numbers["결과 크기"] == "(6, 3)"
    for wrong in ({"dim": 1}, {"operation": "stack"}):
        with pytest.raises(ConceptError, match=r"\(4, 3\)"):
            CONCEPT.run({"rows_b": 4, **wrong})


@pytest.mark.parametrize(("question", "value"), [
    ("(5, 4)와 (3, 4)를 cat(dim=0)으로 합치면 크기는?", "(8, 4)"),
    ("(2, 3) 텐서 두 개를 stack(dim=1)하면 크기가 어떻게 되나?", "(2, 2, 3)"),
    ("(3, 224, 224) 사진 32장을 stack하면 shape은?", "(32, 3, 224, 224)"),
    ("(2, 3)과 (4, 3)을 torch.cat(dim=1) 하면 크기는?", "불가능"),
])
def test_a_question_with_shapes_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", ["cat과 stack의 차이는?", "stack하면 크기가 어떻게 되나?",
                                      "(2, 2, 3) 텐서를 view(-1, 3)으로 바꾸면 크기는?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
