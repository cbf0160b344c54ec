"""인셉션 모듈(inception module)과 GoogLeNet: 크기가 다른 필터를 나란히 돌려 채널로 이어 붙인다.

$$ y = [\\,f_{1\\times1}(x);\\; f_{3\\times3}(g_3(x));\\; f_{5\\times5}(g_5(x));\\; h(\\mathrm{pool}(x))\\,], \\qquad
C_{out} = C_{1\\times1} + C_{3\\times3} + C_{5\\times5} + C_{pool} $$

$g_3$, $g_5$는 채널을 먼저 줄이는 1x1 합성곱이다.

출처: Szegedy et al. (2015), "Going Deeper with Convolutions".
"""

from __future__ import annotations

import re
from collections import OrderedDict

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, COLORS, GREY, titled
from models.learning.activation import Activation, relu
from models.learning.dropout import Dropout
from models.learning.linear_layer import Linear
from models.reading import has
from models.vision.alexnet import LocalResponseNorm
from models.vision.convolution import Conv2d
from models.vision.pooling import MaxPool2d, global_avg_pool, max_pool2d
from models.vision.summary import count, rows
from models.vision.window import amount


class Inception(nn.Module):
    """Four branches side by side, joined along the channels.

    Args:
        channels: of the input.
        one: output channels of the 1x1 branch.
        reduce3, three: of the 1x1 before the 3x3, and of the 3x3.
        reduce5, five: of the 1x1 before the 5x5, and of the 5x5.
        pooled: of the 1x1 after the pool.
    """

    def __init__(self, channels: int, one: int, reduce3: int, three: int, reduce5: int, five: int, pooled: int) -> None:
        super().__init__()
        self.one = Conv2d(channels, one, 1)
        self.reduce3, self.three = Conv2d(channels, reduce3, 1), Conv2d(reduce3, three, 3, padding=1)
        self.reduce5, self.five = Conv2d(channels, reduce5, 1), Conv2d(reduce5, five, 5, padding=2)
        self.pooled = Conv2d(channels, pooled, 1)

    def branches(self, x: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> four maps of the same height and width."""
        return [relu(self.one(x)), relu(self.three(relu(self.reduce3(x)))), relu(self.five(relu(self.reduce5(x)))),
                relu(self.pooled(max_pool2d(x, 3, 1, 1)))]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, one + three + five + pooled, H, W)."""
        return torch.cat(self.branches(x), dim=1)  # 더하지 않고 채널로 잇는다


class _GlobalAverage(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C)."""
        return global_avg_pool(x)


# 이름: (1x1, 3x3 앞의 1x1, 3x3, 5x5 앞의 1x1, 5x5, 풀링 뒤의 1x1); None은 3x3 풀링(스트라이드 2)
BLOCKS: dict[str, tuple[int, int, int, int, int, int] | None] = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64), "pool3": None,
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64), "4e": (256, 160, 320, 32, 128, 128), "pool4": None,
    "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}


class GoogLeNet(nn.Module):
    """The 22-layer network without its two helper classifiers, which are taken off after training.

    Args:
        narrow: divides every number of channels, to run a small one.
    """

    def __init__(self, classes: int = 1000, narrow: int = 1) -> None:
        super().__init__()
        layers: list[tuple[str, nn.Module]] = [
            ("conv1", Conv2d(3, 64 // narrow, 7, stride=2, padding=3)), ("relu1", Activation("relu")),
            ("pool1", MaxPool2d(3, 2, 1)), ("norm1", LocalResponseNorm(5)),
            ("conv2r", Conv2d(64 // narrow, 64 // narrow, 1)), ("relu2r", Activation("relu")),
            ("conv2", Conv2d(64 // narrow, 192 // narrow, 3, padding=1)), ("relu2", Activation("relu")),
            ("norm2", LocalResponseNorm(5)), ("pool2", MaxPool2d(3, 2, 1)),
        ]
        channels = 192 // narrow
        for name, widths in BLOCKS.items():
            if widths is None:
                layers.append((name, MaxPool2d(3, 2, 1)))
                continue
            one, reduce3, three, reduce5, five, pooled = (w // narrow for w in widths)
            layers.append((name, Inception(channels, one, reduce3, three, reduce5, five, pooled)))
            channels = one + three + five + pooled
        layers += [("avg", _GlobalAverage()), ("drop", Dropout(0.4)), ("fc", Linear(channels, classes))]
        self.layers = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> scores (B, classes)."""
        return self.layers(x)


CODE = """\
import torch
from torch import nn

x = torch.rand(1, {channels}, 28, 28)
branches = [
    nn.Conv2d({channels}, {one}, 1)(x),
    nn.Conv2d({reduce3}, {three}, 3, padding=1)(nn.Conv2d({channels}, {reduce3}, 1)(x).relu()),
    nn.Conv2d({reduce5}, {five}, 5, padding=2)(nn.Conv2d({channels}, {reduce5}, 1)(x).relu()),
    nn.Conv2d({channels}, {pooled}, 1)(nn.functional.max_pool2d(x, 3, stride=1, padding=1)),
]
y = torch.cat([b.relu() for b in branches], dim=1)     # 채널 방향으로 이어 붙인다
print([b.shape[1] for b in branches], "->", tuple(y.shape))
"""
NAMES = ("1x1", "3x3", "5x5", "풀링")


def demo(*, channels: int = 192, one: int = 64, reduce3: int = 96, three: int = 128, reduce5: int = 16, five: int = 32,
         pooled: int = 32) -> Demo:
    """The channels of the four branches, and what the 1x1 convolutions save; below, all of GoogLeNet."""
    with torch.device("meta"):
        block = Inception(channels, one, reduce3, three, reduce5, five, pooled)
        out = block(torch.empty(1, channels, 28, 28))
        google = GoogLeNet()
    widths = (one, three, five, pooled)
    weights = [count(block.one), count(block.reduce3) + count(block.three),
               count(block.reduce5) + count(block.five), count(block.pooled)]
    direct = [weights[0], three * (channels * 9 + 1), five * (channels * 25 + 1), weights[3]]
    figure = go.Figure()
    for name, width, color in zip(NAMES, widths, COLORS, strict=False):
        figure.add_trace(go.Bar(y=["출력 채널"], x=[width], orientation="h", name=f"{name} 가지", text=[str(width)],
                                marker_color=color))
    figure.update_layout(barmode="stack")
    joined = f"{' + '.join(map(str, widths))} = {out.shape[1]}채널"
    titled(figure, f"네 가지를 이어 붙이면 {joined}", "채널 수", "블록", height=300)

    detail = go.Figure([go.Bar(x=NAMES, y=weights, name="1x1로 줄인 뒤", marker_color=BLUE,
                               text=[amount(w) for w in weights]),
                        go.Bar(x=NAMES, y=direct, name="줄이지 않고 바로", marker_color=GREY,
                               text=[amount(w) for w in direct])])
    titled(detail, "가지마다 드는 파라미터", "가지", "파라미터 수")
    total, plain = sum(weights), sum(direct)
    change = "줄었습니다" if total < plain else "오히려 늘었습니다"
    blocks = [row for row in rows(google.eval().layers, (3, 224, 224)) if row.name in BLOCKS and row.parameters]
    return Demo(
        figure=figure,
        numbers={"출력 채널": out.shape[1], "모듈의 파라미터 수": total, "줄이지 않을 때의 파라미터 수": plain,
                 "곱셈 수(28x28)": (total - sum(widths) - reduce3 - reduce5) * 28 * 28,
                 "GoogLeNet 전체 파라미터 수": count(google), "GoogLeNet의 인셉션 블록 수": len(blocks)},
        text=f"네 가지가 낸 채널 {', '.join(map(str, widths))}을 이어 붙여 {out.shape[1]}채널이 되었습니다. "
             f"1x1로 채널을 먼저 줄였더니 파라미터가 {amount(plain)}개에서 {amount(total)}개로 {change}.",
        code=CODE.format(channels=channels, one=one, reduce3=reduce3, three=three, reduce5=reduce5, five=five,
                         pooled=pooled),
        detail=detail,
    )


def _parse(question: str) -> dict | None:
    asked = ("출력 채널", "채널은", "채널 수", "몇 채널")
    if not has(question, ("인셉션", "inception"), asked, ("몇", "얼마", "?", "계산")):
        return None
    runs = re.findall(r"\d+(?:\s*[,+와과]\s*\d+){3}(?!\s*[,+]\s*\d)", question)
    return {"widths": [int(n) for n in re.findall(r"\d+", runs[0])]} if len(runs) == 1 else None


def _run(widths: list[int]) -> Computed:
    total = sum(widths)
    return Computed(value=str(total), steps=f"{' + '.join(map(str, widths))} = {total}",
                    formula="C_out = C_1x1 + C_3x3 + C_5x5 + C_pool")


CONCEPT = Concept(
    slug="inception",
    title="인셉션 모듈과 GoogLeNet",
    aliases=("inception", "인셉션", "인셉션 모듈", "inception module", "GoogLeNet", "구글넷", "Inception v3",
             "보조 분류기", "auxiliary classifier"),
    summary="크기가 다른 필터와 풀링을 나란히 돌려 결과를 채널로 이어 붙인다.",
    demo=demo,
    controls=(
        Control("channels", "입력 채널", 192, 1, 832, 1, words=("입력 채널", "입력")),
        Control("one", "1x1 가지", 64, 1, 384, 1, words=("1x1 가지",)),
        Control("reduce3", "3x3 앞의 1x1", 96, 1, 192, 1, words=("3x3 앞",)),
        Control("three", "3x3 가지", 128, 1, 384, 1, words=("3x3 가지",)),
        Control("reduce5", "5x5 앞의 1x1", 16, 1, 64, 1, words=("5x5 앞",)),
        Control("five", "5x5 가지", 32, 1, 128, 1, words=("5x5 가지",)),
        Control("pooled", "풀링 가지", 32, 1, 128, 1, words=("풀링 가지",)),
    ),
    computations=(Computation("인셉션 출력 채널", _parse, _run, cite="인셉션 모듈 출력 채널 합"),),
)
