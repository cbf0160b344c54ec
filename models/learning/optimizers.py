"""옵티마이저(optimizer): 기울기를 받아 가중치를 얼마나, 어느 쪽으로 고칠지 정하는 규칙.

관성을 쓰는 갈래(모멘텀, NAG)와 보폭을 나누어 정하는 갈래(Adagrad, RMSProp)가 있고, Adam은 둘을 합친다.

$$ v_t = \\mu v_{t-1} + g_t, \\qquad s_t = \\rho s_{t-1} + (1-\\rho) g_t^2, \\qquad
   w \\leftarrow w - \\alpha \\frac{\\hat m_t}{\\sqrt{\\hat s_t} + \\epsilon} $$

출처: Polyak (1964); Nesterov (1983); Duchi et al. (2011); Tieleman & Hinton (2012); Kingma & Ba (2015).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import COLORS, titled
from models.reading import has, named_numbers, written


class Optimizer(ABC):
    """What all rules share; ``lr`` is above 0, and ``weight_decay`` times the weight is added to each gradient."""

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.0) -> None:
        if not lr > 0:
            raise ValueError(f"lr={lr}: a learning rate is above 0")
        self.parameters, self.lr, self.weight_decay = list(parameters), lr, weight_decay
        self.state: list[dict[str, Tensor]] = [{} for _ in self.parameters]
        self.steps = 0

    def zero_grad(self) -> None:
        """Forget the gradients: ``backward`` adds to what is there."""
        for w in self.parameters:
            w.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change every parameter that has a gradient, in place."""
        self.steps += 1
        for w, state in zip(self.parameters, self.state, strict=True):
            if w.grad is not None:
                w -= self.lr * self.update(w.grad + self.weight_decay * w, state)

    @abstractmethod
    def update(self, g: Tensor, state: dict[str, Tensor]) -> Tensor:
        """The direction for gradient ``g``; ``state`` is kept between steps, one for each parameter."""


class SGD(Optimizer):
    """Gradient descent with optional momentum; the same as ``torch.optim.SGD``."""

    def __init__(self, parameters: Iterable[Tensor], lr: float = 1e-3, momentum: float = 0.0, *,
                 weight_decay: float = 0.0, nesterov: bool = False) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.momentum, self.nesterov = momentum, nesterov

    def update(self, g: Tensor, state: dict[str, Tensor]) -> Tensor:
        if self.momentum == 0:
            return g
        state["v"] = self.momentum * state.get("v", 0) + g  # v_t = μ v_{t-1} + g_t
        return g + self.momentum * state["v"] if self.nesterov else state["v"]  # NAG: 한 발 앞의 속도


class Adagrad(Optimizer):
    """Steps shrink with the sum of squared gradients; the same as ``torch.optim.Adagrad``."""

    def __init__(self, parameters: Iterable[Tensor], lr: float = 1e-2, eps: float = 1e-10, *,
                 weight_decay: float = 0.0) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.eps = eps

    def update(self, g: Tensor, state: dict[str, Tensor]) -> Tensor:
        state["s"] = state.get("s", 0) + g**2  # s_t = s_{t-1} + g_t²: 줄지 않는다
        return g / (state["s"].sqrt() + self.eps)


class RMSProp(Optimizer):
    """Steps divided by a moving root mean square; the same as ``torch.optim.RMSprop``."""

    def __init__(self, parameters: Iterable[Tensor], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, *,
                 weight_decay: float = 0.0) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.alpha, self.eps = alpha, eps

    def update(self, g: Tensor, state: dict[str, Tensor]) -> Tensor:
        state["s"] = self.alpha * state.get("s", 0) + (1 - self.alpha) * g**2  # 옛 기울기를 잊는다
        return g / (state["s"].sqrt() + self.eps)


class Adam(Optimizer):
    """Momentum and RMSProp with bias correction; the same as ``torch.optim.Adam``."""

    def __init__(self, parameters: Iterable[Tensor], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
                 eps: float = 1e-8, *, weight_decay: float = 0.0) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.betas, self.eps = betas, eps

    def update(self, g: Tensor, state: dict[str, Tensor]) -> Tensor:
        first, second = self.betas
        state["m"] = first * state.get("m", 0) + (1 - first) * g  # m_t: 기울기의 이동평균
        state["s"] = second * state.get("s", 0) + (1 - second) * g**2  # s_t: 제곱의 이동평균
        m = state["m"] / (1 - first**self.steps)  # 0에서 시작한 치우침을 고친다
        s = state["s"] / (1 - second**self.steps)
        return m / (s.sqrt() + self.eps)


