"""Rank and CR against numpy, and the mix of columns."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.concept import ConceptError
from models.tensors.column_space import CONCEPT, cr, mix, rank, row_echelon


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found).value


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5), st.integers(0, 999))
def test_rank_equals_numpys_and_cr_gives_the_matrix_back(m, n, inner, seed):
    random = np.random.default_rng(seed)
    a = random.integers(-3, 4, (m, inner)) @ random.integers(-3, 4, (inner, n))  # 랭크가 inner를 넘지 못한다
    matrix = torch.tensor(a, dtype=torch.float64)
    assert rank(matrix) == np.linalg.matrix_rank(a) == rank(matrix.T)
    c, r = cr(matrix)
    assert c.shape == (m, rank(matrix)) and r.shape == (rank(matrix), n)
    torch.testing.assert_close(c @ r, matrix, atol=1e-6, rtol=0)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 999))
def test_the_mix_of_columns_equals_the_product_in_value_and_gradient(m, n, seed):
    torch.manual_seed(seed)
    a = torch.randn(m, n, dtype=torch.float64, requires_grad=True)
    x = torch.randn(n, dtype=torch.float64, requires_grad=True)
    ours, theirs = mix(a, x).sum(1), a @ x
    np.testing.assert_allclose(ours.detach().numpy(), a.detach().numpy() @ x.detach().numpy(), atol=1e-12)
    torch.testing.assert_close(torch.autograd.grad(ours.square().sum(), (a, x)),
                               torch.autograd.grad(theirs.square().sum(), (a, x)), atol=1e-6, rtol=0)


def test_the_notes_matrix_has_two_independent_columns():
    a = torch.tensor([[1, 2, 3], [0, 1, 1], [1, 3, 4]], dtype=torch.float64)
    c, r = cr(a)
    assert row_echelon(a)[1] == [0, 1]
    assert c.tolist() == [[1, 2], [0, 1], [1, 3]] and r.tolist() == [[1, 0, 1], [0, 1, 1]]


def test_parallel_columns_leave_a_line():
    shown = CONCEPT.run({"matrix": "1 2; 2 4", "x": "1, 1"})
    assert shown.numbers["랭크"] == 1 and "직선" in shown.text
    assert CONCEPT.run({"matrix": "0 0; 0 0", "x": "1, 1"}).numbers["랭크"] == 0


def test_amounts_must_be_as_many_as_the_columns():
    with pytest.raises(ConceptError, match="3개"):
        CONCEPT.run({"x": "1, 2"})
    with pytest.raises(ConceptError, match="4개"):
        CONCEPT.run({"matrix": "1; 2; 3; 4", "x": "1"})


@pytest.mark.parametrize(("question", "value"), [
    ("행렬 [[1, 2, 3], [0, 1, 1], [1, 3, 4]]의 랭크는?", "2"),
    ("[[2, 4], [1, 2], [3, 6]] 행렬의 rank를 구해줘", "1"),
    ("[[1, 0], [0, 1]]에서 독립인 열은 몇 개인가?", "2"),
])
def test_a_question_with_a_matrix_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", ["행렬의 랭크는 어떻게 구하나?",
                                      "[[1, 2], [3, 4]] @ [[5, 6], [7, 8]]의 행렬 곱 결과는?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
