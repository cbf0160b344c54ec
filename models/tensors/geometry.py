"""텐서 연산의 기하학: 행렬을 곱하면 점들이 돌고 늘어나며, 벡터를 더하면 옮겨 간다.

아핀 변환은 아무리 이어도 아핀 변환 하나와 같다. 비선형 함수가 사이에 들어가야 엉킨 면을 펼 수 있다.

$$ R = \\begin{bmatrix} \\cos\\theta & -\\sin\\theta \\\\ \\sin\\theta & \\cos\\theta \\end{bmatrix},
   \\qquad y = Wx + b $$

출처: Chollet (2017), "Deep Learning with Python", 2장; Olah (2014), "Neural Networks, Manifolds, and Topology".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREY, RED, titled
from models.learning.mlp import MLP, fit
from models.reading import NUMBER, has, shapes, to_number, written


def rotation(degrees: float) -> Tensor:
    """(2, 2), counter-clockwise about the origin."""
    t = math.radians(degrees)
    return torch.tensor([[math.cos(t), -math.sin(t)], [math.sin(t), math.cos(t)]], dtype=torch.float64)


def scaling(sx: float, sy: float) -> Tensor:
    """(2, 2), widths times ``sx`` and heights times ``sy``."""
    return torch.tensor([[sx, 0.0], [0.0, sy]], dtype=torch.float64)


def shear(k: float) -> Tensor:
    """(2, 2), every point pushed sideways by ``k`` times its height."""
    return torch.tensor([[1.0, k], [0.0, 1.0]], dtype=torch.float64)


@dataclass(frozen=True)
class Affine:
    """y = Wx + b: ``weight`` (D, D), ``bias`` (D,)."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Points as rows, (..., D) -> (..., D)."""
        return x @ self.weight.T + self.bias

    def then(self, after: Affine) -> Affine:
        """This map and then ``after``, as the one affine map that they are."""
        # W_2(W_1 x + b_1) + b_2 = (W_2 W_1)x + (W_2 b_1 + b_2)
        return Affine(after.weight @ self.weight, after.weight @ self.bias + after.bias)


def spirals(n: int, turns: float, seed: int) -> tuple[Tensor, Tensor]:
    """Two arms wound around each other: points (2n, 2) and labels (2n, 1)."""
    generator = torch.Generator().manual_seed(seed)
    t = torch.linspace(0.15, 1, n)
    arms = []
    for half in (0.0, math.pi):
        angle = 2 * math.pi * turns * t + half
        arms.append(torch.stack((t * angle.cos(), t * angle.sin()), dim=1))
    x = 2 * torch.cat(arms) + 0.03 * torch.randn(2 * n, 2, generator=generator)
    return x, torch.arange(2).repeat_interleave(n)[:, None].float()


HOUSE = torch.tensor([[-1, -1], [1, -1], [1, 0.6], [0, 1.5], [-1, 0.6], [-1, -1]], dtype=torch.float64)
CODE = """\
import math
import torch

t = math.radians({angle})
rotate = torch.tensor([[math.cos(t), -math.sin(t)], [math.sin(t), math.cos(t)]])
scale = torch.tensor([[{sx}, 0.0], [0.0, {sy}]])
shear = torch.tensor([[1.0, {k}], [0.0, 1.0]])
W, b = rotate @ shear @ scale, torch.tensor([{tx}, {ty}])
x = torch.tensor([[0., 0.], [1., 0.], [0., 1.]])
print(x @ W.T + b)
print("넓이의 배율:", torch.linalg.det(W).abs().item())
"""


