"""과적합(overfitting): 훈련 데이터에 지나치게 맞춰져 처음 보는 데이터에서 틀린다.

$$ \\mathbb{E}\\big[(y - \\hat f(x))^2\\big] = \\mathrm{Bias}^2 + \\mathrm{Var} + \\sigma^2 $$

모델이 복잡해지면 편향은 줄고 분산은 커진다. 검증 손실이 더 나아지지 않을 때 멈추는 것이 조기 종료다.

출처: Geman, Bienenstock & Doursat (1992), "Neural Networks and the Bias/Variance Dilemma"; Prechelt (1998),
"Early Stopping - But When?".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREEN, GREY, RED, titled
from models.learning.activation import Activation
from models.learning.linear_layer import Linear
from models.learning.losses import mse
from models.learning.optimizers import Adam
from models.learning.training_loop import Sequential
from models.reading import has, lists, named_numbers, written


def powers(x: Tensor, degree: int) -> Tensor:
    """(N,) -> (N, degree + 1): 1, x, x², ..."""
    return x[:, None] ** torch.arange(degree + 1)


def fit_polynomial(x: Tensor, y: Tensor, degree: int) -> Tensor:
    """Coefficients (degree + 1,), lowest power first, of the polynomial with the least squared error."""
    return torch.linalg.lstsq(powers(x, degree), y[:, None], driver="gelsd").solution[:, 0]


def truth(x: Tensor) -> Tensor:
    """The curve behind the samples."""
    return torch.sin(3 * x)


class EarlyStopping:
    """Says when to stop: the best loss was not beaten for ``patience`` epochs.

    ``best_epoch`` (from 1) is the epoch whose weights to keep.
    """

    def __init__(self, patience: int) -> None:
        if patience < 1:
            raise ValueError(f"patience={patience}: at least 1")
        self.patience, self.best, self.best_epoch, self.epoch = patience, float("inf"), 0, 0

    def step(self, loss: float) -> bool:
        """Report one epoch's validation loss; whether to stop now."""
        self.epoch += 1
        if loss < self.best:
            self.best, self.best_epoch = loss, self.epoch
        return self.epoch - self.best_epoch >= self.patience


def stop_epoch(losses: Sequence[float], patience: int) -> tuple[int | None, int]:
    """The epoch (from 1) after which training stops, ``None`` where it does not, and the best epoch until then."""
    stopper = EarlyStopping(patience)
    for loss in losses:
        if stopper.step(loss):
            return stopper.epoch, stopper.best_epoch
    return None, stopper.best_epoch


def network_losses(x: Tensor, y: Tensor, x_new: Tensor, y_new: Tensor, epochs: int) -> tuple[list[float], list[float]]:
    """Training and validation loss by epoch of a network with one hidden layer of 64, full batch, Adam."""
    net = Sequential(Linear(1, 64), Activation("tanh"), Linear(64, 1))
    torch.nn.init.normal_(net.get_parameter("0.weight"), std=6.0)  # 자잘하게 꺾일 수 있어 잡음까지 외우는 망
    optimizer, learned, validated = Adam(net.parameters(), 0.02), [], []
    for _ in range(epochs):
        optimizer.zero_grad()
        cost = mse(net(x[:, None])[:, 0], y)
        with torch.no_grad():
            validated.append(mse(net(x_new[:, None])[:, 0], y_new).item())
        cost.backward()
        optimizer.step()
        learned.append(cost.item())
    return learned, validated


CODE = """\
import numpy as np

rng = np.random.default_rng({seed})
x = np.linspace(-1, 1, {samples})
y = np.sin(3 * x) + {noise} * rng.normal(size={samples})
x_new = rng.uniform(-1, 1, 200)
y_new = np.sin(3 * x_new) + {noise} * rng.normal(size=200)
for degree in (1, 3, {degree}):
    fit = np.polynomial.Polynomial.fit(x, y, degree)
    print(degree, "훈련:", np.mean((fit(x) - y) ** 2), "검증:", np.mean((fit(x_new) - y_new) ** 2))
"""


