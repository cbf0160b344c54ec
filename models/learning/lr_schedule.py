"""학습률 스케줄(learning rate schedule): 에포크가 지남에 따라 학습률을 정해진 규칙으로 바꾼다.

$$ \\alpha_t = \\alpha_0\\,\\gamma^{\\lfloor t/s \\rfloor}, \\qquad \\alpha_t = \\alpha_0\\,\\gamma^t, \\qquad
   \\alpha_t = \\frac{k}{\\sqrt t}\\,\\alpha_0, \\qquad
   \\alpha_t = \\frac{\\alpha_0}{2}\\Big(1 + \\cos\\frac{\\pi t}{T}\\Big) $$

출처: Robbins & Monro (1951), "A Stochastic Approximation Method"; Loshchilov & Hutter (2017), "SGDR".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, COLORS, GREY, RED, titled
from models.learning.optimizers import SGD, Optimizer
from models.reading import NUMBER, has, named_numbers, to_number, written


def step_decay(lr: float, epoch: int, step_size: int = 10, gamma: float = 0.1) -> float:
    """Times ``gamma`` every ``step_size`` epochs; the same as ``StepLR``."""
    return lr * gamma ** (epoch // step_size)


def exponential(lr: float, epoch: int, gamma: float = 0.95) -> float:
    """Times ``gamma`` every epoch; the same as ``ExponentialLR``."""
    return lr * gamma**epoch


def inverse_root(lr: float, epoch: int, k: float = 1.0) -> float:
    """``k`` / sqrt(epoch) times the first rate; epoch 0 counts as 1."""
    return lr * k / math.sqrt(max(epoch, 1))


def cosine(lr: float, epoch: int, total: int) -> float:
    """Half a cosine from ``lr`` to 0 over ``total`` epochs; the same as ``CosineAnnealingLR``."""
    return lr * (1 + math.cos(math.pi * epoch / total)) / 2


class Scheduler:
    """Sets the rate of an optimizer once an epoch.

    Args:
        rule: (first rate, epochs done) -> rate.
    """

    def __init__(self, optimizer: Optimizer, rule: Callable[[float, int], float]) -> None:
        self.optimizer, self.rule, self.first, self.epoch = optimizer, rule, optimizer.lr, 0
        optimizer.lr = rule(self.first, 0)

    def step(self) -> None:
        """An epoch has ended: call it after ``optimizer.step``."""
        self.epoch += 1
        self.optimizer.lr = self.rule(self.first, self.epoch)


def noisy_descent(lr: float, rule: Callable[[float, int], float], epochs: int, generator: torch.Generator) -> Tensor:
    """Mean cost ½w² of 200 walkers whose gradient is w plus noise, ten steps an epoch: (epochs + 1,)."""
    w = torch.full((200,), 5.0, requires_grad=True)
    optimizer = SGD([w], lr)
    scheduler = Scheduler(optimizer, rule)
    costs = [(w.detach() ** 2).mean() / 2]
    for _ in range(epochs):
        for _ in range(10):
            w.grad = w.detach() + torch.randn(200, generator=generator)  # 미니배치처럼 잡음이 섞인 기울기
            optimizer.step()
        scheduler.step()
        costs.append((w.detach() ** 2).mean() / 2)
    return torch.stack(costs)


METHODS = ("계단", "지수", "제곱근", "코사인")

CODE = """\
import torch

w = torch.zeros(1, requires_grad=True)
optimizer = torch.optim.SGD([w], lr={lr})
scheduler = torch.optim.lr_scheduler.{scheduler}
for epoch in range({epochs}):
    optimizer.step()                 # 여기서 한 에포크를 배운다
    if epoch % 5 == 0:
        print(epoch, optimizer.param_groups[0]["lr"])
    scheduler.step()                 # 에포크가 끝날 때
