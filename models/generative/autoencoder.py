"""오토인코더(autoencoder): 입력을 좁은 병목으로 눌렀다가 다시 펴게 하여, 라벨 없이 짧은 코드를 배운다.

$$ z = f(x), \\qquad \\hat{x} = g(z), \\qquad L = \\frac{1}{d}\\sum_i (x_i - \\hat{x}_i)^2 $$

출처: Hinton, Salakhutdinov (2006), "Reducing the Dimensionality of Data with Neural Networks", Science 313.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import COLORS, titled
from models.generative.rbm import digit_images, mosaic, picture
from models.learning.losses import mse
from models.learning.mlp import MLP, count
from models.reading import COUNT_WORDS, NUMBER, has, named_numbers, to_number, written


class Autoencoder(nn.Module):
    """An encoder to a code of ``code`` numbers, and a decoder that mirrors it.

    Args:
        features: length of the input (values 0..1).
        hidden: units between the input and the code.
        code: length of the bottleneck z.
    """

    def __init__(self, features: int, hidden: int, code: int) -> None:
        super().__init__()
        self.encoder = MLP((features, hidden, code), "relu")
        self.decoder = MLP((code, hidden, features), "relu")

    def encode(self, x: Tensor) -> Tensor:
        """z = f(x): (N, features) -> (N, code)."""
        return self.encoder(x)

    def decode(self, z: Tensor) -> Tensor:
        """x^ = g(z): (N, code) -> (N, features), values 0..1."""
        return torch.sigmoid(self.decoder(z))

    def forward(self, x: Tensor) -> Tensor:
        """There and back: (N, features) -> the same shape."""
        return self.decode(self.encode(x))


def learn(model: Autoencoder, data: Tensor, steps: int, noise: float = 0.0, batch: int = 64) -> list[float]:
    """Train ``model`` to give ``data`` (N, features) back, from a noisy copy where noise > 0; each step's loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005, fused=True)
    losses = []
    for _ in range(steps):
        x = data[torch.randint(len(data), (batch,))]
        loss = mse(model(x + noise * torch.randn_like(x)), x)  # 타깃은 깨끗한 x 자신
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def principal_error(train: Tensor, seen: Tensor, target: Tensor, code: int) -> float:
    """The error against ``target`` of what PCA with as many numbers makes of ``seen``, for comparison."""
    center = train.mean(0)
    axes = torch.linalg.svd(train - center, full_matrices=False).Vh[:code]  # (code, features)
    return mse((seen - center) @ axes.T @ axes + center, target).item()


CODE = """\
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed({seed})
x = torch.tensor(load_digits().data / 16, dtype=torch.float32)
encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, {code}))
decoder = nn.Sequential(nn.Linear({code}, 48), nn.ReLU(), nn.Linear(48, 64), nn.Sigmoid())
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.005)
for step in range({steps}):
    batch = x[torch.randint(1400, (64,))]
    restored = decoder(encoder(batch + {noise} * torch.randn_like(batch)))
    loss = ((restored - batch) ** 2).mean()  # 정답은 입력 자신
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("코드의 모양:", encoder(x).shape)
print("재구성 오차:", ((decoder(encoder(x[1400:])) - x[1400:]) ** 2).mean().item())
"""


def demo(*, code: int = 8, steps: int = 400, noise: float = 0.0, seed: int = 0) -> Demo:
    """Unseen digits before and after the bottleneck; below, where the codes of the ten digits lie."""
    torch.manual_seed(seed)
    x, y = digit_images()
    train, test = x[:1400], x[1400:]
    model = Autoencoder(64, 48, code)
    learn(model, train, steps, noise)
    with torch.no_grad():
        noisy = test + noise * torch.randn_like(test)
        restored, z = model(noisy), model.encode(x)
        strange = torch.rand(200, 64)
        error = mse(restored, test).item()
        alarm = ((model(strange) - strange) ** 2).mean().item()
        plane = z - z.mean(0)
        if code > 2:  # 코드가 길면 가장 넓게 퍼진 두 방향으로 본다
            plane = plane @ torch.linalg.svd(plane, full_matrices=False).Vh[:2].T
        elif code == 1:
            plane = torch.cat([plane, torch.zeros_like(plane)], 1)

    figure = make_subplots(rows=1, cols=2,
                           subplot_titles=("넣은 그림" + ("(잡음 낀 원본)" if noise else ""), "되살린 그림"))
    for column, images in enumerate((noisy[:12], restored[:12]), 1):
        figure.add_trace(picture(mosaic(images.clamp(0, 1), 4)), row=1, col=column)
    figure.update_xaxes(showticklabels=False)
    figure.update_yaxes(showticklabels=False)
    titled(figure, f"64칸 → {code}칸 → 64칸: 보지 못한 숫자를 눌렀다 편다", "가로", "세로")

    detail = go.Figure()
    colors = (*COLORS, "#111827", "#f59e0b")
    for digit in range(10):
        points = plane[:800][y[:800] == digit].tolist()
        detail.add_trace(go.Scatter(x=[round(p[0], 2) for p in points], y=[round(p[1], 2) for p in points],
                                    mode="markers", name=str(digit), marker={"color": colors[digit], "size": 5}))
    titled(detail, "잠재 공간: 라벨을 주지 않았는데도 같은 숫자끼리 모인다", "코드의 첫째 방향", "코드의 둘째 방향")
    pca = principal_error(train, noisy, test, code)
    against = "작습니다" if error < pca else "큽니다"
    return Demo(
        figure=figure,
        numbers={"압축률(배)": round(64 / code, 2), "재구성 오차": round(error, 4),
                 "같은 칸 수의 PCA 오차": round(pca, 4), "처음 보는 잡음 그림의 오차": round(alarm, 4),
                 "파라미터 수": count((64, 48, code)) + count((code, 48, 64))},
        text=f"숫자 그림 64칸을 {code}칸으로 눌렀다 폈더니 오차가 {error:.4f}입니다. 같은 칸 수의 PCA({pca:.4f})보다 "
             f"{against}. 배운 적 없는 잡음 그림은 오차가 {alarm / error:.1f}배라서 이상 탐지에 쓸 수 있습니다.",
        code=CODE.format(seed=seed, code=code, steps=steps, noise=noise),
        detail=detail,
    )


