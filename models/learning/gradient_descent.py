"""경사하강법(gradient descent): 기울기 반대 방향으로 조금씩 움직여 함숫값이 작은 곳을 찾는다.

$$ w \\leftarrow w - \\alpha\\,\\nabla L(w) $$

$\\alpha$는 학습률이다. 이차함수의 가장 큰 곡률이 $\\lambda$이면 $\\alpha < 2/\\lambda$일 때만 줄어든다.

출처: Cauchy (1847), "Méthode générale pour la résolution des systèmes d'équations simultanées".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import RED, titled
from models.reading import NUMBER, has, named_numbers, to_number, written


def step(parameters: Iterable[Tensor], gradients: Iterable[Tensor], lr: float) -> None:
    """One step of descent, in place, on parameters of any shapes with gradients of the same shapes."""
    with torch.no_grad():
        for w, gradient in zip(parameters, gradients, strict=True):
            w -= lr * gradient  # w <- w - α ∇L(w)


def descend(cost: Callable[[Tensor], Tensor], start: Tensor, lr: float, steps: int,
            bound: float = 1e6) -> tuple[Tensor, Tensor]:
    """Walk down ``cost`` from ``start`` (d,); the walk ends early where a coordinate leaves ``bound``.

    Returns:
        The points (n + 1, d) and the cost at each (n + 1,), n <= steps.
    """
    w = start.detach().clone().requires_grad_(True)
    points, costs = [], []
    for _ in range(steps + 1):
        value = cost(w)
        points.append(w.detach().clone())
        costs.append(value.detach())
        if not w.detach().abs().max() < bound:
            break  # 발산: 더 가도 볼 것이 없다
        step([w], torch.autograd.grad(value, [w]), lr)
    return torch.stack(points), torch.stack(costs)


# 이름: (함수, 가장 큰 곡률. 이차함수가 아니면 None)
SURFACES: dict[str, tuple[Callable[[Tensor], Tensor], float | None]] = {
    "그릇": (lambda w: w[0] ** 2 + w[1] ** 2, 2.0),
    "골짜기": (lambda w: 0.5 * w[0] ** 2 + 10 * w[1] ** 2, 20.0),
    "두 골짜기": (lambda w: (w[0] ** 2 - 4) ** 2 / 8 + 0.5 * w[0] + w[1] ** 2, None),
}

CODE = """\
import torch

surfaces = {{
    "그릇": lambda w: w[0] ** 2 + w[1] ** 2,
    "골짜기": lambda w: 0.5 * w[0] ** 2 + 10 * w[1] ** 2,
    "두 골짜기": lambda w: (w[0] ** 2 - 4) ** 2 / 8 + 0.5 * w[0] + w[1] ** 2,
}}
cost = surfaces["{surface}"]
w = torch.tensor([{x}, {y}], requires_grad=True)
for i in range({steps}):
    value = cost(w)
    value.backward()
    with torch.no_grad():
        w -= {lr} * w.grad       # 기울기 반대 방향으로 한 걸음
    w.grad.zero_()
