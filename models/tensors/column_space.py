"""열공간(column space)과 랭크(rank): 행렬 곱하기 벡터는 열들을 섞은 것이다.

$$ Ax = x_1 c_1 + \\cdots + x_n c_n, \\qquad A = CR $$

$C$는 앞의 열들로 만들 수 없는 열만 모은 것이고, $R$은 그 열들로 나머지를 만드는 조리법이다. $R$은 기약 행 사다리꼴에서
0인 행을 뺀 것과 같고, $C$의 열 수가 곧 랭크이다.

출처: Strang (2020), "Linear Algebra for Everyone", 1장.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import BLUE, COLORS, GREY, RED, grid, titled
from models.reading import has, matrices, shown, typed, typed_matrix, written


def mix(a: Tensor, x: Tensor) -> Tensor:
    """Ax as a mix of columns: ``a`` (m, n), ``x`` (n,) -> the parts x_j c_j as columns, (m, n); they add up to Ax."""
    return a * x  # 열 j에 x_j를 곱한다(브로드캐스팅)


def row_echelon(a: Tensor, tolerance: float = 1e-10) -> tuple[Tensor, list[int]]:
    """Reduced row echelon form of (m, n) by Gauss-Jordan, and the columns of its pivots.

    ``tolerance``: below this share of the greatest entry a number counts as zero.
    """
    r = a.clone().double()
    small = tolerance * max(1.0, r.abs().max().item())
    pivots: list[int] = []
    for column in range(r.shape[1]):
        row = len(pivots)
        if row == len(r):
            break
        best = row + int(r[row:, column].abs().argmax())  # 가장 큰 수를 축으로 삼아야 반올림 오차가 작다
        if r[best, column].abs() <= small:
            r[row:, column] = 0
            continue
        r[[row, best]] = r[[best, row]]
        r[row] = r[row] / r[row, column]
        others = [i for i in range(len(r)) if i != row]
        r[others] = r[others] - r[others, column][:, None] * r[row]  # 다른 행의 이 열을 0으로
        pivots.append(column)
    return r, pivots


def rank(a: Tensor) -> int:
    """How many columns of (m, n) are independent; the same as ``numpy.linalg.matrix_rank``."""
    return len(row_echelon(a)[1])


def cr(a: Tensor) -> tuple[Tensor, Tensor]:
    """A = CR: ``C`` (m, r) of the independent columns of ``a`` (m, n), ``R`` (r, n) the recipe for all columns."""
    echelon, pivots = row_echelon(a)
    return a[:, pivots].double(), echelon[: len(pivots)]


CODE = """\
import numpy as np

