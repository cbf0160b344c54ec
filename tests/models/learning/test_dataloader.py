"""The loader against torch's, what an epoch contains, and the questions that count batches."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils import data

from models.learning.dataloader import CONCEPT, DataLoader, TensorDataset


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 30), st.integers(1, 12), st.booleans(), st.booleans(), st.integers(0, 10_000))
def test_an_epoch_equals_torchs(n, batch_size, shuffle, drop_last, seed):
    x, y = torch.arange(2.0 * n).view(n, 2), torch.arange(n)
    ours = DataLoader(TensorDataset(x, y), batch_size, shuffle, drop_last, torch.Generator().manual_seed(seed))
    twin = data.TensorDataset(x, y)
    sampler = data.SequentialSampler(twin)
    if shuffle:
        sampler = data.RandomSampler(twin, generator=torch.Generator().manual_seed(seed))
    theirs = data.DataLoader(twin, batch_size, sampler=sampler, drop_last=drop_last)
    assert len(ours) == len(theirs)
    for (a, b), (c, d) in zip(ours, theirs, strict=True):
        assert torch.equal(a, c) and torch.equal(b, d)


def test_every_sample_comes_once_with_its_own_answer_and_in_a_new_order():
    x = torch.arange(50)
    loader = DataLoader(TensorDataset(x, 2 * x), 8, shuffle=True, generator=torch.Generator().manual_seed(0))
    epochs = [[torch.cat(column) for column in zip(*loader, strict=True)] for _ in range(2)]
    for inputs, answers in epochs:
        assert sorted(inputs.tolist()) == list(range(50)) and torch.equal(answers, 2 * inputs)
    assert not torch.equal(epochs[0][0], epochs[1][0])


def test_a_thousand_samples_by_64_are_16_batches_and_15_without_the_rest():
    dataset = TensorDataset(torch.arange(1000))
    sizes = [len(x) for (x,) in DataLoader(dataset, 64)]
    assert len(sizes) == 16 and sizes[-1] == 40
    assert len(DataLoader(dataset, 64, drop_last=True)) == 15


def test_tensors_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match=r"\[3, 4\]"):
        TensorDataset(torch.zeros(3), torch.zeros(4))


@pytest.mark.parametrize(("question", "value"), [
    ("데이터 1000개를 배치 크기 64로 묶으면 마지막 배치에는 몇 개가 남아?", "40"),
    ("데이터 1000개, batch_size=64, drop_last=True이면 배치는 몇 개?", "15"),
    ("데이터 1000개를 64개씩 묶으면 몇 묶음이고 마지막엔 몇 개 남아?", "16개, 마지막 배치 40개"),
    ("샘플 60,000개에 배치 크기 100이면 배치 수는?", "600"),
])
def test_a_question_with_sizes_is_computed(question, value):
    assert ask(question).value == value


@pytest.mark.parametrize("question", [
    "배치 수는 어떻게 계산하나요?", "len(ds)는 1000인데 for문은 왜 16번만 돌아?",
    "데이터 2000개, 배치 크기 200이면 한 에포크에 이터레이션은 몇 번?", "배치 크기 64는 적당한가요?"])
def test_another_question_is_not_computed(question):
    assert ask(question) is None