@lru_cache(maxsize=16)  # 각도나 배율만 바꿀 때 같은 신경망을 다시 배우지 않는다
def _trained(turns: float, steps: int, seed: int) -> tuple[Tensor, Tensor, tuple[Tensor, ...], float]:
    """Spirals, labels, what each hidden layer of a network trained on them gives, and the share it gets right."""
    torch.manual_seed(seed)
    x, y = spirals(50, turns, seed)
    model = MLP((2, 16, 16, 2, 1), "tanh")
    fit(model, x, y, nn.functional.binary_cross_entropy_with_logits, steps=steps, rate=0.03)
    with torch.no_grad():
        right = ((model(x) > 0) == (y > 0.5)).float().mean().item()
        return x, y, tuple(model.hidden(x)), right  # (2n, 16), (2n, 16), (2n, 2)


def _unfolded(turns: float, steps: int, seed: int) -> tuple[go.Figure, float]:
    """The spiral as the input sees it, and as the hidden layers of a trained network see it."""
    x, y, (first, second, flat), right = _trained(turns, steps, seed)
    views = [("입력", x)]
    for name, hidden in (("첫째 층(16차원의 그림자)", first), ("둘째 층(16차원의 그림자)", second)):
        centred = hidden - hidden.mean(0)
        _, _, directions = torch.linalg.svd(centred, full_matrices=False)
        views.append((name, centred @ directions[:2].T))  # 가장 넓게 퍼진 두 방향에 비춘다
    views.append(("셋째 층(2차원)", flat))
    figure = make_subplots(rows=1, cols=4, subplot_titles=[name for name, _ in views])
    for column, (_, at) in enumerate(views, 1):
        for value, colour in ((0.0, RED), (1.0, BLUE)):
            xs, ys = ([round(v, 3) for v in line] for line in at[y[:, 0] == value].T.tolist())
            figure.add_scatter(x=xs, y=ys, mode="markers", marker={"color": colour, "size": 5}, showlegend=False,
                               row=1, col=column)
    return titled(figure, "구겨진 종이 펴기: 층을 지나며 풀리는 나선", "첫째 방향", "둘째 방향", height=340), right


def demo(*, angle: float = 30.0, sx: float = 1.5, sy: float = 1.0, k: float = 0.0, tx: float = 1.0, ty: float = 0.5,
         turns: float = 1.0, steps: int = 150, seed: int = 0) -> Demo:
    """A grid and a house scaled, sheared, turned and moved; below it, a spiral that a network unfolds."""
    still = torch.zeros(2, dtype=torch.float64)
    move = Affine(scaling(sx, sy), still).then(Affine(shear(k), still)).then(
        Affine(rotation(angle), torch.tensor([tx, ty], dtype=torch.float64)))

    figure = go.Figure()
    ends = torch.tensor([-2.0, 2.0], dtype=torch.float64)
    lines = [torch.stack((ends, torch.full((2,), float(v), dtype=torch.float64)), dim=1) for v in range(-2, 3)]
    lines += [line.flip(1) for line in lines]
    for i, line in enumerate(lines):
        for moved, colour in ((line, "#e2e8f0"), (move(line), "#93c5fd")):
            figure.add_scatter(x=moved[:, 0].tolist(), y=moved[:, 1].tolist(), mode="lines", line={"color": colour},
                               name="모눈" if colour == "#e2e8f0" else "옮긴 모눈", showlegend=i == 0)
    for shape, name, colour in ((HOUSE, "처음", GREY), (move(HOUSE), "변환한 뒤", RED)):
        figure.add_scatter(x=shape[:, 0].tolist(), y=shape[:, 1].tolist(), mode="lines", name=name, fill="toself",
                           line={"color": colour, "width": 3}, opacity=0.7)
    figure.update_yaxes(scaleanchor="x")
    titled(figure, f"회전 {angle:g}도, 배율 ({sx:g}, {sy:g}), 전단 {k:g}, 이동 ({tx:g}, {ty:g})", "x", "y", height=480)

    detail, right = _unfolded(turns, steps, seed)
    area = abs(torch.linalg.det(move.weight).item())
    corner = move(torch.tensor([1.0, 0.0], dtype=torch.float64))
    flips = "뒤집히고 " if sx * sy < 0 else ""
    flat = " 넓이가 0이라 평면이 선이나 점으로 눌려 되돌릴 수 없습니다." if area < 1e-12 else ""
    loose = "풀려" if right > 0.99 else "아직 덜 풀려"
    return Demo(
        figure=figure,
        numbers={"넓이의 배율": round(area, 4),
                 "(1, 0)이 간 곳": f"({written(corner[0].item())}, {written(corner[1].item())})",
                 "원점이 간 곳": f"({tx:g}, {ty:g})", "나선을 맞힌 비율": round(right, 4)},
        text=f"직선은 직선으로, 평행한 선은 평행하게 남고 도형은 {flips}넓이가 {area:.3g}배가 되었습니다.{flat} "
             f"직선으로 나눌 수 없는 나선 {turns:g}바퀴는 은닉층을 지나며 {loose} {right:.0%}를 맞혔습니다.",
        code=CODE.format(angle=angle, sx=sx, sy=sy, k=k, tx=tx, ty=ty),
        detail=detail,
    )


