"""수용 영역(receptive field): 출력의 한 칸이 영향을 받는 입력의 범위.

$$ R = 1 + \\sum_{l=1}^{L} d_l (k_l - 1) \\prod_{i<l} s_i, \\qquad
s_i = d_l = 1,\\; k_l = k \\;\\Rightarrow\\; R = L(k-1) + 1 $$

식을 몰라도 출력 한 칸에서 역전파해 기울기가 0이 아닌 입력을 세면 같은 수가 나온다.

출처: Luo et al. (2016), "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks";
Araujo et al. (2019), "Computing Receptive Fields of Convolutional Neural Networks".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import RED, pixels, titled
from models.reading import has
from models.vision import window
from models.vision.convolution import conv2d

Layer = tuple[int, int, int]  # (kernel, stride, dilation)
LARGEST = 161  # 그림으로 그리는 가장 큰 수용 영역


def receptive_field(layers: Sequence[Layer]) -> int:
    """The side of the input that one output cell looks at. ``layers``: (kernel, stride, dilation), input first."""
    size, step = 1, 1
    for kernel, stride, dilation in layers:
        size += dilation * (kernel - 1) * step  # R += d (k - 1) * (앞선 스트라이드의 곱)
        step *= stride
    return size


def influence(layers: Sequence[Layer], *, seed: int | None = None) -> Tensor:
    """The gradient of the one output cell with respect to the input, (R, R), of a real stack of convolutions.

    The input is exactly as large as the stack needs for one output cell (plus a frame of one stride product, which
    nothing reaches). Weights are positive: ones, or random by ``seed``, so that no gradient cancels.
    """
    side = receptive_field(layers) + 2
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    x = torch.zeros(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    y = x[..., 1:-1, 1:-1]  # 틀 한 칸: 셀 때 0이어야 한다
    for kernel, stride, dilation in layers:
        if generator is None:
            weight = torch.full((1, 1, kernel, kernel), 1 / kernel**2, dtype=torch.float64)
        else:
            weight = torch.rand(1, 1, kernel, kernel, generator=generator, dtype=torch.float64) + 0.1
        y = conv2d(y, weight, stride=stride, dilation=dilation)
    (gradient,) = torch.autograd.grad(y[0, 0, 0, 0], x)
    return gradient[0, 0]


def measured(layers: Sequence[Layer]) -> int:
    """The receptive field read off the gradient, see ``extent``."""
    return extent(influence(layers))


def extent(gradient: Tensor) -> int:
    """From the first column that is not 0 to the last one, both counted (dilation may leave holes between)."""
    columns = (gradient != 0).any(dim=0).nonzero().flatten()
    return int(columns[-1] - columns[0] + 1)


CODE = """\
import torch
from torch import nn

layers, kernel, stride, dilation = {layers}, {kernel}, {stride}, {dilation}
size, step = 1, 1
for _ in range(layers):
    size += dilation * (kernel - 1) * step
    step *= stride
net = nn.Sequential(*[nn.Conv2d(1, 1, kernel, stride=stride, dilation=dilation, bias=False) for _ in range(layers)])
for p in net.parameters():
    nn.init.constant_(p, 1 / kernel**2)
