"""What freezing keeps, what a new head costs, and that inherited features pay off on few samples."""

import pytest
import torch

from models.learning.mlp import MLP
from models.learning.transfer_learning import CONCEPT, parse, run, trainable, transfer


def test_a_frozen_body_is_passed_through_but_never_changes():
    torch.manual_seed(0)
    old = MLP((4, 8, 6, 10), "relu")
    model = transfer(old, 3, frozen=2)
    before = [p.clone() for p in model.parameters()]
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model(torch.randn(5, 4)).square().sum().backward()
    optimizer.step()
    changed = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert changed == [False] * 4 + [True] * 2
    x = torch.randn(5, 4)
    torch.testing.assert_close(model.hidden(x), old.hidden(x))


def test_the_pretrained_network_itself_stays_untouched_and_trainable():
    old = MLP((4, 8, 10), "relu")
    transfer(old, 3, frozen=1)
    assert old.layers[-1].out_features == 10
    assert all(p.requires_grad for p in old.parameters())


def test_a_head_for_two_classes_on_512_features_learns_1026_numbers():
    assert trainable(transfer(MLP((64, 512, 10), "relu"), 2, frozen=1)) == 1026


def test_freezing_the_head_too_is_refused():
    with pytest.raises(ValueError, match="frozen=2"):
        transfer(MLP((4, 8, 10)), 3, frozen=2)


def test_with_forty_samples_the_inherited_features_win_by_far():
    numbers = CONCEPT.run().numbers
    assert numbers["정확도(머리만)"] > numbers["정확도(처음부터)"] + 0.1


@pytest.mark.parametrize(("question", "value"), [
    ("백본 출력이 512차원이고 클래스가 2개일 때 마지막 층만 학습하면 파라미터는 몇 개?", "1,026"),
    ("model.fc = nn.Linear(2048, 10)으로 바꾸고 나머지를 얼리면 학습되는 파라미터 수는?", "20,490"),
])
def test_questions_about_a_new_head_are_computed(question, value):
    assert run(**parse(question)).value == value


@pytest.mark.parametrize("question",
                         ["마지막 층만 학습하면 파라미터가 얼마나 줄어?", "nn.Linear(2048, 10)의 출력 크기는?"])
def test_questions_that_leave_a_number_out_are_not_computed(question):
    assert parse(question) is None
