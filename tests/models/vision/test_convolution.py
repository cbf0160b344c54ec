import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.concept import ConceptError
from models.vision.convolution import CONCEPT, EDGES, Conv2d, conv2d, count_parameters, picture

SIZE, COUNT = CONCEPT.computations


def test_values_and_gradients_equal_torch_over_random_shapes():
    @settings(max_examples=15, deadline=None)
    @given(batch=st.integers(1, 3), groups=st.integers(1, 3), ins=st.integers(1, 3), outs=st.integers(1, 3),
           kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)), stride=st.integers(1, 3), padding=st.integers(0, 2),
           dilation=st.integers(1, 2), bias=st.booleans(), height=st.integers(5, 9), width=st.integers(5, 9))
    def check(batch, groups, ins, outs, kernel, stride, padding, dilation, bias, height, width):
        twin = nn.Conv2d(ins * groups, outs * groups, kernel, stride, padding, dilation, groups, bias).double()
        ours = Conv2d(ins * groups, outs * groups, kernel, stride, padding, dilation, groups, bias).double()
        ours.load_state_dict(twin.state_dict())
        x = torch.randn(batch, ins * groups, height, width, dtype=torch.float64)
        mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        y, z = ours(mine), twin(theirs)
        torch.testing.assert_close(y, z, rtol=1e-6, atol=1e-6)
        pull = torch.randn_like(z)
        (y * pull).sum().backward()
        (z * pull).sum().backward()
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-6, atol=1e-6)
        for a, b in zip(ours.parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-6, atol=1e-6)

    check()


@pytest.mark.parametrize(("kernel", "dilation"), [(3, 1), (4, 1), (2, 3), ((3, 5), 2)])
def test_same_padding_keeps_the_size_as_torch_does(kernel, dilation):
    twin = nn.Conv2d(2, 3, kernel, padding="same", dilation=dilation).double()
    x = torch.randn(1, 2, 9, 10, dtype=torch.float64)
    y = conv2d(x, twin.weight, twin.bias, padding="same", dilation=dilation)
    assert y.shape[2:] == (9, 10)
    torch.testing.assert_close(y, twin(x))


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_other_ways_of_padding_equal_torch(mode):
    twin = nn.Conv2d(1, 2, 3, padding=2, padding_mode=mode).double()
    x = torch.randn(1, 1, 6, 7, dtype=torch.float64)
    torch.testing.assert_close(conv2d(x, twin.weight, twin.bias, padding=2, padding_mode=mode), twin(x))


def test_a_full_hd_picture_with_kernel_5_and_stride_5_becomes_384_by_216_with_1200_weights():
    with torch.device("meta"):
        layer = Conv2d(3, 16, 5, stride=5, bias=False)
        out = layer(torch.empty(64, 3, 1920, 1080))
    assert out.shape == (64, 16, 384, 216)
    assert sum(p.numel() for p in layer.parameters()) == count_parameters(3, 16, 5, bias=False) == 1200


def test_the_vertical_filter_answers_only_where_left_and_right_differ():
    image = torch.zeros(1, 1, 6, 6)
    image[..., 3:] = 1
    edge = conv2d(image, torch.tensor(EDGES["세로선"], dtype=torch.float32)[None, None])[0, 0]
    assert edge.tolist() == [[0.0, -3.0, -3.0, 0.0]] * 4
    flat = conv2d(image, torch.tensor(EDGES["가로선"], dtype=torch.float32)[None, None])
    assert not flat.any()


def test_moving_the_input_moves_the_feature_map():
    image = picture()[None, None]
    kernel = torch.randn(1, 1, 3, 3)
    moved = conv2d(image.roll(4, dims=3), kernel)
    torch.testing.assert_close(moved[..., 6:], conv2d(image, kernel).roll(4, dims=3)[..., 6:])


def test_a_kernel_larger_than_the_input_is_named():
    with pytest.raises(ConceptError, match=r"폭 11이 .* 8보다"):
        conv2d(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 11, 11))


@pytest.mark.parametrize(("question", "value"), [
    ("입력 64, 커널 3, 스트라이드 2, 패딩 1이면 출력 크기는?", "32"),
    ("1920x1080 사진에 5x5 필터를 스트라이드 5로 합성곱하면 출력 크기는 얼마인가요?", "384x216"),
    ("1920x1080 사진에 5x5 필터를 5칸씩 밀면 출력은 몇 곱하기 몇이야", "384x216"),
    ("224x224 입력에 kernel_size=7, stride=2, padding=3인 conv의 출력 크기는?", "112x112"),
    ("입력 227, 필터 크기 11, 보폭 4일 때 출력 크기 계산해줘", "55"),
    ("nn.Conv2d(3, 64, 7, stride=2, padding=3)에 (8, 3, 224, 224)를 넣으면 출력 shape은?", "(8, 64, 112, 112)"),
    ("32x32x3 이미지에 5x5 필터 10개를 스트라이드 1, 패딩 2로 쓰면 출력 크기는?", "32x32"),
    ("I=28 k=5 s=1 p=0, 입력 28이면 출력 크기는?", "24"),
])
def test_the_output_size_is_computed(question, value):
    arguments = SIZE.parse(question)
    assert arguments is not None
    assert SIZE.run(**arguments).value == value


@pytest.mark.parametrize(("question", "value"), [
    ("입력 채널 3, 출력 채널 16, 커널 5인 합성곱 층에서 편향 없이 파라미터 수는?", "1,200"),
    ("nn.Conv2d(3, 16, 5)의 파라미터는 bias 포함 몇 개예요?", "1,216"),
    ("64채널에서 128채널로 가는 3x3 합성곱의 파라미터 수는 몇 개?", "73,856"),
    ("32x32x3 이미지에 5x5 필터 10개를 쓰면 파라미터가 몇 개야?", "760"),
    ("컬러 사진에 11x11 필터 96개를 쓰는 합성곱 층의 파라미터 개수는?", "34,944"),
])
def test_the_parameters_are_counted(question, value):
    arguments = COUNT.parse(question)
    assert arguments is not None
    assert COUNT.run(**arguments).value == value


@pytest.mark.parametrize("question", [
    "합성곱의 출력 크기는 어떻게 계산하나요?", "합성곱 층의 파라미터 수 공식은?",
    "3x3 필터에서 출력 크기를 유지하려면 패딩은?",
    "입력 이미지가 1920x1080일 때 flatten 후 linear layer의 파라미터 수는?",
    "입력 32에서 커널 3이면 패딩을 얼마로 해야 출력 크기가 32야?",
    "28x28 특징 맵에 2x2 맥스 풀링을 하면 출력 크기는?", "3x3 합성곱을 5층 쌓으면 수용 영역은 몇이야?",
])
def test_other_questions_are_left_alone(question):
    assert SIZE.parse(question) is None
    assert COUNT.parse(question) is None
