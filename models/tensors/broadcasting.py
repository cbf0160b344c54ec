"""브로드캐스팅(broadcasting): 크기가 다른 두 텐서를 계산할 때 작은 쪽을 큰 쪽에 맞추는 규칙.

모자라는 축은 앞에 1로 붙이고, 길이 1인 축은 상대의 길이만큼 되풀이한다. 값을 복사하지 않고 같은 자리를 다시 읽는다.

$$ r_i = \\max(a_i, b_i) \\quad (a_i = b_i \\text{ 또는 } a_i = 1 \\text{ 또는 } b_i = 1) $$

출처: NumPy 문서 "Broadcasting"; PyTorch 문서 "Broadcasting semantics".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import grid, titled
from models.reading import has, shapes, shown, typed_shape
from models.tensors.tensor_shape import elements

SAME, REPEATED, ADDED, WRONG = 0, 1, 2, 3
COLOURS = [[0, "#e2e8f0"], [0.33, "#93c5fd"], [0.66, "#fcd34d"], [1, "#fca5a5"]]


@dataclass(frozen=True)
class Fit:
    """How two shapes meet: ``a`` and ``b`` with the 1s put in front, the ``shape`` of the result, or the axis at fault.

    ``wrong`` counts from the front of the longer shape; ``shape`` is None where it is not.
    """

    a: tuple[int, ...]
    b: tuple[int, ...]
    shape: tuple[int, ...] | None
    wrong: int | None


def fit(a: Sequence[int], b: Sequence[int]) -> Fit:
    """Meet two shapes by the broadcasting rule."""
    rank = max(len(a), len(b))
    a, b = (1,) * (rank - len(a)) + tuple(a), (1,) * (rank - len(b)) + tuple(b)  # 모자라는 축은 앞에 1
    for i in reversed(range(rank)):  # 뒤에서부터 견준다
        if a[i] != b[i] and 1 not in (a[i], b[i]):
            return Fit(a, b, None, i)
    return Fit(a, b, tuple(y if x == 1 else x for x, y in zip(a, b, strict=True)), None)


def broadcast_to(x: Tensor, shape: Sequence[int]) -> Tensor:
    """View ``x`` as ``shape`` without copying: a repeated axis has stride 0, so the same value is read again.

    Raises:
        ValueError: ``x`` cannot be stretched to ``shape``.
    """
    met = fit(x.shape, shape)
    if met.shape != tuple(shape):
        raise ValueError(f"{tuple(x.shape)} cannot be broadcast to {tuple(shape)}")
    steps = (0,) * (len(shape) - x.ndim) + x.stride()
    return x.as_strided(tuple(shape), tuple(0 if old == 1 else s for old, s in zip(met.a, steps, strict=True)),
                        x.storage_offset())


def reason(met: Fit) -> str:
    """Why two shapes do not fit, in Korean."""
    assert met.wrong is not None
    return f"{met.wrong}번 축의 길이가 {met.a[met.wrong]}과 {met.b[met.wrong]}로 다르고 어느 쪽도 1이 아닙니다"


CODE = """\
import torch

a, b = torch.empty({a}, device="meta"), torch.empty({b}, device="meta")  # 크기만 갖는 텐서
try:
    print((a + b).shape)
except RuntimeError as error:
    print("맞지 않는다:", error)
