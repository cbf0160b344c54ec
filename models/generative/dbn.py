"""심층 신뢰 신경망(DBN): RBM을 아래층부터 한 층씩 미리 학습해 쌓고, 라벨로 다듬는다.

$$ p(v, h^1, \\dots, h^L) = \\Big(\\prod_{l=0}^{L-2} p(h^{l} \\mid h^{l+1})\\Big)\\, p(h^{L-1}, h^{L}), \\; h^0 = v $$

맨 위 두 층만 RBM으로 방향이 없고, 아래는 위에서 아래로 향한다.

출처: Hinton, Osindero, Teh (2006), "A Fast Learning Algorithm for Deep Belief Nets", Neural Computation 18.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREY, titled
from models.generative.rbm import RBM, digit_images, mosaic, picture
from models.learning.losses import cross_entropy
from models.learning.mlp import MLP
from models.reading import COUNT_WORDS, has, written


class DBN(nn.Module):
    """A stack of RBMs: the hidden layer of one is the visible layer of the next.

    Args:
        sizes: units of each layer, the data first.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        if len(sizes) < 2:
            raise ValueError(f"sizes={list(sizes)}: at least the data and one hidden layer")
        self.sizes = tuple(sizes)
        self.rbms = nn.ModuleList(RBM(a, b) for a, b in pairwise(sizes))

    @property
    def stack(self) -> list[RBM]:
        """The machines, the one next to the data first."""
        return [rbm for rbm in self.rbms if isinstance(rbm, RBM)]

    def pretrain(self, data: Tensor, epochs: int) -> list[list[float]]:
        """Greedy, without labels: each RBM learns what the one below makes of ``data`` (N, sizes[0]).

        Returns:
            The reconstruction error of each epoch, for each layer.
        """
        errors = []
        for rbm in self.stack:
            errors.append(rbm.learn(data, epochs))
            with torch.no_grad():
                data = rbm.encode(data)  # 굳힌 층의 은닉값이 다음 층의 데이터가 된다
        return errors

    def classifier(self, classes: int) -> MLP:
        """A sigmoid network that starts from the stack's weights, with a new last layer for ``classes``."""
        model = MLP((*self.sizes, classes), "sigmoid", dtype=self.stack[0].weight.dtype)
        with torch.no_grad():
            for layer, rbm in zip(model.layers, self.stack, strict=False):
                layer.load_state_dict({"weight": rbm.weight.T, "bias": rbm.hidden_bias})
        return model

    @torch.no_grad()
    def dream(self, start: Tensor, rounds: int) -> Tensor:
        """Samples (N, sizes[0]): from ``start``, the top two layers go back and forth, then one way down."""
        v = start
        for rbm in self.stack[:-1]:
            v = rbm.encode(v)
        top = self.stack[-1]
        for _ in range(rounds):
            v = torch.bernoulli(top.decode(torch.bernoulli(top.encode(v))))  # p(h^{L-1}, h^L)에서 뽑는다
        for rbm in reversed(self.stack[:-1]):
            v = rbm.decode(v)  # p(h^l | h^{l+1})
        return v


def fine_tune(model: MLP, x: Tensor, y: Tensor, test_x: Tensor, test_y: Tensor, steps: int, *,
              every: int = 10) -> list[float]:
    """Backpropagation through all layers (momentum descent); returns the test accuracy every few steps."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
    accuracy = []
    for step in range(steps + 1):
        if step % every == 0:
            with torch.no_grad():
                accuracy.append((model(test_x).argmax(1) == test_y).float().mean().item())
        pick = torch.randint(len(x), (64,))
        optimizer.zero_grad()
        cross_entropy(model(x[pick]), y[pick]).backward()
        optimizer.step()
    return accuracy


CODE = """\
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed({seed})
digits = load_digits()
x, y = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
layers, h = [], x[:1200]
for _ in range({depth}):                                        # 층별 사전학습(라벨 없이, CD-1)
    w, b, c = 0.1 * torch.randn(h.shape[1], {width}), torch.zeros(h.shape[1]), torch.zeros({width})
    for _ in range({epochs}):
        for v0 in h[torch.randperm(len(h))].split(50):
            h0 = torch.sigmoid(v0 @ w + c)
            v1 = torch.sigmoid(torch.bernoulli(h0) @ w.T + b)
            h1 = torch.sigmoid(v1 @ w + c)
            w += 0.2 / len(v0) * (v0.T @ h0 - v1.T @ h1)
            b += 0.2 * (v0 - v1).mean(0)
            c += 0.2 * (h0 - h1).mean(0)
    linear = nn.Linear(*w.shape)
    linear.weight.data, linear.bias.data = w.T.clone(), c.clone()
    layers += [linear, nn.Sigmoid()]
    h = torch.sigmoid(h @ w + c)                                # 다음 층의 데이터
