"""ResNet(잔차 신경망): 입력을 몇 층 건너 그대로 더해 아주 깊은 망도 배우게 한다.

$$ y = \\mathrm{ReLU}\\big(F(x) + W_s x\\big), \\qquad
\\frac{\\partial}{\\partial x}\\big(F(x) + x\\big) = \\frac{\\partial F}{\\partial x} + I $$

$W_s$는 모양이 같으면 항등이고, 다르면 1x1 합성곱이다.

출처: He et al. (2016), "Deep Residual Learning for Image Recognition".
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Concept, ConceptError, Control, Demo
from models.figures import BLUE, RED, titled
from models.learning.activation import relu
from models.learning.batch_norm import BatchNorm2d
from models.learning.linear_layer import Linear
from models.learning.losses import cross_entropy
from models.vision.cnn import digits, train
from models.vision.convolution import Conv2d
from models.vision.pooling import MaxPool2d, global_avg_pool
from models.vision.summary import count


class _Block(nn.Module, ABC):
    """What both blocks share: the way past the convolutions, and the sum.

    Args:
        skip: without it the block is a plain stack of layers (to compare with).
    """

    expansion = 1

    def __init__(self, channels: int, width: int, stride: int, skip: bool) -> None:
        super().__init__()
        self.skip = skip
        self.downsample: nn.Module | None = None
        if skip and (stride != 1 or channels != width * self.expansion):  # 모양이 다르면 지름길도 맞춘다
            self.downsample = nn.Sequential(Conv2d(channels, width * self.expansion, 1, stride, bias=False),
                                            BatchNorm2d(width * self.expansion))

    @abstractmethod
    def residual(self, x: Tensor) -> Tensor:
        """F(x)."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, width * expansion, H / stride, W / stride)."""
        y = self.residual(x)
        if self.skip:
            y = y + (x if self.downsample is None else self.downsample(x))  # F(x) + x
        return relu(y)  # 더한 다음에 ReLU


class BasicBlock(_Block):
    """Two 3x3 convolutions (ResNet-18 and 34); names as in torchvision, so that its weights fit."""

    def __init__(self, channels: int, width: int, stride: int = 1, skip: bool = True) -> None:
        super().__init__(channels, width, stride, skip)
        self.conv1, self.bn1 = Conv2d(channels, width, 3, stride, 1, bias=False), BatchNorm2d(width)
        self.conv2, self.bn2 = Conv2d(width, width, 3, 1, 1, bias=False), BatchNorm2d(width)

    def residual(self, x: Tensor) -> Tensor:
        """3x3, 3x3."""
        return self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))


class Bottleneck(_Block):
    """1x1 to fewer channels, 3x3, 1x1 to four times as many (ResNet-50, 101, 152)."""

    expansion = 4

    def __init__(self, channels: int, width: int, stride: int = 1, skip: bool = True) -> None:
        super().__init__(channels, width, stride, skip)
        self.conv1, self.bn1 = Conv2d(channels, width, 1, bias=False), BatchNorm2d(width)
        self.conv2, self.bn2 = Conv2d(width, width, 3, stride, 1, bias=False), BatchNorm2d(width)
        self.conv3, self.bn3 = Conv2d(width, 4 * width, 1, bias=False), BatchNorm2d(4 * width)

    def residual(self, x: Tensor) -> Tensor:
        """1x1, 3x3, 1x1."""
        x = relu(self.bn1(self.conv1(x)))
        x = relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))


STAGES: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)), 34: (BasicBlock, (3, 4, 6, 3)), 50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)), 152: (Bottleneck, (3, 8, 36, 3)),
}


def _stage(block: type[BasicBlock] | type[Bottleneck], channels: int, width: int, repeats: int, stride: int,
           skip: bool) -> nn.Sequential:
    first = block(channels, width, stride, skip)
    return nn.Sequential(first, *[block(width * block.expansion, width, 1, skip) for _ in range(repeats - 1)])


