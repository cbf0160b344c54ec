"""로지스틱 회귀(logistic regression): 선형 변환에 시그모이드를 씌워 둘 중 하나일 확률을 구한다.

비용은 이진 교차 엔트로피(BCE)이다. MSE를 쓰면 곡면이 볼록하지 않고 크게 틀린 곳에서 평평해진다.

$$ H(x) = \\sigma(xW + b), \\qquad cost = -\\frac{1}{m}\\sum_i \\big[y_i \\log H(x_i) + (1-y_i)\\log(1-H(x_i))\\big],
   \\qquad \\nabla_W = \\frac{1}{m} x^T (H(x) - y) $$

출처: Cox (1958), "The Regression Analysis of Binary Sequences"; Bishop (2006), PRML, 4장.
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

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, RED, titled
from models.learning.activation import sigmoid
from models.learning.gradient_descent import step
from models.learning.linear_layer import Linear
from models.learning.losses import binary_cross_entropy
from models.reading import NUMBER, has, to_number, written


class LogisticRegression(nn.Module):
    """The probability of class 1: σ(xW + b).

    Args:
        in_features: D, features of one sample.
    """

    def __init__(self, in_features: int, *, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.linear = Linear(in_features, 1, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (m, D) -> (m,) in (0, 1)."""
        return sigmoid(self.linear(x).squeeze(-1))  # H(x) = σ(z), z = xW + b


