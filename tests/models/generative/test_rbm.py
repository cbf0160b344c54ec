"""A machine small enough to sum over all its states, and what contrastive divergence does."""

import itertools

import pytest
import torch

from models.generative.rbm import CONCEPT, RBM, parse, run


def states(units: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=units)), dtype=torch.float64)


def small() -> RBM:
    torch.manual_seed(0)
    model = RBM(3, 2).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model


def test_the_conditionals_follow_from_the_energy_by_counting_every_state():
    model, v, h = small(), states(3), states(2)
    weight = torch.stack([torch.exp(-model.energy(v, row.expand(len(v), -1))) for row in h], 1)  # (8, 4): e^-E
    p_h = weight @ h / weight.sum(1, keepdim=True)
    p_v = weight.T @ v / weight.sum(0)[:, None]
    torch.testing.assert_close(model.encode(v), p_h)
    torch.testing.assert_close(model.decode(h), p_v)


def test_the_free_energy_sums_the_hidden_states_out():
    model, v, h = small(), states(3), states(2)
    summed = torch.stack([torch.exp(-model.energy(v, row.expand(len(v), -1))) for row in h], 1).sum(1)
    torch.testing.assert_close(model.free_energy(v), -summed.log())


def test_going_back_uses_the_same_weights_transposed():
    model = small()
    h = states(2)
    torch.testing.assert_close(model.decode(h), torch.sigmoid(h @ model.weight.T + model.visible_bias))
    assert sum(p.numel() for p in model.parameters()) == 3 * 2 + 3 + 2


def test_training_makes_the_data_more_likely_than_the_rest():
    torch.manual_seed(0)
    data = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1]]).repeat(50, 1)
    model = RBM(4, 3)
    model.learn(data, 150, batch=100)
    every = states(4).float()
    energy = model.free_energy(every)
    likeliest = every[energy.argsort()[:2]].tolist()
    assert sorted(likeliest) == [[0, 0, 1, 1], [1, 1, 0, 0]]


def test_the_reconstruction_of_unseen_digits_improves():
    numbers = CONCEPT.run().numbers
    assert numbers["학습 뒤 재구성 오차"] < 0.3 * numbers["학습 전 재구성 오차"]


@pytest.mark.parametrize(("question", "value"), [
    ("가시 유닛 784개, 은닉 유닛 128개인 RBM의 가중치는 몇 개?", "100,352"),
    ("가시층 6, 은닉층 3인 RBM의 파라미터는 편향까지 모두 몇 개인가요?", "27"),
    ("볼츠만 머신의 가시 유닛이 784, 은닉 유닛이 128이면 편향까지 가중치는 몇 개?", "101,264"),
])
def test_questions_with_both_layers_are_computed(question, value):
    assert run(**parse(question)).value == value


@pytest.mark.parametrize("question", ["RBM의 가중치는 어떻게 계산하나요?", "은닉 유닛 128개인 RBM의 가중치는 몇 개?"])
def test_questions_that_leave_a_layer_out_are_not_computed(question):
    assert parse(question) is None
