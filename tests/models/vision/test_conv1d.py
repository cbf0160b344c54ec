import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.vision.conv1d import CONCEPT, Conv1d, conv1d, filter_weights

LENGTH, COUNT = CONCEPT.computations


def test_values_and_gradients_equal_torch_over_random_shapes():
    @settings(max_examples=15, deadline=None)
    @given(batch=st.integers(1, 3), groups=st.integers(1, 2), ins=st.integers(1, 3), outs=st.integers(1, 3),
           kernel=st.integers(1, 4), stride=st.integers(1, 3), padding=st.integers(0, 2), dilation=st.integers(1, 2),
           bias=st.booleans(), length=st.integers(8, 16))
    def check(batch, groups, ins, outs, kernel, stride, padding, dilation, bias, length):
        twin = nn.Conv1d(ins * groups, outs * groups, kernel, stride, padding, dilation, groups, bias).double()
        ours = Conv1d(ins * groups, outs * groups, kernel, stride, padding, dilation, groups, bias).double()
        ours.load_state_dict(twin.state_dict())
        x = torch.randn(batch, ins * groups, length, dtype=torch.float64)
        mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        y, z = ours(mine), twin(theirs)
        torch.testing.assert_close(y, z, rtol=1e-6, atol=1e-6)
        y.square().sum().backward()
        z.square().sum().backward()
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(ours.weight.grad, twin.weight.grad, rtol=1e-6, atol=1e-6)

    check()


def test_equal_weights_give_the_moving_average():
    series = torch.tensor([1.0, 2.0, 6.0, 3.0, 0.0])
    smooth = conv1d(series[None, None], filter_weights("이동평균", 3)[None, None])[0, 0]
    torch.testing.assert_close(smooth, torch.tensor([3.0, 11 / 3, 3.0]))


def test_a_difference_filter_answers_only_where_the_value_jumps():
    series = torch.tensor([1.0, 1, 1, 1, 5, 5, 5, 5])
    jumps = conv1d(series[None, None], filter_weights("차분", 3)[None, None])[0, 0]
    assert jumps.tolist() == [0, 0, 4, 4, 0, 0]


def test_a_wider_average_shakes_less():
    narrow, wide = CONCEPT.run({"kernel": 3}), CONCEPT.run({"kernel": 21})
    assert wide.numbers["출력의 흔들림"] < narrow.numbers["출력의 흔들림"] < narrow.numbers["입력의 흔들림"]


@pytest.mark.parametrize(("question", "value"), [
    ("길이 100인 신호에 커널 5인 1차원 합성곱을 패딩 없이 걸면 출력 길이는?", "96"),
    ("길이 100짜리 신호에 폭 5짜리 필터를 패딩 없이 한 축으로 밀면 결과 길이가 몇이야", "96"),
    ("Conv1d에 (32, 8, 100)을 넣고 kernel_size=3, stride=2, padding=1이면 출력 길이는?", "50"),
])
def test_the_output_length_is_computed(question, value):
    assert LENGTH.run(**LENGTH.parse(question)).value == value


@pytest.mark.parametrize(("question", "value"), [
    ("nn.Conv1d(8, 16, 3)의 파라미터 수는 몇 개인가요?", "400"),
    ("입력 채널 8, 출력 채널 16, 커널 3인 1차원 합성곱의 파라미터 수는 편향 없이 몇 개?", "384"),
])
def test_the_parameters_are_counted(question, value):
    assert COUNT.run(**COUNT.parse(question)).value == value


@pytest.mark.parametrize("question", [
    "1차원 합성곱 출력 길이 구하는 공식", "Conv1d와 Conv2d의 차이는?", "시계열에서 RNN 대신 Conv1d를 쓰는 건 언제야?",
])
def test_questions_without_numbers_are_left_alone(question):
    assert LENGTH.parse(question) is None
    assert COUNT.parse(question) is None
