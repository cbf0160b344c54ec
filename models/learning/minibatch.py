"""미니배치 경사하강법(mini-batch gradient descent): 전체 대신 작은 묶음으로 기울기를 어림해 자주 고친다.

$$ g_B = \\frac{1}{B}\\sum_{i} \\nabla L_i(w), \\qquad \\mathbb{E}[g_B] = \\nabla L(w), \\qquad
   \\mathrm{std}(g_B) \\approx \\frac{\\sigma}{\\sqrt{B}} $$

배치가 전체이면 배치 경사하강법, 하나이면 확률적 경사하강법(SGD)이다.

출처: Robbins & Monro (1951), "A Stochastic Approximation Method", Annals of Mathematical Statistics 22.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GOLD, GREEN, GREY, RED, titled
from models.learning.dataloader import DataLoader, TensorDataset
from models.learning.gradient_descent import step
from models.learning.losses import mse
from models.reading import has, written


def descend_by_batches(x: Tensor, y: Tensor, batch_size: int, lr: float, updates: int,
                       generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Linear regression from zero weights, one update for each batch, epochs shuffled anew.

    Args:
        x: (N, d); y: (N,).

    Returns:
        The weights after each update (updates + 1, d), and the cost over ALL samples there (updates + 1,).
    """
    w = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    points = [w.detach().clone()]
    loader = DataLoader(TensorDataset(x, y), batch_size, shuffle=batch_size < len(x), generator=generator)
    while len(points) <= updates:
        for picked in loader.indices():
            cost = mse(x[picked] @ w, y[picked])  # 이 묶음만의 비용
            step([w], torch.autograd.grad(cost, [w]), lr)
            points.append(w.detach().clone())
            if len(points) > updates:
                break
    path = torch.stack(points)
    return path, ((path @ x.T - y) ** 2).mean(dim=1)  # (updates + 1, N) -> (updates + 1,)


def gradient_noise(x: Tensor, y: Tensor, w: Tensor, batch_size: int, draws: int,
                   generator: torch.Generator | None = None) -> float:
    """Standard deviation of the batch gradient (its length) over batches drawn with replacement."""
    each = 2 * x * (x @ w - y)[:, None]  # 샘플마다의 기울기 (N, d)
    picked = torch.randint(len(x), (draws, batch_size), generator=generator)
    return each[picked].mean(dim=1).var(dim=0).sum().sqrt().item()  # (draws, B, d) -> (draws, d)


CODE = """\
import torch

torch.manual_seed({seed})
x = torch.randn({samples}, 2)
y = x @ torch.tensor([2.0, -1.0]) + 0.5 * torch.randn({samples})
w = torch.zeros(2, requires_grad=True)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size={batch_size}, shuffle=True)
for epoch in range(5):
    for batch_x, batch_y in loader:
        cost = ((batch_x @ w - batch_y) ** 2).mean()
        (gradient,) = torch.autograd.grad(cost, w)
        with torch.no_grad():
            w -= {lr} * gradient
    print(epoch, ((x @ w - y) ** 2).mean().item())
"""


