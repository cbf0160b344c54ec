"""선형 회귀(linear regression): 입력과 출력의 관계를 가장 잘 설명하는 직선(평면)을 찾는다.

예측과 정답의 차이를 제곱해 평균 낸 비용(MSE)을 경사하강법으로 줄인다. 비용이 볼록하여 최솟값이 하나뿐이다.

$$ H(x) = xW + b, \\qquad cost = \\frac{1}{m}\\sum_i (H(x_i) - y_i)^2, \\qquad
   \\nabla_W = \\frac{2}{m} x^T (H(x) - y), \\quad \\nabla_b = \\frac{2}{m}\\sum_i (H(x_i) - y_i) $$

출처: Hastie, Tibshirani & Friedman (2009), "The Elements of Statistical Learning", 3장.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import BLUE, GREY, RED, titled
from models.learning.gradient_descent import step
from models.learning.losses import mse
from models.reading import has, lists, typed_matrix, written


def hypothesis(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """H(x) = xW + b: ``x`` (m, D), ``weight`` (D, 1), ``bias`` (1,) -> (m, 1)."""
    return x @ weight + bias


def gradients(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """The slopes of the MSE by weight (D, 1) and bias (1,), from the formula; autograd gives the same."""
    error = hypothesis(x, weight, bias) - y  # (m, 1)
    return 2 / len(x) * x.T @ error, 2 / len(x) * error.sum(0)  # ∇_W = 2/m x^T (H - y), ∇_b = 2/m Σ (H - y)


def train(x: Tensor, y: Tensor, *, rate: float, steps: int, bound: float = 1e12) -> list[tuple[Tensor, Tensor, float]]:
    """Descend from W = 0, b = 0; ends early where the cost passes ``bound``.

    Returns:
        (weight, bias, cost) at the start and after each step.
    """
    weight, bias = x.new_zeros(x.shape[1], 1), x.new_zeros(1)
    history = []
    for _ in range(steps + 1):
        cost = mse(hypothesis(x, weight, bias), y).item()
        history.append((weight.clone(), bias.clone(), cost))
        if not cost < bound:
            break
        step([weight, bias], gradients(x, y, weight, bias), rate)
    return history


def least_squares(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The best W (D, 1) and b (1,) at once, from the normal equation.

    Raises:
        ValueError: the columns of ``x`` and the constant are not independent, so no single answer exists.
    """
    full = torch.cat((x, x.new_ones(len(x), 1)), dim=1)  # (m, D + 1): b는 늘 1인 입력의 가중치이다
    square = full.T @ full
    if torch.linalg.matrix_rank(square) < len(square):
        raise ValueError("the inputs are not independent: a column is constant, or there are too few points")
    solved = torch.linalg.solve(square, full.T @ y)  # (X^T X)^{-1} X^T y
    return solved[:-1], solved[-1]


CODE = """\
import torch

data = torch.tensor({rows})
x, y = data[:, :-1], data[:, -1:]
W = torch.zeros(x.shape[1], 1, requires_grad=True)
b = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.SGD([W, b], lr={rate})
for step in range({steps}):
    cost = ((x @ W + b - y) ** 2).mean()   # MSE
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()
print("W:", W.flatten().tolist(), "b:", b.item(), "MSE:", cost.item())
"""


