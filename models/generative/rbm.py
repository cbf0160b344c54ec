"""제한된 볼츠만 머신(RBM): 가시층과 은닉층을 같은 가중치로 오가며 입력의 분포를 배운다.

$$ E(v, h) = -b^\\top v - c^\\top h - v^\\top W h, \\qquad
   p(h_j{=}1 \\mid v) = \\sigma(c_j + \\textstyle\\sum_i v_i W_{ij}), \\qquad
   p(v_i{=}1 \\mid h) = \\sigma(b_i + \\textstyle\\sum_j W_{ij} h_j) $$

대조 발산(CD-k)은 k번만 왕복해 기울기를 어림한다: $\\Delta W = \\eta\\,(v^0 {h^0}^\\top - v^k {h^k}^\\top)$.

출처: Smolensky (1986), "Information processing in dynamical systems"; Hinton (2002), "Training Products of Experts by
Minimizing Contrastive Divergence", Neural Computation 14.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn
from torch.nn import functional as F

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import titled
from models.reading import COUNT_WORDS, has, named_numbers, written


class RBM(nn.Module):
    """Two layers of 0/1 units joined by one weight matrix, used in both directions.

    Args:
        visible: units n of the layer that holds the data.
        hidden: units m of the layer that holds the features.
    """

    def __init__(self, visible: int, hidden: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(visible, hidden) * 0.1)  # (n, m)
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))

    def encode(self, v: Tensor) -> Tensor:
        """Forward: p(h=1 | v). (N, n) -> (N, m)."""
        return torch.sigmoid(v @ self.weight + self.hidden_bias)

    def decode(self, h: Tensor) -> Tensor:
        """Backward: p(v=1 | h), by the same weights transposed. (N, m) -> (N, n)."""
        return torch.sigmoid(h @ self.weight.T + self.visible_bias)

    def forward(self, v: Tensor) -> Tensor:
        """There and back: the reconstruction of ``v``, (N, n) -> (N, n)."""
        return self.decode(self.encode(v))

    def energy(self, v: Tensor, h: Tensor) -> Tensor:
        """E(v, h) of each pair: (N, n), (N, m) -> (N,). Lower is more likely."""
        return -(v @ self.visible_bias) - h @ self.hidden_bias - ((v @ self.weight) * h).sum(1)

    def free_energy(self, v: Tensor) -> Tensor:
        """-log of the sum of exp(-E(v, h)) over all h: (N, n) -> (N,)."""
        return -(v @ self.visible_bias) - F.softplus(v @ self.weight + self.hidden_bias).sum(1)

    @torch.no_grad()
    def contrast(self, v0: Tensor, rate: float, rounds: int = 1) -> float:
        """One step of contrastive divergence (CD-k) on a batch (N, n), in place; returns the reconstruction error."""
        h0 = self.encode(v0)
        h, v = h0, v0
        for _ in range(rounds):
            v = self.decode(torch.bernoulli(h))  # 은닉은 0/1로 뽑아야 정보의 병목이 된다
            h = self.encode(v)
        step = rate / len(v0)
        self.weight.add_(v0.T @ h0 - v.T @ h, alpha=step)  # 양의 단계 - 음의 단계
        self.visible_bias.add_((v0 - v).sum(0), alpha=step)
        self.hidden_bias.add_((h0 - h).sum(0), alpha=step)
        return ((v0 - v) ** 2).mean().item()

    def learn(self, data: Tensor, epochs: int, rate: float = 0.2, rounds: int = 1, batch: int = 50) -> list[float]:
        """Train on ``data`` (N, n), values 0..1; returns the mean reconstruction error of each epoch."""
        errors = []
        for _ in range(epochs):
            order = torch.randperm(len(data)).split(batch)
            errors.append(sum(self.contrast(data[pick], rate, rounds) for pick in order) / len(order))
        return errors


def mosaic(images: Tensor, columns: int) -> list[list[float]]:
    """Square images (N, s*s) side by side with a blank line between: rows of one large picture, top row last."""
    side = round(images.shape[1] ** 0.5)
    padded = F.pad(images.view(-1, side, side), (0, 1, 0, 1), value=float("nan"))  # (N, s+1, s+1)
    rows = [torch.cat(list(line), 1) for line in padded.split(columns)]  # (s+1, columns*(s+1))
    width = rows[0].shape[1]
    full = torch.cat([F.pad(row, (0, width - row.shape[1]), value=float("nan")) for row in rows])
    return [[None if v != v else round(v, 2) for v in row] for row in full.flip(0).tolist()]  # type: ignore[misc]


def picture(rows: list[list[float]], colorscale: str = "Greys") -> go.Heatmap:
    """A mosaic as a heatmap without a colour bar."""
    return go.Heatmap(z=rows, colorscale=colorscale, showscale=False, hoverinfo="skip")


def digit_images() -> tuple[Tensor, Tensor]:
    """scikit-learn's 1,797 handwritten digits: pixels 0..1 (1797, 64) and labels (1797,)."""
    from sklearn.datasets import load_digits  # slow to import, and only needed here

    digits = load_digits()
    return torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)


CODE = """\
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM

x = load_digits().data / 16
rbm = BernoulliRBM(n_components={hidden}, learning_rate=0.05, n_iter={epochs}, random_state={seed}).fit(x)
h = rbm.transform(x)                                                      # 순방향: p(h=1 | v)
v = 1 / (1 + np.exp(-(h @ rbm.components_ + rbm.intercept_visible_)))     # 역방향: 같은 가중치를 거꾸로
print("은닉:", h.shape, "재구성 오차:", ((x - v) ** 2).mean())
"""


