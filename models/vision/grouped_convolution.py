"""그룹 합성곱(grouped convolution)과 깊이별 분리 합성곱(depthwise separable convolution).

채널을 $G$묶음으로 나누면 필터 하나가 보는 채널이 $C_{in}/G$개로 준다.

$$ N = K^2 \\cdot \\frac{C_{in}}{G} \\cdot C_{out}, \\qquad
\\frac{C_{in}K^2 + C_{in}C_{out}}{C_{in}C_{out}K^2} = \\frac{1}{C_{out}} + \\frac{1}{K^2} $$

출처: Krizhevsky et al. (2012), AlexNet; Howard et al. (2017), "MobileNets"; Xie et al. (2017), "ResNeXt".
"""

from __future__ import annotations

import re

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import BLUE, COLORS, GREEN, RED, titled
from models.reading import has
from models.vision import window
from models.vision.convolution import Conv2d, count_parameters
from models.vision.window import amount


class DepthwiseSeparable(nn.Module):
    """A filter per channel, then a 1x1 convolution that mixes the channels.

    Args:
        kernel_size, stride, padding: of the filter per channel.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0,
                 bias: bool = True) -> None:
        super().__init__()
        self.depthwise = Conv2d(in_channels, in_channels, kernel_size, stride, padding, groups=in_channels, bias=bias)
        self.pointwise = Conv2d(in_channels, out_channels, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H_out, W_out)."""
        return self.pointwise(self.depthwise(x))


def connections(in_channels: int, out_channels: int, groups: int) -> Tensor:
    """Which input channel reaches which output channel, (C_out, C_in), 0 or 1: read off a 1x1 convolution of ones."""
    layer = Conv2d(in_channels, out_channels, 1, groups=groups, bias=False)
    nn.init.ones_(layer.weight)
    one_each = torch.eye(in_channels)[:, :, None, None]  # 채널 하나만 켠 입력 C_in개
    with torch.no_grad():
        return layer(one_each)[:, :, 0, 0].T  # (C_in, C_out) -> (C_out, C_in)


CODE = """\
from torch import nn

inputs, outputs, kernel, groups = {inputs}, {outputs}, {kernel}, {groups}
plain = nn.Conv2d(inputs, outputs, kernel, bias=False)
grouped = nn.Conv2d(inputs, outputs, kernel, groups=groups, bias=False)
depthwise = nn.Conv2d(inputs, inputs, kernel, groups=inputs, bias=False)
pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
print("보통:", plain.weight.numel())
print("그룹:", grouped.weight.numel(), tuple(grouped.weight.shape))
print("깊이별 분리:", depthwise.weight.numel() + pointwise.weight.numel())
"""