print("도착:", w.tolist(), "비용:", cost(w).item())
"""


def demo(*, surface: str = "골짜기", lr: float = 0.08, x: float = -4.0, y: float = 2.0, steps: int = 30) -> Demo:
    """The path on the contours of a surface, and the cost at every step."""
    cost, curvature = SURFACES[surface]
    points, costs = descend(cost, torch.tensor([x, y], dtype=torch.float64), lr, steps)
    across, up = torch.linspace(-5, 5, 61, dtype=torch.float64), torch.linspace(-3, 3, 41, dtype=torch.float64)
    columns, rows = torch.meshgrid(across, up, indexing="xy")  # (41, 61)
    heights = cost(torch.stack([columns, rows]))
    figure = go.Figure(go.Contour(x=across.tolist(), y=up.tolist(), z=heights.tolist(), showscale=False, ncontours=25,
                                  colorscale="Blues", line={"width": 0.5}))
    shown = points.clamp(-50, 50)
    figure.add_scatter(x=shown[:, 0].tolist(), y=shown[:, 1].tolist(), mode="lines+markers", name="경로",
                       line={"color": RED}, marker={"size": 5})
    titled(figure, f"{surface}, 학습률 {lr:g}: {len(points) - 1}걸음", "w1", "w2").update_layout(showlegend=False)
    figure.update_xaxes(range=[-5, 5]).update_yaxes(range=[-3, 3])
    detail = go.Figure(go.Scatter(y=costs.clamp(max=1e12).tolist(), mode="lines+markers", line={"color": RED}))
    titled(detail, "걸음마다의 비용", "걸음", "비용")

    first, last = costs[0].item(), costs[-1].item()
    gradient = torch.autograd.functional.jacobian(cost, points[-1]).norm().item()
    flips = int(((points[1:] * points[:-1]) < 0).any(dim=1).sum())
    if not last < max(10 * first, 1e3) or (last > first and len(points) > 1):
        seen = "비용이 처음보다 커졌습니다. 학습률이 커서 최저점을 지나쳐 튀어 나갔습니다."
    elif flips > len(points) // 3:
        seen = f"{flips}번이나 골짜기 건너편으로 넘어가며 지그재그로 내려갔습니다."
    elif gradient > 0.1:
        seen = f"기울기의 크기가 아직 {written(gradient)}라서 더 내려갈 수 있습니다. 걸음을 늘려 보세요."
    else:
        seen = f"기울기의 크기가 {written(gradient)}까지 작아져 바닥에 거의 닿았습니다."
    numbers: dict[str, float | str] = {
        "처음 비용": written(first), "마지막 비용": written(last), "마지막 기울기의 크기": written(gradient),
        "도착한 곳": f"({written(points[-1][0].item())}, {written(points[-1][1].item())})"}
    if curvature is not None:
        numbers["학습률의 한계 2/λ"] = round(2 / curvature, 4)
    code = CODE.format(surface=surface, lr=lr, x=x, y=y, steps=steps)
    return Demo(figure=figure, numbers=numbers, detail=detail, code=code,
                text=f"비용이 {written(first)}에서 {written(last)}로 바뀌었습니다. {seen}")


_OTHER_RULES = ("모멘텀", "momentum", "adam", "아담", "adagrad", "rmsprop", "nag", "네스테로프", "decay", "감쇠",
                "규제", "steplr", "gamma", "스케줄", "에포크")
_WORDS = {
    "w": ("가중치", "파라미터", "현재값", "현재 위치", "위치", "w", "x"),
    "gradient": ("기울기", "그래디언트", "그레이디언트", "gradient", "미분값", "grad"),
    "lr": ("학습률", "학습율", "보폭", "learning rate", "learning_rate", "step size", "lr", "α", "알파", "alpha"),
}
_TIMES = {"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "열": 10}


def _times(question: str) -> int | None:
    if match := re.search(r"(\d+)\s*(?:번|회|스텝|step|걸음)", question):
        return int(match[1])
    match = re.search(rf"({'|'.join(_TIMES)})\s*(?:번|걸음|스텝)", question)
    return _TIMES[match[1]] if match else None


def _parse_step(question: str) -> Mapping[str, Any] | None:
    named = named_numbers(question, _WORDS)
    asked = has(question, ("갱신", "업데이트", "경사하강", "다음", "새로운", "한번", "한걸음", "update", "스텝"))
    if len(named) < 3 or not asked or has(question, _OTHER_RULES) or (_times(question) or 1) != 1:
        return None
    return named


def _run_step(w: float, gradient: float, lr: float) -> Computed:
    value = torch.tensor([w], dtype=torch.float64)
    step([value], [torch.tensor([gradient], dtype=torch.float64)], lr)
    new = written(value.item())
    return Computed(new, f"{written(w)} - {written(lr)} × ({written(gradient)}) = {new}입니다.",
                    "$w \\leftarrow w - \\alpha \\nabla L(w)$")


_SQUARE = re.compile(rf"(?<![\d.+\-])(?P<a>{NUMBER})?\s*\*?\s*(?P<v>[xw])\s*(?:²|\^\s*2|\*\*\s*2)"
                     r"(?!\s*[-+*/]\s*[\dxyw])")


def _parse_square(question: str) -> Mapping[str, Any] | None:
    match, times = _SQUARE.search(question), _times(question)
    if match is None or times is None or not 1 <= times <= 1000 or has(question, _OTHER_RULES):
        return None
    rest = question[:match.start()] + " " + question[match.end():]
    named = named_numbers(rest, {"w": ("시작점", "시작", "초깃값", "초기값", match["v"]), "lr": _WORDS["lr"]})
    asked = has(question, ("경사하강", "갱신", "업데이트", "내려가", "descent"))
    if len(named) < 2 or not asked:
        return None
    return {"a": to_number(match["a"] or "1"), "start": named["w"], "lr": named["lr"], "times": times}


def _run_square(a: float, start: float, lr: float, times: int) -> Computed:
    begin = torch.tensor([start], dtype=torch.float64)
    points, _ = descend(lambda w: a * (w**2).sum(), begin, lr, times, bound=float("inf"))
    value, factor = written(points[-1].item()), 1 - 2 * a * lr
    path = " → ".join(written(p.item()) for p in points[:6]) + (" → …" if times > 5 else "")
    return Computed(value, f"기울기가 {written(2 * a)}x이므로 걸음마다 {written(factor)}배가 됩니다: {path}. "
                           f"{times}걸음 뒤에는 {value}입니다.", "$x \\leftarrow x - \\alpha f'(x)$")


CONCEPT = Concept(
    slug="gradient_descent",
    title="경사하강법",
    aliases=("gradient descent", "경사 하강법", "경사하강", "그래디언트 디센트", "학습률", "학습율", "learning rate",
             "러닝레이트", "오버슈팅", "overshooting"),
    summary="기울기 반대 방향으로 조금씩 움직여 비용이 작은 곳을 찾는다.",
    demo=demo,
    controls=(
        Control("surface", "면의 모양", "골짜기", choices=tuple(SURFACES)),
        Control("lr", "학습률", 0.08, 0.001, 1.5, 0.001, words=_WORDS["lr"]),
        Control("x", "출발점 w1", -4.0, -5.0, 5.0, 0.1, words=("w1", "x")),
        Control("y", "출발점 w2", 2.0, -3.0, 3.0, 0.1, words=("w2", "y")),
        Control("steps", "걸음 수", 30, 1, 200, 1, words=("걸음", "스텝", "반복", "steps")),
    ),
    computations=(
        Computation("descent_step", _parse_step, _run_step, "경사하강법 갱신식 학습률 기울기"),
        Computation("descent_on_square", _parse_square, _run_square, "경사하강법 이차함수 학습률"),
    ),
)
