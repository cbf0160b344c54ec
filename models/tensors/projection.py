"""정사영(projection): 벡터를 직선이나 평면 위의 가장 가까운 점으로 보낸다.

$$ P = \\frac{aa^T}{a^Ta}, \\qquad P = A(A^TA)^{-1}A^T, \\qquad P^2 = P, \\quad P^T = P $$

SAFREE는 위험한 뜻을 지닌 토큰만 프롬프트의 공간에 비춘 다음 위험한 공간과 수직인 쪽으로 밀어낸다.

출처: Strang (2016), "Introduction to Linear Algebra", 4장; Yoon et al. (2024), "SAFREE: Training-Free and Adaptive
Guard for Safe Text-to-Image And Video Generation".
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
from models.figures import BLUE, GREEN, GREY, RED, titled
from models.reading import has, lists, written
from models.tensors.column_space import rank


def onto_line(a: Tensor) -> Tensor:
    """The projection matrix (D, D) onto the line of ``a`` (D,).

    Raises:
        ValueError: ``a`` is zero, so it has no direction.
    """
    if not a.any():
        raise ValueError("a is zero: it has no direction to project onto")
    return torch.outer(a, a) / (a @ a)  # P = a a^T / a^T a


def onto_space(basis: Tensor) -> Tensor:
    """The projection matrix (D, D) onto the space of the columns of ``basis`` (D, k).

    Raises:
        ValueError: columns that are not independent, so A^T A has no inverse.
    """
    if rank(basis) < basis.shape[1]:
        raise ValueError("the columns are not independent: keep only the independent ones")
    return basis @ torch.linalg.inv(basis.T @ basis) @ basis.T  # P = A (A^T A)^{-1} A^T


def safree(tokens: Tensor, unsafe: Tensor, margin: float = 0.1) -> tuple[Tensor, Tensor]:
    """Push the tokens that carry an unsafe concept out of its space, and leave the others as they are.

    A token is a trigger where the prompt without it lies further from the unsafe space than the prompts without one of
    the others do on average, by more than the share ``margin``. Triggers become (I - P_unsafe) P_prompt token.

    Args:
        tokens: (T, D), the prompt. unsafe: (D, k), independent columns that span the unsafe concepts.

    Returns:
        The new tokens (T, D), and which of them were triggers (T,).
    """
    away = torch.eye(len(unsafe), dtype=tokens.dtype) - onto_space(unsafe)  # I - P: 위험한 공간과 수직인 성분만 남긴다
    without = (tokens.sum(0) - tokens) / (len(tokens) - 1)  # (T, D): 토큰 하나를 가린 문장의 평균
    distance = (without @ away.T).norm(dim=1)  # 그 문장이 위험한 공간에서 떨어진 거리
    others = (distance.sum() - distance) / (len(tokens) - 1)
    trigger = distance > (1 + margin) * others  # 가렸더니 크게 멀어졌다면 위험한 뜻은 그 토큰에 있었다
    prompt = without.T @ torch.linalg.pinv(without.T)  # 프롬프트의 공간에 비추는 P_I; 독립이 아니어도 된다
    moved = tokens @ prompt.T @ away.T  # (I - P_C) P_I t
    return torch.where(trigger[:, None], moved, tokens), trigger


CODE = """\
import numpy as np

