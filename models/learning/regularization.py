"""규제(regularization): 손실에 가중치의 크기에 대한 벌점을 더해 모델이 지나치게 복잡해지지 않게 한다.

$$ L_1:\\; L' = L + \\lambda\\sum_i |w_i|, \\qquad L_2:\\; L' = L + \\lambda\\sum_i w_i^2, \\qquad
   w \\leftarrow (1 - 2\\alpha\\lambda)\\,w - \\alpha\\nabla L $$

L1은 일정한 힘으로 당겨 몇몇 가중치를 정확히 0으로 만들고, L2는 크기에 비례한 힘으로 당겨 고르게 줄인다.

출처: Hoerl & Kennard (1970), "Ridge Regression"; Tibshirani (1996), "Regression Shrinkage and Selection via the Lasso".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, COLORS, GREY, RED, titled
from models.learning.losses import mse
from models.learning.optimizers import SGD
from models.reading import has, lists, named_numbers, written


def l1_penalty(w: Tensor, strength: float) -> Tensor:
    """λ Σ|w| over all values."""
    return strength * w.abs().sum()


def l2_penalty(w: Tensor, strength: float) -> Tensor:
    """λ Σw² over all values; its gradient is that of ``weight_decay=2 * strength``."""
    return strength * (w**2).sum()


def ridge(x: Tensor, y: Tensor, strength: float) -> Tensor:
    """The weights (d,) that minimize mean squared error + λ Σw². ``x``: (N, d), ``y``: (N,)."""
    n, d = x.shape
    # 기울기 2Xᵀ(Xw - y)/N + 2λw = 0을 푼다
    return torch.linalg.solve(x.T @ x / n + strength * torch.eye(d, dtype=x.dtype), x.T @ y / n)


def lasso(x: Tensor, y: Tensor, strength: float, start: Tensor | None = None, rounds: int = 100) -> Tensor:
    """The weights (d,) that minimize mean squared error + λ Σ|w|, one weight at a time, round after round."""
    n, d = x.shape
    gram, right = x.T @ x / n, x.T @ y / n  # (d, d), (d,)
    w = torch.zeros(d, dtype=x.dtype) if start is None else start.clone()
    for _ in range(rounds):
        before = w.clone()
        for j in range(d):
            pull = right[j] - gram[j] @ w + gram[j, j] * w[j]  # 다른 가중치를 고정했을 때 w_j가 가고 싶은 곳
            w[j] = pull.sign() * (pull.abs() - strength / 2).clamp(min=0) / gram[j, j]  # 힘이 λ/2보다 약하면 0
        if (w - before).abs().max() < 1e-9:
            break
    return w


CODE = """\
import torch

torch.manual_seed({seed})
x = torch.randn(40, 6)
y = x @ torch.tensor([3.0, -2.0, 1.5, 0.0, 0.0, 0.0]) + {noise} * torch.randn(40)
for name, penalty in (("L1", lambda w: w.abs().sum()), ("L2", lambda w: (w ** 2).sum())):
    w = torch.zeros(6, requires_grad=True)
    for i in range(500):
        cost = ((x @ w - y) ** 2).mean() + {strength} * penalty(w)
        (gradient,) = torch.autograd.grad(cost, w)
        with torch.no_grad():
            w -= 0.05 * gradient
    print(name, [round(v, 3) for v in w.tolist()])
"""
TRUE = (3.0, -2.0, 1.5, 0.0, 0.0, 0.0)  # 뒤의 세 특성은 답과 상관이 없다


def demo(*, strength: float = 0.5, noise: float = 1.0, seed: int = 0) -> Demo:
    """Six weights against the strength of both penalties; below, where the loss touches the diamond and the circle."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(40, 6, dtype=torch.float64, generator=generator)
    y = x @ torch.tensor(TRUE, dtype=torch.float64) + noise * torch.randn(40, dtype=torch.float64, generator=generator)
    strengths = torch.logspace(-2, 1.3, 25, dtype=torch.float64).tolist()
    paths: dict[str, list[Tensor]] = {"L1": [], "L2": []}
    for value in strengths:
        paths["L1"].append(lasso(x, y, value, paths["L1"][-1] if paths["L1"] else None))
        paths["L2"].append(ridge(x, y, value))
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True,
                           subplot_titles=("L1: 하나씩 0이 된다", "L2: 0으로 다가갈 뿐"))
    for column, path in enumerate(paths.values(), 1):
        for j, colour in zip(range(6), COLORS, strict=False):
            figure.add_scatter(x=strengths, y=[w[j].item() for w in path], name=f"w{j + 1} (참값 {TRUE[j]:g})",
                               mode="lines", line_color=colour, showlegend=column == 1, row=1, col=column)
    mine = {"L1": lasso(x, y, strength), "L2": ridge(x, y, strength)}
    for column, w in enumerate(mine.values(), 1):
        figure.add_scatter(x=[max(strength, 0.01)] * 6, y=w.tolist(), mode="markers", marker_color="black",
                           showlegend=False, row=1, col=column)
    titled(figure, f"λ={strength:g}에서의 가중치(검은 점)", "λ(로그 눈금)", "가중치").update_xaxes(type="log")

    zeros = {name: int((w == 0).sum()) for name, w in mine.items()}
    costs = {name: mse(x @ w, y).item() for name, w in mine.items()}
    told = f"λ={strength:g}에서 정확히 0인 가중치는 여섯 개 중 L1이 {zeros['L1']}개, L2가 {zeros['L2']}개입니다. "
    if max(w.abs().max().item() for w in mine.values()) < 0.5:
        told += "벌점이 너무 세서 예측이 평평해졌습니다."
    else:
        told += f"가중치의 제곱합은 {written(l2_penalty(ridge(x, y, 0), 1).item())}에서 L2로 " \
                f"{written(l2_penalty(mine['L2'], 1).item())}까지 줄었습니다."
    return Demo(
        figure=figure,
        numbers={"0이 된 가중치(L1)": zeros["L1"], "0이 된 가중치(L2)": zeros["L2"],
                 "훈련 MSE(L1)": written(costs["L1"]), "훈련 MSE(L2)": written(costs["L2"]),
                 "L1 벌점": written(l1_penalty(mine["L1"], strength).item()),
                 "L2 벌점": written(l2_penalty(mine["L2"], strength).item())},
        text=told,
        code=CODE.format(strength=strength, seed=seed, noise=noise),
        detail=_touching(x[:, [2, 3]], y - x[:, :2] @ torch.tensor(TRUE[:2], dtype=torch.float64), strength),
    )