def gradients(x: Tensor, y: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes of the BCE by the weight (1, D) and the bias (1,): σ' = H(1-H) cancels against the logarithm's slope."""
    error = probability - y  # (m,): H - y
    return (error @ x)[None] / len(x), error.mean()[None]


def train(x: Tensor, y: Tensor, *, rate: float, steps: int, seed: int = 0) -> tuple[LogisticRegression, list[float]]:
    """Descend the BCE on the whole of ``x`` (m, D), ``y`` (m,); the model and the cost at each step."""
    torch.manual_seed(seed)
    model = LogisticRegression(x.shape[1], dtype=x.dtype)
    costs = []
    for made in range(steps + 1):
        with torch.no_grad():
            probability = model(x)
            costs.append(binary_cross_entropy(probability, y).item())
            if made < steps:
                step(model.parameters(), gradients(x, y, probability), rate)
    return model, costs


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
n, gap = {n}, {gap}
y = (torch.arange(n) % 2).float()
x = torch.randn(n, 2) + (y[:, None] - 0.5) * gap
model = nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr={rate})
for step in range({steps}):
    loss = nn.functional.binary_cross_entropy_with_logits(model(x)[:, 0], y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item(), ((model(x)[:, 0] > 0) == (y > 0.5)).float().mean())
"""


def _surfaces() -> go.Figure:
    """Eight points in a row, two of them on the wrong side: BCE and MSE over (W, b)."""
    x = torch.tensor([-4.0, -3.0, -2.0, 1.0, -1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    y = torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0], dtype=torch.float64)
    ws, bs = torch.linspace(-6, 6, 41, dtype=x.dtype), torch.linspace(-8, 8, 41, dtype=x.dtype)
    z = ws.view(1, -1, 1) * x + bs.view(-1, 1, 1)  # (b, W, m)
    p, soft = sigmoid(z), torch.nn.functional.softplus
    bce = (y * soft(-z) + (1 - y) * soft(z)).mean(-1)  # -log σ(z) = log(1 + e^{-z})
    squared = (p - y).square().mean(-1)
    figure = make_subplots(rows=1, cols=2, subplot_titles=("BCE: 바닥 쪽으로 기운다", "MSE: 틀린 쪽이 평평하다"),
                           specs=[[{"type": "surface"}, {"type": "surface"}]])
    for column, cost in enumerate((bce, squared), 1):
        figure.add_surface(x=ws.tolist(), y=bs.tolist(), z=[[round(v, 4) for v in row] for row in cost.tolist()],
                           showscale=False, colorscale="Viridis", row=1, col=column)
    figure.update_scenes(xaxis_title="W", yaxis_title="b", zaxis_title="비용")
    return titled(figure, "같은 데이터의 두 비용 곡면", "W", "b", height=460)


def demo(*, gap: float = 3.0, n: int = 60, rate: float = 0.5, steps: int = 100, seed: int = 0) -> Demo:
    """Probability and the decision boundary over two groups of points, and the BCE; below it, BCE against MSE."""
    generator = torch.Generator().manual_seed(seed)
    y = (torch.arange(n) % 2).double()  # 두 무리를 번갈아
    noise = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    x = noise + (y[:, None] - 0.5) * gap
    model, costs = train(x, y, rate=rate, steps=steps, seed=seed)
    assert model.linear.bias is not None
    with torch.no_grad():
        reach = x.abs().max().item() + 0.5
        ticks = torch.linspace(-reach, reach, 41, dtype=x.dtype)
        region = model(torch.cartesian_prod(ticks, ticks).flip(-1)).view(41, 41)  # 행이 x2, 열이 x1
        correct = ((model(x) > 0.5) == (y > 0.5)).double().mean().item()
        w, b = model.linear.weight[0].tolist(), model.linear.bias.item()

    figure = make_subplots(rows=1, cols=2, column_widths=[0.6, 0.4],
                           subplot_titles=("확률(파랑이 1)과 결정 경계", "비용(BCE)"))
    axis = [round(t, 3) for t in ticks.tolist()]
    figure.add_contour(x=axis, y=axis, z=[[round(v, 3) for v in row] for row in region.tolist()], zmin=0, zmax=1,
                       colorscale="RdBu", contours={"start": 0, "end": 1, "size": 0.1}, line={"width": 0.3},
                       showscale=False, row=1, col=1)
    figure.add_contour(x=axis, y=axis, z=[[round(v, 3) for v in row] for row in region.tolist()], showscale=False,
                       contours={"start": 0.5, "end": 0.5, "size": 1, "coloring": "lines"}, line={"width": 3},
                       colorscale=[[0, "black"], [1, "black"]], name="결정 경계", row=1, col=1)
    for value, colour in ((0.0, RED), (1.0, BLUE)):
        at = x[y == value]
        figure.add_scatter(x=at[:, 0].tolist(), y=at[:, 1].tolist(), mode="markers", name=f"정답 {value:g}",
                           marker={"color": colour, "line": {"width": 1, "color": "white"}}, row=1, col=1)
    figure.add_scatter(y=costs, mode="lines", line={"color": RED}, showlegend=False, row=1, col=2)
    figure.update_xaxes(title_text="반복", row=1, col=2)
    figure.update_yaxes(title_text="BCE", row=1, col=2)
    titled(figure, f"로지스틱 회귀: 두 무리의 간격 {gap:g}", "특성 1", "특성 2")
    length = math.hypot(*w)
    return Demo(
        figure=figure,
        numbers={"정확도": round(correct, 4), "BCE": round(costs[-1], 4), "처음 BCE": round(costs[0], 4),
                 "W 크기": round(length, 3), "b": round(b, 3)},
        text=f"{steps}번 배운 뒤 BCE가 {costs[0]:.3f}에서 {costs[-1]:.3f}로 바뀌었고 {n}개 가운데 "
             f"{correct:.0%}를 맞혔습니다. 경계는 {w[0]:.2f}·x1 + {w[1]:.2f}·x2 + {b:.2f} = 0인 직선입니다.",
        code=CODE.format(seed=seed, n=n, gap=gap, rate=rate, steps=max(steps, 1)),
        detail=_surfaces(),
    )


def _parse(question: str) -> Mapping[str, Any] | None:
    if not has(question, ("로지스틱", "logistic"), ("확률", "출력", "예측", "h(x)")) or has(question, ("왜", "이유")):
        return None
    found = {}
    for name in ("z", "w", "b", "x"):
        korean = {"z": "로짓|logit", "w": "가중치|기울기", "b": "편향|절편|bias", "x": "입력"}[name]
        match = re.search(rf"(?:(?<![A-Za-z]){name}|{korean})\s*(?:가|이|은|는|값이)?\s*[=:]?\s*({NUMBER})", question,
                          re.IGNORECASE)
        if match:
            found[name] = to_number(match[1])
    if "z" in found:
        return {"z": found["z"]}
    return {"w": found["w"], "x": found["x"], "b": found.get("b", 0.0)} if {"w", "x"} <= found.keys() else None


def _run(z: float | None = None, w: float = 0.0, x: float = 0.0, b: float = 0.0) -> Computed:
    how = ""
    if z is None:
        z = w * x + b
        how = f"z = {written(w)}×{written(x)} + ({written(b)}) = {written(z)}이고, "
    p = sigmoid(torch.tensor(z, dtype=torch.float64)).item()
    how += f"1일 확률은 1/(1+e^(-({written(z)}))) = {written(p)}입니다. 0일 확률은 {written(1 - p)}입니다."
    return Computed(written(p), how, "$H(x) = \\frac{1}{1+e^{-(xW+b)}}$")


CONCEPT = Concept(
    slug="logistic_regression",
    title="로지스틱 회귀",
    aliases=("logistic regression", "로지스틱회귀", "로지스틱 회기", "이진 분류", "binary classification", "결정 경계",
             "decision boundary", "로지스틱 리그레션", "이항 분류", "오즈", "odds"),
    summary="선형 변환에 시그모이드를 씌워 두 범주 가운데 하나일 확률을 구한다.",
    demo=demo,
    controls=(
        Control("gap", "두 무리의 간격", 3.0, 0.0, 8.0, 0.1, words=("간격",)),
        Control("n", "점의 수", 60, 4, 200, 2, words=("점", "데이터", "샘플")),
        Control("rate", "학습률", 0.5, 0.001, 10.0, 0.001, words=("학습률", "learning rate", "lr")),
        Control("steps", "반복 횟수", 100, 0, 500, 10, words=("반복", "에폭", "epoch")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("logistic_probability", _parse, _run, "로지스틱 회귀 가설 시그모이드 확률"),),
)