def demo(*, degree: int = 12, samples: int = 15, noise: float = 0.3, patience: int = 20, seed: int = 0) -> Demo:
    """A polynomial of the reader's degree, both errors by degree, and where early stopping ends a network."""
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, samples, dtype=torch.float64)
    y = truth(x) + noise * torch.randn(samples, dtype=torch.float64)
    x_new = torch.rand(200, dtype=torch.float64) * 2 - 1
    y_new = truth(x_new) + noise * torch.randn(200, dtype=torch.float64)
    learned, validated = [], []
    for d in range(16):
        c = fit_polynomial(x, y, d)
        learned.append(mse(powers(x, d) @ c, y).item())
        validated.append(mse(powers(x_new, d) @ c, y_new).item())
    best = min(range(16), key=validated.__getitem__)

    figure = make_subplots(rows=1, cols=2, subplot_titles=(f"{degree}차 다항식", "차수에 따른 오차(로그 눈금)"))
    axis = torch.linspace(-1, 1, 150, dtype=torch.float64)
    curve = (powers(axis, degree) @ fit_polynomial(x, y, degree)).clamp(-4, 4)
    left, right = {"row": 1, "col": 1}, {"row": 1, "col": 2}
    behind = truth(axis).tolist()
    figure.add_scatter(x=axis.tolist(), y=behind, name="참 곡선", line_color=GREY, line_dash="dot", **left)
    figure.add_scatter(x=axis.tolist(), y=curve.tolist(), name="맞춘 곡선", line_color=BLUE, **left)
    figure.add_scatter(x=x.tolist(), y=y.tolist(), mode="markers", name="훈련 점", marker_color=RED, **left)
    for name, errors, colour in (("훈련 오차", learned, BLUE), ("검증 오차", validated, RED)):
        shown = [max(e, 1e-8) for e in errors]
        figure.add_scatter(y=shown, name=name, mode="lines+markers", line_color=colour, **right)
    figure.add_scatter(x=[degree], y=[validated[degree]], mode="markers", name="지금", **right,
                       marker={"size": 14, "color": RED, "symbol": "circle-open"})
    titled(figure, f"차수 {degree}: 훈련 {written(learned[degree])}, 검증 {written(validated[degree])}", "x", "y")
    figure.update_xaxes(title_text="차수", row=1, col=2).update_yaxes(type="log", title_text="오차", row=1, col=2)

    train_loss, new_loss = network_losses(x.float(), y.float(), x_new.float(), y_new.float(), 200)
    stop, kept = stop_epoch(new_loss, patience)
    epochs = list(range(1, 201))
    detail = go.Figure(go.Scatter(y=train_loss, x=epochs, name="훈련 손실", line_color=BLUE))
    detail.add_scatter(y=new_loss, x=epochs, name="검증 손실", line_color=RED)
    detail.add_scatter(x=[kept], y=[new_loss[kept - 1]], mode="markers", name="되돌릴 가중치",
                       marker={"size": 12, "color": GREEN})
    if stop:
        detail.update_layout(shapes=[{"x0": stop, "x1": stop, "y0": 0, "y1": 1, "yref": "paper"}])
    ended = f"{stop}에포크에서 멈추고" if stop else "200에포크까지 가고"
    title = f"조기 종료: {ended} {kept}에포크의 가중치를 쓴다"
    titled(detail, title, "에포크", "손실").update_yaxes(type="log")
    if validated[degree] < 1.5 * validated[best]:
        state = "알맞습니다"
    else:
        state = "과소적합입니다" if degree < best else "과적합입니다"
    return Demo(
        figure=figure,
        numbers={"훈련 오차": written(learned[degree]), "검증 오차": written(validated[degree]),
                 "검증 오차가 가장 낮은 차수": best, "가장 낮은 검증 오차": written(validated[best]),
                 "조기 종료 에포크": stop or "없음", "되돌릴 에포크": kept},
        text=f"{degree}차는 훈련 오차 {written(learned[degree])}, 검증 오차 {written(validated[degree])}로 {state}. "
             f"검증 오차가 가장 낮은 것은 {best}차({written(validated[best])})입니다.",
        code=CODE.format(seed=seed, samples=samples, noise=noise, degree=degree),
        detail=detail,
    )


def _parse(question: str) -> Mapping[str, Any] | None:
    if not has(question, ("조기종료", "earlystopping", "early-stopping", "patience", "인내")):
        return None
    found = lists(question)
    patience = named_numbers(question, {"p": ("patience", "인내심", "인내")}).get("p", 0)
    if not found:
        match = re.search(r"\d+(?:\.\d+)?(?:\s*,\s*\d+(?:\.\d+)?){2,}", question)
        found = [[float(v) for v in match[0].split(",")]] if match else []
    if len(found) != 1 or len(found[0]) < 2 or patience < 1:
        return None
    return {"losses": found[0], "patience": int(patience)}


def _run(losses: list[float], patience: int) -> Computed:
    stop, best = stop_epoch(losses, patience)
    low = f"가장 낮은 손실은 {best}에포크의 {written(losses[best - 1])}"
    rule = "최고 기록이 patience 동안 깨지지 않으면 멈춤"
    if stop is None:
        return Computed("멈추지 않음", f"{low}이고, 그 뒤로 {patience}에포크가 지나지 않아 계속합니다.", rule)
    return Computed(str(stop), f"{low}입니다. 그 뒤 {patience}에포크 동안 더 낮아지지 않아 {stop}에포크에서 멈추고 "
                               f"{best}에포크의 가중치를 씁니다.", rule)


CONCEPT = Concept(
    slug="overfitting",
    title="과적합",
    aliases=("overfitting", "오버피팅", "오버핏", "과대적합", "과소적합", "underfitting", "언더피팅", "조기 종료",
             "조기종료", "early stopping", "patience", "편향 분산", "bias variance", "high variance", "high bias"),
    summary="훈련 데이터에 지나치게 맞춰져 처음 보는 데이터에서 틀린다.",
    demo=demo,
    controls=(
        Control("degree", "다항식의 차수", 12, 0, 15, 1, words=("차수", "차", "degree")),
        Control("samples", "훈련 데이터 수", 15, 5, 100, 1, words=("데이터", "샘플")),
        Control("noise", "잡음", 0.3, 0.0, 1.0, 0.05, words=("잡음", "노이즈", "noise")),
        Control("patience", "조기 종료의 인내", 20, 1, 100, 1, words=("patience", "인내심", "인내")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("early_stopping", _parse, _run, "조기 종료 인내 patience 검증 손실"),),
)