a, b = np.array({a}), np.array({b})
P = np.outer(a, a) / (a @ a)
p = P @ b
print("정사영:", p, "오차:", b - p)
print("수직인가:", np.isclose(a @ (b - p), 0), "P²=P:", np.allclose(P @ P, P))
"""


def _safree_figure(seed: int) -> tuple[go.Figure, int]:
    """Six made-up tokens, two of which lean into the unsafe space: their part in it before and after."""
    generator = torch.Generator().manual_seed(seed)
    unsafe = torch.randn(24, 2, generator=generator, dtype=torch.float64)
    common = torch.randn(24, generator=generator, dtype=torch.float64)
    tokens = 0.6 * torch.randn(6, 24, generator=generator, dtype=torch.float64) + common
    tokens = tokens - 0.7 * tokens @ onto_space(unsafe).T  # 먼저 모두 꽤 안전하게 만든 뒤
    for i in (2, 4):  # 두 토큰에만 위험한 뜻을 섞는다
        direction = onto_space(unsafe) @ torch.randn(24, generator=generator, dtype=torch.float64)
        tokens[i] = 0.25 * tokens[i] + 7 * direction / direction.norm()
    after, trigger = safree(tokens, unsafe, margin=0.05)
    shadow = onto_space(unsafe)
    parts = [(t @ shadow.T).norm(dim=1).tolist() for t in (tokens, after)]
    names = [f"토큰 {i + 1}{' (위험)' if trigger[i] else ''}" for i in range(6)]
    figure = go.Figure()
    figure.add_bar(x=names, y=parts[0], name="밀어내기 전", marker_color=RED)
    figure.add_bar(x=names, y=parts[1], name="밀어낸 뒤", marker_color=GREEN)
    return titled(figure, "SAFREE: 위험한 공간에 남은 성분의 길이", "토큰", "길이"), int(trigger.sum())


def demo(*, ax: float = 2.0, ay: float = 1.0, bx: float = 1.0, by: float = 3.0, seed: int = 0) -> Demo:
    """b, its shadow on a, and the error at a right angle, beside a plane in space; below it, SAFREE."""
    a, b = torch.tensor([ax, ay], dtype=torch.float64), torch.tensor([bx, by], dtype=torch.float64)
    try:
        matrix = onto_line(a)
    except ValueError:
        raise ConceptError("a=(0, 0): 방향이 없어 정사영할 수 없습니다. 성분 하나는 0이 아니어야 합니다.") from None
    p = matrix @ b
    error = b - p

    figure = make_subplots(rows=1, cols=2, specs=[[{"type": "xy"}, {"type": "scene"}]],
                           subplot_titles=("직선 위로", "평면 위로"))
    reach = 1.3 * max(a.norm().item(), b.norm().item(), 1.0)
    unit = a / a.norm() * reach
    for points, name, colour, dash in (((-unit, unit), "a의 직선", GREY, "dot"), ((0 * a, a), "a", BLUE, "solid"),
                                       ((0 * b, b), "b", RED, "solid"), ((0 * p, p), "정사영 p", GREEN, "solid"),
                                       ((p, b), "오차 b-p", "black", "dash")):
        start, end = points
        figure.add_scatter(x=[start[0].item(), end[0].item()], y=[start[1].item(), end[1].item()], name=name,
                           mode="lines+markers", line={"color": colour, "dash": dash, "width": 3}, row=1, col=1)
    figure.update_yaxes(scaleanchor="x", row=1, col=1)

    generator = torch.Generator().manual_seed(seed)
    basis = torch.cat((torch.eye(2, dtype=torch.float64),
                       0.5 * torch.randn(1, 2, generator=generator, dtype=torch.float64)))  # (3, 2): 늘 독립이다
    point = torch.tensor([bx, by, 2.0], dtype=torch.float64)
    foot = onto_space(basis) @ point
    corners = torch.cartesian_prod(*(torch.tensor([-reach, reach], dtype=torch.float64),) * 2) @ basis.T  # (4, 3)
    figure.add_mesh3d(x=corners[:, 0].tolist(), y=corners[:, 1].tolist(), z=corners[:, 2].tolist(), i=[0, 1], j=[1, 3],
                      k=[2, 2], opacity=0.3, color=BLUE, row=1, col=2)
    origin = torch.zeros_like(point)
    for end, start, name, colour in ((point, origin, "b", RED), (foot, origin, "p", GREEN),
                                     (point, foot, "오차", "black")):
        figure.add_scatter3d(x=[start[0].item(), end[0].item()], y=[start[1].item(), end[1].item()],
                             z=[start[2].item(), end[2].item()], mode="lines+markers", showlegend=False, name=name,
                             line={"color": colour, "width": 5}, marker={"size": 3}, row=1, col=2)
    titled(figure, "정사영: 가장 가까운 점", "첫째 성분", "둘째 성분", height=460)

    detail, triggers = _safree_figure(seed)
    text_p = ", ".join(written(round(v, 9)) for v in p.tolist())
    return Demo(
        figure=figure,
        numbers={"정사영 p": f"({text_p})", "배율 aᵀb/aᵀa": round((a @ b / (a @ a)).item(), 4),
                 "오차의 길이": round(error.norm().item(), 4), "a와 오차의 내적": abs(round((a @ error).item(), 9)),
                 "P²와 P의 가장 큰 차이": round((matrix @ matrix - matrix).abs().max().item(), 12),
                 "평면 위의 점": ", ".join(written(v) for v in foot.tolist()), "밀어낸 토큰": triggers},
        text=f"b를 a의 직선에 내린 발은 ({text_p})이고, b에서 직선까지 가장 짧은 거리는 "
             f"{written(error.norm().item())}입니다. 한 번 더 정사영해도 그 점에 머뭅니다.",
        code=CODE.format(a=a.tolist(), b=b.tolist()),
        detail=detail,
    )


def _vector(question: str, name: str) -> list[float] | None:
    numbers = r"([\[(]\s*[-+]?\d[^\[\]()]*[\])])"
    match = re.search(rf"(?<![A-Za-z]){name}\s*(?:가|이|는|은|=|:)?\s*{numbers}", question)
    return lists(match[1])[0] if match else None


def _parse(question: str) -> Mapping[str, Any] | None:
    a, b = _vector(question, "a"), _vector(question, "b")
    if not a or not b or len(a) != len(b) or not has(question, ("정사영", "투영", "사영", "projection")):
        return None
    onto_b = re.search(r"(?<![A-Za-z])a[^a-zA-Z가-힣]*(?:를|을)\s*(?:벡터\s*)?b", question)  # "a를 b에"
    return {"a": b, "b": a} if onto_b else {"a": a, "b": b}


def _run(a: list[float], b: list[float]) -> Computed:
    line, vector = (torch.tensor(v, dtype=torch.float64) for v in (a, b))
    formula = "$p = \\frac{a^Tb}{a^Ta} a$"
    if not line.any():
        return Computed("불가능", "길이가 0인 벡터에는 방향이 없어 정사영할 수 없습니다.", formula)
    top, bottom = (line @ vector).item(), (line @ line).item()
    p = "(" + ", ".join(written(round(v, 9)) for v in (onto_line(line) @ vector).tolist()) + ")"
    how = f"aᵀb = {written(top)}, aᵀa = {written(bottom)}이므로 배율은 {written(top / bottom)}이고 p = {p}입니다."
    return Computed(p, how, formula)


CONCEPT = Concept(
    slug="projection",
    title="정사영",
    aliases=("정사영", "투영", "사영", "투영 행렬", "projection matrix", "orthogonal projection", "SAFREE", "세이프리",
             "정사형", "벡터 투영", "직교 투영"),
    summary="벡터를 직선이나 평면 위의 가장 가까운 점으로 보낸다.",
    demo=demo,
    controls=(
        Control("ax", "a의 첫째 성분", 2.0, -5.0, 5.0, 0.1),
        Control("ay", "a의 둘째 성분", 1.0, -5.0, 5.0, 0.1),
        Control("bx", "b의 첫째 성분", 1.0, -5.0, 5.0, 0.1),
        Control("by", "b의 둘째 성분", 3.0, -5.0, 5.0, 0.1),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("projection", _parse, _run, "정사영 aTb aTa 투영 행렬"),),
)
