"""안장점(saddle point): 기울기는 0이지만 어떤 방향으로는 가장 낮고 다른 방향으로는 가장 높은 점.

기울기가 0인 점에서 헤시안 $H$의 고윳값 부호가 섞이면 안장점이다.

$$ f(x, y) = x^2 - y^2, \\qquad \\nabla f = (2x, -2y), \\qquad H = \\begin{pmatrix} 2 & 0 \\\\ 0 & -2 \\end{pmatrix} $$

고윳값의 부호가 독립인 동전이라고 놓으면 $n$차원 임계점이 최솟값일 확률은 $2^{-n}$이다.

출처: Dauphin et al. (2014), "Identifying and attacking the saddle point problem in high-dimensional non-convex
optimization", NeurIPS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREY, RED, titled
from models.learning.gradient_descent import descend
from models.reading import has, lists, written

MINIMUM, MAXIMUM, SADDLE, UNKNOWN = "지역 최솟값", "지역 최댓값", "안장점", "판별 불가"


def hessian(f: Callable[[Tensor], Tensor], point: Tensor) -> Tensor:
    """Second derivatives of ``f`` at ``point`` (n,): (n, n), symmetric."""
    x = point.detach().clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(f(x), x, create_graph=True)
    rows = [torch.autograd.grad(g, x, retain_graph=True, materialize_grads=True)[0] for g in gradient]
    return torch.stack(rows)  # H_ij = ∂²f / ∂x_i ∂x_j


def kind(eigenvalues: Sequence[float], tolerance: float = 1e-9) -> str:
    """What a critical point is, from the eigenvalues of its Hessian: MINIMUM, MAXIMUM, SADDLE or UNKNOWN."""
    up, down = any(v > tolerance for v in eigenvalues), any(v < -tolerance for v in eigenvalues)
    if up and down:
        return SADDLE
    if any(abs(v) <= tolerance for v in eigenvalues):
        return UNKNOWN  # 0인 방향은 더 높은 차수의 미분을 보아야 안다
    return MINIMUM if up else MAXIMUM


def odds_of_minimum(n: int) -> float:
    """Chance that n independent fair signs are all positive: 2^-n."""
    return 2.0**-n


def measured_odds(n: int, samples: int, generator: torch.Generator) -> tuple[float, float]:
    """Share of random critical points in n dimensions that are minima.

    Returns:
        With a diagonal Hessian (independent signs), and with a dense symmetric one (eigenvalues repel each other).
    """
    signs = torch.randn(samples, n, generator=generator)
    square = torch.randn(samples, n, n, generator=generator)
    eigenvalues = torch.linalg.eigvalsh(square + square.transpose(1, 2))  # (samples, n)
    return (signs > 0).all(dim=1).float().mean().item(), (eigenvalues > 0).all(dim=1).float().mean().item()


def saddle(w: Tensor) -> Tensor:
    """f(x, y) = x² - y² of ``w`` (2, ...) -> (...)."""
    return w[0] ** 2 - w[1] ** 2


CODE = """\
import torch

f = lambda w: w[0] ** 2 - w[1] ** 2
H = torch.autograd.functional.hessian(f, torch.zeros(2))
print("고윳값:", torch.linalg.eigvalsh(H))        # 부호가 섞였으니 안장점

w = torch.tensor([1.5, {y}], requires_grad=True)
for i in range({steps}):
    (g,) = torch.autograd.grad(f(w), w)
    with torch.no_grad():
        w -= 0.1 * g
