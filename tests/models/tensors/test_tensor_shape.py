"""Shapes, bytes and strides against torch, and the batch of videos of the notes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tensors.tensor_shape import (
    BYTES,
    CONCEPT,
    elements,
    human,
    size_in_bytes,
    strides,
    to_channels_first,
    to_channels_last,
)


def ask(question):
    for computation in CONCEPT.computations:
        found = computation.parse(question)
        if found is not None:
            return computation.run(**found).value
    return None


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 9), max_size=5), st.sampled_from(sorted(BYTES)))
def test_counts_bytes_and_strides_equal_torchs(shape, dtype):
    x = torch.empty(shape, dtype=getattr(torch, dtype))
    assert (elements(shape), strides(shape)) == (x.numel(), x.stride())
    assert size_in_bytes(shape, dtype) == x.numel() * x.element_size()


def test_four_videos_hold_106168320_values_and_405_mebibytes():
    numbers = CONCEPT.run({"shape": "(4, 240, 144, 256, 3)", "dtype": "float32"}).numbers
    assert numbers["랭크"] == 5 and numbers["값의 개수"] == 106_168_320 and numbers["바이트"] == 424_673_280
    assert human(424_673_280) == "405 MiB"


def test_a_scalar_has_no_axes_and_one_value():
    numbers = CONCEPT.run({"shape": "()"}).numbers
    assert (numbers["랭크"], numbers["값의 개수"]) == (0, 1)


def test_channels_move_to_the_end_and_back():
    x = torch.randn(2, 3, 4, 5)
    assert to_channels_last(x).shape == (2, 4, 5, 3)
    assert torch.equal(to_channels_first(to_channels_last(x)), x)
    assert torch.equal(to_channels_last(x), x.permute(0, 2, 3, 1))


@pytest.mark.parametrize(("question", "value"), [
    ("(4, 240, 144, 256, 3) 텐서에는 값이 모두 몇 개 들어 있나?", "106,168,320"),
    ("크기가 (32, 3, 224, 224)인 float32 텐서는 몇 바이트를 차지하나?", "19,267,584"),
    ("uint8로 된 (128, 256, 256, 3) 배치의 메모리는 몇 바이트인가요?", "25,165,824"),
    ("(250, 390, 3) 텐서는 축이 몇 개인가?", "3"),
])
def test_a_question_with_a_shape_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", [
    "텐서의 메모리는 어떻게 계산하나?", "(2, 3) 텐서와 (3, 4) 텐서를 곱하면 값이 몇 개인가?",
    "(2, 2, 3) 텐서를 view(-1, 3)으로 바꾸면 크기는?", "224x224 이미지 64장짜리 텐서는 몇 MB야?",
    "(8, 64, 32, 32) 텐서에 인스턴스 정규화를 하면 평균은 몇 개가 나와?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
