"""Both products against torch: values, gradients, and the questions that ask for one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.concept import ConceptError
from models.tensors.tensor_products import CONCEPT, elementwise, matmul


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found).value


def twins(seed, *sizes):
    torch.manual_seed(seed)
    ours = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in sizes]
    return ours, [t.detach().clone().requires_grad_(True) for t in ours]


def same(mine, theirs, ours, twin):
    torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=0)
    weights = torch.randn(mine.shape, dtype=torch.float64)
    torch.testing.assert_close(torch.autograd.grad((mine * weights).sum(), ours),
                               torch.autograd.grad((theirs * weights).sum(), twin), atol=1e-6, rtol=0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4),
       st.sampled_from([(), (2,), (2, 3)]))
def test_matmul_equals_torchs_with_leading_axes_broadcast(seed, m, n, p, lead):
    ours, twin = twins(seed, (*lead, m, n), (n, p))
    same(matmul(*ours), torch.matmul(*twin), ours, twin)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999), st.sampled_from([((2, 3), (2, 3)), ((2, 3), (3,)), ((4, 1), (1, 5)), ((2, 1, 3), (4, 1))]))
def test_elementwise_equals_torchs_mul(seed, sizes):
    ours, twin = twins(seed, *sizes)
    same(elementwise(*ours), torch.mul(*twin), ours, twin)


def test_the_order_matters_for_one_product_only():
    a, b = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[5.0, 6.0], [7.0, 8.0]])
    assert matmul(a, b).tolist() == [[19, 22], [43, 50]] and not torch.equal(matmul(a, b), matmul(b, a))
    assert elementwise(a, b).tolist() == [[5, 12], [21, 32]] == elementwise(b, a).tolist()


def test_unequal_inner_lengths_are_refused():
    with pytest.raises(ValueError, match="inner"):
        matmul(torch.ones(32, 100), torch.ones(200, 10))


def test_the_demo_shows_the_one_product_that_is_possible():
    numbers = CONCEPT.run({"a": "1 2 3; 4 5 6", "b": "1 2; 3 4; 5 6"}).numbers
    assert (numbers["행렬 곱의 크기"], numbers["원소별 곱의 크기"]) == ("(2, 2)", "불가능")
    with pytest.raises(ConceptError, match="열 수 3"):
        CONCEPT.run({"a": "1 2 3; 4 5 6", "b": "1 2; 3 4"})


@pytest.mark.parametrize(("question", "value"), [
    ("(2, 3)과 (3, 4)를 행렬 곱 하면 크기가 어떻게 되나?", "(2, 4)"),
    ("[[1, 2], [3, 4]] @ [[5, 6], [7, 8]]의 행렬 곱 결과는?", "[[19, 22], [43, 50]]"),
    ("[[1, 2], [3, 4]]와 [[5, 6], [7, 8]]의 원소별 곱은 얼마?", "[[5, 12], [21, 32]]"),
    ("(32, 100) 행렬과 (200, 10) 행렬은 matmul이 되나?", "불가능"),
    ("(8, 2, 3)과 (8, 3, 5)를 matmul 하면 shape은?", "(8, 2, 5)"),
])
def test_a_question_with_two_matrices_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", ["행렬 곱과 원소별 곱의 차이는?", "행렬 곱은 어떻게 계산하나?",
                                      "(5, 1)과 (4,)를 브로드캐스팅하면 크기가 어떻게 되나?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