def demo(*, batch_size: int = 16, lr: float = 0.05, samples: int = 256, updates: int = 100, seed: int = 0) -> Demo:
    """The cost by update for the whole set, the reader's batch and single samples; below, noise against batch size."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 2, dtype=torch.float64, generator=generator)
    y = x @ torch.tensor([2.0, -1.0], dtype=torch.float64)
    y = y + 0.5 * torch.randn(samples, dtype=torch.float64, generator=generator)
    size = min(batch_size, samples)  # 샘플보다 큰 배치는 전체와 같다
    figure, shake = go.Figure(), {}
    for name, b, colour in (("전체", samples, GREY), ("확률적", 1, RED), ("미니배치", size, BLUE)):
        _, costs = descend_by_batches(x, y, b, lr, updates, generator)
        figure.add_scatter(y=costs.clamp(max=1e6).tolist(), mode="lines", name=f"{name}({b}개)", line_color=colour)
        shake[name] = written(costs[updates // 2:].std().item())  # 바닥 근처에서 흔들리는 폭
    titled(figure, "갱신할 때마다 전체 데이터로 잰 비용", "갱신 횟수", "비용")

    sizes = [2**k for k in range(0, 9)]
    start = torch.zeros(2, dtype=torch.float64)
    noise = [gradient_noise(x, y, start, b, 300, generator) for b in sizes]
    detail = go.Figure(go.Scatter(x=sizes, y=noise, mode="lines+markers", name="잰 값", line_color=GREEN))
    law = [noise[0] / math.sqrt(b) for b in sizes]
    detail.add_scatter(x=sizes, y=law, name="1/√B", line={"color": GOLD, "dash": "dot"})
    titled(detail, "배치가 클수록 기울기의 잡음이 준다", "배치 크기 B", "기울기의 표준편차")
    detail.update_xaxes(type="log").update_yaxes(type="log")
    mine = gradient_noise(x, y, start, size, 300, generator)
    return Demo(
        figure=figure,
        numbers={"에포크당 갱신": math.ceil(samples / size), "미니배치 기울기의 표준편차": written(mine),
                 "한 개일 때의 표준편차": written(noise[0]),
                 **{f"뒤 절반에서 비용의 흔들림({name})": value for name, value in shake.items()}},
        text=f"뒤 절반에서 비용의 흔들림은 {size}개씩 {shake['미니배치']}, 한 개씩 {shake['확률적']}입니다. "
             f"기울기의 잡음은 한 개일 때의 {written(mine / noise[0])}배로, 1/√{size}에 가깝습니다.",
        code=CODE.format(seed=seed, samples=samples, batch_size=size, lr=lr),
        detail=detail,
    )


_MULTIPLES = {"두": 2, "세": 3, "네": 4, "다섯": 5, "여덟": 8, "아홉": 9, "열": 10}


def _parse(question: str) -> Mapping[str, Any] | None:
    if not has(question, ("배치", "batch", "샘플수", "보는샘플"), ("잡음", "노이즈", "표준편차", "흔들림", "noise")):
        return None
    if match := re.search(r"(\d+)\s*(?:개)?\s*(?:에서|->|→)\s*(\d+)\s*(?:개)?\s*(?:으로|로)?", question):
        before, after = int(match[1]), int(match[2])
        return {"ratio": after / before} if before and after else None
    times = rf"(\d+(?:\.\d+)?|{'|'.join(_MULTIPLES)})\s*배(?!치)(?:로|만큼|가)?\s*(?:늘|키|크|되|하)"
    if match := re.search(times, question):
        ratio = float(_MULTIPLES.get(match[1]) or match[1])
        return {"ratio": ratio} if ratio > 0 else None
    return None


def _run(ratio: float) -> Computed:
    value = written(1 / math.sqrt(ratio))
    return Computed(value, f"잡음은 배치 크기의 제곱근에 반비례하므로 1/√{written(ratio)} = {value}배가 됩니다.",
                    "$\\mathrm{std}(g_B) \\approx \\sigma/\\sqrt{B}$")


CONCEPT = Concept(
    slug="minibatch",
    title="미니배치 경사하강법",
    aliases=("minibatch", "mini-batch", "mini batch", "미니배치", "미니 배치", "미니베치", "확률적 경사하강법",
             "확률적 경사 하강법", "stochastic gradient descent", "배치 경사하강법", "배치 크기", "배치 사이즈",
             "batch size", "온라인 학습", "online learning"),
    summary="데이터를 작은 묶음으로 나누어 묶음마다 가중치를 고친다.",
    demo=demo,
    controls=(
        Control("batch_size", "배치 크기", 16, 1, 512, 1, words=("배치 크기", "배치 사이즈", "배치", "batch_size")),
        Control("lr", "학습률", 0.05, 0.001, 0.5, 0.001, words=("학습률", "lr")),
        Control("samples", "샘플 수", 256, 16, 1024, 1, words=("샘플", "데이터")),
        Control("updates", "갱신 횟수", 100, 10, 300, 10, words=("갱신", "업데이트")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("noise", _parse, _run, "미니배치 잡음 배치 크기 제곱근"),),
)