"""


def demo(*, method: str = "계단", lr: float = 0.2, gamma: float = 0.5, step_size: int = 10, epochs: int = 40,
         seed: int = 0) -> Demo:
    """The rate by epoch for every rule, and the cost of a noisy descent with the chosen one and with a fixed rate."""
    rules: dict[str, Callable[[float, int], float]] = {
        "계단": lambda first, t: step_decay(first, t, step_size, gamma),
        "지수": lambda first, t: exponential(first, t, gamma),
        "제곱근": inverse_root, "코사인": lambda first, t: cosine(first, t, epochs)}
    calls = {"계단": f"StepLR(optimizer, step_size={step_size}, gamma={gamma})",
             "지수": f"ExponentialLR(optimizer, gamma={gamma})",
             "제곱근": "LambdaLR(optimizer, lambda t: max(t, 1) ** -0.5)",
             "코사인": f"CosineAnnealingLR(optimizer, T_max={epochs})"}
    figure = make_subplots(rows=1, cols=2, subplot_titles=("학습률", "비용(로그 눈금)"))
    for (name, rule), colour in zip(rules.items(), COLORS, strict=False):
        figure.add_scatter(y=[rule(lr, t) for t in range(epochs + 1)], name=name, mode="lines", row=1, col=1,
                           line={"color": colour, "width": 4 if name == method else 1}, line_shape="hv")
    costs = {}
    for name, rule, colour in ((method, rules[method], BLUE), ("고정", lambda first, t: first, RED)):
        path = noisy_descent(lr, rule, epochs, torch.Generator().manual_seed(seed))
        costs[name] = path[-max(1, epochs // 5):].mean().item()
        figure.add_scatter(y=path.tolist(), name=f"{name} 비용", mode="lines", line_color=colour, row=1, col=2)
    titled(figure, f"{method} 스케줄: {lr:g}에서 {written(rules[method](lr, epochs))}까지", "에포크", "학습률")
    figure.update_yaxes(type="log", title_text="비용", row=1, col=2)
    rates = [lr * f for f in (0.2, 0.4, 0.7, 1, 1.4)]
    floor = [noisy_descent(r, lambda first, t: first, 30, torch.Generator().manual_seed(seed))[-10:].mean().item()
             for r in rates]
    detail = go.Figure(go.Scatter(x=rates, y=floor, mode="lines+markers", line_color=GREY))
    titled(detail, "고정 학습률이 클수록 바닥에서 높이 맴돈다", "학습률", "30에포크 뒤의 비용")
    lower = "낮습니다" if costs[method] < costs["고정"] else "높습니다. 너무 빨리 줄여 바닥에 닿지 못했을 수 있습니다"
    return Demo(
        figure=figure,
        numbers={"처음 학습률": lr, "마지막 학습률": written(rules[method](lr, epochs)),
                 f"마지막 비용({method})": written(costs[method]), "마지막 비용(고정)": written(costs["고정"])},
        text=f"마지막 {max(1, epochs // 5)}에포크의 평균 비용이 {method} 스케줄에서 {written(costs[method])}로, "
             f"고정 학습률의 {written(costs['고정'])}보다 {lower}.",
        code=CODE.format(lr=lr, scheduler=calls[method], epochs=epochs),
        detail=detail,
    )


_EPOCH = r"(?:에포크|에폭|epochs?)"


def _gamma(question: str) -> float | None:
    if match := re.search(rf"({NUMBER})\s*(?:\^|\*\*)\s*(?:{_EPOCH}|t)", question, re.IGNORECASE):
        return to_number(match[1])
    if (named := named_numbers(question, {"g": ("gamma", "감마", "γ", "감쇠율")}).get("g")) is not None:
        return named
    if match := re.search(rf"({NUMBER})\s*배?(?:을|를|씩)?\s*(?:씩)?\s*곱", question):
        return to_number(match[1])
    return 0.5 if has(question, ("절반으로", "반으로")) else 0.1 if has(question, ("10분의1", "십분의일")) else None


def _parse(question: str) -> Mapping[str, Any] | None:
    every = re.search(rf"(\d+)\s*{_EPOCH}\s*마다", question, re.IGNORECASE)
    rest = question if not every else question[:every.start()] + " " + question[every.end():]
    at = re.search(rf"(\d+)\s*(?:번째)?\s*{_EPOCH}|{_EPOCH}\s*(?:=|이|가)?\s*(\d+)(?![.\d])", rest, re.IGNORECASE)
    named = named_numbers(rest, {"lr": ("초기 학습률", "처음 학습률", "시작 학습률", "학습률", "학습율", "lr", "보폭"),
                                 "s": ("step_size", "step size"), "k": ("k",)})
    ratio = has(question, ("몇배", "퍼센트", "몇%", "몇프로"))
    if at is None or ("lr" not in named and not ratio):
        return None
    found: dict[str, Any] = {"epoch": int(at[1] or at[2]), "lr": named.get("lr"), "percent": has(question, ("퍼센트", "몇%", "몇프로"))}
    if has(question, ("sqrt", "루트", "제곱근", "√")):
        return {**found, "kind": "root", "k": named["k"]} if "k" in named and found["epoch"] > 0 else None
    gamma, size = _gamma(question), int(every[1]) if every else named.get("s")
    if gamma is None:
        return None
    if size:
        return {**found, "kind": "step", "gamma": gamma, "size": int(size)}
    steady = re.search(rf"매\s*{_EPOCH}|{_EPOCH}\s*마다|(\^|\*\*)\s*({_EPOCH}|t)|지수|exponential", question, re.I)
    return {**found, "kind": "exponential", "gamma": gamma} if steady else None


def _run(kind: str, epoch: int, lr: float | None, percent: bool, gamma: float = 0.0, size: int = 1,
         k: float = 1.0) -> Computed:
    first = 1.0 if lr is None else lr
    if kind == "root":
        value, way, formula = inverse_root(first, epoch, k), f"{k:g}/√{epoch}", "$\\alpha_0 k/\\sqrt{t}$"
    elif kind == "step":
        value, way = step_decay(first, epoch, size, gamma), f"{gamma:g}^⌊{epoch}/{size}⌋ = {gamma:g}^{epoch // size}"
        formula = "$\\alpha_0\\gamma^{\\lfloor t/s \\rfloor}$"
    else:
        value, way, formula = exponential(first, epoch, gamma), f"{gamma:g}^{epoch}", "$\\alpha_0\\gamma^t$"
    if lr is None:
        answer = f"{written(100 * value)}%" if percent else written(value)
        return Computed(answer, f"{epoch}에포크 뒤에는 처음의 {way} = {answer}{'' if percent else '배'}.", formula)
    return Computed(written(value), f"{epoch}에포크 뒤에는 {lr:g} × {way} → {written(value)}입니다.", formula)


CONCEPT = Concept(
    slug="lr_schedule",
    title="학습률 스케줄",
    aliases=("learning rate schedule", "learning rate scheduler", "학습률 스케줄러", "학습률 스케줄링", "lr scheduler",
             "lr_scheduler", "learning rate decay", "학습률 감쇠", "학습율 감쇠", "StepLR", "ExponentialLR", "웜업",
             "warmup", "러닝레이트 스케줄러", "러닝레이트 스케쥴러"),
    summary="에포크가 지남에 따라 학습률을 정해진 규칙으로 바꾼다.",
    demo=demo,
    controls=(
        Control("method", "방법", "계단", choices=METHODS),
        Control("lr", "처음 학습률", 0.2, 0.001, 0.9, 0.001, words=("초기 학습률", "학습률", "lr")),
        Control("gamma", "곱하는 비율", 0.5, 0.01, 1.0, 0.01, words=("gamma", "감마", "γ")),
        Control("step_size", "줄이는 간격", 10, 1, 100, 1, words=("step_size", "간격")),
        Control("epochs", "에포크", 40, 2, 100, 1, words=("에포크", "epoch")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("rate", _parse, _run, "StepLR 학습률 감쇠 공식 에포크"),),
)