def _touching(x: Tensor, y: Tensor, strength: float) -> go.Figure:
    """Contours of the error over two weights, and the diamond and the circle through the two solutions."""
    axis = torch.linspace(-2.5, 2.5, 41, dtype=torch.float64)
    columns, rows = torch.meshgrid(axis, axis, indexing="xy")
    errors = ((torch.stack([columns, rows], -1) @ x.T - y) ** 2).mean(-1)  # (41, 41, 2) @ (2, N) -> (41, 41)
    figure = go.Figure(go.Contour(x=axis.tolist(), y=axis.tolist(), z=errors.tolist(), colorscale="Greys", opacity=0.5,
                                  showscale=False, ncontours=20))
    first, second = lasso(x, y, strength), ridge(x, y, strength)
    side, radius = first.abs().sum().item(), second.norm().item()
    turn = torch.linspace(0, 6.2832, 60)
    figure.add_scatter(x=[side, 0, -side, 0, side], y=[0, side, 0, -side, 0], name="L1의 마름모", line_color=BLUE)
    figure.add_scatter(x=(radius * turn.cos()).tolist(), y=(radius * turn.sin()).tolist(), name="L2의 원",
                       line_color=RED)
    figure.update_traces(mode="lines", selector={"type": "scatter"})
    for name, w, colour in (("L1 해", first, BLUE), ("L2 해", second, RED), ("규제 없음", ridge(x, y, 0), GREY)):
        dot = {"size": 11, "color": colour}
        figure.add_scatter(x=[w[0].item()], y=[w[1].item()], mode="markers", name=name, marker=dot)
    return titled(figure, "오차의 등고선이 마름모와 원에 닿는 점", "w3(쓸모 있음)", "w4(쓸모 없음)", height=480)


_WORDS = {"w": ("가중치", "w"), "g": ("기울기", "그래디언트", "gradient", "grad"),
          "lr": ("학습률", "학습율", "learning rate", "lr"),
          "decay": ("weight_decay", "weight decay", "가중치 감쇠", "감쇠"),
          "strength": ("람다", "lambda", "λ", "규제 강도", "규제 계수", "alpha")}


def _parse_penalty(question: str) -> Mapping[str, Any] | None:
    found, strength = lists(question), named_numbers(question, {"s": _WORDS["strength"]}).get("s")
    first, second = has(question, ("l1", "라쏘", "lasso")), has(question, ("l2", "릿지", "ridge"))
    if strength is None or len(found) != 1 or first == second:
        return None
    return {"w": found[0], "strength": strength, "squared": second}


def _run_penalty(w: list[float], strength: float, squared: bool) -> Computed:
    value = (l2_penalty if squared else l1_penalty)(torch.tensor(w, dtype=torch.float64), strength).item()
    terms = " + ".join(f"({written(v)})²" if squared else f"|{written(v)}|" for v in w)
    return Computed(written(value), f"{written(strength)} × ({terms}) = {written(value)}입니다.",
                    "$\\lambda \\sum_i w_i^2$" if squared else "$\\lambda \\sum_i |w_i|$")


def _parse_decay(question: str) -> Mapping[str, Any] | None:
    named = named_numbers(question, _WORDS)
    if not {"w", "g", "lr", "decay"} <= set(named) or has(question, ("adam", "모멘텀", "momentum")):
        return None
    return {key: named[key] for key in ("w", "g", "lr", "decay")}


def _run_decay(w: float, g: float, lr: float, decay: float) -> Computed:
    weight = torch.tensor([w], dtype=torch.float64, requires_grad=True)
    weight.grad = torch.tensor([g], dtype=torch.float64)
    SGD([weight], lr, weight_decay=decay).step()
    new, pull = written(weight.item()), written(g + decay * w)
    way = f"기울기에 {decay:g}×{w:g}를 더하면 {pull}이고, {w:g} - {lr:g}×{pull} = {new}입니다."
    return Computed(new, way, "$w \\leftarrow w - \\alpha(\\nabla L + d\\,w)$")


CONCEPT = Concept(
    slug="regularization",
    title="규제 (L1, L2)",
    aliases=("regularization", "정칙화", "가중치 규제", "L1 규제", "L2 규제", "L1 정규화", "L2 정규화", "가중치 감쇠",
             "weight decay", "weight_decay", "라쏘", "lasso", "릿지", "ridge", "엘라스틱넷", "elastic net"),
    summary="손실에 가중치의 벌점을 더해 모델을 얌전하게 한다.",
    demo=demo,
    controls=(
        Control("strength", "벌점의 세기 λ", 0.5, 0.0, 20.0, 0.01, words=_WORDS["strength"]),
        Control("noise", "잡음", 1.0, 0.0, 3.0, 0.1, words=("잡음", "노이즈")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("penalty", _parse_penalty, _run_penalty, "L1 L2 벌점 람다 가중치"),
        Computation("decay_step", _parse_decay, _run_decay, "가중치 감쇠 weight decay 갱신"),
    ),
)
