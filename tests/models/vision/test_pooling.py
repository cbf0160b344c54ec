import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.concept import ConceptError
from models.vision.pooling import CONCEPT, AvgPool2d, MaxPool2d, global_avg_pool, max_pool2d

(SIZE,) = CONCEPT.computations


def test_values_and_gradients_equal_torch_over_random_shapes():
    @settings(max_examples=15, deadline=None)
    @given(kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)), stride=st.none() | st.integers(1, 3),
           half=st.booleans(), include=st.booleans(), height=st.integers(4, 9), width=st.integers(4, 9))
    def check(kernel, stride, half, include, height, width):
        padding = tuple(k // 2 for k in kernel) if half else 0
        x = torch.randn(2, 3, height, width, dtype=torch.float64)
        for ours, twin in ((MaxPool2d(kernel, stride, padding), nn.MaxPool2d(kernel, stride, padding)),
                           (AvgPool2d(kernel, stride, padding, include),
                            nn.AvgPool2d(kernel, stride, padding, count_include_pad=include))):
            mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
            y, z = ours(mine), twin(theirs)
            torch.testing.assert_close(y, z, rtol=1e-6, atol=1e-6)
            pull = torch.randn_like(z)
            (y * pull).sum().backward()
            (z * pull).sum().backward()
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-6, atol=1e-6)

    check()


def test_one_window_gives_8_or_3_and_a_half():
    x = torch.tensor([[[[1.0, 3.0], [2.0, 8.0]]]])
    assert MaxPool2d(2)(x).item() == 8
    assert AvgPool2d(2)(x).item() == 3.5


def test_the_gradient_goes_only_to_the_largest_cell():
    x = torch.tensor([[[[1.0, 3.0], [2.0, 8.0]]]], requires_grad=True)
    max_pool2d(x, 2).backward()
    assert x.grad[0, 0].tolist() == [[0, 0], [0, 1]]


def test_a_window_of_negative_values_gives_the_least_negative_even_at_the_padded_edge():
    x = torch.full((1, 1, 2, 2), -3.0)
    assert (max_pool2d(x, 3, 1, 1) == -3).all()


def test_the_leftover_row_of_5x5_is_dropped():
    assert MaxPool2d(2)(torch.zeros(1, 1, 5, 5)).shape == (1, 1, 2, 2)


def test_channels_stay_and_nothing_is_learned():
    pool = MaxPool2d(2)
    assert pool(torch.zeros(8, 16, 28, 28)).shape == (8, 16, 14, 14)
    assert not list(pool.parameters())


def test_global_average_pooling_leaves_one_number_per_channel():
    x = torch.randn(2, 5, 7, 7)
    torch.testing.assert_close(global_avg_pool(x), nn.AdaptiveAvgPool2d(1)(x).flatten(1))


def test_pooling_keeps_more_of_a_moved_picture_than_the_picture_itself():
    numbers = CONCEPT.run({"kernel": 3, "stride": 3}).numbers
    assert numbers["풀링 뒤 그대로인 비율"] > numbers["원본에서 그대로인 비율"]


def test_padding_beyond_half_the_window_is_refused():
    with pytest.raises(ConceptError, match="절반"):
        max_pool2d(torch.zeros(1, 1, 4, 4), 2, 2, 2)


@pytest.mark.parametrize(("question", "value"), [
    ("28x28 특징 맵에 2x2 맥스 풀링을 하면 출력 크기는?", "14x14"),
    ("입력 55에 3x3 풀링을 스트라이드 2로 하면 출력 크기는 얼마야?", "27"),
    ("nn.MaxPool2d(2) 통과하면 (8, 16, 28, 28)이 어떤 크기로 바뀌나", "(8, 16, 14, 14)"),
])
def test_the_output_size_is_computed(question, value):
    assert SIZE.run(**SIZE.parse(question)).value == value


@pytest.mark.parametrize("question", [
    "F.max_pool2d(x, 3, stride=2) 출력 크기 계산", "풀링의 출력 크기는 어떻게 계산하나요?",
    "입력 64, 커널 3, 스트라이드 2, 패딩 1이면 출력 크기는?",
])
def test_other_questions_are_left_alone(question):
    assert SIZE.parse(question) is None