"""


def _table(met: Fit, ranks: tuple[int, int]) -> go.Figure:
    rank = len(met.a)
    rows, labels = [], []
    for dims, own in ((met.a, ranks[0]), (met.b, ranks[1])):
        kinds = []
        for i, d in enumerate(dims):
            repeated = met.shape is not None and met.shape[i] != d
            kinds.append(WRONG if i == met.wrong else ADDED if i < rank - own else REPEATED if repeated else SAME)
        rows.append(kinds)
        labels.append([f"{d}{' (붙임)' if k == ADDED else ''}" for d, k in zip(dims, kinds, strict=True)])
    if met.shape is not None:
        rows.append([SAME] * rank)
        labels.append([str(d) for d in met.shape])
    figure = go.Figure(grid(rows, labels=labels, colorscale=COLOURS).update(
        zmin=0, zmax=3, x=[f"{i}번 축" for i in range(rank)], y=["A", "B", "결과"][:len(rows)]))
    figure.update_yaxes(autorange="reversed")
    return figure


def _values(a: tuple[int, ...], b: tuple[int, ...], shape: tuple[int, ...]) -> go.Figure | None:
    """A, B and A + B as grids, where they fit on a screen."""
    if len(shape) > 2 or elements(shape) > 100 or not shape:
        return None
    left = broadcast_to(torch.arange(1, elements(a) + 1).view(a), shape)
    right = broadcast_to(10 * torch.arange(1, elements(b) + 1).view(b), shape)
    figure = make_subplots(rows=1, cols=3, subplot_titles=("늘린 A", "늘린 B", "A + B"))
    for column, values in enumerate((left, right, left + right), 1):
        figure.add_trace(grid((values if values.ndim == 2 else values[None]).tolist()), row=1, col=column)
    figure.update_yaxes(autorange="reversed", dtick=1)
    return titled(figure, "되풀이한 값과 합", "열", "행", height=340)


def demo(*, a: str = "5, 1", b: str = "4,") -> Demo:
    """Both shapes lined up from the right: the axes added, the ones repeated, the one at fault; below it, values."""
    first, second = typed_shape(a, "A의 크기"), typed_shape(b, "B의 크기")
    met = fit(first, second)
    figure = titled(_table(met, (len(first), len(second))), f"{shown(first)}와 {shown(second)} 맞추기", "축", "텐서")
    added = abs(len(first) - len(second))
    code = CODE.format(a=shown(first), b=shown(second))
    if met.shape is None:
        return Demo(
            figure=figure,
            numbers={"되는가": "아니요", "맞지 않는 축": f"{met.wrong}번", "붙은 축": added},
            text=f"{shown(first)}와 {shown(second)}는 맞지 않습니다. {reason(met)}.",
            code=code,
        )
    times = [elements(met.shape) // elements(dims) for dims in (first, second)]
    return Demo(
        figure=figure,
        numbers={"되는가": "예", "결과 크기": shown(met.shape), "붙은 축": added, "A를 되풀이한 횟수": times[0],
                 "B를 되풀이한 횟수": times[1]},
        text=f"뒤에서부터 맞추면 결과는 {shown(met.shape)}입니다. 앞에 축 {added}개를 붙였고 A의 값은 {times[0]}번, "
             f"B의 값은 {times[1]}번씩 쓰입니다.",
        code=code,
        detail=_values(first, second, met.shape),
    )


_ADDING = ("더하", "더해", "빼면", "뺄", "덧셈", "뺄셈", "원소별")
_ASKING = ("크기", "shape", "모양", "되나", "가능")
_OTHER = ("cat", "stack", "행렬 곱", "matmul", "파라미터", "커널", "왜", "이유")


def _parse(question: str) -> Mapping[str, Any] | None:
    found = shapes(question)
    asked = has(question, ("브로드캐스", "브로드케스", "broadcast")) or has(question, _ADDING, _ASKING)
    if len(found) != 2 or not asked or has(question, _OTHER):
        return None
    return {"a": found[0], "b": found[1]} if all(d > 0 for s in found for d in s) else None


def _run(a: tuple[int, ...], b: tuple[int, ...]) -> Computed:
    met = fit(a, b)
    lined = f"앞에 1을 붙여 뒤에서부터 맞추면 {shown(met.a)}와 {shown(met.b)}"
    formula = "$r_i = \\max(a_i, b_i)$ (같거나 한쪽이 1일 때)"
    if met.shape is None:
        return Computed("불가능", f"{lined}인데, {reason(met)}.", formula)
    how = f"{lined}이고, 길이 1인 축을 상대만큼 되풀이하면 {shown(met.shape)}입니다."
    return Computed(shown(met.shape), how, formula)


_SHAPE = r"\(\s*\d+(?:\s*,\s*\d+)*\s*,?\s*\)"
CONCEPT = Concept(
    slug="broadcasting",
    title="브로드캐스팅",
    aliases=("broadcasting", "broadcast", "브로드캐스트", "브로드 캐스팅", "브로드케스팅", "크기 자동 맞춤"),
    summary="크기가 다른 두 텐서를 계산할 때 작은 쪽을 큰 쪽에 자동으로 맞춘다.",
    demo=demo,
    controls=(
        Control("a", "A의 크기", "5, 1", pattern=rf"({_SHAPE})", max_length=40),
        Control("b", "B의 크기", "4,", pattern=rf"{_SHAPE}[^()]*?({_SHAPE})", max_length=40),
    ),
    computations=(Computation("broadcast_shape", _parse, _run, "브로드캐스팅 규칙 축 길이 1"),),
)
