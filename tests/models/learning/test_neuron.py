"""The neuron: what it computes, which gates a perceptron learns, and the one it cannot."""

import pytest
import torch

from models.learning.neuron import CONCEPT, GATES, INPUTS, Neuron, learn, step


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found).value


@pytest.mark.parametrize(("gate", "w", "b"), [("AND", (1, 1), -1.5), ("OR", (1, 1), -0.5), ("NAND", (-1, -1), 1.5)])
def test_the_weights_in_the_note_make_the_gate(gate, w, b):
    out = step(INPUTS @ torch.tensor(w, dtype=torch.float64) + b)
    assert tuple(out.int().tolist()) == GATES[gate]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("gate", ["AND", "OR", "NAND"])
def test_a_perceptron_learns_every_gate_that_a_line_can_part(gate, seed):
    target = torch.tensor(GATES[gate], dtype=torch.float64)
    assert learn(INPUTS, target, rate=0.2, epochs=50, seed=seed)[-1].wrong == 0


@pytest.mark.parametrize("seed", range(5))
def test_xor_is_never_learned(seed):
    target = torch.tensor(GATES["XOR"], dtype=torch.float64)
    assert min(e.wrong for e in learn(INPUTS, target, rate=0.2, epochs=100, seed=seed)) >= 1


def test_a_sigmoid_neuron_equals_the_formula_in_value_and_gradient():
    torch.manual_seed(0)
    neuron = Neuron(3, "sigmoid", dtype=torch.float64)
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    twin = x.detach().clone().requires_grad_(True)
    weight, bias = (p.detach() for p in neuron.parameters())
    expected = torch.sigmoid((twin * weight).sum(-1) + bias)
    torch.testing.assert_close(neuron(x), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(torch.autograd.grad(neuron(x).sum(), x), torch.autograd.grad(expected.sum(), twin))


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="softsign"):
        Neuron(2, "softsign")


@pytest.mark.parametrize(("question", "value"), [
    ("입력 [1, 2], 가중치 [0.5, -1], 편향 0.5인 뉴런의 가중합은?", "-1"),
    ("가중치 [1, 1], 편향 -1.5인 퍼셉트론에 입력 [1, 1]을 넣으면 출력은?", "1"),
    ("x=(2, 3), w=(0.1, 0.2), b=-0.8인 시그모이드 뉴런의 출력은?", "0.5"),
])
def test_a_question_with_inputs_and_weights_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", ["뉴런의 가중합은 어떻게 구하나?", "퍼셉트론으로 XOR을 풀 수 있나?",
                                      "입력 [1, 2]를 소프트맥스에 넣으면?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
