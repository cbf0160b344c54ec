import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.vision.convolution import Conv2d, conv2d
from models.vision.dilated_convolution import CONCEPT, seen_by_stack, spread

SIZE, SPAN = CONCEPT.computations


def test_values_and_gradients_equal_torch_over_random_rates():
    @settings(max_examples=15, deadline=None)
    @given(kernel=st.integers(1, 3), dilation=st.integers(1, 4), padding=st.integers(0, 3), stride=st.integers(1, 2))
    def check(kernel, dilation, padding, stride):
        twin = nn.Conv2d(2, 3, kernel, stride, padding, dilation).double()
        ours = Conv2d(2, 3, kernel, stride, padding, dilation).double()
        ours.load_state_dict(twin.state_dict())
        x = torch.randn(2, 2, 10, 11, dtype=torch.float64)
        mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        y, z = ours(mine), twin(theirs)
        torch.testing.assert_close(y, z, rtol=1e-6, atol=1e-6)
        y.square().sum().backward()
        z.square().sum().backward()
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(ours.weight.grad, twin.weight.grad, rtol=1e-6, atol=1e-6)

    check()


@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_a_dilated_filter_equals_the_same_filter_with_zeros_between_its_cells(dilation):
    x, kernel = torch.randn(1, 2, 12, 12, dtype=torch.float64), torch.randn(3, 2, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(conv2d(x, kernel, dilation=dilation), conv2d(x, spread(kernel, dilation)))


def test_a_3x3_filter_at_rate_2_covers_5x5_with_9_weights():
    wide = spread(torch.ones(3, 3), 2)
    assert wide.shape == (5, 5)
    assert wide.sum() == 9


def test_rates_1_2_4_8_see_31_cells_and_four_plain_layers_see_9():
    assert len(seen_by_stack(3, [1, 2, 4, 8])) == 31
    assert len(seen_by_stack(3, [1, 1, 1, 1])) == 9


def test_only_rate_2_leaves_every_other_cell_unseen_and_1_2_5_does_not():
    assert (seen_by_stack(3, [2, 2, 2]) == 0).tolist() == [False, True] * 6 + [False]
    assert (seen_by_stack(3, [1, 2, 5]) > 0).all()


@pytest.mark.parametrize(("question", "value"), [
    ("입력 32, 커널 3, 팽창률 2, 패딩 0인 팽창 합성곱의 출력 크기는?", "28"),
    ("nn.Conv2d(64, 64, 3, padding=2, dilation=2)에 입력 32x32를 넣으면 출력 크기는?", "32x32"),
])
def test_the_output_size_is_computed(question, value):
    assert SIZE.run(**SIZE.parse(question)).value == value


def test_the_span_is_computed():
    assert SPAN.run(**SPAN.parse("커널 5를 dilation 3으로 벌리면 덮는 폭은 몇 칸이야?")).value == "13"


@pytest.mark.parametrize("question", [
    "팽창 합성곱의 출력 크기 공식", "nn.Conv2d(64, 64, 3, padding=2, dilation=2)에서 padding이 왜 2예요?",
    "dilation이랑 stride 차이 좀 알려줘",
])
def test_other_questions_are_left_alone(question):
    assert SIZE.parse(question) is None
    assert SPAN.parse(question) is None