def demo(*, hidden: int = 48, epochs: int = 8, rounds: int = 1, seed: int = 0) -> Demo:
    """Digits, what comes back after one trip, and samples; below, the hidden units' weights."""
    torch.manual_seed(seed)
    x, _ = digit_images()
    train, shown = x[:1200], x[1200:1212]
    model = RBM(64, hidden)
    with torch.no_grad():
        untrained = ((x[1200:] - model(x[1200:])) ** 2).mean().item()
    errors = model.learn(train, epochs, rounds=rounds)
    with torch.no_grad():
        back = model(shown)
        held_out = ((x[1200:] - model(x[1200:])) ** 2).mean().item()
        v = torch.bernoulli(train[:12])
        for _ in range(50):  # 깁스 샘플링: 오가기를 되풀이하면 모델이 지어낸 그림이 된다
            v = torch.bernoulli(model.decode(torch.bernoulli(model.encode(v))))
        dreamt = model.decode(model.encode(v))
        gap = (model.free_energy(torch.rand(300, 64)) - model.free_energy(x[1200:1500])).mean().item()

    figure = make_subplots(rows=1, cols=3, subplot_titles=("원본", "복원(한 번 왕복)", "지어낸 그림(50번 왕복)"))
    for column, images in enumerate((shown, back, dreamt), 1):
        figure.add_trace(picture(mosaic(images, 4)), row=1, col=column)
    figure.update_xaxes(showticklabels=False)
    figure.update_yaxes(showticklabels=False)
    titled(figure, f"RBM 64 ↔ {hidden}: 보지 못한 숫자를 오가며 되살린다", "가로", "세로")
    detail = go.Figure(picture(mosaic(model.weight.detach().T[:32], 8), "RdBu"))
    detail.update_xaxes(showticklabels=False)
    detail.update_yaxes(showticklabels=False)
    titled(detail, "은닉 유닛마다의 가중치: 획 조각처럼 보인다", "가로", "세로")
    return Demo(
        figure=figure,
        numbers={"가중치의 수": 64 * hidden, "편향까지": 64 * hidden + 64 + hidden,
                 "학습 전 재구성 오차": round(untrained, 4),
                 "학습 뒤 재구성 오차": round(held_out, 4), "마지막 에폭의 오차": round(errors[-1], 4),
                 "잡음과 숫자의 자유 에너지 차이": round(gap, 1)},
        text=f"은닉 유닛 {hidden}개로 숫자를 되살린 오차가 {untrained:.3f}에서 {held_out:.3f}로 줄었습니다. 무작위 "
             f"잡음의 자유 에너지는 숫자 그림보다 {gap:.1f}만큼 {'높아' if gap > 0 else '낮아'} 모델이 숫자 쪽을 "
             f"{'더' if gap > 0 else '덜'} 그럴듯하게 봅니다.",
        code=CODE.format(hidden=hidden, epochs=epochs, seed=seed),
        detail=detail,
    )


def parse(question: str) -> Mapping[str, Any] | None:
    """``가시 유닛 784개, 은닉 유닛 128개인 RBM의 가중치는 몇 개?`` -> both layers, and whether biases count."""
    if not has(question, ("rbm", "볼츠만", "boltzmann"), ("가중치", "파라미터", "매개변수"), COUNT_WORDS):
        return None
    words = {"visible": ("가시 유닛이", "가시 유닛", "가시층", "visible"),
             "hidden": ("은닉 유닛이", "은닉 유닛", "은닉층", "hidden")}
    found = {k: int(v) for k, v in named_numbers(question, words).items()}
    pair = re.search(r"(?:RBM|볼츠만)\D{0,12}?(\d+)\s*[-x×↔,]\s*(\d+)", question, re.IGNORECASE)
    if len(found) != 2 and pair:
        found = {"visible": int(pair[1]), "hidden": int(pair[2])}
    if len(found) != 2 or min(found.values()) < 1:
        return None
    biases = has(question, ("편향", "파라미터", "매개변수", "bias")) and not has(question,
                                                                       ("편향 없이", "편향을 빼", "편향 빼",
                                                                        "편향 제외"))
    return {**found, "biases": biases}


def run(visible: int, hidden: int, biases: bool) -> Computed:
    """The weights of an RBM, with or without its two bias vectors."""
    weights = visible * hidden
    total = weights + (visible + hidden if biases else 0)
    way = f"모든 가시 유닛이 모든 은닉 유닛과 이어지므로 가중치는 {visible:,} × {hidden:,} = {weights:,}개입니다."
    if biases:
        way += f" 편향은 층마다 따로 {visible:,} + {hidden:,}개이므로 모두 {total:,}개입니다."
    return Computed(value=written(total), steps=way, formula="$nm + n + m$" if biases else "$n \\times m$")


CONCEPT = Concept(
    slug="rbm",
    title="제한된 볼츠만 머신",
    aliases=("RBM", "Restricted Boltzmann Machine", "제한된 볼츠만 머신", "제한 볼츠만 머신", "제한볼츠만머신",
             "볼츠만 머신", "Boltzmann machine", "대조 발산", "contrastive divergence", "깁스 샘플링"),
    summary="가시층과 은닉층을 같은 가중치로 오가며 입력의 분포를 배운다.",
    demo=demo,
    controls=(
        Control("hidden", "은닉 유닛", 48, 2, 128, 1, words=("은닉 유닛", "은닉층", "은닉", "hidden")),
        Control("epochs", "에폭", 8, 1, 20, 1, words=("에폭", "에포크", "epoch")),
        Control("rounds", "왕복 횟수 k", 1, 1, 5, 1, words=("왕복", "CD", "k")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("RBM의 가중치 수", parse, run, "RBM 가시 유닛 은닉 유닛 가중치 편향 개수"),),
)