a = np.array({a})
x = np.array({x})
print("Ax =", a @ x)
print("열의 섞음:", sum(xj * column for xj, column in zip(x, a.T)))
print("랭크:", np.linalg.matrix_rank(a))
"""


def _arrows(a: Tensor, x: Tensor) -> go.Figure:
    """The parts x_j c_j laid end to end, arriving at Ax; the columns themselves in grey."""
    m, n = a.shape
    ends = torch.cat((torch.zeros(m, 1, dtype=a.dtype), mix(a, x).cumsum(1)), dim=1)  # (m, n + 1)
    figure = go.Figure()

    def line(points: Tensor, name: str, colour: str, width: int, mode: str = "lines+markers") -> None:
        style = {"mode": mode, "name": name, "line": {"color": colour, "width": width}, "marker": {"size": 5}}
        if m == 2:
            figure.add_scatter(x=points[0].tolist(), y=points[1].tolist(), **style)
        else:
            figure.add_scatter3d(x=points[0].tolist(), y=points[1].tolist(), z=points[2].tolist(), **style)

    r = rank(a)
    c = cr(a)[0]
    if m == 3 and r == 2:  # 열공간이 평면이다
        corners = torch.cartesian_prod(*(torch.tensor([-1.0, 1.0], dtype=a.dtype),) * 2) @ c.T  # (4, 3)
        figure.add_mesh3d(x=corners[:, 0].tolist(), y=corners[:, 1].tolist(), z=corners[:, 2].tolist(),
                          i=[0, 1], j=[1, 3], k=[2, 2], opacity=0.25, color=BLUE, name="열공간")
    if r == 1:  # 열공간이 직선이다
        line(torch.stack((-2 * c[:, 0], 2 * c[:, 0]), dim=1), "열공간", GREY, 2, "lines")
    for j in range(n):
        line(torch.stack((torch.zeros_like(a[:, j]), a[:, j]), dim=1), f"열 {j + 1}", GREY, 2)
    for j in range(n):
        line(ends[:, j:j + 2], f"{written(x[j].item())} × 열 {j + 1}", COLORS[j % len(COLORS)], 5)
    line(torch.stack((torch.zeros(m, dtype=a.dtype), ends[:, -1]), dim=1), "Ax", RED, 3)
    if m == 2:
        figure.update_yaxes(scaleanchor="x")
    else:
        figure.update_scenes(aspectmode="cube")
    return titled(figure, "열을 분량대로 이어 붙이면 Ax에 닿는다", "첫째 성분", "둘째 성분", height=460)


def demo(*, matrix: str = "1 2 3; 0 1 1; 1 3 4", x: str = "1, 0.5, -0.5") -> Demo:
    """The columns mixed into Ax, in the plane or in space; below it, A = CR."""
    a = torch.tensor(typed_matrix(matrix, "행렬", 4), dtype=torch.float64)
    if len(a) not in (2, 3):
        raise ConceptError(f"행렬의 행이 {len(a)}개입니다: 그릴 수 있도록 2개나 3개여야 합니다.")
    amounts = torch.tensor(typed(x, "분량 x", 1, 4), dtype=torch.float64)
    if len(amounts) != a.shape[1]:
        raise ConceptError(f"분량 x={x!r}: 열이 {a.shape[1]}개이므로 수도 {a.shape[1]}개여야 합니다.")
    c, recipe = cr(a)
    pivots = row_echelon(a)[1]
    r = len(pivots)
    result = mix(a, amounts).sum(1)

    detail = None
    if r:
        titles = [f"{name} {shown(m.shape)}" for name, m in (("A", a), ("C", c), ("R", recipe))]
        detail = make_subplots(rows=1, cols=3, horizontal_spacing=0.09, subplot_titles=titles,
                               column_widths=[a.shape[1], r, a.shape[1]])
        for column, values in enumerate((a, c, recipe), 1):
            labels = [[written(v) for v in row] for row in values.tolist()]
            detail.add_trace(grid(values.tolist(), labels=labels, colorscale="RdBu").update(zmid=0),
                             row=1, col=column)
        detail.update_yaxes(autorange="reversed", dtick=1)
        detail.update_xaxes(dtick=1)
        titled(detail, "A = CR: 독립인 열과 조리법", "열", "행", height=320)
    space = ("원점 하나", "원점을 지나는 직선", "평면", "3차원 공간 전체")[r]
    spare = ", ".join(f"{j + 1}번" for j in range(a.shape[1]) if j not in pivots)
    extra = f" {spare} 열은 앞의 열들로 만들 수 있어 새 방향이 아닙니다." if spare else ""
    ax = ", ".join(written(v) for v in result.tolist())
    return Demo(
        figure=_arrows(a, amounts),
        numbers={"랭크": r, "Ax": f"({ax})", "독립인 열": ", ".join(f"{p + 1}번" for p in pivots) or "없음",
                 "CR과 A의 가장 큰 차이": round((c @ recipe - a).abs().max().item(), 12)},
        text=f"랭크가 {r}이므로 열공간은 {space}입니다. Ax = ({ax})도 그 안에 있습니다.{extra}",
        code=CODE.format(a=a.tolist(), x=amounts.tolist()),
        detail=detail,
    )


def _parse(question: str) -> Mapping[str, Any] | None:
    found = matrices(question)
    asked = has(question, ("랭크", "rank", "독립인열", "열공간의차원")) and not has(question, ("왜", "svd"))
    return {"matrix": found[0]} if len(found) == 1 and asked else None


def _run(matrix: list[list[float]]) -> Computed:
    echelon, pivots = row_echelon(torch.tensor(matrix, dtype=torch.float64))
    text = "; ".join(" ".join(written(round(v, 9) + 0.0) for v in row) for row in echelon.tolist())
    which = ", ".join(str(p + 1) for p in pivots) or "없음"
    how = f"기약 행 사다리꼴로 만들면 [{text}]이고, 축이 있는 열({which}번)이 {len(pivots)}개입니다."
    return Computed(str(len(pivots)), how, "$\\mathrm{rank}(A) = $ 일차독립인 열의 수")


CONCEPT = Concept(
    slug="column_space",
    title="열공간과 랭크",
    aliases=("열공간", "column space", "열 공간", "행렬의 랭크", "행렬 랭크", "matrix rank", "CR 분해",
             "CR decomposition", "일차독립", "선형 독립", "기약 행 사다리꼴"),
    summary="행렬의 열들을 섞어 만들 수 있는 벡터 전체이며, 독립인 열의 수가 랭크이다.",
    demo=demo,
    controls=(
        Control("matrix", "행렬", "1 2 3; 0 1 1; 1 3 4", pattern=r"(\[\s*\[[^\]]*\](?:\s*,\s*\[[^\]]*\])*\s*\])",
                max_length=120),
        Control("x", "분량 x", "1, 0.5, -0.5", max_length=60),
    ),
    computations=(Computation("rank", _parse, _run, "행렬의 랭크 일차독립인 열의 개수"),),
)
