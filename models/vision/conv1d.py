"""1차원 합성곱(1D convolution): 필터를 길이 방향으로만 옮긴다.

$$ y_{o,t} = b_o + \\sum_{c,j} w_{o,c,j}\\; x_{c,\\,tS+jD} $$

높이가 1인 그림의 2차원 합성곱과 같으므로 그 코드를 그대로 쓴다.

출처: Waibel et al. (1989), "Phoneme Recognition Using Time-Delay Neural Networks".
"""

from __future__ import annotations

import math

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREY, RED, titled
from models.reading import has
from models.vision import window
from models.vision.convolution import check_groups, conv2d, count_parameters
from models.vision.window import amount, output_size


def conv1d(x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0, dilation: int = 1,
           groups: int = 1) -> Tensor:
    """(B, C_in, L) and (C_out, C_in / groups, K) -> (B, C_out, L_out); the same as ``torch.nn.functional.conv1d``.

    Raises:
        ConceptError: the kernel is longer than the padded input, or the channels do not fit.
    """
    y = conv2d(x[:, :, None], weight[:, :, None], bias, (1, stride), (0, padding), (1, dilation), groups)
    return y[:, :, 0]  # (B, C_out, 1, L_out) -> (B, C_out, L_out)


class Conv1d(nn.Module):
    """A convolution layer along one axis; arguments and parameters as in ``torch.nn.Conv1d``."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0,
                 dilation: int = 1, groups: int = 1, bias: bool = True) -> None:
        super().__init__()
        check_groups(in_channels, out_channels, groups)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        bound = 1 / math.sqrt(in_channels // groups * kernel_size)
        shape = (out_channels, in_channels // groups, kernel_size)
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, L) -> (B, C_out, L_out)."""
        return conv1d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