# 이름: (SGD 학습률에 곱할 배수, 만드는 법). 보폭을 스스로 정하는 규칙은 더 큰 학습률에서 견줄 만하다
RACERS: dict[str, tuple[float, Callable[[list[Tensor], float, float], Optimizer]]] = {
    "SGD": (1, lambda ws, lr, mu: SGD(ws, lr)),
    "모멘텀": (1, lambda ws, lr, mu: SGD(ws, lr, mu)),
    "NAG": (1, lambda ws, lr, mu: SGD(ws, lr, mu, nesterov=mu > 0)),
    "Adagrad": (20, lambda ws, lr, mu: Adagrad(ws, lr)),
    "RMSProp": (4, lambda ws, lr, mu: RMSProp(ws, lr, 0.9)),
    "Adam": (10, lambda ws, lr, mu: Adam(ws, lr)),
}


def race(narrowness: float, lr: float, momentum: float, steps: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Every rule walks down ½(x² + narrowness y²) from (-4, 1.5): points (steps + 1, 2) and costs (steps + 1,)."""
    curvature = torch.tensor([1.0, narrowness], dtype=torch.float64)
    walks = {}
    for name, (factor, make) in RACERS.items():
        w = torch.tensor([-4.0, 1.5], dtype=torch.float64, requires_grad=True)
        optimizer, points = make([w], factor * lr, momentum), [w.detach().clone()]
        for _ in range(steps):
            w.grad = curvature * w.detach()  # 이차함수의 기울기
            optimizer.step()
            points.append(w.detach().clone().clamp(-1e6, 1e6))
        walks[name] = torch.stack(points), 0.5 * (torch.stack(points) ** 2 @ curvature)
    return walks


CODE = """\
import torch

for name, options in [("SGD", {{"lr": {lr}}}), ("SGD", {{"lr": {lr}, "momentum": {momentum}}}),
                      ("Adagrad", {{"lr": 20 * {lr}}}), ("Adam", {{"lr": 10 * {lr}}})]:
    w = torch.tensor([-4.0, 1.5], requires_grad=True)
    optimizer = getattr(torch.optim, name)([w], **options)
    for i in range({steps}):
        optimizer.zero_grad()
        cost = 0.5 * (w[0] ** 2 + {narrowness} * w[1] ** 2)
        cost.backward()
        optimizer.step()
    print(name, options, cost.item())
"""


def demo(*, narrowness: float = 20.0, lr: float = 0.05, momentum: float = 0.9, steps: int = 60) -> Demo:
    """Six rules race down one valley; the paths on its contours, and the cost of each by step."""
    walks = race(narrowness, lr, momentum, steps)
    across, up = torch.linspace(-5, 5, 41, dtype=torch.float64), torch.linspace(-2.5, 2.5, 31, dtype=torch.float64)
    heights = 0.5 * (across[None] ** 2 + narrowness * up[:, None] ** 2)  # (31, 41)
    figure = go.Figure(go.Contour(x=across.tolist(), y=up.tolist(), z=heights.log1p().tolist(), showscale=False,
                                  ncontours=15, colorscale="Greys", opacity=0.4, hoverinfo="skip"))
    detail = go.Figure()
    for (name, (path, costs)), colour in zip(walks.items(), COLORS, strict=False):
        near = path.clamp(-20, 20)
        figure.add_scatter(x=near[:, 0].tolist(), y=near[:, 1].tolist(), name=name, mode="lines+markers",
                           line_color=colour, marker_size=4)
        detail.add_scatter(y=costs.clamp(1e-12, 1e9).tolist(), name=name, mode="lines", line_color=colour)
    titled(figure, f"좁은 정도 {narrowness:g}인 골짜기를 {steps}걸음", "w1", "w2", height=480)
    figure.update_xaxes(range=[-5, 5]).update_yaxes(range=[-2.5, 2.5])
    titled(detail, "걸음마다의 비용", "걸음", "비용").update_yaxes(type="log", exponentformat="power")
    final = {name: costs[-1].item() for name, (_, costs) in walks.items()}
    best, worst = min(final, key=final.__getitem__), max(final, key=final.__getitem__)
    told = f"{best}의 비용({written(final[best])})이 가장 낮고 {worst}의 비용({written(final[worst])})이 가장 높습니다."
    told += f" 학습률이 한계 2/{narrowness:g}보다 커서 SGD는 튀어 나갔습니다." if lr * narrowness > 2 else ""
    return Demo(figure=figure, numbers={f"{name}의 마지막 비용": written(cost) for name, cost in final.items()},
                text=told + " 여기서 Adagrad, RMSProp, Adam에는 SGD 학습률의 20배, 4배, 10배를 썼습니다.",
                code=CODE.format(lr=lr, momentum=momentum, steps=steps, narrowness=narrowness), detail=detail)


_WORDS = {
    "w": ("가중치", "파라미터", "현재값", "w"), "g": ("기울기", "그래디언트", "gradient", "grad"),
    "lr": ("학습률", "학습율", "learning rate", "lr", "알파", "α"),
    "mu": ("모멘텀 계수", "모멘텀", "momentum", "관성", "μ"), "v": ("이전 속도", "속도", "velocity", "v"),
    "s": ("누적 제곱합", "제곱합", "이동평균"), "rho": ("감쇠율", "rho", "ρ"),
}
# 이름: (묻는 말, 만드는 법, 앞 걸음에서 남은 값의 이름, 식)
_RULES: dict[str, tuple[tuple[str, ...], Callable[..., Optimizer], str, str]] = {
    "adagrad": (("adagrad", "아다그라드"), lambda w, n: Adagrad(w, n["lr"]), "s", "s_t = s_{t-1} + g_t^2"),
    "rmsprop": (("rmsprop",), lambda w, n: RMSProp(w, n["lr"], n.get("rho", 0.99)), "s",
                "s_t = \\rho s_{t-1} + (1-\\rho) g_t^2"),
    "adam": (("adam", "아담"), lambda w, n: Adam(w, n["lr"]), "",
             "w \\leftarrow w - \\alpha \\hat m_t/\\sqrt{\\hat s_t}"),
    "nag": (("nag", "네스테로프", "nesterov"), lambda w, n: SGD(w, n["lr"], n["mu"], nesterov=True), "v",
            "w \\leftarrow w - \\alpha (g_t + \\mu v_t)"),
    "momentum": (("모멘텀", "momentum"), lambda w, n: SGD(w, n["lr"], n["mu"]), "v", "v_t = \\mu v_{t-1} + g_t"),
}


def _parse_step(question: str) -> Mapping[str, Any] | None:
    rule = next((name for name, (words, *_) in _RULES.items() if has(question, words)), None)
    named = named_numbers(question, _WORDS)
    if rule is None or not {"w", "g", "lr"} <= set(named) or has(question, ("adamw", "decay", "가중치감쇠", "규제")):
        return None
    first = has(question, ("첫", "처음", "한번")) and not {"v", "s"} & set(named)
    if (rule in ("momentum", "nag") and "mu" not in named) or (rule == "adam" and not first):
        return None  # Adam은 쌓인 m, s를 모르면 첫 걸음만 정해진다
    return {"rule": rule, "named": named}


def _run_step(rule: str, named: dict[str, float]) -> Computed:
    _, make, kept, formula = _RULES[rule]
    weight = torch.tensor([named["w"]], dtype=torch.float64, requires_grad=True)
    weight.grad = torch.tensor([named["g"]], dtype=torch.float64)
    optimizer = make([weight], named)
    if kept:
        optimizer.state[0][kept] = torch.tensor([named.get(kept, 0.0)], dtype=torch.float64)
    optimizer.step()
    new, move = written(weight.item()), written((named["w"] - weight.item()) / named["lr"])
    state = ", ".join(f"{name} = {written(value.item())}" for name, value in optimizer.state[0].items())
    return Computed(new, f"쌓인 값은 {state}, 규칙이 정한 방향은 {move}이므로 "
                         f"새 가중치는 {named['w']:g} - {named['lr']:g}×{move} = {new}입니다.", f"${formula}$")


def _parse_limit(question: str) -> Mapping[str, Any] | None:
    mu = named_numbers(question, {"mu": (*_WORDS["mu"], "씩 남는")}).get("mu")
    asked = has(question, ("몇배", "최대"), ("속도", "걸음", "모멘텀"), ("계속", "같은방향", "일정", "최대"))
    return {"mu": mu} if asked and mu is not None and 0 <= mu < 1 and not has(question, ("학습률",)) else None


def _run_limit(mu: float) -> Computed:
    value = written(1 / (1 - mu))
    return Computed(value, f"기울기가 같으면 1 + μ + μ² + … = 1/(1-{mu:g}) = {value}배입니다.", "$1/(1-\\mu)$")


CONCEPT = Concept(
    slug="optimizers",
    title="옵티마이저",
    aliases=("optimizer", "옵티마이져", "최적화 알고리즘", "SGD", "모멘텀", "momentum", "NAG", "네스테로프",
             "Adagrad", "RMSProp", "Adam", "아담"),
    summary="기울기로 가중치를 얼마나, 어느 쪽으로 고칠지 정한다.",
    demo=demo,
    controls=(
        Control("narrowness", "좁은 정도", 20.0, 1.0, 100.0, 1.0, words=("좁은 정도",)),
        Control("lr", "학습률", 0.05, 0.001, 0.3, 0.001, words=_WORDS["lr"]),
        Control("momentum", "모멘텀 계수", 0.9, 0.0, 0.99, 0.01, words=_WORDS["mu"]),
        Control("steps", "걸음 수", 60, 1, 200, 1, words=("걸음", "스텝", "steps")),
    ),
    computations=(
        Computation("optimizer_step", _parse_step, _run_step, "옵티마이저 갱신 규칙 모멘텀 속도"),
        Computation("momentum_limit", _parse_limit, _run_limit, "모멘텀 속도 최대 배"),
    ),
)
