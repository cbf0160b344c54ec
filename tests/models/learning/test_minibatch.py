"""Batches that estimate the whole gradient, their noise, and the questions that compute it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learning.minibatch import CONCEPT, descend_by_batches, gradient_noise


def data(n=64, seed=0):
    torch.manual_seed(seed)
    x = torch.randn(n, 2, dtype=torch.float64)
    return x, x @ torch.tensor([2.0, -1.0]).double() + 0.5 * torch.randn(n, dtype=torch.float64)


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found)


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([1, 3, 8, 16]), st.integers(0, 10_000))
def test_an_epoch_equals_torchs_loader_and_sgd(batch_size, seed):
    x, y = data(16, seed)
    path, _ = descend_by_batches(x, y, batch_size, 0.05, -(-16 // batch_size), torch.Generator().manual_seed(seed))
    order = torch.randperm(16, generator=torch.Generator().manual_seed(seed)) if batch_size < 16 else torch.arange(16)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[order], y[order]), batch_size)
    w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.05)
    for a, b in loader:
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(a @ w, b).backward()
        optimizer.step()
    torch.testing.assert_close(path[-1], w.detach(), atol=1e-9, rtol=0)


def test_the_mean_of_equal_batches_gradients_is_the_whole_gradient():
    x, y = data(64)
    whole = (2 * x * (-y)[:, None]).mean(dim=0)
    parts = torch.stack([(2 * a * (-b)[:, None]).mean(dim=0) for a, b in zip(x.split(8), y.split(8), strict=True)])
    torch.testing.assert_close(parts.mean(dim=0), whole)


def test_four_times_the_batch_halves_the_noise():
    x, y = data(512)
    w, generator = torch.zeros(2, dtype=torch.float64), torch.Generator().manual_seed(0)
    small, large = (gradient_noise(x, y, w, b, 4000, generator) for b in (4, 16))
    assert large / small == pytest.approx(0.5, rel=0.1)


def test_the_whole_set_goes_down_smoothly_and_single_samples_do_not():
    x, y = data(64)
    _, smooth = descend_by_batches(x, y, 64, 0.05, 60)
    _, rough = descend_by_batches(x, y, 1, 0.05, 60, torch.Generator().manual_seed(0))
    assert (smooth[1:] <= smooth[:-1]).all() and (rough[1:] > rough[:-1]).sum() > 10


@pytest.mark.parametrize(("question", "value"), [
    ("배치 크기를 4배로 늘리면 기울기 잡음은 몇 배가 되나?", "0.5"),
    ("배치 크기를 16에서 256으로 키우면 기울기의 표준편차는 몇 배가 돼?", "0.25"),
    ("한 번에 보는 샘플 수를 네 배로 늘리면 기울기 잡음은 얼마나 줄어드나요", "0.5"),
])
def test_a_question_with_sizes_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "배치 크기가 크면 잡음이 왜 줄어드나요", "배치 크기 1이랑 64 중에 cost 그래프가 더 매끄러운 쪽",
    "배치 크기를 두 배로 늘리면 메모리는?"])
def test_another_question_is_not_computed(question):
    assert ask(question) is None
