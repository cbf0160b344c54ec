"""합성곱 신경망(CNN): 합성곱으로 특징을 뽑고 줄이기를 되풀이한 뒤 분류한다.

$$ \\hat{y} = \\mathrm{softmax}\\big(W\\,\\mathrm{flatten}(\\mathrm{pool}(\\mathrm{ReLU}(k * x + b))) + c\\big) $$

출처: Fukushima (1980), "Neocognitron";
LeCun et al. (1989), "Backpropagation Applied to Handwritten Zip Code Recognition".
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Concept, Control, Demo
from models.figures import BLUE, RED, pixels, titled
from models.learning.activation import relu
from models.learning.linear_layer import Linear
from models.learning.losses import cross_entropy
from models.vision.convolution import Conv2d
from models.vision.pooling import MaxPool2d
from models.vision.window import amount


class Digits(NamedTuple):
    """Handwritten digits: pictures (N, 1, 8, 8) with values 0 to 1, classes (N,)."""

    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor


@cache
def digits() -> Digits:
    """scikit-learn's 1,797 digits, always split alike: 1,437 to train on, 360 to test."""
    from sklearn.datasets import load_digits  # slow to import, and only needed here

    data = load_digits()
    x = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16  # (1797, 8, 8) -> (1797, 1, 8, 8)
    y = torch.tensor(data.target)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    train, test = order[:1437], order[1437:]
    return Digits(x[train], y[train], x[test], y[test])