def _parse(question: str) -> Mapping[str, Any] | None:
    degrees = re.search(rf"({NUMBER})\s*(?:도|°)", question)
    point = re.search(rf"\(\s*({NUMBER.replace(',', '')})\s*,\s*({NUMBER.replace(',', '')})\s*\)", question)
    if not degrees or not point or not has(question, ("회전", "돌리", "돌려", "rotat")) or len(shapes(question)) > 1:
        return None
    angle = to_number(degrees[1])
    clockwise = has(question, ("시계방향",)) and not has(question, ("반시계",))
    return {"x": float(point[1]), "y": float(point[2]), "degrees": -angle if clockwise else angle}


def _run(x: float, y: float, degrees: float) -> Computed:
    out = rotation(degrees) @ torch.tensor([x, y], dtype=torch.float64)
    value = "(" + ", ".join(written(round(v, 9)) for v in out.tolist()) + ")"
    cos, sin = (written(round(f(math.radians(degrees)), 9)) for f in (math.cos, math.sin))
    how = (f"반시계 방향 {written(degrees)}도에서 cosθ={cos}, sinθ={sin}이므로 "
           f"({cos}×{written(x)} - {sin}×{written(y)}, {sin}×{written(x)} + {cos}×{written(y)}) = {value}입니다.")
    return Computed(value, how, "$(x\\cos\\theta - y\\sin\\theta,\\ x\\sin\\theta + y\\cos\\theta)$")


CONCEPT = Concept(
    slug="geometry",
    title="텐서 연산의 기하학",
    aliases=("기하학적 해석", "아핀 변환", "affine transformation", "affine", "회전 행렬", "rotation matrix",
             "매니폴드", "manifold", "메니폴드", "어파인 변환", "스케일링 행렬", "전단", "다양체",
             "manifold hypothesis"),
    summary="텐서 연산을 공간 속 점들의 움직임으로 읽고, 신경망을 엉킨 면을 펴는 일로 본다.",
    demo=demo,
    controls=(
        Control("angle", "회전 각도", 30.0, -180.0, 180.0, 1.0, words=("각도", "회전", "angle")),
        Control("sx", "가로 배율", 1.5, -3.0, 3.0, 0.1, words=("가로",)),
        Control("sy", "세로 배율", 1.0, -3.0, 3.0, 0.1, words=("세로",)),
        Control("k", "전단", 0.0, -2.0, 2.0, 0.1, words=("전단", "shear")),
        Control("tx", "가로 이동", 1.0, -3.0, 3.0, 0.1),
        Control("ty", "세로 이동", 0.5, -3.0, 3.0, 0.1),
        Control("turns", "나선의 바퀴 수", 1.0, 0.75, 1.5, 0.25, words=("바퀴",)),
        Control("steps", "학습 횟수", 150, 0, 400, 10, words=("학습 횟수",)),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("rotation", _parse, _run, "회전 행렬 점을 돌린다 cos sin"),),
)
