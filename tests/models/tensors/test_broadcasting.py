"""Broadcasting against torch's own: shapes, values, gradients, and the reason where shapes do not fit."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tensors.broadcasting import CONCEPT, broadcast_to, fit, reason


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found).value


shape = st.lists(st.sampled_from([1, 1, 2, 3]), max_size=4)


@settings(max_examples=40, deadline=None)
@given(shape, shape)
def test_the_result_has_torchs_shape_or_both_refuse(a, b):
    try:
        expected = tuple(torch.broadcast_shapes(a, b))
    except RuntimeError:
        expected = None
    assert fit(a, b).shape == expected


@settings(max_examples=15, deadline=None)
@given(shape, st.data())
def test_values_and_gradients_equal_torchs_without_a_copy(full, data):
    short = [data.draw(st.sampled_from([1, d])) for d in full][data.draw(st.integers(0, len(full))):]
    x = torch.randn(short, dtype=torch.float64, requires_grad=True)
    twin = x.detach().clone().requires_grad_(True)
    weights = torch.randn(full, dtype=torch.float64)
    ours, theirs = broadcast_to(x, full), twin.broadcast_to(full)
    assert torch.equal(ours, theirs) and ours.data_ptr() == x.data_ptr()
    (ours * weights).sum().backward()
    (theirs * weights).sum().backward()
    torch.testing.assert_close(x.grad, twin.grad, atol=1e-6, rtol=0)


def test_a_row_and_a_column_make_a_table():
    a, b = torch.tensor([[1, 2]]), torch.tensor([[2], [3]])
    assert (broadcast_to(a, (2, 2)) + broadcast_to(b, (2, 2))).tolist() == [[3, 4], [4, 5]]


def test_the_reason_names_the_axis_and_both_lengths():
    assert "1번 축의 길이가 3과 2" in reason(fit((2, 3), (2,)))
    assert CONCEPT.run({"a": "5, 3", "b": "4,"}).numbers["되는가"] == "아니요"


def test_what_cannot_be_stretched_is_refused():
    with pytest.raises(ValueError, match=r"\(2,\)"):
        broadcast_to(torch.ones(2), (3,))


@pytest.mark.parametrize(("question", "value"), [
    ("(5, 1)과 (4,)를 브로드캐스팅하면 크기가 어떻게 되나?", "(5, 4)"),
    ("(8, 1, 6, 1)과 (7, 1, 5)를 더하면 결과의 크기는?", "(8, 7, 6, 5)"),
    ("(2, 3) 텐서와 (2,) 텐서는 브로드캐스팅이 되나?", "불가능"),
])
def test_a_question_with_two_shapes_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", [
    "브로드캐스팅 규칙을 설명해줘", "(3, 1)이랑 (1, 4)를 더했는데 왜 (3, 4)가 나와요?",
    "(2, 3)과 (3, 4)를 행렬 곱 하면 크기가 어떻게 되나?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
