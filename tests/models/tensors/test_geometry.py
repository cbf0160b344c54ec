"""Rotations and affine maps, and the spiral that a network unfolds."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.learning.logistic_regression import train
from models.tensors.geometry import CONCEPT, Affine, rotation, shear, spirals


def ask(question):
    (computation,) = CONCEPT.computations
    found = computation.parse(question)
    return None if found is None else computation.run(**found).value


@settings(max_examples=15, deadline=None)
@given(st.floats(-360, 360), st.floats(-360, 360))
def test_turning_twice_adds_the_angles_and_keeps_lengths(a, b):
    torch.testing.assert_close(rotation(a) @ rotation(b), rotation(a + b))
    assert torch.linalg.det(rotation(a)).item() == pytest.approx(1)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 999))
def test_two_affine_maps_in_a_row_are_one(seed):
    torch.manual_seed(seed)
    first, second = (Affine(torch.randn(2, 2, dtype=torch.float64), torch.randn(2, dtype=torch.float64)) for _ in "12")
    x = torch.randn(7, 2, dtype=torch.float64)
    torch.testing.assert_close(first.then(second)(x), second(first(x)))


def test_a_quarter_turn_takes_the_first_axis_to_the_second():
    assert (rotation(90) @ torch.tensor([1.0, 0.0], dtype=torch.float64)).tolist() == pytest.approx([0, 1])


def test_shear_keeps_the_area_and_scaling_multiplies_it():
    assert torch.linalg.det(shear(1.7)).item() == pytest.approx(1)
    assert CONCEPT.run({"sx": 2.0, "sy": -3.0, "k": 1.0, "angle": 77, "steps": 0}).numbers["넓이의 배율"] == 6


def test_no_line_parts_the_spiral_but_the_unfolded_one_is_parted():
    x, y = spirals(50, 1.0, 0)
    model, _ = train(x.double(), y[:, 0].double(), rate=1.0, steps=300)
    straight = ((model(x.double()) > 0.5) == (y[:, 0] > 0.5)).double().mean().item()
    assert straight < 0.85 and CONCEPT.run().numbers["나선을 맞힌 비율"] == 1


@pytest.mark.parametrize(("question", "value"), [
    ("점 (1, 0)을 90도 회전하면 어디로 가나?", "(0, 1)"),
    ("점 (2, 1)을 원점 중심으로 180도 회전한 좌표는?", "(-2, -1)"),
    ("(1, 1)을 시계 방향으로 45도 돌리면?", f"({math.sqrt(2):.4f}, 0)"),
])
def test_a_question_with_a_point_and_an_angle_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", ["회전 행렬은 어떻게 만드나?", "이미지를 30도 회전하면 정확도가 오르나?"])
def test_other_questions_are_left_alone(question):
    assert ask(question) is None
