"""AlexNet: 2012년 이미지넷 대회에서 우승한, 합성곱 5층과 완전연결 3층의 신경망.

$$ \\frac{227-11}{4}+1 = 55, \\qquad 6\\cdot6\\cdot256 = 9216 \\to 4096 \\to 4096 \\to 1000 $$

국소 반응 정규화(LRN)는 이웃한 채널의 제곱 평균으로 값을 눌러 준다.

$$ b_c = a_c \\Big/ \\Big(k + \\frac{\\alpha}{n}\\sum_{j} a_j^2\\Big)^{\\beta} $$

출처: Krizhevsky, Sutskever & Hinton (2012), "ImageNet Classification with Deep Convolutional Neural Networks".
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.concept import Concept, ConceptError, Control, Demo
from models.learning.activation import Activation
from models.learning.dropout import Dropout
from models.learning.linear_layer import Linear
from models.vision.convolution import Conv2d
from models.vision.pooling import MaxPool2d
from models.vision.summary import Row, bars, rows, sheet
from models.vision.window import amount, output_size

LAYERS = ("CONV1", "POOL1", "CONV2", "POOL2", "CONV3", "CONV4", "CONV5", "POOL3", "FC6", "FC7", "FC8")


class LocalResponseNorm(nn.Module):
    """Divide by the energy of the neighbouring channels; arguments as in ``torch.nn.LocalResponseNorm``."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        before = self.size // 2
        squares = F.pad(x * x, (0, 0, 0, 0, before, self.size - 1 - before))  # 채널 축의 양 끝을 0으로
        energy = squares.unfold(1, self.size, 1).mean(dim=-1)  # (B, C, H, W): 1/n sum a_j^2
        return x / (self.k + self.alpha * energy) ** self.beta


def feature_side(side: int) -> int:
    """The side of the maps before FC6 for a picture of ``side``: 227 -> 6.

    Raises:
        ConceptError: the picture is too small for the filters and pools.
    """
    for kernel, stride in ((11, 4), (3, 2), (3, 2), (3, 2)):  # CONV1과 풀링 셋만 크기를 바꾼다
        side = output_size(side, kernel, stride)
    return side


class AlexNet(nn.Module):
    """AlexNet as in the paper, on one device.

    Args:
        groups: 2 as in the paper (CONV2, 4 and 5 saw only the maps of their own GPU), 1 for all connections.
        side: of the square colour pictures.
        channels: of the five convolutions (each a multiple of ``groups``).
        hidden: width of FC6 and FC7.
    """

    def __init__(self, classes: int = 1000, groups: int = 2, side: int = 227,
                 channels: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256), hidden: int = 4096) -> None:
        super().__init__()
        if any(c % groups for c in channels):
            raise ConceptError(f"채널 {channels}: 모두 그룹 수 {groups}로 나누어떨어져야 합니다.")
        c1, c2, c3, c4, c5 = channels
        flat = c5 * feature_side(side) ** 2
        self.layers = nn.Sequential(OrderedDict([
            ("CONV1", Conv2d(3, c1, 11, stride=4)), ("ReLU1", Activation("relu")),  # (96, 55, 55)
            ("POOL1", MaxPool2d(3, 2)), ("LRN1", LocalResponseNorm(5, k=2.0)),  # (96, 27, 27)
            ("CONV2", Conv2d(c1, c2, 5, padding=2, groups=groups)), ("ReLU2", Activation("relu")),  # (256, 27, 27)
            ("POOL2", MaxPool2d(3, 2)), ("LRN2", LocalResponseNorm(5, k=2.0)),  # (256, 13, 13)
            ("CONV3", Conv2d(c2, c3, 3, padding=1)), ("ReLU3", Activation("relu")),  # (384, 13, 13)
            ("CONV4", Conv2d(c3, c4, 3, padding=1, groups=groups)), ("ReLU4", Activation("relu")),
            ("CONV5", Conv2d(c4, c5, 3, padding=1, groups=groups)), ("ReLU5", Activation("relu")),  # (256, 13, 13)
            ("POOL3", MaxPool2d(3, 2)), ("펼치기", nn.Flatten()),  # (256, 6, 6) -> (9216,)
            ("Drop6", Dropout(0.5)), ("FC6", Linear(flat, hidden)), ("ReLU6", Activation("relu")),
            ("Drop7", Dropout(0.5)), ("FC7", Linear(hidden, hidden)), ("ReLU7", Activation("relu")),
            ("FC8", Linear(hidden, classes)),
        ]))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, side, side) -> scores (B, classes)."""
        return self.layers(x)


def table(groups: int = 2, side: int = 227, classes: int = 1000) -> list[Row]:
    """The layers of the paper's table with their shapes and parameters."""
    with torch.device("meta"):
        net = AlexNet(classes, groups, side).eval()
    return [row for row in rows(net.layers, (3, side, side)) if row.name in ("입력", *LAYERS)]