x = torch.zeros(1, 1, size, size, dtype=torch.float64, requires_grad=True)
net.double()(x)[0, 0, 0, 0].backward()
seen = (x.grad[0, 0] != 0).any(dim=0).nonzero().flatten()
print("식:", size, "기울기:", (seen[-1] - seen[0] + 1).item())
"""


def demo(*, layers: int = 3, kernel: int = 3, stride: int = 1, dilation: int = 1, seed: int = 0) -> Demo:
    """The input cells that reach one output cell, by formula and by gradient; growth with depth."""
    stack = [(kernel, stride, dilation)] * layers
    sizes = [receptive_field(stack[:n]) for n in range(layers + 1)]
    size = sizes[-1]
    if size > LARGEST:
        raise ConceptError(f"수용 영역이 {size}칸이 되어 그림의 한계 {LARGEST}칸을 넘습니다. "
                           f"층 수({layers}), 커널({kernel}), 스트라이드({stride}), 팽창률({dilation}) 가운데 "
                           "하나를 줄이세요.")
    even, random = influence(stack), influence(stack, seed=seed)
    counted = extent(even)
    strong = float((even > even.max() / 2).double().mean() * even.numel() / size**2)

    figure = make_subplots(rows=1, cols=2, subplot_titles=("모두 같은 가중치", "무작위 양수 가중치"))
    for column, gradient in enumerate((even, random), start=1):
        figure.add_trace(pixels(gradient / gradient.max(), colorscale="Blues"), row=1, col=column)
        figure.add_shape(type="rect", x0=0.5, y0=0.5, x1=size + 0.5, y1=size + 0.5, line={"color": RED}, row=1,
                         col=column)
    figure.update_yaxes(autorange="reversed")
    titled(figure, f"출력 한 칸이 보는 입력 {size}x{size} (진할수록 영향이 크다)", "열", "행", height=440)

    detail = go.Figure(go.Scatter(x=list(range(layers + 1)), y=sizes, mode="lines+markers", name="지금의 층"))
    plain = [n * (kernel - 1) + 1 for n in range(layers + 1)]
    detail.add_trace(go.Scatter(x=list(range(layers + 1)), y=plain, mode="lines", name="스트라이드 1, 팽창률 1",
                                line={"dash": "dot"}))
    titled(detail, "층을 쌓을수록 넓어지는 수용 영역", "층 수", "한 변의 길이")
    return Demo(
        figure=figure,
        numbers={"수용 영역(식)": size, "수용 영역(기울기)": counted, "입력의 칸 수": size**2,
                 "가장 센 칸의 절반을 넘는 칸의 비율": round(strong, 3), "쓴 가중치 수(채널 1개)": layers * kernel**2},
        text=f"{kernel}x{kernel} 합성곱 {layers}층(스트라이드 {stride}, 팽창률 {dilation})을 쌓으면 출력 한 칸은 입력 "
             f"{size}x{size}칸을 봅니다. 기울기에서 센 길이도 {counted}칸입니다. 그러나 가장 센 칸의 절반을 넘는 칸은 "
             f"{strong:.0%}뿐입니다.",
        code=CODE.format(layers=layers, kernel=kernel, stride=stride, dilation=dilation),
        detail=detail,
    )


_ASKED = ("수용 영역", "수용장", "수용 범위", "receptive field", "리셉티브", "보는 범위", "보는 영역",
          "몇x몇을", "픽셀을 보", "칸을 보")


def _parse(question: str) -> dict | None:
    mixed = ("왜", "이유", "공식", "풀링", "pool", "중간", "섞", "번갈아", "마지막", "앞쪽", "뒤쪽", "하나만")
    if not has(question, _ASKED, ("몇", "얼마", "크기", "계산", "?", "한 변")) or has(question, mixed):
        return None
    read = window.read_window(question)
    rates = re.search(r"(?:팽창률|dilation(?: rate)?)\D{0,6}(\d+(?:\s*,\s*\d+)+)", question, re.I)
    dilations = tuple(int(n) for n in re.findall(r"\d+", rates[1])) if rates else None
    layers = len(dilations) if dilations else read.layers
    if read.kernel is None or layers is None or not 1 <= layers <= 1000 or len(set(read.kernel)) != 1:
        return None
    return {"kernel": read.kernel[0], "layers": layers, "stride": read.stride or 1,
            "dilations": dilations or (read.dilation or 1,) * layers}


def _run(kernel: int, layers: int, stride: int, dilations: tuple[int, ...]) -> Computed:
    if not 1 <= stride <= 64 or min(kernel, *dilations) < 1:
        raise ConceptError(f"커널 {kernel}, 스트라이드 {stride}: 1 이상이고 스트라이드는 64 이하여야 합니다.")
    size = receptive_field([(kernel, stride, d) for d in dilations])
    if stride == 1 and set(dilations) == {1}:
        return Computed(value=str(size), steps=f"{layers}×({kernel}−1) + 1 = {size}", formula="R = L(k−1) + 1")
    terms = [f"{d}×({kernel}−1)×{stride**i}" for i, d in enumerate(dilations)]
    return Computed(value=str(size), steps=f"1 + {' + '.join(terms[:8])}{' + …' if layers > 8 else ''} = {size}",
                    formula="R = 1 + Σ d(k−1) × (앞선 스트라이드의 곱)")


CONCEPT = Concept(
    slug="receptive_field",
    title="수용 영역",
    aliases=("receptive field", "리셉티브 필드", "수용장", "수용영역", "수용 범위", "유효 수용 영역",
             "effective receptive field"),
    summary="출력의 한 칸이 영향을 받는 입력의 범위이며 층을 쌓을수록 넓어진다.",
    demo=demo,
    controls=(
        Control("layers", "층 수", 3, 1, 12, 1, words=("층수", "층", "layers", "L")),
        Control("kernel", "커널 크기", 3, 1, 9, 1, words=("커널 크기", "커널", "kernel_size", "kernel", "필터", "k")),
        Control("stride", "스트라이드", 1, 1, 3, 1, words=("스트라이드", "stride", "보폭", "s")),
        Control("dilation", "팽창률", 1, 1, 6, 1, words=("팽창률", "dilation", "d")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("수용 영역의 크기", _parse, _run, cite="수용 영역 크기 층 커널"),),
)
