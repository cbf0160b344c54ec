"""SimCLR: 한 그림을 두 번 다르게 변형한 짝은 끌어당기고, 다른 그림은 밀어내며 라벨 없이 표현을 배운다.

$$ \\ell_{i,j} = -\\log \\frac{\\exp(\\mathrm{sim}(z_i, z_j)/\\tau)}{\\sum_{k \\ne i}
   \\exp(\\mathrm{sim}(z_i, z_k)/\\tau)}, \\qquad \\mathrm{sim}(u, v) = \\frac{u \\cdot v}{\\lVert u \\rVert \\lVert v \\rVert} $$

배치가 N장이면 뷰는 2N개이고, 뷰 하나의 부정 짝은 2N-2개이다.

출처: Chen, Kornblith, Norouzi, Hinton (2020), "A Simple Framework for Contrastive Learning of Visual
Representations", ICML.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn
from torch.nn import functional as F

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, COLORS, GREY, titled
from models.generative.rbm import digit_images
from models.learning.losses import cross_entropy
from models.learning.mlp import MLP
from models.reading import COUNT_WORDS, VALUE_WORDS, has, written


def similarities(z: Tensor) -> Tensor:
    """The cosine of every pair: (M, d) -> (M, M)."""
    unit = z / z.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return unit @ unit.T


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """The mean loss of 2N views, ``first[i]`` and ``second[i]`` (N, d) being views of the same picture."""
    views = len(first) * 2
    logits = similarities(torch.cat([first, second])) / temperature  # (2N, 2N)
    logits = logits.masked_fill(torch.eye(views, dtype=torch.bool), -1e9)  # 자기 자신은 후보가 아니다
    partner = torch.arange(views).roll(len(first))  # i의 짝은 i+N, i+N의 짝은 i
    return cross_entropy(logits, partner)


def augment(images: Tensor, noise: float) -> Tensor:
    """A random view of each 8x8 picture (N, 64): shifted by up to one pixel, brighter or darker, noisy."""
    count = len(images)
    padded = F.pad(images.view(count, 8, 8), (1, 1, 1, 1))  # (N, 10, 10)
    top, left = torch.randint(3, (2, count, 1))
    rows, columns = top + torch.arange(8), left + torch.arange(8)  # (N, 8)
    shifted = padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]  # (N, 8, 8)
    bright = 0.6 + 0.8 * torch.rand(count, 1, 1)
    return (bright * shifted + noise * torch.randn(count, 8, 8)).flatten(1)


class SimCLR(nn.Module):
    """An encoder f, kept after training, and a projection head g, thrown away.

    Args:
        features: length of a picture.
        width: length of the representation h.
        code: length of z, in which pairs are compared.
    """

    def __init__(self, features: int = 64, width: int = 64, code: int = 32) -> None:
        super().__init__()
        self.encoder = MLP((features, 96, width), "relu")
        self.head = MLP((width, width, code), "relu")

    def represent(self, x: Tensor) -> Tensor:
        """h = f(x): (N, features) -> (N, width)."""
        return torch.relu(self.encoder(x))

    def forward(self, x: Tensor) -> Tensor:
        """z = g(f(x)): (N, features) -> (N, code)."""
        return self.head(self.represent(x))


def linear_probe(h: Tensor, y: Tensor, train: slice, test: slice) -> float:
    """Accuracy of a linear classifier (ridge regression) on frozen representations: how good they are."""
    mean, std = h[train].mean(0), h[train].std(0) + 1e-3
    scaled = torch.cat([(h - mean) / std, torch.ones(len(h), 1)], 1)  # (N, width + 1)
    a, target = scaled[train], F.one_hot(y[train], 10).float()
    weight = torch.linalg.solve(a.T @ a + 0.1 * len(a) * torch.eye(a.shape[1]), a.T @ target)
    return ((scaled[test] @ weight).argmax(1) == y[test]).float().mean().item()


CODE = """\
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

torch.manual_seed({seed})
x = torch.tensor(load_digits().data / 16, dtype=torch.float32)
encoder = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 64), nn.ReLU())
head = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=0.003)

