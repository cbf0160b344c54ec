"""LeNet-5: 합성곱과 축소를 번갈아 쌓고 완전연결층으로 끝내는 초기의 합성곱 신경망.

$$ 32 \\xrightarrow{5\\times5} 28 \\xrightarrow{2\\times2} 14 \\xrightarrow{5\\times5} 10 \\xrightarrow{2\\times2} 5,
\\qquad 16\\cdot5\\cdot5 = 400 \\to 120 \\to 84 \\to 10 $$

여기서는 오늘날 흔히 쓰는 꼴(C3가 앞의 특징 맵을 모두 보고, 축소 층에 배우는 값이 없다)로 만든다.

출처: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition".
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cache

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Concept, Control, Demo
from models.figures import BLUE, pixels, titled
from models.learning.activation import Activation
from models.learning.linear_layer import Linear
from models.vision.cnn import Digits, accuracy, digits, train
from models.vision.convolution import Conv2d
from models.vision.image_transforms import resize
from models.vision.pooling import AvgPool2d
from models.vision.summary import count, rows, sheet
from models.vision.window import amount

ACTIVATIONS = ("tanh", "relu", "sigmoid")


class LeNet(nn.Module):
    """LeNet-5 for pictures of 32x32.

    Args:
        activation: a name of ``models.learning.activation``; the paper used a scaled tanh.
        channels: of the pictures, 1 (grey) or 3 (colour).
    """

    def __init__(self, activation: str = "tanh", channels: int = 1, classes: int = 10) -> None:
        super().__init__()
        self.layers = nn.Sequential(OrderedDict([
            ("C1", Conv2d(channels, 6, 5)), ("활성 1", Activation(activation)),  # (6, 28, 28)
            ("S2", AvgPool2d(2)),  # (6, 14, 14)
            ("C3", Conv2d(6, 16, 5)), ("활성 2", Activation(activation)),  # (16, 10, 10)
            ("S4", AvgPool2d(2)),  # (16, 5, 5)
            ("펼치기", nn.Flatten()),  # (400,)
            ("C5", Linear(400, 120)), ("활성 3", Activation(activation)),
            ("F6", Linear(120, 84)), ("활성 4", Activation(activation)),
            ("출력", Linear(84, classes)),
        ]))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, 32, 32) -> scores (B, classes)."""
        return self.layers(x)


@cache
def large_digits() -> Digits:
    """The digits of ``cnn.digits``, enlarged from 8x8 to 32x32: (N, 1, 32, 32)."""
    data = digits()
    x, test_x = (resize(pictures[:, 0], 32)[:, None] for pictures in (data.x, data.test_x))
    return Digits(x, data.y, test_x, data.test_y)


CODE = """\
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed({seed})
data = load_digits()
x = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16
x = nn.functional.interpolate(x, size=32, mode="bilinear")             # 8x8 -> 32x32
y = torch.tensor(data.target)
lenet = nn.Sequential(
    nn.Conv2d(1, 6, 5), nn.{layer}(), nn.AvgPool2d(2),
    nn.Conv2d(6, 16, 5), nn.{layer}(), nn.AvgPool2d(2),
    nn.Flatten(), nn.Linear(400, 120), nn.{layer}(), nn.Linear(120, 84), nn.{layer}(), nn.Linear(84, 10),
)
print("파라미터:", sum(p.numel() for p in lenet.parameters()))
optimizer = torch.optim.Adam(lenet.parameters(), lr={rate})
for step in range({steps}):
    rows = torch.randint(0, 1437, (32,))
    loss = nn.functional.cross_entropy(lenet(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("테스트 정확도:", (lenet(x[1437:]).argmax(1) == y[1437:]).float().mean().item())
"""


def demo(*, activation: str = "tanh", steps: int = 30, rate: float = 0.005, seed: int = 0) -> Demo:
    """LeNet-5 trained on enlarged digits; its feature maps, and below its layers one by one."""
    torch.manual_seed(seed)
    data = large_digits()
    net = LeNet(activation)
    losses = train(net, data.x, data.y, steps=steps, batch=32, rate=rate,
                   generator=torch.Generator().manual_seed(seed))
    score = accuracy(net, data.test_x, data.test_y)

    picked = data.test_x[:1]
    with torch.no_grad():
        maps = net.layers.get_submodule("활성 1")(net.layers.get_submodule("C1")(picked))[0]  # (6, 28, 28)
    figure = make_subplots(rows=2, cols=4, specs=[[{}, {}, {}, {}], [{"colspan": 4}, None, None, None]],
                           vertical_spacing=0.16, subplot_titles=(
        "입력 32x32", *[f"C1 특징 맵 {i + 1}" for i in range(3)], "걸음마다 훈련 손실"))
    figure.add_trace(pixels(picked[0, 0]), row=1, col=1)
    for i in range(3):
        figure.add_trace(pixels(maps[i], colorscale="Blues"), row=1, col=i + 2)
        figure.update_yaxes(autorange="reversed", row=1, col=i + 1)
    figure.update_yaxes(autorange="reversed", row=1, col=4)
    figure.add_trace(go.Scatter(y=[round(v, 4) for v in losses], mode="lines", line={"color": BLUE}), row=2, col=1)
    figure.update_xaxes(title_text="걸음", row=2, col=1)
    figure.update_yaxes(title_text="교차 엔트로피", row=2, col=1)
    titled(figure, f"LeNet-5의 특징 맵과 손실 ({activation})", "열", "행", height=560)

    table = rows(LeNet(activation).to("meta").layers, (1, 32, 32))
    detail = sheet([row for row in table if not row.name.startswith("활성")], "LeNet-5의 층별 크기와 파라미터")
    total = count(net)
    return Demo(
        figure=figure,
        numbers={"테스트 정확도": round(score, 4), "마지막 손실": round(losses[-1], 4), "파라미터 수": total,
                 "펼친 길이": 400},
        text=f"32x32로 키운 숫자를 {steps}걸음 배운 LeNet-5가 테스트 숫자의 {score:.1%}를 맞혔습니다. "
             f"활성화 함수는 {activation}이고 파라미터는 모두 {amount(total)}개입니다.",
        code=CODE.format(seed=seed, steps=steps, rate=rate,
                         layer={"tanh": "Tanh", "relu": "ReLU", "sigmoid": "Sigmoid"}[activation]),
        detail=detail,
    )


CONCEPT = Concept(
    slug="lenet",
    title="LeNet",
    aliases=("LeNet", "LeNet-5", "LeNet5", "르넷", "르쿤 모델", "얀 르쿤", "Yann LeCun"),
    summary="합성곱과 축소를 번갈아 쌓아 손글씨 숫자를 읽은 초기의 합성곱 신경망이다.",
    demo=demo,
    controls=(
        Control("activation", "활성화 함수", "tanh", choices=ACTIVATIONS),
        Control("steps", "학습 걸음", 30, 5, 60, 1, words=("걸음", "학습 단계", "step", "steps")),
        Control("rate", "학습률", 0.005, 0.0001, 0.02, 0.0001, words=("학습률", "learning rate", "lr")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
)
