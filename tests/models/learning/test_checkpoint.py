"""Saved and loaded again: equal outputs, equal runs, and files that the libraries read."""

import io

import pytest
import safetensors.torch
import torch
from torch import nn

from models.learning.batch_norm import BatchNorm1d
from models.learning.checkpoint import (
    CONCEPT,
    from_safetensors,
    load_checkpoint,
    parse,
    run,
    save_checkpoint,
    to_safetensors,
)


def net() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 5), BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))


def test_a_loaded_model_gives_the_same_outputs_and_the_epoch():
    torch.manual_seed(0)
    model, again, file, x = net(), net(), io.BytesIO(), torch.randn(4, 3)
    model(x)  # moves the running statistics, which are saved too
    save_checkpoint(file, model, epoch=7)
    file.seek(0)
    assert load_checkpoint(file, again) == 7
    assert torch.equal(model.eval()(x), again.eval()(x))


def test_another_architecture_is_refused_by_name():
    file = io.BytesIO()
    save_checkpoint(file, net())
    file.seek(0)
    with pytest.raises(RuntimeError, match="Missing key"):
        load_checkpoint(file, nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 5), nn.Linear(5, 2)))


def test_a_run_gone_on_with_the_optimizer_ends_where_the_uncut_one_does():
    numbers = CONCEPT.run().numbers
    assert numbers["불러온 모델의 출력이 같은가"] is True
    assert numbers["마지막 손실(이어 감)"] == numbers["마지막 손실(끊기지 않음)"]
    assert numbers["마지막 손실(모델만)"] != numbers["마지막 손실(끊기지 않음)"]


def tensors() -> dict[str, torch.Tensor]:
    return {"w": torch.randn(3, 4), "half": torch.randn(5).half(), "count": torch.tensor(3),
            "flag": torch.tensor([True, False]),
            "empty": torch.zeros(0, 2), "b16": torch.randn(2).bfloat16()}


def test_the_library_reads_our_safetensors_bytes():
    ours = tensors()
    theirs = safetensors.torch.load(to_safetensors(ours))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[k], theirs[k]) and ours[k].dtype == theirs[k].dtype for k in ours)


def test_we_read_the_librarys_safetensors_bytes():
    theirs = tensors()
    ours = from_safetensors(safetensors.torch.save(theirs, metadata={"by": "test"}))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[k], theirs[k]) for k in ours)


def test_a_file_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="not a safetensors file"):
        from_safetensors(b"PK\x03\x04 something else")


@pytest.mark.parametrize(("question", "value"), [
    ("파라미터 1,000,000개를 float32로 저장하면 체크포인트는 몇 바이트야?", "4,000,000"),
    ("파라미터가 25,557,032개인 모델을 float16으로 저장하면 파일 크기는?", "51,114,064"),
    ("파라미터 110M 모델의 체크포인트 용량은 얼마나 돼?", "440,000,000"),
])
def test_questions_about_the_size_are_computed(question, value):
    assert run(**parse(question)).value == value


def test_a_question_without_a_count_is_not_computed():
    assert parse("체크포인트 파일 크기는 파라미터 수로 어떻게 어림해") is None