class ResNet(nn.Module):
    """ResNet-18, 34, 50, 101 or 152; parameters are named as in torchvision.

    Args:
        width: channels of the first stage (64); less, to run a small one.
        skip: without it the plain network of the paper's comparison.
    """

    def __init__(self, depth: int = 50, classes: int = 1000, width: int = 64, skip: bool = True) -> None:
        super().__init__()
        if depth not in STAGES:
            raise ConceptError(f"층 수 {depth}: {', '.join(map(str, STAGES))} 중 하나여야 합니다.")
        block, repeats = STAGES[depth]
        self.conv1, self.bn1 = Conv2d(3, width, 7, 2, 3, bias=False), BatchNorm2d(width)
        self.maxpool = MaxPool2d(3, 2, 1)
        wide = block.expansion
        self.layer1 = _stage(block, width, width, repeats[0], 1, skip)
        self.layer2 = _stage(block, width * wide, 2 * width, repeats[1], 2, skip)
        self.layer3 = _stage(block, 2 * width * wide, 4 * width, repeats[2], 2, skip)
        self.layer4 = _stage(block, 4 * width * wide, 8 * width, repeats[3], 2, skip)
        self.fc = Linear(8 * width * wide, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> scores (B, classes)."""
        x = self.maxpool(relu(self.bn1(self.conv1(x))))  # (B, width, H/4, W/4)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (B, 8*width*expansion, H/32, W/32)
        return self.fc(global_avg_pool(x))


class Tower(nn.Module):
    """A small network for the digits: one convolution, ``blocks`` basic blocks of one width, one linear layer."""

    def __init__(self, blocks: int, width: int, skip: bool) -> None:
        super().__init__()
        self.stem = Conv2d(1, width, 3, stride=2, padding=1)  # (B, 1, 8, 8) -> (B, width, 4, 4)
        self.blocks = nn.ModuleList([BasicBlock(width, width, skip=skip) for _ in range(blocks)])
        self.classify = Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 8, 8) -> scores (B, 10)."""
        x = relu(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.classify(global_avg_pool(x))


def parameters(depth: int) -> int:
    """How many numbers the published ResNet of ``depth`` learns."""
    with torch.device("meta"):
        return count(ResNet(depth))


CODE = """\
import torch
from sklearn.datasets import load_digits
from torch import nn


class Block(nn.Module):
    def __init__(self, c, skip):
        super().__init__()
        self.skip = skip
        self.f = nn.Sequential(nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), nn.ReLU(),
                               nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c))

    def forward(self, x):
        return torch.relu(self.f(x) + x if self.skip else self.f(x))


data = load_digits()
x = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16
y = torch.tensor(data.target)
for skip in (True, False):
    torch.manual_seed({seed})
    net = nn.Sequential(nn.Conv2d(1, {width}, 3, stride=2, padding=1), nn.ReLU(),
                        *[Block({width}, skip) for _ in range({blocks})],
                        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear({width}, 10))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for step in range({steps}):
        rows = torch.randint(0, len(y), (32,))
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("지름길", skip, "마지막 손실", loss.item())
"""


def gradients(blocks: int, width: int, skip: bool, seed: int) -> list[float]:
    """The norm of the gradient of the first convolution of each block, before any training."""
    torch.manual_seed(seed)
    net = Tower(blocks, width, skip)
    data = digits()
    weights = [net.get_parameter(f"blocks.{i}.conv1.weight") for i in range(blocks)]
    found = torch.autograd.grad(cross_entropy(net(data.x[:64]), data.y[:64]), weights)
    return [float(f"{gradient.norm().item():.4g}") for gradient in found]


def demo(*, blocks: int = 6, width: int = 8, steps: int = 20, seed: int = 0) -> Demo:
    """The same tower trained with and without the skips; below, the gradient that reaches each block."""
    data = digits()
    ways = {"지름길 있음": (True, BLUE), "지름길 없음": (False, RED)}
    figure, detail, last, spread = go.Figure(), go.Figure(), {}, {}
    for name, (skip, color) in ways.items():
        torch.manual_seed(seed)
        losses = train(Tower(blocks, width, skip), data.x, data.y, steps=steps, batch=32, rate=0.01,
                       generator=torch.Generator().manual_seed(seed))
        figure.add_trace(go.Scatter(y=[round(v, 4) for v in losses], name=name, line={"color": color}))
        norms = gradients(blocks, width, skip, seed)
        detail.add_trace(go.Scatter(x=list(range(1, blocks + 1)), y=norms, name=name, mode="lines+markers",
                                    line={"color": color}))
        last[name] = sum(losses[-5:]) / len(losses[-5:])
        spread[name] = max(norms) / min(norms)
    titled(figure, f"{2 * blocks}층짜리 블록 탑의 훈련 손실", "걸음", "교차 엔트로피")
    detail.update_yaxes(type="log")
    titled(detail, "학습 전에 각 블록에 닿는 기울기의 크기", "블록 (앞쪽부터)", "기울기의 크기(로그)")
    (with_skip, without), (even, uneven) = last.values(), spread.values()
    better = with_skip < without
    verdict = "지름길이 있는 쪽이 더 잘 배웠습니다" if better else "이 깊이에서는 지름길의 이득이 없었습니다"
    return Demo(
        figure=figure,
        numbers={"마지막 손실(지름길 있음)": round(with_skip, 3), "마지막 손실(지름길 없음)": round(without, 3),
                 "기울기의 최대/최소(지름길 있음)": round(even, 2), "기울기의 최대/최소(지름길 없음)": round(uneven, 2),
                 **{f"ResNet-{depth} 파라미터 수": parameters(depth) for depth in (18, 50, 152)}},
        text=f"블록 {blocks}개(합성곱 {2 * blocks}층)를 {steps}걸음 배우자 마지막 손실은 지름길이 있으면 "
             f"{with_skip:.2f}, 없으면 {without:.2f}입니다. {verdict}. 두 망의 파라미터 수는 같습니다.",
        code=CODE.format(seed=seed, width=width, blocks=blocks, steps=steps),
        detail=detail,
    )


CONCEPT = Concept(
    slug="resnet",
    title="ResNet",
    aliases=("ResNet", "레즈넷", "레스넷", "래스넷", "잔차 신경망", "residual network", "ResNet18", "ResNet50",
             "ResNet152", "ResNet-50", "잔차 연결", "residual connection", "스킵 연결", "스킵 커넥션",
             "skip connection", "잔차 블록", "residual block", "병목 블록", "bottleneck block",
             "지름길 연결", "shortcut connection", "DenseNet"),
    summary="입력을 몇 층 건너 출력에 그대로 더해 아주 깊은 망을 배우게 한다.",
    demo=demo,
    controls=(
        Control("blocks", "블록 수", 6, 1, 14, 1, words=("블록 수", "블록", "blocks")),
        Control("width", "채널 수", 8, 2, 16, 1, words=("채널", "width")),
        Control("steps", "학습 걸음", 20, 5, 30, 1, words=("걸음", "학습 단계", "steps")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
)
