"""VGG: 3x3 합성곱과 2x2 풀링만 되풀이해 쌓은 합성곱 신경망.

$$ 3\\times(3^2C^2) = 27C^2 < 7^2C^2 = 49C^2 $$

3x3 세 층은 7x7 한 층과 같은 넓이를 더 적은 가중치로 본다.

출처: Simonyan & Zisserman (2015), "Very Deep Convolutional Networks for Large-Scale Image Recognition".
"""

from __future__ import annotations

from collections import OrderedDict

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Concept, ConceptError, Control, Demo
from models.figures import BLUE, GREEN, titled
from models.learning.activation import Activation
from models.learning.batch_norm import BatchNorm2d
from models.learning.dropout import Dropout
from models.learning.linear_layer import Linear
from models.vision.convolution import Conv2d
from models.vision.pooling import MaxPool2d
from models.vision.summary import Row, bars, count, rows
from models.vision.window import amount

CHANNELS = (64, 128, 256, 512, 512)
REPEATS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}  # 블록별 합성곱 수


class VGG(nn.Module):
    """VGG of 11, 13, 16 or 19 weight layers.

    Args:
        side: of the square colour pictures; five pools halve it.
        hidden: width of the two hidden fully connected layers.
        narrow: divides the channels of the convolutions, to run a small one.
        batch_norm: put batch normalization after every convolution.
    """

    def __init__(self, depth: int = 16, classes: int = 1000, side: int = 224, hidden: int = 4096, narrow: int = 1,
                 batch_norm: bool = False) -> None:
        super().__init__()
        if depth not in REPEATS or side < 32:
            raise ConceptError(f"층 수 {depth}, 입력 {side}: 층 수는 {', '.join(map(str, REPEATS))} 중 하나, "
                               "입력의 한 변은 32 이상이어야 합니다.")
        layers: list[tuple[str, nn.Module]] = []
        channels = 3
        for block, (width, repeats) in enumerate(zip(CHANNELS, REPEATS[depth], strict=True), start=1):
            for i in range(1, repeats + 1):
                layers.append((f"conv{block}_{i}", Conv2d(channels, width // narrow, 3, padding=1)))
                channels = width // narrow
                if batch_norm:
                    layers.append((f"bn{block}_{i}", BatchNorm2d(channels)))
                layers.append((f"relu{block}_{i}", Activation("relu")))
            layers.append((f"pool{block}", MaxPool2d(2)))  # 크기는 여기서만 반이 된다
        layers += [("펼치기", nn.Flatten()), ("fc1", Linear(channels * (side // 32) ** 2, hidden)),
                   ("relu_fc1", Activation("relu")), ("drop1", Dropout(0.5)), ("fc2", Linear(hidden, hidden)),
                   ("relu_fc2", Activation("relu")), ("drop2", Dropout(0.5)), ("fc3", Linear(hidden, classes))]
        self.layers = nn.Sequential(OrderedDict(layers))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, side, side) -> scores (B, classes)."""
        return self.layers(x)


def table(depth: int, side: int = 224, classes: int = 1000) -> list[Row]:
    """The convolutions, pools and fully connected layers with their shapes and parameters."""
    with torch.device("meta"):
        net = VGG(depth, classes, side).eval()
    return [row for row in rows(net.layers, (3, side, side)) if row.name.startswith(("입력", "conv", "pool", "fc"))]


CODE = """\
import torch
from torch import nn

repeats, channels, layers = {repeats}, 3, []
with torch.device("meta"):                                  # 값을 만들지 않고 모양만 따라간다
    for width, times in zip((64, 128, 256, 512, 512), repeats):
        for _ in range(times):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(512 * ({side} // 32) ** 2, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(),
               nn.Linear(4096, {classes})]
    vgg = nn.Sequential(*layers)
    print(tuple(vgg(torch.empty(1, 3, {side}, {side})).shape))
print("파라미터:", sum(p.numel() for p in vgg.parameters()))
"""


def demo(*, depth: str = "16", side: int = 224, classes: int = 1000) -> Demo:
    """Parameters of every layer of one VGG; below, the four of them side by side."""
    layers = table(int(depth), side, classes)
    total = sum(row.parameters for row in layers)
    dense = sum(row.parameters for row in layers if row.name.startswith("fc"))
    first = next(row.parameters for row in layers if row.name == "fc1")
    sizes = [row.shape[1] for row in layers if row.name.startswith("pool")]
    work = sum(row.multiplications for row in layers)

    split = {f"VGG{d}": table(d, side, classes) for d in REPEATS}
    detail = go.Figure()
    for name, start, color in (("합성곱", "conv", BLUE), ("완전연결", "fc", GREEN)):
        values = [sum(row.parameters for row in t if row.name.startswith(start)) for t in split.values()]
        detail.add_trace(go.Bar(x=list(split), y=values, name=name, marker_color=color,
                                text=[amount(v) for v in values]))
    detail.update_layout(barmode="stack")
    titled(detail, "깊이를 더해도 파라미터의 대부분은 완전연결층에 있다", "모델", "파라미터 수")
    return Demo(
        figure=bars(layers, f"VGG{depth}의 층별 파라미터: 모두 {amount(total)}개"),
        numbers={"파라미터 수": total, "완전연결층의 비율": round(dense / total, 4), "첫 완전연결층의 파라미터": first,
                 "곱셈 수": work, "32비트로 저장한 크기(MB)": round(total * 4 / 1e6, 1)},
        text=f"VGG{depth}의 파라미터는 {amount(total)}개이고 {dense / total:.1%}가 완전연결층에 있습니다. 크기는 "
             f"{' → '.join(map(str, [side, *sizes]))}(으)로 풀링에서만 줄고, 사진 한 장에 곱셈을 "
             f"{work / 1e8:,.1f}억 번 합니다.",
        code=CODE.format(repeats=REPEATS[int(depth)], side=side, classes=classes),
        detail=detail,
    )


def parameters(depth: int, batch_norm: bool = False) -> int:
    """How many numbers the published VGG of ``depth`` learns."""
    with torch.device("meta"):
        return count(VGG(depth, batch_norm=batch_norm))


CONCEPT = Concept(
    slug="vgg",
    title="VGG",
    aliases=("VGG", "VGGNet", "VGG11", "VGG13", "VGG16", "VGG19", "VGG-16", "VGG-19", "브이지지",
             "Visual Geometry Group"),
    summary="3x3 합성곱과 2x2 풀링만 되풀이해 쌓은 단순하고 규칙적인 합성곱 신경망이다.",
    demo=demo,
    controls=(
        Control("depth", "층 수", "16", choices=("11", "13", "16", "19"), words=("VGG", "층"),
                pattern=r"(?i)vgg\s*-?\s*(11|13|16|19)"),
        Control("side", "입력의 한 변", 224, 32, 448, 1, words=("입력 크기", "입력", "이미지"),
                pattern=r"(\d{2,3})\s*[x×]\s*\d{2,3}"),
        Control("classes", "클래스 수", 1000, 2, 20000, 1, words=("클래스", "class", "classes")),
    ),
)