def view(images):  # 밀고, 밝기를 바꾸고, 잡음을 섞는다
    moved = torch.roll(images.view(-1, 8, 8), tuple(torch.randint(-1, 2, (2,)).tolist()), (1, 2)).flatten(1)
    return moved * (0.6 + 0.8 * torch.rand(len(images), 1)) + {noise} * torch.randn_like(images)

for step in range({steps}):
    batch = x[torch.randint(1200, ({batch},))]
    z = F.normalize(head(encoder(torch.cat([view(batch), view(batch)]))), dim=1)
    logits = (z @ z.T / {temperature}).fill_diagonal_(float("-inf"))
    loss = F.cross_entropy(logits, torch.arange(2 * {batch}).roll({batch}))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("NT-Xent:", loss.item())
"""


def demo(*, temperature: float = 0.2, batch: int = 96, steps: int = 150, noise: float = 0.2, seed: int = 0) -> Demo:
    """Similarities of pairs and strangers before and after training; below, the map of the representations."""
    torch.manual_seed(seed)
    x, y = digit_images()
    model = SimCLR()
    held = slice(1200, None)
    views = augment(x[1200:1400], noise), augment(x[1200:1400], noise)

    def pairs() -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            table = similarities(torch.cat([model(v) for v in views]))[:200, 200:]  # (200, 200)
        return table.diagonal(), table[~torch.eye(200, dtype=torch.bool)]

    before = pairs()
    with torch.no_grad():
        untrained = linear_probe(model.represent(x), y, slice(0, 100), held)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003, fused=True)
    loss = torch.tensor(0.0)
    for _ in range(steps):
        pictures = x[torch.randint(1200, (batch,))]
        z = model(torch.cat([augment(pictures, noise), augment(pictures, noise)]))  # (2N, code)
        loss = nt_xent(z[:batch], z[batch:], temperature)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = pairs()
    with torch.no_grad():
        h = model.represent(x)
        trained = linear_probe(h, y, slice(0, 100), held)

    figure = make_subplots(rows=1, cols=2, subplot_titles=("학습 전", "학습 뒤"))
    edges = torch.linspace(-1, 1, 41)
    for column, (same, other) in enumerate((before, after), 1):
        for values, name, color in ((same, "짝(같은 그림의 두 뷰)", BLUE), (other, "남(다른 그림)", GREY)):
            share = torch.histc(values, 40, -1, 1) / len(values)
            figure.add_trace(go.Scatter(x=[round(v, 3) for v in edges[:-1].tolist()],
                                        y=[round(v, 4) for v in share.tolist()],
                                        fill="tozeroy", mode="lines", name=name, line_color=color,
                                        showlegend=column == 1), row=1, col=column)
    titled(figure, f"두 뷰를 끌어당기고 남을 밀어낸다 (τ={temperature:g}, 배치 {batch}장)", "코사인 유사도", "비율")

    centered = h[held] - h[held].mean(0)
    plane = centered @ torch.linalg.svd(centered, full_matrices=False).Vh[:2].T
    detail = go.Figure()
    for digit in range(10):
        points = plane[y[held] == digit].tolist()
        detail.add_trace(go.Scatter(x=[round(p[0], 2) for p in points], y=[round(p[1], 2) for p in points],
                                    mode="markers", name=str(digit),
                                    marker={"color": (*COLORS, "#111827", "#f59e0b")[digit], "size": 5}))
    titled(detail, "라벨 없이 배운 표현 h: 색은 나중에 칠한 정답", "첫째 방향", "둘째 방향")
    gap = [(same.mean() - other.mean()).item() for same, other in (before, after)]
    return Demo(
        figure=figure,
        numbers={"짝의 유사도": round(after[0].mean().item(), 3), "남과의 유사도": round(after[1].mean().item(), 3),
                 "NT-Xent 손실": round(loss.item(), 4), "찍을 때의 손실 log(2N-1)": round(math.log(2 * batch - 1), 4),
                 "선형 평가(학습 전)": round(untrained, 4), "선형 평가(학습 뒤)": round(trained, 4),
                 "뷰 하나의 부정 짝": 2 * batch - 2},
        text=f"짝과 남의 유사도 차이가 {gap[0]:.2f}에서 {gap[1]:.2f}로 벌어졌습니다. 라벨 100개만 쓴 선형 분류기의 "
             f"정확도는 {untrained:.1%}에서 {trained:.1%}로 {'올랐습니다' if trained > untrained else '바뀌었습니다'}.",
        code=CODE.format(seed=seed, noise=noise, steps=steps, batch=batch, temperature=temperature),
        detail=detail,
    )


_NAMES = ("simclr", "심씨엘알", "대조 학습", "contrastive", "nt-xent", "ntxent")


def _pictures(question: str) -> int | None:
    found = re.search(r"(?:배치(?:\s*크기)?(?:가|를|는)?|사진|이미지|그림|N)\s*=?\s*(\d+)\s*(?:장|개)?|(\d+)\s*장",
                      question)
    return int(found[1] or found[2]) if found and int(found[1] or found[2]) > 0 else None


def parse_pairs(question: str) -> Mapping[str, Any] | None:
    """``배치 256장이면 뷰 하나의 부정 짝은 몇 개?`` -> the pictures of a batch, and what is counted."""
    count = _pictures(question)
    if count is None or not has(question, _NAMES, COUNT_WORDS):
        return None
    if has(question, ("부정 짝", "negative", "네거티브", "음성 쌍", "부정 쌍")):
        return {"pictures": count, "negatives": True}
    return {"pictures": count, "negatives": False} if has(question, ("뷰는", "뷰가", "view")) else None


def run_pairs(pictures: int, negatives: bool) -> Computed:
    """How many views a batch gives, or how many of them are negatives of one view."""
    views = 2 * pictures
    if not negatives:
        return Computed(value=written(views), steps=f"사진마다 뷰를 둘 만드므로 2 × {pictures:,} = {views:,}개입니다.",
                        formula="$2N$")
    return Computed(value=written(views - 2), formula="$2N - 2$",
                    steps=f"뷰는 2 × {pictures:,} = {views:,}개이고, 자신과 짝을 뺀 {views - 2:,}개가 부정 짝입니다.")


def parse_chance(question: str) -> Mapping[str, Any] | None:
    """``사진 4장의 모든 유사도가 같으면 NT-Xent 손실은?`` -> the pictures of a batch."""
    count = _pictures(question)
    same = has(question, ("유사도가 같", "유사도가 모두 같", "유사도가 다 같", "구별하지 못"))
    return {"pictures": count} if count and same and has(question, _NAMES, ("손실", "loss"), VALUE_WORDS) else None


def run_chance(pictures: int) -> Computed:
    """The loss where every candidate looks alike."""
    value = math.log(2 * pictures - 1)
    return Computed(value=written(value), formula="$\\log(2N - 1)$",
                    steps=f"자신을 뺀 후보 2 × {pictures:,} - 1 = {2 * pictures - 1:,}개가 똑같아 보이므로 log "
                          f"{2 * pictures - 1:,} = {written(value)}입니다.")


CONCEPT = Concept(
    slug="simclr",
    title="SimCLR (대조 학습)",
    aliases=("SimCLR", "심씨엘알", "contrastive learning", "대조 학습", "대조학습", "자기지도 학습", "자기지도학습",
             "self-supervised learning", "NT-Xent",
             "프로젝션 헤드", "투영 머리", "projection head", "positive pair", "negative pair", "부정 짝"),
    summary="한 그림의 두 뷰는 끌어당기고 다른 그림은 밀어내며 라벨 없이 표현을 배운다.",
    demo=demo,
    controls=(
        Control("temperature", "온도 τ", 0.2, 0.05, 2.0, 0.05, words=("온도", "temperature", "타우", "τ")),
        Control("batch", "배치의 그림 수 N", 96, 4, 192, 4, words=("배치 크기", "배치", "batch")),
        Control("steps", "학습 걸음", 150, 10, 300, 10, words=("걸음", "steps", "스텝")),
        Control("noise", "뷰의 잡음", 0.2, 0.0, 0.6, 0.05, words=("잡음", "노이즈", "noise")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("뷰와 부정 짝의 수", parse_pairs, run_pairs, "SimCLR 부정 짝 2N-2 뷰"),
        Computation("구별하지 못할 때의 NT-Xent", parse_chance, run_chance, "NT-Xent 유사도 같으면 log(2N-1)"),
    ),
)
