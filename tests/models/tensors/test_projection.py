"""Projection matrices against numpy, their two laws, and the tokens pushed out of an unsafe space."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.concept import ConceptError
from models.tensors.projection import CONCEPT, onto_line, onto_space, safree


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found).value


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 5), st.integers(1, 2), st.integers(0, 999))
def test_projection_is_numpys_least_squares_and_keeps_both_laws(d, k, seed):
    random = np.random.default_rng(seed)
    basis, b = random.normal(size=(d, k)), random.normal(size=d)
    p = onto_space(torch.tensor(basis))
    nearest = basis @ np.linalg.lstsq(basis, b, rcond=None)[0]
    np.testing.assert_allclose((p @ torch.tensor(b)).numpy(), nearest, atol=1e-6)
    torch.testing.assert_close(p @ p, p, atol=1e-8, rtol=0)  # P² = P
    torch.testing.assert_close(p.T, p, atol=1e-8, rtol=0)  # P^T = P
    torch.testing.assert_close(onto_line(torch.tensor(basis[:, 0])), onto_space(torch.tensor(basis[:, :1])))


def test_the_line_of_the_notes():
    a, b = torch.tensor([2.0, 1.0]), torch.tensor([1.0, 3.0])
    p = onto_line(a) @ b
    assert p.tolist() == pytest.approx([2, 1]) and (a @ (b - p)).item() == pytest.approx(0, abs=1e-6)


def test_parallel_basis_vectors_and_a_zero_vector_are_refused():
    with pytest.raises(ValueError, match="independent"):
        onto_space(torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]]))
    with pytest.raises(ValueError, match="zero"):
        onto_line(torch.zeros(2))
    with pytest.raises(ConceptError, match="방향이 없어"):
        CONCEPT.run({"ax": 0, "ay": 0})


def test_only_the_unsafe_token_is_moved_and_nothing_unsafe_is_left_in_it():
    torch.manual_seed(0)
    unsafe = torch.eye(8, dtype=torch.float64)[:, :1]
    tokens = torch.ones(5, 8, dtype=torch.float64) + 0.1 * torch.randn(5, 8, dtype=torch.float64)
    tokens[:, 0] = 0
    tokens[3] = 0.2 * tokens[3] + 6 * unsafe[:, 0]
    after, trigger = safree(tokens, unsafe, margin=0.05)
    assert trigger.tolist() == [False, False, False, True, False]
    assert torch.equal(after[:3], tokens[:3]) and torch.equal(after[4], tokens[4])
    assert after[3, 0].abs() < 1e-9 < after[3].norm()


@pytest.mark.parametrize("seed", range(5))
def test_the_demo_pushes_its_two_unsafe_tokens(seed):
    assert CONCEPT.run({"seed": seed}).numbers["밀어낸 토큰"] == 2


@pytest.mark.parametrize(("question", "value"), [
    ("벡터 b=(1, 3)을 a=(2, 1)에 정사영하면?", "(2, 1)"),
    ("b=[3, 4]를 a=[1, 0] 방향으로 투영한 벡터는?", "(3, 0)"),
    ("a=(0, 0)에 b=(1, 2)를 projection하면?", "불가능"),
])
def test_a_question_with_two_vectors_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", ["투영 행렬은 어떻게 구하나?", "a=(1, 2)와 b=(3, 4)의 내적은?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