CODE = """\
import torch
from torch import nn

g = {groups}
with torch.device("meta"):                        # 값을 만들지 않고 모양만 따라간다
    layers = [
        nn.Conv2d(3, 96, 11, stride=4), nn.MaxPool2d(3, 2), nn.Conv2d(96, 256, 5, padding=2, groups=g),
        nn.MaxPool2d(3, 2), nn.Conv2d(256, 384, 3, padding=1), nn.Conv2d(384, 384, 3, padding=1, groups=g),
        nn.Conv2d(384, 256, 3, padding=1, groups=g), nn.MaxPool2d(3, 2), nn.Flatten(),
        nn.LazyLinear(4096), nn.Linear(4096, 4096), nn.Linear(4096, {classes}),
    ]
    x = torch.empty(1, 3, {side}, {side})
    for layer in layers:
        x = layer(x)
        print(type(layer).__name__, tuple(x.shape[1:]), sum(p.numel() for p in layer.parameters()))
print("모두:", sum(p.numel() for layer in layers for p in layer.parameters()))
"""


def demo(*, side: int = 227, groups: int = 1, classes: int = 1000) -> Demo:
    """Parameters of every layer; below, the whole way from the picture to the scores."""
    layers = table(groups, side, classes)
    total = sum(row.parameters for row in layers)
    dense = sum(row.parameters for row in layers if row.name.startswith("FC"))
    work = sum(row.multiplications for row in layers)
    convolved = sum(row.multiplications for row in layers if row.name.startswith("CONV"))
    shape = layers[1].shape
    return Demo(
        figure=bars(layers, f"AlexNet의 층별 파라미터: 모두 {amount(total)}개"),
        numbers={"파라미터 수": total, "완전연결층의 비율": round(dense / total, 4), "CONV1 출력의 한 변": shape[1],
                 "FC6에 들어가는 길이": 256 * feature_side(side) ** 2, "곱셈 수": work,
                 "32비트로 저장한 크기(MB)": round(total * 4 / 1e6, 1)},
        text=f"{side}x{side} 컬러 사진은 CONV1을 지나 {shape[1]}x{shape[2]} 특징 맵 96장이 됩니다. 파라미터 "
             f"{amount(total)}개 가운데 {dense / total:.1%}는 완전연결층에 있지만, 곱셈의 {convolved / work:.1%}는 "
             "합성곱층이 합니다.",
        code=CODE.format(groups=groups, side=side, classes=classes),
        detail=sheet(layers, f"입력 {side}x{side}, 그룹 {groups}개일 때 층별 크기"),
    )


CONCEPT = Concept(
    slug="alexnet",
    title="AlexNet",
    aliases=("AlexNet", "알렉스넷", "Alex Net", "알랙스넷", "크리제프스키", "Krizhevsky", "국소 반응 정규화", "LRN",
             "local response normalization"),
    summary="2012년 이미지넷 대회에서 우승해 딥러닝 시대를 연 합성곱 신경망이다.",
    demo=demo,
    controls=(
        Control("side", "입력의 한 변", 227, 67, 451, 1, words=("입력 크기", "입력", "이미지"),
                pattern=r"(\d{2,3})\s*[x×]\s*\d{2,3}"),
        Control("groups", "그룹 수(논문은 2)", 1, 1, 2, 1, words=("그룹", "groups", "group", "GPU")),
        Control("classes", "클래스 수", 1000, 2, 20000, 1, words=("클래스", "class", "classes")),
    ),
)