print("도착:", w.tolist())
print("{n}차원에서 모두 양수일 확률:", 2.0 ** -{n})
"""


def demo(*, y: float = 0.001, steps: int = 30, n: int = 6, seed: int = 0) -> Demo:
    """A ball on the saddle x² - y², and how rarely all eigenvalues are positive as the dimension grows."""
    generator = torch.Generator().manual_seed(seed)
    points, heights = descend(saddle, torch.tensor([1.5, y], dtype=torch.float64), 0.1, steps)
    inside = points[:, 1].abs() <= 2
    path, height = points[inside], heights[inside]
    axis = torch.linspace(-2, 2, 31, dtype=torch.float64)
    columns, rows = torch.meshgrid(axis, axis, indexing="xy")
    surface = saddle(torch.stack([columns, rows]))  # (31, 31)
    z = [[round(v, 3) for v in row] for row in surface.tolist()]
    figure = go.Figure(go.Surface(x=axis.tolist(), y=axis.tolist(), z=z, colorscale="Blues", opacity=0.8,
                                  showscale=False))
    figure.add_scatter3d(x=path[:, 0].tolist(), y=path[:, 1].tolist(), z=(height + 0.05).tolist(), mode="lines+markers",
                         line={"color": RED, "width": 5}, marker={"size": 3, "color": RED}, name="경로")
    titled(figure, f"x² - y²: y={y:g}에서 출발해 {steps}걸음", "x", "y", height=480)
    figure.update_layout(scene={"xaxis_title": "x", "yaxis_title": "y", "zaxis_title": "f"}, showlegend=False)

    dims = list(range(1, n + 1))
    measured = [measured_odds(d, 1000, generator) for d in dims]
    detail = go.Figure(go.Scatter(x=dims, y=[odds_of_minimum(d) for d in dims], name="2⁻ⁿ", line={"color": GREY}))
    for name, column, colour in (("부호가 독립일 때", 0, BLUE), ("무작위 대칭 행렬", 1, RED)):
        detail.add_scatter(x=dims, y=[m[column] for m in measured], name=name, mode="lines+markers", line_color=colour)
    titled(detail, "고윳값이 모두 양수인(최솟값인) 비율", "차원 n", "비율")

    x_end, y_end = points[-1].tolist()
    if abs(y_end) < 0.01:
        seen = "기울기가 0에 가까워 안장점에 머물러 있습니다. y를 조금 키우거나 걸음을 늘려 보세요."
    else:
        left = int((points[:, 1].abs() < 0.1).sum())
        seen = f"안장점 근처(|y|<0.1)에서 {left}걸음을 보낸 뒤 아래로 빠져나갔습니다."
    eigenvalues = torch.linalg.eigvalsh(hessian(saddle, torch.zeros(2, dtype=torch.float64))).tolist()
    return Demo(
        figure=figure,
        numbers={"헤시안의 고윳값": ", ".join(map(written, eigenvalues)), "원점의 종류": kind(eigenvalues),
                 "도착한 곳": f"({written(x_end)}, {written(y_end)})", f"{n}차원에서 최솟값일 확률": odds_of_minimum(n),
                 "무작위 대칭 행렬에서 잰 비율": measured[-1][1]},
        text=f"원점에서는 고윳값의 부호가 섞여 있습니다. {seen}",
        code=CODE.format(y=y, steps=steps, n=n),
        detail=detail,
    )


def _parse_odds(question: str) -> Mapping[str, Any] | None:
    match = re.search(r"(\d[\d,]*)\s*(?:차원|개의?\s*(?:파라미터|매개변수|변수|차원|고윳값))", question) or re.search(
        r"(?:파라미터|매개변수|변수|차원)\s*(?:이|가|은|는)?\s*(\d[\d,]*)\s*개?", question)
    if match is None or not has(question, ("확률", "odds")):
        return None
    n = int(match[1].replace(",", ""))
    if has(question, ("안장점이아닐", "안장점이아니")):
        wanted = "not saddle"
    elif has(question, ("안장점일", "saddle")):
        wanted = "saddle"
    elif has(question, ("최솟값", "최소값", "최소일", "극소", "모두양수", "minimum")):
        wanted = "minimum"
    else:
        return None
    return {"n": n, "wanted": wanted} if n >= 1 else None


def _run_odds(n: int, wanted: str) -> Computed:
    power = -n if wanted == "minimum" else 1 - n
    small = written(2.0**power) if power > -1000 else f"2^({power})"  # 더 작은 수는 부동소수점에 담기지 않는다
    sign = "고윳값의 부호가 반반이고 독립이라고 놓으면"
    if wanted == "minimum":
        return Computed(small, f"{sign} {n}개가 모두 양수일 확률은 (1/2)^{n} = {small}입니다.", "$2^{-n}$")
    if wanted == "not saddle":
        return Computed(small, f"{sign} 모두 양수이거나 모두 음수일 확률은 2×(1/2)^{n} = {small}입니다.",
                        "$2 \\cdot 2^{-n}$")
    value = written(1 - 2.0**power) if n <= 12 else f"1 - {small}"
    return Computed(value, f"{sign} 부호가 섞일 확률은 1 - 2×(1/2)^{n} = {value}입니다.", "$1 - 2 \\cdot 2^{-n}$")


def _parse_kind(question: str) -> Mapping[str, Any] | None:
    found = lists(question)
    about = ("헤시안", "hessian", "임계점", "안장", "최솟값", "최소")
    if not has(question, ("고윳값", "고유값", "eigenvalue"), about):
        return None
    if not found:
        match = re.search(r"(?:고윳값|고유값)(?:이|은|들이)?\s*(-?[\d.]+(?:\s*(?:,|와|과)\s*-?[\d.]+)+)", question)
        found = [[float(v) for v in re.findall(r"-?\d+(?:\.\d+)?", match[1])]] if match else []
    return {"eigenvalues": found[0]} if len(found) == 1 else None


def _run_kind(eigenvalues: list[float]) -> Computed:
    plus, minus = sum(v > 0 for v in eigenvalues), sum(v < 0 for v in eigenvalues)
    zero, value = len(eigenvalues) - plus - minus, kind(eigenvalues)
    return Computed(value, f"양수 {plus}개, 음수 {minus}개, 0이 {zero}개이므로 {value}입니다.",
                    "$H$의 고윳값이 모두 양수면 최소, 모두 음수면 최대, 섞이면 안장점")


CONCEPT = Concept(
    slug="saddle_point",
    title="안장점",
    aliases=("saddle point", "안장 점", "지역 최솟값", "지역 최소값", "local minimum", "로컬 미니멈", "임계점",
             "헤시안", "hessian"),
    summary="기울기는 0이지만 최소도 최대도 아닌 점, 차원이 높을수록 흔하다.",
    demo=demo,
    controls=(
        Control("y", "출발점의 y", 0.001, -1.0, 1.0, 0.001, words=("y",)),
        Control("steps", "걸음 수", 30, 1, 100, 1, words=("걸음", "스텝", "steps")),
        Control("n", "차원", 6, 1, 12, 1, words=("차원", "변수", "파라미터", "n")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("odds", _parse_odds, _run_odds, "안장점 차원 최솟값 확률"),
        Computation("kind", _parse_kind, _run_kind, "헤시안 고윳값 부호 안장점 판별"),
    ),
)
