"""The loop against torch's, what leaving a line out does, and the questions that count or take a step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.learning.dataloader import DataLoader, TensorDataset
from models.learning.losses import mse
from models.learning.optimizers import SGD
from models.learning.training_loop import CONCEPT, Sequential, demo, train


def ask(question):
    for computation in CONCEPT.computations:
        if (found := computation.parse(question)) is not None:
            return computation.run(**found)
    return None


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 12), st.integers(1, 5), st.booleans(), st.integers(0, 10_000))
def test_the_loop_equals_one_written_with_torch(n, batch_size, zero_grad, seed):
    torch.manual_seed(seed)
    x, y = torch.randn(n, 3, dtype=torch.float64), torch.randn(n, 1, dtype=torch.float64)
    ours = Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    theirs = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    theirs.load_state_dict(ours.state_dict())
    train(ours, DataLoader(TensorDataset(x, y), batch_size), mse, SGD(ours.parameters(), 0.05), 2, zero_grad=zero_grad)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05)
    for _ in range(2):
        for a, b in zip(x.split(batch_size), y.split(batch_size), strict=True):
            if zero_grad:
                optimizer.zero_grad()
            nn.functional.mse_loss(theirs(a), b).backward()
            optimizer.step()
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-9, rtol=0)


def test_sequential_finds_its_parameters_and_a_plain_list_does_not():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(2, 2)]

    assert len(list(Sequential(nn.Linear(2, 2), nn.Linear(2, 1)).parameters())) == 4
    assert list(Listed().parameters()) == []


def test_gradients_add_up_without_zero_grad():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    loader = DataLoader(TensorDataset(torch.tensor([[1.0]] * 2), torch.tensor([[1.0]] * 2)))
    first, second = train(model, loader, mse, SGD(model.parameters(), 0.1), 1, zero_grad=False)
    assert first.gradient[0] == pytest.approx(-2) and second.gradient[0] == pytest.approx(-2 - 1.6)


def test_twenty_samples_by_five_are_four_iterations_an_epoch():
    numbers = demo().numbers
    assert numbers["에포크당 이터레이션"] == 4 and numbers["전체 갱신 횟수"] == 40
    assert demo(epochs=30).numbers["w"].startswith(("1.9", "2"))


@pytest.mark.parametrize(("question", "value"), [
    ("데이터 2000개, 배치 크기 200이면 한 에포크에 이터레이션은 몇 번?", "10"),
    ("샘플 1000개를 배치 크기 64로 5에포크 학습하면 가중치는 모두 몇 번 갱신돼?", "80"),
    ("샘플이 2000개고 한 번에 200개씩 보면 한 바퀴 도는 동안 가중치는 몇 번 고쳐져요?", "10"),
    ("데이터 60,000개, batch_size=128, 10 epoch이면 iteration은 모두 몇 번?", "4,690"),
    ("w=0, x=2, y=4, 학습률 0.1로 제곱오차를 한 번 학습하면 w는 얼마가 되나?", "1.6"),
    ("w=1, b=1, x=3, y=2, lr=0.01일 때 MSE로 한 번 갱신한 w는?", "0.88"),
])
def test_a_question_with_numbers_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "에포크 수랑 이터레이션 수 관계 계산식", "epoch, batch, iteration 차이가 뭐야",
    "배치 크기 64면 이터레이션은 몇 번?",
    "데이터 1000개를 배치 크기 64로 묶으면 마지막 배치에는 몇 개가 남아?"])
def test_a_question_that_leaves_something_out_is_not_computed(question):
    assert ask(question) is None
