import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.concept import ConceptError
from models.vision.grouped_convolution import CONCEPT, Conv2d, DepthwiseSeparable, connections

SEPARABLE, GROUPED = CONCEPT.computations


def test_values_and_gradients_equal_torch_over_random_groups():
    @settings(max_examples=15, deadline=None)
    @given(groups=st.integers(1, 4), ins=st.integers(1, 3), outs=st.integers(1, 3), kernel=st.integers(1, 3))
    def check(groups, ins, outs, kernel):
        twin = nn.Conv2d(ins * groups, outs * groups, kernel, padding=1, groups=groups).double()
        ours = Conv2d(ins * groups, outs * groups, kernel, padding=1, groups=groups).double()
        ours.load_state_dict(twin.state_dict())
        x = torch.randn(2, ins * groups, 6, 5, dtype=torch.float64)
        mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        y, z = ours(mine), twin(theirs)
        torch.testing.assert_close(y, z, rtol=1e-6, atol=1e-6)
        y.square().sum().backward()
        z.square().sum().backward()
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(ours.weight.grad, twin.weight.grad, rtol=1e-6, atol=1e-6)

    check()


def test_depthwise_separable_equals_torchs_two_convolutions():
    ours = DepthwiseSeparable(4, 6, 3, padding=1).double()
    first, second = nn.Conv2d(4, 4, 3, padding=1, groups=4).double(), nn.Conv2d(4, 6, 1).double()
    first.load_state_dict(ours.depthwise.state_dict())
    second.load_state_dict(ours.pointwise.state_dict())
    x = torch.randn(2, 4, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(ours(x), second(first(x)))


def test_the_notes_table_64_to_128_channels():
    numbers = CONCEPT.run().numbers
    assert numbers["보통 합성곱 가중치"] == 73_728
    assert numbers["그룹 합성곱 가중치"] == 18_432
    assert numbers["깊이별 분리 합성곱 가중치"] == 8_768
    assert numbers["깊이별 분리/보통"] == pytest.approx(1 / 128 + 1 / 9, abs=1e-4)
    assert sum(p.numel() for p in DepthwiseSeparable(64, 128, 3, bias=False).parameters()) == 8_768


def test_groups_leave_only_the_blocks_on_the_diagonal():
    assert connections(4, 4, 2).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    assert connections(3, 3, 3).equal(torch.eye(3))


def test_channels_that_do_not_divide_are_named():
    with pytest.raises(ConceptError, match=r"groups\)=3: .* 1, 2, 4"):
        CONCEPT.run({"groups": 3})


@pytest.mark.parametrize(("question", "value"), [
    ("입력 채널 64, 출력 채널 128, 커널 3, 그룹 4인 합성곱의 파라미터는 편향 없이 몇 개?", "18,432"),
    ("nn.Conv2d(64, 64, 3, groups=64)의 파라미터 수는 몇 개야?", "640"),
    ("입력 채널 32, 3x3 depthwise 합성곱의 가중치는 bias 없이 몇 개?", "288"),
])
def test_grouped_parameters_are_counted(question, value):
    assert GROUPED.run(**GROUPED.parse(question)).value == value
    assert SEPARABLE.parse(question) is None


@pytest.mark.parametrize(("question", "value"), [
    ("입력 채널 256, 출력 채널 256, 커널 3인 깊이별 분리 합성곱은 편향 없이 가중치가 몇 개인가요?", "67,840"),
    ("입력 채널 256, 출력 256인 3x3을 채널별 필터 + 1x1로 나누면 가중치가 몇 개로 줄어?", "67,840"),
    ("입력 채널 64, 출력 채널 128인 3x3 depthwise separable convolution의 파라미터 수는?", "8,768"),
])
def test_separable_parameters_are_counted(question, value):
    assert SEPARABLE.run(**SEPARABLE.parse(question)).value == value
    assert GROUPED.parse(question) is None


@pytest.mark.parametrize("question", [
    "depthwise separable convolution 파라미터 수 계산해 줘", "채널을 두 묶음으로 나누면 파라미터가 왜 딱 절반이 돼요?",
    "groups=4로 두면 weight 텐서 모양이 어떻게 바뀌는지",
])
def test_questions_without_the_numbers_are_left_alone(question):
    assert GROUPED.parse(question) is None
    assert SEPARABLE.parse(question) is None
