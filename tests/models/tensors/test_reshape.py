"""Reshaping against torch: shapes, strides, values, gradients, without moving a value."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.concept import ConceptError
from models.tensors.reshape import CONCEPT, as_rows, infer, squeeze, transpose, unsqueeze, view


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found).value


shape = st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4)


@settings(max_examples=15, deadline=None)
@given(shape, st.data(), st.integers(0, 999))
def test_values_strides_and_gradients_equal_torchs(size, data, seed):
    torch.manual_seed(seed)
    x = torch.randn(size, dtype=torch.float64, requires_grad=True)
    axis = st.integers(-len(size), len(size) - 1)
    a, b, new = data.draw(axis), data.draw(axis), data.draw(st.integers(-len(size) - 1, len(size)))
    for ours, theirs in ((transpose(x, a, b), x.transpose(a, b)), (squeeze(x), x.squeeze()),
                         (squeeze(x, a), x.squeeze(a)), (unsqueeze(x, new), x.unsqueeze(new)),
                         (view(x, (-1, size[-1])), x.view(-1, size[-1]))):
        assert torch.equal(ours, theirs) and ours.data_ptr() == x.data_ptr()
        assert [s for s, n in zip(ours.stride(), ours.shape, strict=True) if n > 1] == \
            [s for s, n in zip(theirs.stride(), theirs.shape, strict=True) if n > 1]
        weights = torch.randn(ours.shape, dtype=torch.float64)
        torch.testing.assert_close(torch.autograd.grad((ours * weights).sum(), x),
                                   torch.autograd.grad((theirs * weights).sum(), x), atol=1e-6, rtol=0)


def test_a_transposed_tensor_is_laid_out_anew_before_it_is_viewed():
    x = torch.arange(6).view(2, 3)
    turned = transpose(x, 0, 1)
    assert turned.tolist() == [[0, 3], [1, 4], [2, 5]] and not turned.is_contiguous()
    assert view(turned, (6,)).tolist() == [0, 3, 1, 4, 2, 5]
    assert view(x, (3, 2)).tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize("wrong", [(5, 3), (-1, 5), (-1, -1), (0, 12)])
def test_a_shape_that_cannot_hold_the_values_is_refused(wrong):
    with pytest.raises(ValueError, match="shape="):
        infer(12, wrong)


def test_a_table_names_the_axes_before_the_last():
    rows, labels = as_rows(torch.arange(12).view(2, 2, 3))
    assert rows[3] == [9, 10, 11] and labels == ["[0, 0]", "[0, 1]", "[1, 0]", "[1, 1]"]


def test_the_demo_says_whether_the_reading_order_changes():
    assert CONCEPT.run({"operation": "view"}).numbers["읽는 순서가 바뀐 원소"] == 0
    turned = CONCEPT.run({"operation": "transpose", "dim0": 0, "dim1": 2}).numbers
    assert turned["새 크기"] == "(3, 2, 2)" and turned["읽는 순서가 바뀐 원소"] > 0
    with pytest.raises(ConceptError, match="5, 3"):
        CONCEPT.run({"target": "5, 3"})


@pytest.mark.parametrize(("question", "value"), [
    ("(2, 2, 3) 텐서를 view(-1, 3)으로 바꾸면 크기는?", "(4, 3)"),
    ("(64, 1, 28, 28)을 view(64, -1)로 펴면 크기가 어떻게 되나요?", "(64, 784)"),
    ("(2, 3) 텐서에 unsqueeze(1)을 하면 크기는?", "(2, 1, 3)"),
    ("(1, 2, 1, 3)을 squeeze하면 shape은?", "(2, 3)"),
    ("(32, 3, 224, 224)를 permute(0, 2, 3, 1)하면 크기는?", "(32, 224, 224, 3)"),
    ("(2, 3, 4)에 transpose(0, 2)를 하면 모양은?", "(4, 3, 2)"),
    ("(8, 16, 7, 7)을 flatten(1)하면 크기가 어떻게 되나?", "(8, 784)"),
    ("(3, 4) 텐서를 reshape(5, 3)으로 바꿀 수 있는지, 크기가 어떻게 되나?", "불가능"),
])
def test_a_question_with_a_shape_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", ["view와 transpose는 왜 결과가 다른가?", "squeeze하면 크기가 어떻게 되나?",
                                      "(5, 4)와 (3, 4)를 cat(dim=0)으로 합치면 크기는?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