_NAMES = ("오토인코더", "오토앤코더", "autoencoder", "auto encoder", "자기부호화기")


def parse_ratio(question: str) -> Mapping[str, Any] | None:
    """``오토인코더가 784차원을 32차원으로 줄이면 압축률은?`` -> the input and the code."""
    if not has(question, _NAMES, ("압축률", "압축 비율", "몇 배", "압축비")):
        return None
    words = {"features": ("입력이", "입력", "input"),
             "code": ("코드가", "코드", "병목이", "병목", "잠재 벡터", "잠재 공간", "latent", "code")}
    found = named_numbers(question, words)
    unit = r"\s*(?:차원|칸|개)?"
    pair = re.search(rf"({NUMBER}){unit}(?:을|를|에서|->|→)\s*(?:코드|병목)?\s*({NUMBER}){unit}(?:으)?로", question)
    if len(found) != 2 and pair:
        found = {"features": to_number(pair[1]), "code": to_number(pair[2])}
    return {k: int(v) for k, v in found.items()} if len(found) == 2 and min(found.values()) >= 1 else None


def run_ratio(features: int, code: int) -> Computed:
    """How many times shorter the code is than the input."""
    return Computed(value=written(features / code), formula="$d_x / d_z$",
                    steps=f"{features:,} / {code:,} = {written(features / code)}배로 줄어듭니다.")


def parse_parameters(question: str) -> Mapping[str, Any] | None:
    """``784-128-32-128-784 오토인코더의 파라미터는?`` -> the widths."""
    found = re.search(r"\d+(?:\s*(?:-|–|→|->)\s*\d+){2,}", question)
    if found is None or not has(question, _NAMES, ("파라미터", "매개변수", "parameter"), COUNT_WORDS):
        return None
    return {"widths": [int(n) for n in re.findall(r"\d+", found[0])]}


def run_parameters(widths: Sequence[int]) -> Computed:
    """Weights and biases of the whole chain of linear layers."""
    total = count(widths)
    terms = " + ".join(f"({a:,}×{b:,} + {b:,})" for a, b in pairwise(widths))
    return Computed(value=written(total), steps=f"층마다 입력×출력에 편향을 더합니다: {terms} = {total:,}개입니다.",
                    formula="$\\sum_l (d_{l-1} d_l + d_l)$")


CONCEPT = Concept(
    slug="autoencoder",
    title="오토인코더",
    aliases=("autoencoder", "auto encoder", "auto-encoder", "오토인코더", "오토 인코더", "오토앤코더", "자기부호화기",
             "잠재 공간", "latent space",
             "디노이징 오토인코더", "denoising autoencoder", "재구성 오차", "VAE", "변분 오토인코더"),
    summary="입력을 좁은 병목으로 눌렀다가 다시 펴며 라벨 없이 짧은 코드를 배운다.",
    demo=demo,
    controls=(
        Control("code", "병목의 칸 수", 8, 1, 32, 1, words=("병목", "코드", "잠재", "latent", "z")),
        Control("steps", "학습 걸음", 400, 20, 1000, 20, words=("걸음", "steps", "스텝")),
        Control("noise", "넣는 잡음", 0.0, 0.0, 0.8, 0.1, words=("잡음", "노이즈", "noise")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("오토인코더의 압축률", parse_ratio, run_ratio, "오토인코더 압축률 코드 병목"),
        Computation("오토인코더의 파라미터 수", parse_parameters, run_parameters, "오토인코더 인코더 디코더 파라미터"),
    ),
)
