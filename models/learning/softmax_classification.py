"""소프트맥스 분류(softmax classification): 클래스마다 점수를 내고, 점수를 합이 1인 확률로 바꾸어 하나를 고른다.

$$ z = xW^T + b, \\qquad p_i = \\frac{e^{z_i}}{\\sum_j e^{z_j}} $$

손실은 크로스 엔트로피 $-\\log p_{정답}$이고, 점수에 대한 그 기울기는 $p - y$이다.

출처: Bridle (1990), "Probabilistic Interpretation of Feedforward Classification Network Outputs, with Relationships
to Statistical Pattern Recognition".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, COLORS, titled
from models.learning.gradient_descent import step
from models.learning.linear_layer import Linear
from models.learning.losses import cross_entropy
from models.reading import has, lists, typed, written, written_list


def softmax(scores: Tensor, dim: int = -1) -> Tensor:
    """Any shape -> the same shape; sums to 1 along ``dim``; the same as ``F.softmax``."""
    # p_i = e^{z_i} / Σ e^{z_j}; 최댓값을 빼도 분자와 분모가 같은 배수로 줄어 값은 그대로다
    e = torch.exp(scores - scores.amax(dim=dim, keepdim=True).detach())
    return e / e.sum(dim=dim, keepdim=True)


class SoftmaxClassifier(nn.Module):
    """One linear layer of scores; probabilities by ``softmax``.

    Args:
        features: length of an input.
        classes: how many classes, at least 2.
    """

    def __init__(self, features: int, classes: int, *, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.linear = Linear(features, classes, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (N, features) -> scores (N, classes)."""
        return self.linear(x)

    def probabilities(self, x: Tensor) -> Tensor:
        """``x``: (N, features) -> (N, classes), rows sum to 1."""
        return softmax(self(x), dim=1)

    def predict(self, x: Tensor) -> Tensor:
        """``x``: (N, features) -> class numbers (N,)."""
        return self(x).argmax(dim=1)  # 소프트맥스는 순서를 바꾸지 않는다


def fit(model: nn.Module, x: Tensor, y: Tensor, *, lr: float, epochs: int) -> list[float]:
    """Full-batch descent on the cross-entropy, in place.

    Args:
        x: (N, features); y: class numbers (N,).

    Returns:
        The cost before each step.
    """
    costs = []
    parameters = list(model.parameters())
    for _ in range(epochs):
        cost = cross_entropy(model(x), y)
        step(parameters, torch.autograd.grad(cost, parameters), lr)
        costs.append(cost.item())
    return costs


CODE = """\
import torch
from torch import nn

print("확률:", torch.softmax(torch.tensor({scores}), dim=0))

torch.manual_seed({seed})
y = torch.arange(3).repeat_interleave(30)
x = torch.tensor([[0.0, 2.0], [-2.0, -1.0], [2.0, -1.0]])[y] + 0.8 * torch.randn(90, 2)
model = nn.Linear(2, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for epoch in range({epochs}):
    cost = nn.functional.cross_entropy(model(x), y)   # 안에서 소프트맥스를 계산한다
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()
print("정확도:", (model(x).argmax(dim=1) == y).float().mean().item())
"""


