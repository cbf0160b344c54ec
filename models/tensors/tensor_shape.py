"""텐서와 크기(tensor, shape): 숫자를 여러 축에 나누어 담는 다차원 배열과 그 속성.

랭크는 축의 개수, 크기는 축마다 칸의 수, 자료형은 칸 하나가 차지하는 바이트를 정한다.

$$ N = \\prod_i d_i, \\qquad \\text{바이트} = N \\times s, \\qquad \\text{stride}_i = \\prod_{j>i} d_j $$

출처: Goodfellow, Bengio & Courville (2016), "Deep Learning", 2장; PyTorch 문서 torch.Tensor.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, COLORS, GREY, grid, titled
from models.reading import has, shapes, shown, typed_shape

BYTES = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2, "int64": 8, "int32": 4, "int8": 1, "uint8": 1,
         "bool": 1}
NAMES = ("스칼라", "벡터", "행렬", "3차원 텐서", "4차원 텐서", "5차원 텐서", "6차원 텐서")
AXES = {  # 랭크와 채널의 자리마다 축의 이름
    "channels first": ((), ("특성",), ("샘플", "특성"), ("샘플", "시간", "특성"), ("샘플", "채널", "높이", "너비"),
                       ("샘플", "프레임", "채널", "높이", "너비")),
    "channels last": ((), ("특성",), ("샘플", "특성"), ("샘플", "시간", "특성"), ("샘플", "높이", "너비", "채널"),
                      ("샘플", "프레임", "높이", "너비", "채널")),
}


def elements(shape: Sequence[int]) -> int:
    """How many values a tensor of this shape holds; a scalar holds one."""
    return math.prod(shape)  # N = Π d_i


def size_in_bytes(shape: Sequence[int], dtype: str) -> int:
    """Bytes of a dense tensor.

    Raises:
        KeyError: a dtype that is not in ``BYTES``.
    """
    return elements(shape) * BYTES[dtype]


def strides(shape: Sequence[int]) -> tuple[int, ...]:
    """How many values one step along each axis skips, in row-major order (the last axis lies side by side)."""
    return tuple(math.prod(shape[i + 1:]) for i in range(len(shape)))  # stride_i = Π_{j>i} d_j


def to_channels_last(x: Tensor) -> Tensor:
    """(..., C, H, W) -> (..., H, W, C), as ``plt.imshow`` and Keras want it."""
    return x.movedim(-3, -1)


def to_channels_first(x: Tensor) -> Tensor:
    """(..., H, W, C) -> (..., C, H, W), as PyTorch wants it."""
    return x.movedim(-1, -3)


def human(count: int) -> str:
    """Bytes as people say them: ``405 MiB``."""
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size:,.4g} {unit}" if size < 10_000 else f"{size:,.0f} {unit}"


CODE = """\
import torch