model = nn.Sequential(*layers, nn.Linear({width}, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
for step in range({steps}):                                     # 미세 조정(라벨로)
    i = torch.randint(400, (64,))
    loss = nn.functional.cross_entropy(model(x[i]), y[i])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("정확도:", (model(x[1200:]).argmax(1) == y[1200:]).float().mean().item())
"""


def demo(*, depth: int = 3, width: int = 48, epochs: int = 6, steps: int = 120, seed: int = 0) -> Demo:
    """The same sigmoid network fine-tuned from pretrained and from random weights; below, what the stack dreams."""
    torch.manual_seed(seed)
    x, y = digit_images()
    train, labelled = x[:1200], 400  # 라벨은 400개뿐이라고 하자
    stack = DBN((64, *[width] * depth))
    errors = stack.pretrain(train, epochs)
    curves = {}
    for name in ("층별 사전학습에서 시작", "무작위에서 시작"):
        torch.manual_seed(seed + 1)
        model = stack.classifier(10) if name.startswith("층별") else MLP((*stack.sizes, 10), "sigmoid")
        curves[name] = fine_tune(model, x[:labelled], y[:labelled], x[1200:], y[1200:], steps)

    figure = go.Figure([go.Scatter(x=list(range(0, steps + 1, 10)), y=[round(v, 4) for v in values],
                                   mode="lines+markers", name=name, line_color=color) for (name, values),
                        color in zip(curves.items(), (BLUE, GREY), strict=True)])
    figure.update_yaxes(range=[0, 1])
    titled(figure, f"시그모이드 은닉층 {depth}개를 라벨 {labelled}개로 미세 조정", "걸음", "보지 못한 숫자의 정확도")

    detail = go.Figure(picture(mosaic(stack.dream(train[:16], 30), 8)))
    detail.update_xaxes(showticklabels=False)
    detail.update_yaxes(showticklabels=False)
    titled(detail, "맨 위에서 뽑아 아래로 내려보낸 그림", "가로", "세로", height=320)
    pre, random = (values[-1] for values in curves.values())
    text = f"은닉층 {depth}개를 한 층씩 미리 배운 망은 {pre:.1%}, 무작위에서 시작한 망은 {random:.1%}입니다. "
    text += ("무작위로 시작한 쪽은 기울기가 앞층까지 닿지 못해 제자리걸음입니다." if random < 0.3
             else "층이 얕으면 무작위로 시작해도 곧 따라옵니다."
             if pre - random < 0.15 else "같은 걸음 수로는 큰 차이가 납니다.")
    return Demo(
        figure=figure,
        numbers={"사전학습에서 시작한 정확도": round(pre, 4), "무작위에서 시작한 정확도": round(random, 4),
                 "학습한 RBM의 수": depth,
                 **{f"{i}층 재구성 오차": round(e[-1], 4) for i, e in enumerate(errors, 1)}},
        text=text,
        code=CODE.format(seed=seed, depth=depth, width=width, epochs=epochs, steps=steps),
        detail=detail,
    )


def parse(question: str) -> Mapping[str, Any] | None:
    """``64-64-32-10 구조의 DBN에서 사전 학습하는 RBM은 몇 개?`` -> the sizes, and what is counted."""
    if not has(question, ("dbn", "심층 신뢰", "deep belief", "딥 빌리프"), COUNT_WORDS):
        return None
    found = re.search(r"\d+(?:\s*(?:-|–|→|->)\s*\d+){2,}", question)
    if found is None:
        return None
    counted = "rbm" if has(question, ("rbm", "볼츠만")) else "weights" if has(question, ("가중치",)) else None
    return {"sizes": [int(n) for n in re.findall(r"\d+", found[0])], "counted": counted} if counted else None


def run(sizes: Sequence[int], counted: str) -> Computed:
    """How many RBMs are pretrained below the layer of labels, or how many weights the whole network has."""
    stack = list(pairwise(sizes[:-1]))
    if counted == "weights":
        total = sum(a * b for a, b in pairwise(sizes))
        return Computed(value=written(total), formula="$\\sum_l d_{l-1} d_l$",
                        steps=f"{' + '.join(f'{a} × {b}' for a, b in pairwise(sizes))} = {total:,}개입니다(편향은 뺀 "
                              "수).")
    return Computed(value=str(len(stack)), formula="$L - 2$",
                    steps=f"라벨로 배우는 마지막 {sizes[-1]}칸을 뺀 이웃한 두 층마다 하나씩, "
                          f"{', '.join(f'{a}×{b}' for a, b in stack)}의 {len(stack)}개를 미리 학습합니다.")


CONCEPT = Concept(
    slug="dbn",
    title="심층 신뢰 신경망",
    aliases=("DBN", "Deep Belief Network", "심층 신뢰 신경망", "심층신뢰망", "심층 신뢰망", "딥 빌리프 네트워크",
             "층별 사전학습", "greedy layer-wise pretraining", "pre-tuning", "탐욕적 층별 학습"),
    summary="RBM을 아래층부터 한 층씩 미리 학습해 쌓은 뒤 라벨로 다듬는다.",
    demo=demo,
    controls=(
        Control("depth", "은닉층의 수", 3, 1, 5, 1, words=("은닉층", "깊이", "층", "depth")),
        Control("width", "층의 너비", 48, 8, 96, 1, words=("너비", "유닛", "width")),
        Control("epochs", "사전학습 에폭", 6, 1, 12, 1, words=("에폭", "에포크", "epoch")),
        Control("steps", "미세 조정 걸음", 120, 10, 250, 10, words=("걸음", "steps", "스텝")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("DBN의 RBM과 가중치 수", parse, run, "DBN RBM 두 개 차례로 사전 조정 층"),),
)
