"""scatter and one-hot against torch: values, gradients, and what labels may be."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from models.concept import ConceptError
from models.tensors.scatter import CONCEPT, one_hot, scatter


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found).value


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.integers(0, 2), st.booleans())
def test_values_and_gradients_equal_torchs(seed, dim, add):
    torch.manual_seed(seed)
    out = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
    small = [2, 3, 4]
    order = torch.rand(small).argsort(dim)  # 축을 따라 서로 다른 자리: 덮어쓰는 순서가 결과를 바꾸지 않는다
    src = torch.randn(small, dtype=torch.float64, requires_grad=True)
    ours = scatter(out, dim, order, src, add=add)
    theirs = out.scatter_add(dim, order, src) if add else out.scatter(dim, order, src)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    weights = torch.randn(3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(torch.autograd.grad((ours * weights).sum(), (out, src)),
                               torch.autograd.grad((theirs * weights).sum(), (out, src)), atol=1e-6, rtol=0)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=8))
def test_one_hot_equals_torchs(labels):
    y = torch.tensor(labels)
    assert torch.equal(one_hot(y, 7), F.one_hot(y, 7))
    assert torch.equal(one_hot(y[:, None], 7), F.one_hot(y[:, None], 7))


def test_the_table_of_the_notes():
    src, index = torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([[0, 1, 2], [2, 0, 1]])
    assert scatter(torch.zeros(2, 3, dtype=torch.int64), 1, index, src).tolist() == [[1, 2, 3], [5, 6, 4]]


def test_adding_counts_what_writing_would_lose():
    y = torch.tensor([1, 1, 1, 0])
    assert scatter(torch.zeros(3), 0, y, torch.ones(4), add=True).tolist() == [1, 3, 0]
    assert scatter(torch.zeros(3), 0, y, torch.ones(4)).tolist() == [1, 1, 0]


def test_a_label_outside_the_board_is_refused():
    with pytest.raises(ValueError, match=r"0\.\.2"):
        one_hot(torch.tensor([3]), 3)
    with pytest.raises(ConceptError, match="4 이하"):
        CONCEPT.run({"labels": "5", "classes": 5})


@pytest.mark.parametrize(("question", "value"), [
    ("라벨 3을 클래스 5개의 원-핫 벡터로 바꾸면?", "[0, 0, 0, 1, 0]"),
    ("레이블 [0, 2]를 범주 3개로 one-hot 인코딩한 결과는?", "[[1, 0, 0], [0, 0, 1]]"),
    ("정답 4를 num_classes=4로 원핫 인코딩하면?", "불가능"),
])
def test_a_question_with_labels_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", ["원-핫 벡터란?", "라벨 3을 원-핫으로 어떻게 바꾸나?",
                                      "원-핫 대신 왜 임베딩을 쓰나?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