class CNN(nn.Module):
    """Two rounds of convolution, ReLU and pooling, then one linear layer, for pictures of 8x8 cells.

    Args:
        filters: feature maps of the first convolution; the second one has twice as many.
        kernel: an odd side of the filters; the padding keeps the size.
    """

    def __init__(self, filters: int = 8, kernel: int = 3, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = Conv2d(1, filters, kernel, padding=kernel // 2)
        self.conv2 = Conv2d(filters, 2 * filters, kernel, padding=kernel // 2)
        self.pool = MaxPool2d(2)
        self.classify = Linear(2 * filters * 2 * 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 8, 8) -> scores (B, classes)."""
        x = self.pool(relu(self.conv1(x)))  # (B, filters, 4, 4)
        x = self.pool(relu(self.conv2(x)))  # (B, 2*filters, 2, 2)
        return self.classify(x.flatten(1))  # (B, 2*filters*4) -> (B, classes)


def accuracy(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """The share of pictures whose highest score is the right class."""
    net.eval()
    with torch.no_grad():
        return (net(x).argmax(dim=1) == y).float().mean().item()


def train(net: nn.Module, x: Tensor, y: Tensor, *, steps: int, batch: int = 64, rate: float = 0.01,
          generator: torch.Generator | None = None) -> list[float]:
    """Train ``net`` by cross-entropy with Adam, ``steps`` mini-batches; returns the loss of each step."""
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    net.train()
    losses = []
    order = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        if len(order) < batch:
            order = torch.randperm(len(y), generator=generator)  # 에폭마다 새로 섞는다
        rows, order = order[:batch], order[batch:]
        loss = cross_entropy(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


CODE = """\
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed({seed})
data = load_digits()
x = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16   # (1797, 1, 8, 8)
y = torch.tensor(data.target)
order = torch.randperm(len(y))
train, test = order[:1437], order[1437:]

net = nn.Sequential(
    nn.Conv2d(1, {filters}, {kernel}, padding={padding}), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d({filters}, 2 * {filters}, {kernel}, padding={padding}), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(8 * {filters}, 10),
)
optimizer = torch.optim.Adam(net.parameters(), lr={rate})
for epoch in range({epochs}):
    for rows in train[torch.randperm(len(train))].split(64):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("에폭", epoch + 1, "테스트 정확도", (net(x[test]).argmax(1) == y[test]).float().mean().item())
"""


def demo(*, filters: int = 8, kernel: int = 3, epochs: int = 4, rate: float = 0.02, seed: int = 0) -> Demo:
    """A digit classifier trained on the spot, and what each filter of its first layer sees."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    data = digits()
    net = CNN(filters, kernel)
    per_epoch = len(data.y) // 64
    losses: list[float] = []
    scores = [accuracy(net, data.test_x, data.test_y)]
    for _ in range(epochs):
        losses += train(net, data.x, data.y, steps=per_epoch, rate=rate, generator=generator)
        scores.append(accuracy(net, data.test_x, data.test_y))

    figure = make_subplots(rows=1, cols=2, subplot_titles=("걸음마다 훈련 손실", "에폭마다 테스트 정확도"))
    figure.add_trace(go.Scatter(y=[round(v, 4) for v in losses], mode="lines", line={"color": BLUE}), row=1, col=1)
    figure.add_trace(go.Scatter(y=[round(v, 4) for v in scores], mode="lines+markers", line={"color": RED}),
                     row=1, col=2)
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title_text="걸음", row=1, col=1)
    figure.update_xaxes(title_text="에폭", row=1, col=2)
    figure.update_yaxes(title_text="교차 엔트로피", row=1, col=1)
    figure.update_yaxes(title_text="정확도", row=1, col=2)
    titled(figure, "손글씨 숫자를 배우는 CNN", "", "")

    shown = min(filters, 6)
    picked = data.test_x[(data.test_y == 7).nonzero()[0]]  # (1, 1, 8, 8): 숫자 7 하나
    with torch.no_grad():
        maps = relu(net.conv1(picked))[0]  # (filters, 8, 8)
    detail = make_subplots(rows=2, cols=shown + 1, vertical_spacing=0.12, subplot_titles=(
        "숫자 7", *[f"필터 {i + 1}" for i in range(shown)], "", *[f"반응 {i + 1}" for i in range(shown)]))
    detail.add_trace(pixels(picked[0, 0]), row=1, col=1)
    for i in range(shown):
        detail.add_trace(pixels(net.conv1.weight[i, 0].detach(), colorscale="RdBu", middle=0), row=1, col=i + 2)
        detail.add_trace(pixels(maps[i], colorscale="Blues"), row=2, col=i + 2)
    detail.update_yaxes(autorange="reversed")
    detail.update_xaxes(showticklabels=False)
    titled(detail, "배운 첫 층의 필터와, 숫자 7에서 밝게 반응하는 자리", "열", "행", height=420)
    total = sum(p.numel() for p in net.parameters())
    return Demo(
        figure=figure,
        numbers={"테스트 정확도": round(scores[-1], 4), "학습 전 정확도": round(scores[0], 4), "파라미터 수": total,
                 "마지막 손실": round(losses[-1], 4)},
        text=f"필터 {filters}개로 시작하는 파라미터 {amount(total)}개짜리 CNN이 {epochs}에폭 만에 테스트 숫자 360장의 "
             f"{scores[-1]:.1%}를 맞혔습니다. 학습 전에는 {scores[0]:.1%}였습니다.",
        code=CODE.format(filters=filters, kernel=kernel, padding=kernel // 2, epochs=epochs, rate=rate, seed=seed),
        detail=detail,
    )


CONCEPT = Concept(
    slug="cnn",
    title="합성곱 신경망",
    aliases=("CNN", "ConvNet", "convolutional neural network", "convolution neural network", "씨엔엔",
             "컨볼루션 신경망", "이미지 분류", "숫자 분류기", "지역 연결"),
    summary="합성곱과 풀링을 되풀이해 특징을 뽑은 뒤 분류하는 신경망이다.",
    demo=demo,
    controls=(
        Control("filters", "첫 층의 필터 수", 8, 1, 16, 1, words=("필터 수", "필터", "filters", "채널")),
        Control("kernel", "커널 크기", 3, 1, 7, 2, words=("커널 크기", "커널", "kernel")),
        Control("epochs", "에폭", 4, 1, 6, 1, words=("에폭", "epoch", "epochs")),
        Control("rate", "학습률", 0.02, 0.0001, 0.1, 0.0001, words=("학습률", "learning rate", "lr")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
)
