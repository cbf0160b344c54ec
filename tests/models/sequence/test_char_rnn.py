import math

import pytest
import torch

from models.concept import ConceptError
from models.sequence.char_rnn import CharRNN, demo, training_pair, write


def test_the_target_is_the_text_one_letter_on():
    letters, x, y = training_pair("hello")
    assert letters == ["e", "h", "l", "o"]
    assert [letters[i] for i in x[0]] == list("hell")
    assert [letters[i] for i in y[0]] == list("ello")


def test_the_sentence_of_the_study_notes_is_learned_by_heart():
    numbers = demo(text="wow it's amazing!", epochs=60).numbers
    assert numbers["최댓값으로 쓴 글"] == "wow it's amazing!"


def test_the_loss_starts_near_the_log_of_the_number_of_letters():
    numbers = demo(epochs=1).numbers
    assert numbers["찍을 때의 손실 ln(글자 종류)"] == round(math.log(13), 3)
    assert abs(numbers["처음 손실"] - math.log(13)) < 0.4


def test_reading_on_from_a_state_equals_reading_in_one_go():
    torch.manual_seed(0)
    model, ids = CharRNN(5, 7).double(), torch.tensor([[0, 3, 1, 4]])
    whole, _ = model(ids)
    first, state = model(ids[:, :2])
    rest, _ = model(ids[:, 2:], state)
    torch.testing.assert_close(torch.cat([first, rest], dim=1), whole)


def test_argmax_always_writes_the_same_and_sampling_does_not():
    torch.manual_seed(0)
    letters, model = list("abcdef"), CharRNN(6, 8)
    generator = torch.Generator().manual_seed(0)
    assert len({write(model, letters, "a", 12, None, generator) for _ in range(5)}) == 1
    assert len({write(model, letters, "a", 12, 1.0, generator) for _ in range(5)}) > 1


def test_a_single_letter_cannot_be_learned():
    with pytest.raises(ConceptError, match="두 자 이상"):
        demo(text="가")
