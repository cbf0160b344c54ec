"""Gradients of expression graphs against autograd and finite differences, and the questions that ask for one."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.concept import ConceptError
from models.learning.backpropagation import CONCEPT, backward, build, finite_difference, gradients

EXPRESSIONS = ["(x + y) * z", "x * y + x", "sigmoid(x * y + z)", "relu(x) * tanh(y) - z / (1 + x ^ 2)",
               "exp(-x ** 2) * y", "log(1 + x * x + y * y) * z", "x * x * x", "-(x - y) / 2"]


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(EXPRESSIONS), st.tuples(*[st.floats(-3, 3).filter(lambda v: abs(v) > 0.01)] * 3))
def test_value_and_gradients_equal_autograd(expression, point):
    variables = dict(zip("xyz", point, strict=True))
    value, found = gradients(expression, variables)
    tensors = {k: torch.tensor(v, dtype=torch.float64, requires_grad=True) for k, v in variables.items()}
    functions = {name: getattr(torch, name) for name in ("exp", "log", "sigmoid", "tanh", "relu")}
    expected = eval(expression.replace("^", "**"), functions | tensors)
    expected.backward()
    assert value == pytest.approx(expected.item(), abs=1e-9)
    for name, gradient in found.items():
        assert gradient == pytest.approx(tensors[name].grad.item(), abs=1e-6)


def test_the_sweep_back_agrees_with_finite_differences():
    variables = {"x": 0.7, "y": -1.2, "z": 2.0}
    for expression in EXPRESSIONS:
        for name, gradient in gradients(expression, variables)[1].items():
            assert finite_difference(expression, variables, name) == pytest.approx(gradient, abs=1e-6)


def test_the_notes_example_gives_two_for_every_variable():
    value, found = gradients("(x + y) * z", {"x": 3, "y": -1, "z": 2})
    assert value == 4 and found == {"x": 2, "y": 2, "z": 2}


def test_a_variable_used_twice_is_one_node_whose_gradients_add_up():
    output, order = build("x * y + x", {"x": 2.0, "y": 5.0})
    backward(output, order)
    (x,) = [node for node in order if node.label == "x"]
    assert x.gradient == 6


def test_sweeping_twice_does_not_add_up():
    output, order = build("x * x", {"x": 3.0})
    backward(output, order)
    backward(output, order)
    assert order[0].gradient == 6


@pytest.mark.parametrize("expression", ["x +", "__import__('os')", "x.real", "w * x", "1 / (x - 3)", "x ** y", "2 + 3",
                                        "log(-x)", "[x]", "x if y else z", "10 ** 400 * x"])
def test_what_is_no_expression_or_has_no_value_is_refused(expression):
    with pytest.raises(ConceptError):
        build(expression, {"x": 3.0, "y": 2.0, "z": 1.0})


@pytest.mark.parametrize(("question", "value"), [
    ("x=3, y=-1, z=2일 때 f=(x+y)*z 의 df/dx는?", "2"),
    ("f = x*y + x 에서 x=2, y=5일 때 역전파로 구한 x의 기울기는?", "6"),
    ("y = 3x^2 + 2x에서 x=2일 때 dy/dx는?", "14"),
    ("a=2, b=3일 때 L=(a*b-1)^2의 기울기를 역전파로 구해 줘", "∂f/∂a = 30, ∂f/∂b = 20"),
])
def test_a_question_with_an_expression_and_values_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "역전파를 숫자 예시로 한 단계씩 보여 주세요", "f=(x+y)*z 의 df/dx는 어떻게 구하나요",
    "x=3일 때 f=(x+y)*z 의 기울기는?",
    "dx = dout * out * (1 - out) 에서 out*(1-out)은 왜 곱하는 거야", "dW = x.T @ dout 이 미분은 어디서 나왔어요"])
def test_a_question_that_leaves_something_out_is_not_computed(question):
    assert ask(question) is None
