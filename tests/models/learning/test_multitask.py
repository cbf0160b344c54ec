"""One trunk and four heads: their losses, their gradients, and the questions they answer."""

import pytest
import torch
from torch.nn import functional as F

from models.learning.multitask import CONCEPT, MultitaskNet, scenes, task_losses


def test_each_task_has_the_binary_cross_entropy_of_its_own_column():
    torch.manual_seed(0)
    p, y = torch.rand(20, 4, dtype=torch.float64), torch.randint(0, 2, (20, 4)).double()
    for k, loss in enumerate(task_losses(p, y)):
        torch.testing.assert_close(loss, F.binary_cross_entropy(p[:, k], y[:, k]), atol=1e-6, rtol=0)


def test_one_backward_of_the_sum_adds_the_gradients_of_all_tasks_in_the_trunk():
    torch.manual_seed(0)
    model = MultitaskNet(6, 5, 4).double()
    x, y = torch.randn(10, 6, dtype=torch.float64), torch.randint(0, 2, (10, 4)).double()
    parts = [torch.autograd.grad(task_losses(model(x), y)[k], model.trunk.weight)[0] for k in range(4)]
    task_losses(model(x), y).sum().backward()
    torch.testing.assert_close(model.trunk.weight.grad, sum(parts))


def test_a_missing_label_leaves_its_task_out():
    p = torch.tensor([[0.9, 0.2], [0.6, 0.3]])
    y = torch.tensor([[1.0, float("nan")], [float("nan"), float("nan")]])
    losses = task_losses(p, y)
    assert losses[0].item() == pytest.approx(0.1053605)
    assert losses[1].item() == 0


def test_the_probabilities_of_a_row_need_not_sum_to_one():
    model = MultitaskNet(3, 4, 4)
    for head in model.heads:
        torch.nn.init.constant_(head.bias, 5.0)
    assert (model(torch.zeros(1, 3)).sum() > 2).item()


def test_a_scene_holds_exactly_what_its_labels_say():
    x, y = scenes(30, 0.0, torch.Generator().manual_seed(0))
    pixels = torch.tensor([8.0, 10.0, 9.0, 3.0])
    torch.testing.assert_close(x.sum(1), y @ pixels)


def test_a_task_with_no_weight_is_not_learned():
    plain, ignored = CONCEPT.run().numbers, CONCEPT.run({"car": 0}).numbers
    assert plain["자동차 정확도"] > 0.85
    assert ignored["자동차 정확도"] < plain["자동차 정확도"] - 0.15


@pytest.mark.parametrize(("question", "value"), [
    ("멀티태스크에서 정답이 [1, 0, 1, 1]이고 예측이 [0.9, 0.2, 0.8, 0.5]일 때 네 BCE의 합은?", "1.2448"),
    ("다중 작업 학습에서 과제별 손실이 [0.5, 0.2, 0.1]이고 비중이 [1, 2, 5]이면 전체 손실은?", "1.4"),
    ("멀티태스크에서 비중이 [2, 1]이고 손실이 [0.3, 0.4]일 때 합친 손실은 얼마야?", "1"),
])
def test_questions_with_losses_are_computed(question, value):
    parsed = [(c, c.parse(question)) for c in CONCEPT.computations]
    assert [c.run(**arguments).value for c, arguments in parsed if arguments is not None] == [value]


def test_a_question_about_the_weights_is_not_computed():
    assert all(c.parse("멀티태스크에서 손실의 비중은 어떻게 정하나요?") is None for c in CONCEPT.computations)