def _bowl(x: Tensor, y: Tensor, history: list[tuple[Tensor, Tensor, float]], best: tuple[float, float]) -> go.Figure:
    """The cost over (W, b) with the path walked; only for one input."""
    reach = max(abs(best[0]), abs(best[1]), 1.0)
    ws, bs = (torch.linspace(at - 1.3 * reach, at + 1.3 * reach, 41, dtype=x.dtype) for at in best)
    errors = x.view(1, 1, -1) * ws.view(1, -1, 1) + bs.view(-1, 1, 1) - y.view(1, 1, -1)  # (b, W, m)
    costs = errors.square().mean(-1)
    cells = [[round(v, 4) for v in row] for row in costs.tolist()]
    figure = go.Figure(go.Contour(x=ws.tolist(), y=bs.tolist(), z=cells, colorscale="Blues", showscale=False,
                                  ncontours=25))
    path = history[:: max(1, len(history) // 60)]
    figure.add_scatter(x=[w.item() for w, _, _ in path], y=[b.item() for _, b, _ in path], mode="lines+markers",
                       line={"color": RED}, marker={"size": 4}, name="지나온 길")
    figure.update_xaxes(range=[ws[0].item(), ws[-1].item()])
    figure.update_yaxes(range=[bs[0].item(), bs[-1].item()])
    return titled(figure, "W와 b에 따른 MSE: 밥그릇 모양이라 바닥이 하나뿐이다", "기울기 W", "절편 b")


def demo(*, points: str = "1 2.1; 2 3.9; 3 6.2; 4 7.8; 5 10.1; 6 11.7", rate: float = 0.01, steps: int = 100) -> Demo:
    """The line (the plane, with two inputs) coming to the points, and the MSE; below it, the bowl of the cost."""
    rows = typed_matrix(points, "점", 40)
    if len(rows[0]) not in (2, 3) or len(rows) < 2:
        raise ConceptError(f"점={points!r}: 한 점에 수가 2개(x y)나 3개(x1 x2 y)이고 점이 2개 이상이어야 합니다.")
    data = torch.tensor(rows, dtype=torch.float64)
    x, y = data[:, :-1], data[:, -1:]  # (m, D), (m, 1)
    try:
        best_w, best_b = least_squares(x, y)
    except ValueError:
        raise ConceptError(f"점={points!r}: 입력이 모두 같거나 서로 나란해서 하나로 정해지지 않습니다.") from None
    history = train(x, y, rate=rate, steps=steps)
    weight, bias, cost = history[-1]
    least = mse(hypothesis(x, best_w, best_b), y).item()

    flat = x.shape[1] == 1
    figure = make_subplots(rows=1, cols=2, specs=[[{"type": "xy" if flat else "scene"}, {"type": "xy"}]],
                           subplot_titles=("직선이 다가가는 모습" if flat else "마지막 평면", "비용(MSE)"))
    if flat:
        ends = torch.stack((x.min(), x.max()))[:, None]
        shown = sorted({round((len(history) - 1) * part) for part in (0, 0.01, 0.03, 0.1, 1)})
        for i in shown:
            guess = hypothesis(ends, *history[i][:2]).clamp(-1e9, 1e9)
            figure.add_scatter(x=ends[:, 0].tolist(), y=guess[:, 0].tolist(), mode="lines", name=f"{i}번", row=1, col=1,
                               line={"color": BLUE if i == shown[-1] else GREY, "width": 3 if i == shown[-1] else 1})
        figure.add_scatter(x=x[:, 0].tolist(), y=y[:, 0].tolist(), mode="markers", name="데이터", row=1, col=1,
                           marker={"color": RED, "size": 9})
    else:
        sides = [torch.linspace(x[:, i].min().item(), x[:, i].max().item(), 8, dtype=x.dtype) for i in (0, 1)]
        plane = hypothesis(torch.cartesian_prod(*sides), weight, bias).view(8, 8).T.clamp(-1e9, 1e9)
        figure.add_surface(x=sides[0].tolist(), y=sides[1].tolist(), z=plane.tolist(), opacity=0.6, showscale=False,
                           row=1, col=1)
        figure.add_scatter3d(x=x[:, 0].tolist(), y=x[:, 1].tolist(), z=y[:, 0].tolist(), mode="markers", name="데이터",
                             marker={"color": RED, "size": 4}, row=1, col=1)
    every = max(1, len(history) // 150)
    figure.add_scatter(x=list(range(0, len(history), every)), y=[c for _, _, c in history[::every]], mode="lines",
                       line={"color": RED}, showlegend=False, row=1, col=2)
    figure.update_yaxes(type="log", title_text="MSE(로그)", row=1, col=2)
    figure.update_xaxes(title_text="반복", row=1, col=2)
    titled(figure, f"선형 회귀: 학습률 {rate:g}, 반복 {steps}번", "입력 x", "출력 y")

    w_text = ", ".join(written(w) for w in weight[:, 0].tolist())
    if cost > history[0][2]:
        why = f"학습률({rate:g})이 너무 커서 비용이 {cost:.3g}까지 커졌습니다. 학습률을 낮춰 보세요."
    else:
        why = (f"MSE가 {written(history[0][2])}에서 {written(cost)}로 줄었고, "
               f"가장 좋은 직선의 MSE는 {written(least)}입니다.")
    return Demo(
        figure=figure,
        numbers={"기울기 W": w_text, "절편 b": round(bias.item(), 4), "MSE": round(cost, 6),
                 "가장 작은 MSE": round(least, 6), "최소제곱 b": round(best_b.item(), 4),
                 "최소제곱 W": ", ".join(written(w) for w in best_w[:, 0].tolist())},
        text=f"{len(history) - 1}번 고친 뒤 W={w_text}, b={written(bias.item())}입니다. {why}",
        code=CODE.format(rows=rows, rate=rate, steps=max(steps, 1)),
        detail=_bowl(x, y, history, (best_w.item(), best_b.item())) if flat else None,
    )


def _named(question: str, name: str) -> list[float] | None:
    numbers = r"(\[[^\[\]]*\d[^\[\]]*\])"
    found = re.search(rf"(?<![A-Za-z가-힣]){name}\s*(?:값|데이터)?\s*(?:가|이|은|는|=|:)?\s*{numbers}", question)
    return lists(found[1])[0] if found else None


def _parse(question: str) -> Mapping[str, Any] | None:
    x, y = _named(question, "(?:x|X|입력)"), _named(question, "(?:y|Y|출력|정답)")
    if not x or not y or len(x) != len(y) or len(x) < 2 or len(set(x)) < 2:
        return None
    named = has(question, ("선형회귀", "회귀직선", "최소제곱", "linearregression", "직선"))
    return {"x": x, "y": y} if named and not has(question, ("로지스틱",)) else None


def _run(x: list[float], y: list[float]) -> Computed:
    inputs, targets = (torch.tensor(values, dtype=torch.float64)[:, None] for values in (x, y))
    weight, bias = (t.item() for t in least_squares(inputs, targets))
    weight, bias = (0.0 if abs(v) < 1e-9 else round(v, 9) for v in (weight, bias))
    mean_x, mean_y = inputs.mean().item(), targets.mean().item()
    how = (f"x의 평균 {written(mean_x)}, y의 평균 {written(mean_y)}에서 "
           f"W = Σ(x-평균)(y-평균) / Σ(x-평균)² = {written(weight)}, "
           f"b = {written(mean_y)} - {written(weight)}×{written(mean_x)} = {written(bias)}입니다.")
    return Computed(f"W={written(weight)}, b={written(bias)}", how, "$W = (X^T X)^{-1} X^T y$")


CONCEPT = Concept(
    slug="linear_regression",
    title="선형 회귀",
    aliases=("linear regression", "선형회귀", "단순 선형 회귀", "다중 선형 회귀", "simple linear regression",
             "multivariate linear regression", "multiple linear regression", "최소제곱법", "least squares", "회귀 직선",
             "정규방정식", "리니어 리그레션", "선형 회기"),
    summary="입력과 출력의 관계를 가장 잘 설명하는 직선을 찾아 연속된 숫자를 예측한다.",
    demo=demo,
    controls=(
        Control("points", "점(x y; …)", "1 2.1; 2 3.9; 3 6.2; 4 7.8; 5 10.1; 6 11.7"),
        Control("rate", "학습률", 0.01, 0.0001, 0.5, 0.0001, words=("학습률", "learning rate", "lr")),
        Control("steps", "반복 횟수", 100, 0, 2000, 10, words=("반복", "에폭", "epoch")),
    ),
    computations=(Computation("least_squares", _parse, _run, "선형 회귀 최소제곱법 정규방정식"),),
)