def filter_weights(kind: str, kernel: int) -> Tensor:
    """The weights of a hand-set filter, (K,): mean, bell or difference."""
    if kind == "이동평균":
        return torch.full((kernel,), 1 / kernel)
    if kind == "종 모양":
        bell = torch.exp(-0.5 * torch.linspace(-2, 2, kernel) ** 2) if kernel > 1 else torch.ones(1)
        return bell / bell.sum()
    weights = torch.zeros(kernel)  # 차분: 뒤쪽 끝에서 앞쪽 끝을 뺀다
    weights[-1] += 1
    weights[0] -= 1
    return weights


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
t = torch.linspace(0, 12, {length})
signal = torch.sin(t) + (t > 8) * 2 + {noise} * torch.randn({length})
weights = torch.tensor({weights})
out = nn.functional.conv1d(signal[None, None], weights[None, None], stride={stride}, padding={padding})
print("길이", signal.numel(), "->", out.shape[-1])
"""


def demo(*, kind: str = "이동평균", length: int = 120, kernel: int = 9, stride: int = 1, padding: int = 0,
         noise: float = 0.4, seed: int = 0) -> Demo:
    """A noisy series with a jump, and what a hand-set filter makes of it; below, smoothness against width."""
    generator = torch.Generator().manual_seed(seed)
    t = torch.linspace(0, 12, length)
    clean = torch.sin(t) + (t > 8) * 2.0
    signal = clean + noise * torch.randn(length, generator=generator)
    weights = filter_weights(kind, kernel)
    out_length = output_size(length, kernel, stride, padding)
    out = conv1d(signal[None, None], weights[None, None], stride=stride, padding=padding)[0, 0]
    middle = [i * stride - padding + (kernel - 1) / 2 for i in range(out_length)]  # 창의 가운데에 그린다

    figure = make_subplots(rows=2, cols=1, row_heights=[0.75, 0.25], vertical_spacing=0.14,
                           subplot_titles=("신호와 출력", "필터의 가중치"))
    figure.add_trace(go.Scatter(y=_digits(signal), mode="lines", line={"color": GREY}, name="입력"), row=1, col=1)
    figure.add_trace(go.Scatter(x=middle, y=_digits(out), mode="lines+markers", marker={"size": 4}, name="출력",
                                line={"color": BLUE, "width": 3}), row=1, col=1)
    figure.add_trace(go.Bar(y=_digits(weights), marker_color=RED, showlegend=False), row=2, col=1)
    titled(figure, f"{kind} 필터 (커널 {kernel}, 스트라이드 {stride})", "시점", "값", height=520)

    widths = [k for k in range(1, 26, 2) if k <= length]
    rough = [_roughness(conv1d(signal[None, None], filter_weights(kind, k)[None, None])[0, 0]) for k in widths]
    detail = titled(go.Figure(go.Scatter(x=widths, y=rough, mode="lines+markers")),
                    "커널 폭에 따른 이웃한 출력 사이의 흔들림", "커널 폭", "이웃 차이의 평균")
    before, after = _roughness(signal), _roughness(out)
    change = "줄었습니다" if after < before else "늘었습니다"
    return Demo(
        figure=figure,
        numbers={"출력 길이": out_length, "입력의 흔들림": before, "출력의 흔들림": after,
                 "파라미터 수(편향 없이)": kernel},
        text=f"길이 {length}인 신호에 폭 {kernel}인 필터(스트라이드 {stride}, 패딩 {padding})를 걸면 출력의 길이는 "
             f"{out_length}입니다. 이웃한 값의 차이는 평균 {before:g}에서 {after:g}(으)로 {change}.",
        code=CODE.format(seed=seed, length=length, noise=noise, weights=_digits(weights), stride=stride,
                         padding=padding),
        detail=detail,
    )


def _digits(values: Tensor) -> list[float]:
    return [round(v, 4) for v in values.tolist()]


def _roughness(values: Tensor) -> float:
    return round(values.diff().abs().mean().item(), 3) if values.numel() > 1 else 0.0


def _parse_size(question: str) -> dict | None:
    read = window.read_window(question)
    others = (*window.POOLING, "lstm", "gru", "rnn")
    if (not window.asks_size(question) or not has(question, window.ONE_AXIS) or has(question, others)
            or read.sides is None or read.kernel is None or read.layers):
        return None
    return {"length": read.sides[-1], "kernel": read.kernel[-1], "stride": read.stride or 1,
            "padding": read.padding or 0, "dilation": read.dilation or 1}


def _run_size(length: int, kernel: int, stride: int, padding: int, dilation: int) -> Computed:
    return window.sized("길이", (length,), (kernel,), stride, padding, dilation)


def _parse_count(question: str) -> dict | None:
    read = window.read_window(question)
    if (not window.asks_count(question) or not has(question, ("1차원", "conv1d", "1dconv", "1d합성곱"))
            or read.kernel is None or None in (read.inputs, read.outputs)):
        return None
    return {"inputs": read.inputs, "outputs": read.outputs, "kernel": read.kernel[-1], "bias": read.bias is not False,
            "groups": read.groups or 1}


def _run_count(inputs: int, outputs: int, kernel: int, bias: bool, groups: int) -> Computed:
    total = count_parameters(inputs, outputs, kernel, bias, groups, axes=1)
    plus, note = (" + 1", "편향을 넣어") if bias else ("", "편향 없이")
    return Computed(value=amount(total), formula=f"N = C_out × (C_in / G × K{plus})",
                    steps=f"{note} {outputs} × ({inputs // groups}×{kernel}{plus}) = {window.both(total)}")


CONCEPT = Concept(
    slug="conv1d",
    title="1차원 합성곱",
    aliases=("conv1d", "1D convolution", "1D 합성곱", "1d conv", "일차원 합성곱", "시계열 합성곱", "1D CNN",
             "인과적 합성곱", "causal convolution"),
    summary="필터를 한 축으로만 옮기며 순서가 있는 값의 무늬를 찾는다.",
    demo=demo,
    controls=(
        Control("kind", "필터", "이동평균", choices=("이동평균", "종 모양", "차분")),
        Control("length", "신호 길이", 120, 30, 500, 1, words=("길이", "length", "L")),
        Control("kernel", "커널 폭", 9, 1, 30, 1, words=("커널 크기", "커널", "kernel_size", "kernel", "폭", "k")),
        Control("stride", "스트라이드", 1, 1, 10, 1, words=("스트라이드", "stride", "보폭", "s")),
        Control("padding", "패딩", 0, 0, 15, 1, words=("패딩", "padding", "p")),
        Control("noise", "잡음의 크기", 0.4, 0.0, 2.0, 0.1, words=("잡음", "노이즈", "noise")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("1차원 합성곱 출력 길이", _parse_size, _run_size, cite="1차원 합성곱 출력 길이 커널 패딩"),
        Computation("1차원 합성곱 파라미터 수", _parse_count, _run_count, cite="1차원 합성곱 파라미터 수"),
    ),
)
