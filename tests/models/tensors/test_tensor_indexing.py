"""Indexing against torch's own, and the slices that a question asks about."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.concept import ConceptError
from models.tensors.tensor_indexing import CONCEPT, pick, read_index, sliced


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found).value


number = st.one_of(st.none(), st.integers(-9, 9))
index = st.one_of(st.builds(slice, number, number, st.one_of(st.none(), st.integers(1, 4))), st.integers(-3, 2),
                  st.just([0, 2]))


@settings(max_examples=15, deadline=None)
@given(st.lists(index, min_size=1, max_size=3).filter(lambda parts: sum(isinstance(p, list) for p in parts) < 2))
def test_ints_slices_and_a_list_pick_what_torch_picks(parts):
    x = torch.randn(4, 3, 5, dtype=torch.float64)
    result, lit = pick(x, parts)
    assert torch.equal(result, x[tuple(parts)])
    assert lit.sum() == result.numel()


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([">", "<", ">=", "<=", "==", "!="]), st.integers(-2, 14))
def test_a_mask_picks_what_torch_picks(sign, bound):
    x = torch.arange(12).view(3, 4)
    result, _ = pick(x, read_index(f"x {sign} {bound}"))
    assert torch.equal(result, x[eval(f"x {sign} {bound}")])


@settings(max_examples=15, deadline=None)
@given(number, number, st.integers(1, 5), st.integers(1, 12))
def test_a_slice_counts_as_python_counts(start, stop, step, length):
    assert sliced(length, start, stop, step) == list(range(length))[start:stop:step]


def test_the_middle_14_pixels_of_28_lie_from_7_to_minus_7():
    assert sliced(28, 7, -7) == list(range(7, 21))


@pytest.mark.parametrize(("text", "message"), [
    ("5", "4 이하"), ("::-1", "torch.flip"), ("0, 0, 0", "축은 2개"), ("a", "'a'")])
def test_an_index_that_cannot_be_is_named(text, message):
    with pytest.raises(ConceptError, match=message):
        CONCEPT.run({"index": text})


@pytest.mark.parametrize(("question", "value"), [
    ("길이 10인 축에서 1:8:3 슬라이스는 몇 칸을 고르나?", "3"),
    ("길이 20인 텐서에서 x[2:17:4]로 고르면 몇 개가 나오나요?", "4"),
    ("길이가 28일 때 7:-7 슬라이싱은 몇 개를 고르나?", "14"),
])
def test_a_question_with_a_slice_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", ["start:stop:step은 무슨 뜻인가?", "x[1:4]라고 쓰면 왜 4번 칸은 안 들어가?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
