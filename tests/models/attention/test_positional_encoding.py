"""Sine bands and learned positions."""

import math

import pytest
import torch

from models.attention.positional_encoding import (
    CONCEPT,
    PositionalEmbedding,
    PositionalEncoding,
    learn_positions,
    likeness,
    sinusoidal,
)


def ask(question):
    for computation in CONCEPT.computations:
        found = computation.parse(question)
        if found is not None:
            return computation.run(**found).value
    return None


@pytest.mark.parametrize(("length", "d"), [(1, 1), (7, 5), (30, 8)])
def test_every_cell_follows_the_formula(length, d):
    bands = sinusoidal(length, d, dtype=torch.float64)
    for position in range(length):
        for cell in range(d):
            angle = position / 10_000 ** ((cell - cell % 2) / d)
            expected = math.cos(angle) if cell % 2 else math.sin(angle)
            assert bands[position, cell].item() == pytest.approx(expected, abs=1e-12)


def test_the_first_position_is_zeros_and_ones():
    assert sinusoidal(1, 6)[0].tolist() == [0, 1, 0, 1, 0, 1]


def test_near_positions_are_alike_and_all_differ():
    alike = likeness(sinusoidal(50, 64))
    assert (alike.diagonal(1) > alike.diagonal(5).max()).all()
    assert (alike - torch.eye(50)).max() < 0.99


def test_a_step_of_k_is_one_rotation_wherever_it_starts():
    bands = sinusoidal(20, 8, dtype=torch.float64)
    dots = [(bands[p] @ bands[p + 3]).item() for p in range(17)]
    assert dots == pytest.approx([dots[0]] * 17)


def test_positions_are_added_and_nothing_is_learned():
    layer, x = PositionalEncoding(6, 10), torch.randn(2, 4, 6)
    torch.testing.assert_close(layer(x), x + sinusoidal(4, 6))
    assert not list(layer.parameters()) and not layer.state_dict()


@pytest.mark.parametrize("kind", [PositionalEncoding, PositionalEmbedding])
def test_more_positions_than_were_made_are_refused(kind):
    with pytest.raises(ValueError, match="11 positions"):
        kind(4, 10)(torch.zeros(1, 11, 4))


def test_learned_positions_become_like_their_neighbours():
    before, after = (likeness(table) for table in learn_positions(30, 32, 0))
    assert before.diagonal(1).mean() < 0.3 < 0.8 < after.diagonal(1).mean()
    assert after.diagonal(15).mean() < 0.3


@pytest.mark.parametrize(("question", "value"), [
    ("d_model=8일 때 pos=1, 차원 2번 칸의 위치 인코딩 값은?", "0.0998"),
    ("위치 인코딩에서 d_model=512, pos=3, i=0이면 sin 값은 얼마?", "0.1411"),
    ("최대 512자리, 차원 768인 학습되는 위치 임베딩의 파라미터는 몇 개인가요?", "393,216"),
])
def test_a_question_with_numbers_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", [
    "위치 인코딩 값은 어떻게 계산하나요?", "위치 인코딩에서 10000은 무엇인가요?",
    "d_model=512인 위치 인코딩은 왜 더하나요?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