def demo(*, scores: str = "2.0, 1.0, 0.1", epochs: int = 100, spread: float = 0.8, seed: int = 0) -> Demo:
    """The reader's scores as probabilities, and a plane that training divides into three regions."""
    numbers = typed(scores, "점수(scores)", least=2, most=8)
    p = softmax(torch.tensor(numbers, dtype=torch.float64))  # (K,)

    torch.manual_seed(seed)
    y = torch.arange(3).repeat_interleave(30)  # (90,)
    x = torch.tensor([[0.0, 2.0], [-2.0, -1.0], [2.0, -1.0]])[y] + spread * torch.randn(90, 2)
    model = SoftmaxClassifier(2, 3)
    costs = fit(model, x, y, lr=0.5, epochs=epochs)
    with torch.no_grad():
        accuracy = (model.predict(x) == y).float().mean().item()
        axis = torch.linspace(-5, 5, 51)
        cells = torch.cartesian_prod(axis, axis).flip(1)  # (2601, 2): 줄마다 x2가 같다
        regions = model.predict(cells).view(51, 51)
        sure = model.probabilities(cells).amax(dim=1).view(51, 51)

    figure = make_subplots(rows=1, cols=2, subplot_titles=("점수를 확률로", "학습이 나눈 세 영역"))
    names = [f"{i}번" for i in range(1, len(numbers) + 1)]
    figure.add_bar(x=names, y=p.tolist(), text=[f"{v:.4f}" for v in p.tolist()], marker_color=BLUE, name="확률",
                   row=1, col=1)
    figure.add_heatmap(x=axis.tolist(), y=axis.tolist(), z=regions.tolist(), showscale=False, opacity=0.3,
                       colorscale=[[i / 2, COLORS[i]] for i in range(3)], hoverinfo="skip", row=1, col=2)
    for i in range(3):
        figure.add_scatter(x=x[y == i, 0].tolist(), y=x[y == i, 1].tolist(), mode="markers", name=f"클래스 {i + 1}",
                           marker={"color": COLORS[i], "size": 6}, row=1, col=2)
    titled(figure, f"소프트맥스: {epochs}번 배운 뒤 정확도 {accuracy:.0%}", "클래스", "확률")
    figure.update_xaxes(title_text="x1", row=1, col=2).update_yaxes(title_text="x2", row=1, col=2)
    heights = [[round(v, 3) for v in row] for row in sure.tolist()]
    detail = go.Figure(go.Heatmap(x=axis.tolist(), y=axis.tolist(), z=heights, colorscale="Blues",
                                  colorbar_title="확률"))
    titled(detail, "가장 높은 확률: 경계에서 낮고 멀어질수록 높다", "x1", "x2")
    first, second = p.topk(2).values.tolist()
    ratio = written(first / second) if second > 0 else "∞"
    return Demo(
        figure=figure,
        numbers={"확률": written_list(p.tolist()), "확률의 합": round(p.sum().item(), 6),
                 "1등과 2등의 비": ratio, "학습 정확도": round(accuracy, 4), "마지막 비용": round(costs[-1], 4)},
        text=f"점수 {int(p.argmax()) + 1}번이 확률 {first:.1%}로 가장 높고, 2등의 {ratio}배입니다. "
             f"오른쪽에서는 {epochs}번 배워 비용이 {written(costs[0])}에서 {written(costs[-1])}로 줄었습니다.",
        code=CODE.format(scores=numbers, epochs=epochs, seed=seed),
        detail=detail,
    )


def _parse(question: str) -> Mapping[str, Any] | None:
    found = lists(question) if re.search(r"[\[(]\s*-?[\d.]+(?:\s*,\s*-?[\d.]+)+\s*[\])]", question) else []
    if not has(question, ("softmax", "소프트맥스")) or len(found) != 1 or not 2 <= len(found[0]) <= 20:
        return None
    if has(question, ("크로스", "교차", "엔트로피", "손실", "nll", "온도", "temperature", "dim=", "shape", "모양")):
        return None
    return {"scores": found[0]}


def _run(scores: list[float]) -> Computed:
    z = torch.tensor(scores, dtype=torch.float64)
    p, powers = softmax(z), torch.exp(z - z.max())
    shift = written(z.max().item())
    value = written_list(p.tolist())
    return Computed(value, f"최댓값 {shift}만큼 빼고 지수를 취하면 {written_list(powers.tolist())}, 합은 "
                           f"{written(powers.sum().item())}입니다. 합으로 나누면 {value}이고 더하면 1입니다.",
                    "$p_i = \\frac{e^{z_i}}{\\sum_j e^{z_j}}$")


CONCEPT = Concept(
    slug="softmax_classification",
    title="소프트맥스 분류",
    aliases=("softmax", "소프트맥스", "소프트맥스 회귀", "softmax classification", "softmax regression", "소프트멕스",
             "다항 로지스틱 회귀", "multinomial logistic regression", "다중 분류", "multinomial classification"),
    summary="클래스별 점수를 합이 1인 확률로 바꾸어 하나를 고른다.",
    demo=demo,
    controls=(
        Control("scores", "점수(로짓)", "2.0, 1.0, 0.1", pattern=r"[\[(]\s*(-?\d[\d.]*(?:\s*,\s*-?\d[\d.]*)+)\s*[\])]"),
        Control("epochs", "학습 횟수", 100, 1, 500, 1, words=("에포크", "epoch", "학습 횟수", "반복")),
        Control("spread", "점이 퍼진 정도", 0.8, 0.1, 2.0, 0.1, words=("퍼짐", "표준편차")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("softmax", _parse, _run, "소프트맥스 지수 합으로 나눈 확률"),),
)