def demo(*, inputs: int = 64, outputs: int = 128, kernel: int = 3, groups: int = 4, side: int = 28) -> Demo:
    """Weights and multiplications of plain, grouped and depthwise separable convolution; who is connected with whom."""
    if inputs % groups or outputs % groups:
        fits = [g for g in range(1, min(inputs, outputs) + 1) if inputs % g == 0 and outputs % g == 0]
        raise ConceptError(f"그룹 수(groups)={groups}: 입력 채널 {inputs}, 출력 채널 {outputs}의 공약수여야 합니다. "
                           f"쓸 수 있는 값: {', '.join(map(str, fits))}")
    plain = count_parameters(inputs, outputs, kernel, bias=False)
    grouped = count_parameters(inputs, outputs, kernel, bias=False, groups=groups)
    separable = _separable(inputs, outputs, kernel, bias=False)
    names, weights = ["보통", f"그룹 {groups}개", "깊이별 분리"], [plain, grouped, separable]
    figure = go.Figure(go.Bar(x=names, y=weights, text=[amount(w) for w in weights], marker_color=[BLUE, RED, GREEN]))
    titled(figure, f"{inputs} → {outputs} 채널, {kernel}x{kernel}: 가중치 수(편향 없음)", "합성곱", "가중치 수")

    shrink = max(1, inputs // 32, outputs // 32)  # 그림은 32칸까지: 묶음의 모양은 그대로다
    small = [max(groups if groups <= 32 else 32, c // shrink) for c in (inputs, outputs)]
    shown_groups = min(groups, 32)
    small = [c - c % shown_groups or shown_groups for c in small]
    links = connections(small[0], small[1], shown_groups)
    block = torch.arange(small[1]) // (small[1] // shown_groups) + 1  # 묶음마다 다른 색
    detail = go.Figure(go.Heatmap(z=(links * block[:, None]).int().tolist(), showscale=False, xgap=1, ygap=1,
                                  colorscale=[[0, "#f1f5f9"], *[[(i + 1) / 8, c] for i, c in enumerate(COLORS)]]))
    detail.update_yaxes(autorange="reversed")
    scale = "" if small == [inputs, outputs] else f", {small[0]}x{small[1]}로 줄인 그림"
    titled(detail, f"입력 채널과 출력 채널의 연결(색칠한 칸만 이어진다{scale})", "입력 채널", "출력 채널")
    return Demo(
        figure=figure,
        numbers={"보통 합성곱 가중치": plain, "그룹 합성곱 가중치": grouped, "깊이별 분리 합성곱 가중치": separable,
                 "보통 합성곱 곱셈": plain * side**2, "그룹 합성곱 곱셈": grouped * side**2,
                 "깊이별 분리 합성곱 곱셈": separable * side**2, "깊이별 분리/보통": round(separable / plain, 4)},
        text=f"그룹 {groups}개로 나누면 가중치가 {amount(plain)}개에서 {amount(grouped)}개로, 정확히 {groups}분의 1이 "
             "됩니다. "
             f"깊이별 분리 합성곱은 {amount(separable)}개로 보통의 {separable / plain:.1%}입니다. "
             f"출력이 {side}x{side}이면 곱셈은 여기에 {amount(side**2)}을 곱한 만큼입니다.",
        code=CODE.format(inputs=inputs, outputs=outputs, kernel=kernel, groups=groups),
        detail=detail,
    )


def _separable(inputs: int, outputs: int, kernel: int, bias: bool) -> int:
    return (count_parameters(inputs, inputs, kernel, bias, groups=inputs)
            + count_parameters(inputs, outputs, 1, bias))


_SEPARABLE = ("분리", "separable", "+ 1x1", "더하기 1x1")


def _parse_grouped(question: str) -> dict | None:
    read = window.read_window(question)
    if (not window.asks_count(question) or has(question, (*_SEPARABLE, "1차원", "conv1d"))
            or not has(question, (*window.GROUPS, "depthwise"))):
        return None
    groups = read.groups
    if groups is None and has(question, ("depthwise", "깊이별")):
        groups = read.inputs
    outputs = read.outputs or (read.inputs if groups == read.inputs else None)
    if read.kernel is None or None in (read.inputs, outputs, groups):
        return None
    return {"inputs": read.inputs, "outputs": outputs, "kernel": read.kernel[0], "groups": groups,
            "bias": read.bias is not False}


def _run_grouped(inputs: int, outputs: int, kernel: int, groups: int, bias: bool) -> Computed:
    total = count_parameters(inputs, outputs, kernel, bias, groups)
    plus, note = (" + 1", "편향을 넣어") if bias else ("", "편향 없이")
    return Computed(value=amount(total), formula=f"N = C_out × (C_in / G × K × K{plus})",
                    steps=f"{note} {outputs} × ({inputs}/{groups}×{kernel}×{kernel}{plus}) = {window.both(total)}")


def _parse_separable(question: str) -> dict | None:
    read = window.read_window(re.sub(r"(\+|더하기)\s*1\s*[x×]\s*1", " ", question))  # 점별 합성곱은 커널이 아니다
    kernel = read.kernel or read.sides
    if (not window.asks_count(question) or not has(question, _SEPARABLE) or kernel is None
            or None in (read.inputs, read.outputs)):
        return None
    return {"inputs": read.inputs, "outputs": read.outputs, "kernel": kernel[0], "bias": read.bias is True}


def _run_separable(inputs: int, outputs: int, kernel: int, bias: bool) -> Computed:
    total, plain = _separable(inputs, outputs, kernel, bias), count_parameters(inputs, outputs, kernel, bias)
    first = count_parameters(inputs, inputs, kernel, bias, groups=inputs)
    note = "편향을 넣어" if bias else "편향 없이"
    return Computed(value=amount(total), formula="N = C_in × K × K + C_in × C_out",
                    steps=f"{note} 깊이별 {amount(first)} + 점별 {amount(total - first)} = {window.both(total)} "
                          f"(보통 합성곱은 {amount(plain)}, 비율 {total / plain:.3f})")


CONCEPT = Concept(
    slug="grouped_convolution",
    title="그룹 합성곱",
    aliases=("grouped convolution", "group convolution", "그룹 컨볼루션", "깊이별 합성곱", "depthwise convolution",
             "depthwise conv", "뎁스와이즈", "깊이별 분리 합성곱", "depthwise separable convolution",
             "pointwise convolution", "점별 합성곱", "MobileNet", "모바일넷", "Xception", "ResNeXt", "ShuffleNet"),
    summary="채널을 묶음으로 나누어 묶음 안에서만 합성곱해 파라미터와 곱셈을 줄인다.",
    demo=demo,
    controls=(
        Control("inputs", "입력 채널", 64, 4, 512, 4, words=("입력 채널", "in_channels", "입력", "채널")),
        Control("outputs", "출력 채널", 128, 4, 512, 4, words=("출력 채널", "out_channels", "출력")),
        Control("kernel", "커널 크기", 3, 1, 11, 1, words=("커널 크기", "커널", "kernel_size", "kernel", "k")),
        Control("groups", "그룹 수", 4, 1, 64, 1, words=("그룹 수", "그룹", "groups", "group", "묶음", "G")),
        Control("side", "출력의 한 변", 28, 1, 512, 1, words=("출력 크기", "특징 맵")),
    ),
    computations=(
        Computation("깊이별 분리 합성곱 파라미터 수", _parse_separable, _run_separable,
                    cite="깊이별 분리 합성곱 가중치 비율"),
        Computation("그룹 합성곱 파라미터 수", _parse_grouped, _run_grouped, cite="그룹 합성곱 가중치 수 그룹 수"),
    ),
)