shape, dtype = {shape}, torch.{dtype}
x = torch.empty(shape, dtype=dtype, device="meta")  # 메모리를 쓰지 않고 크기만 갖는 텐서
print("랭크:", x.ndim)
print("값의 개수:", x.numel())
print("바이트:", x.numel() * x.element_size())
print("stride:", x.stride())
"""


def _memory_order() -> go.Figure:
    """The same 2x2 colour image laid out both ways: number the pixels, then read memory from left to right."""
    image = torch.arange(12).view(3, 2, 2)  # (C, H, W): 0-3 빨강, 4-7 초록, 8-11 파랑
    figure = make_subplots(rows=2, cols=1, vertical_spacing=0.4, subplot_titles=(
        "채널 우선: 한 색의 화소가 이어진다", "채널 마지막: 한 화소의 세 색이 이어진다"))
    for row, order in enumerate((image.flatten(), to_channels_last(image).flatten()), 1):
        colours = [[int(v) // 4 for v in order]]
        labels = [[f"{'RGB'[int(v) // 4]}{int(v) % 4}" for v in order]]
        figure.add_trace(grid(colours, labels=labels, colorscale=[[0, "#fca5a5"], [0.5, "#86efac"], [1, "#93c5fd"]]),
                         row=row, col=1)
    figure.update_yaxes(showticklabels=False)
    return titled(figure, "2×2 컬러 사진이 메모리에 놓이는 순서", "메모리 위치", "", height=340)


def demo(*, shape: str = "4, 240, 144, 256, 3", dtype: str = "float32", layout: str = "channels last") -> Demo:
    """The length of every axis with its name, and the memory by dtype; below it, both channel orders in memory."""
    dims = typed_shape(shape, "크기")
    names = AXES[layout][len(dims)] if len(dims) < len(AXES[layout]) else tuple(f"축 {i}" for i in range(len(dims)))
    labels = [f"{i}번 축: {name}" for i, name in enumerate(names)]

    figure = make_subplots(rows=1, cols=2, subplot_titles=("축마다 칸의 수", "자료형에 따른 메모리"),
                           column_widths=[0.55, 0.45])
    figure.add_bar(x=list(dims), y=labels, orientation="h", text=[f"{d:,}" for d in dims],
                   marker_color=[COLORS[i % len(COLORS)] for i in range(len(dims))], row=1, col=1)
    sizes = {name: size_in_bytes(dims, name) for name in ("uint8", "float16", "float32", "float64")}
    sizes.setdefault(dtype, size_in_bytes(dims, dtype))
    figure.add_bar(x=list(sizes), y=list(sizes.values()), text=[human(v) for v in sizes.values()],
                   marker_color=[BLUE if name == dtype else GREY for name in sizes], row=1, col=2)
    figure.update_xaxes(type="log", title_text="칸의 수(로그)", row=1, col=1)
    figure.update_yaxes(autorange="reversed", title_text="축", row=1, col=1)
    figure.update_layout(showlegend=False)
    titled(figure, f"{NAMES[len(dims)]} {shown(dims)}", "자료형", "바이트")

    count, size = elements(dims), size_in_bytes(dims, dtype)
    read = " · ".join(f"{name} {d:,}" for name, d in zip(names, dims, strict=True)) or "축이 없다"
    return Demo(
        figure=figure,
        numbers={"랭크": len(dims), "크기": shown(dims), "값의 개수": count, "바이트": size,
                 "읽기 쉬운 크기": human(size), "stride": shown(strides(dims))},
        text=f"축을 차례로 읽으면 {read}입니다. 값이 {count:,}개이고 {dtype}는 하나에 {BYTES[dtype]}바이트라 "
             f"모두 {size:,}바이트({human(size)})입니다.",
        code=CODE.format(shape=shown(dims), dtype=dtype),
        detail=_memory_order(),
    )


def _one_shape(question: str) -> tuple[int, ...] | None:
    bracketed = " ".join(re.findall(r"[(\[][\d\s,]+[)\]]", question))  # 224x224는 텐서의 크기가 아니라 사진의 크기이다
    found = [s for s in shapes(bracketed) if all(d > 0 for d in s)]
    named = has(question, ("텐서", "배치", "tensor", "배열", "데이터", "크기", "shape"))
    return found[0] if len(found) == 1 and named else None


_OTHER = ("파라미터", "합성곱", "커널", "linear", "view", "reshape", "sum", "mean", "squeeze", "stack", "cat(", "더하",
          "곱", "브로드", "풀링", "stride", "dim=", "axis=", "lstm", "rnn", "gru", "정규화", "평균", "패치")


def _parse_elements(question: str) -> Mapping[str, Any] | None:
    shape = _one_shape(question)
    if not shape or not has(question, ("값", "원소", "numel", "숫자"), ("몇개", "개수", "원소수", "numel", "값의수")):
        return None
    return None if has(question, (*_OTHER, "축이", "축은", "축의", "차원이", "바이트")) else {"shape": shape}


def _run_elements(shape: tuple[int, ...]) -> Computed:
    count = elements(shape)
    how = f"축의 길이를 모두 곱합니다: {' × '.join(map(str, shape))} = {count}개."
    return Computed(f"{count:,}", how, "$N = \\prod_i d_i$")


def _parse_bytes(question: str) -> Mapping[str, Any] | None:
    shape = _one_shape(question)
    if not shape or not has(question, ("바이트", "byte", "메모리", "용량", "mb", "mib")) or has(question, _OTHER):
        return None
    named = re.search("|".join(sorted(BYTES, key=len, reverse=True)), question.lower())
    return {"shape": shape, "dtype": named[0] if named else "float32"}


def _run_bytes(shape: tuple[int, ...], dtype: str) -> Computed:
    count, size = elements(shape), size_in_bytes(shape, dtype)
    how = (f"값은 {' × '.join(map(str, shape))} = {count}개이고 {dtype}는 하나에 {BYTES[dtype]}바이트입니다: "
           f"{count} × {BYTES[dtype]} = {size}바이트({human(size)}).")
    return Computed(f"{size:,}", how, "$N \\times s$")


def _parse_rank(question: str) -> Mapping[str, Any] | None:
    shape = _one_shape(question)
    asks = has(question, ("축이몇", "축은몇", "축의개수", "랭크", "rank", "ndim", "몇차원"))
    return {"shape": shape} if shape and asks and not has(question, (*_OTHER, "행렬")) else None


def _run_rank(shape: tuple[int, ...]) -> Computed:
    return Computed(str(len(shape)), f"{shown(shape)}에는 수가 {len(shape)}개 있으므로 축이 {len(shape)}개입니다.",
                    "$r = |\\text{shape}|$")


CONCEPT = Concept(
    slug="tensor_shape",
    title="텐서와 크기",
    aliases=("텐서", "tensor", "tensor shape", "텐서 크기", "텐서의 랭크", "ndim", "채널 우선", "채널 마지막",
             "channels first", "channels last", "dtype", "배치 축", "스칼라"),
    summary="숫자를 여러 축에 나누어 담는 다차원 배열이며, 랭크·크기·자료형으로 나타낸다.",
    demo=demo,
    controls=(
        Control("shape", "크기", "4, 240, 144, 256, 3", pattern=r"(\(\s*\d+(?:\s*,\s*\d+)*\s*,?\s*\))", max_length=60),
        Control("dtype", "자료형", "float32", choices=tuple(BYTES)),
        Control("layout", "채널의 자리", "channels last", choices=tuple(AXES)),
    ),
    computations=(
        Computation("tensor_bytes", _parse_bytes, _run_bytes, "텐서 값의 개수와 메모리 바이트 자료형"),
        Computation("tensor_elements", _parse_elements, _run_elements, "텐서 값의 개수 축의 길이를 곱한다"),
        Computation("tensor_rank", _parse_rank, _run_rank, "랭크 축의 개수"),
    ),
)
