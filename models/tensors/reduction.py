"""축소 연산(reduction): 한 축을 따라 여러 값을 하나로 뭉쳐 그 축을 없앤다.

$$ s_j = \\sum_i x_{ij}, \\qquad \\bar{x}_j = \\frac{1}{n}\\sum_i x_{ij}, \\qquad m_j = \\max_i x_{ij},
   \\qquad k_j = \\arg\\max_i x_{ij} $$

출처: PyTorch 문서 "Reduction Ops".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import grid, titled
from models.reading import axis, has, lists, shapes, shown, written


def reduce_sum(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """The sum along ``dim``, which disappears (or stays with length 1); the same as ``torch.sum``."""
    total = torch.zeros_like(x.select(dim, 0))
    for part in x.unbind(dim):  # s = Σ_i x_i
        total = total + part
    return total.unsqueeze(dim) if keepdim else total


def reduce_mean(x: Tensor, dim: int, keepdim: bool = False) -> Tensor:
    """The mean along ``dim``; the same as ``torch.mean``.

    Raises:
        TypeError: whole numbers, which have no mean of their own type.
    """
    if not x.is_floating_point():
        raise TypeError(f"mean of {x.dtype}: turn it into a floating type first, x.float().mean()")
    return reduce_sum(x, dim, keepdim) / x.shape[dim]  # x̄ = s / n


def reduce_max(x: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    """The greatest value along ``dim`` and its place (the first, where several are equal); as ``torch.max`` gives."""
    best = x.select(dim, 0)
    place = torch.zeros_like(best, dtype=torch.int64)
    for i, part in enumerate(x.unbind(dim)):
        better = part > best
        best, place = torch.where(better, part, best), torch.where(better, i, place)
    return (best.unsqueeze(dim), place.unsqueeze(dim)) if keepdim else (best, place)


def reduced(shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
    """The shape that is left of ``shape`` without ``dims``.

    Raises:
        IndexError: an axis that is not there.
    """
    for dim in dims:
        if not -len(shape) <= dim < len(shape):
            raise IndexError(f"dim={dim}: between {-len(shape)} and {len(shape) - 1}")
    gone = {dim % len(shape) for dim in dims}
    return tuple(1 if i in gone else n for i, n in enumerate(shape) if keepdim or i not in gone)


OPERATIONS: dict[str, Callable[[Tensor, int, bool], Tensor]] = {
    "sum": reduce_sum, "mean": reduce_mean,
    "max": lambda x, dim, keep: reduce_max(x, dim, keep)[0],
    "argmax": lambda x, dim, keep: reduce_max(x, dim, keep)[1],
}
LABELS = {"sum": "합계", "mean": "평균", "max": "최댓값", "argmax": "최댓값의 위치"}
PASTEL = [[0, "#bfdbfe"], [0.25, "#fecaca"], [0.5, "#bbf7d0"], [0.75, "#fde68a"], [1, "#ddd6fe"]]

CODE = """\
import torch

torch.manual_seed({seed})
x = torch.randint(0, 10, ({rows}, {columns})).float()
print(x)
print(x.{operation}({arguments}))
"""


def demo(*, operation: str = "sum", dim: str = "0", keepdim: bool = False, rows: int = 3, columns: int = 4,
         seed: int = 0) -> Demo:
    """Every group of cells in one colour, and what each group becomes; below it, all four operations."""
    torch.manual_seed(seed)
    x = torch.randint(0, 10, (rows, columns)).float()
    flat = dim == "전체"
    axes = (0, 1) if flat else (int(dim),)

    def apply(name: str) -> Tensor:
        if not flat:
            return OPERATIONS[name](x, axes[0], keepdim)
        return OPERATIONS[name](x.flatten(), 0, False)  # (R*C,) -> (): 축이 하나도 남지 않는다

    result = apply(operation)
    if flat:
        groups = torch.zeros(rows, columns, dtype=torch.int64)
    elif dim == "0":
        groups = torch.arange(columns).expand(rows, columns) % 5  # 열마다 한 묶음
    else:
        groups = torch.arange(rows)[:, None].expand(rows, columns) % 5  # 행마다 한 묶음
    left = torch.zeros(1, 1) if flat else groups[:1] if dim == "0" else groups[:, :1]  # (1, C) 또는 (R, 1)
    figure = make_subplots(rows=1, cols=2, subplot_titles=(f"x {shown(x.shape)}", f"결과 {shown(result.shape)}"),
                           column_widths=[0.6, 0.4])
    for column, (colours, values) in enumerate(((groups, x), (left, result.reshape(left.shape))), 1):
        labels = [[written(v) for v in row] for row in values.tolist()]
        figure.add_trace(grid(colours.tolist(), labels=labels, colorscale=PASTEL).update(zmin=0, zmax=4),
                         row=1, col=column)
    figure.update_yaxes(autorange="reversed", dtick=1)
    figure.update_xaxes(dtick=1)
    arguments = ", ".join(([] if flat else [f"dim={dim}"]) + (["keepdim=True"] if keepdim and not flat else []))
    titled(figure, f"x.{operation}({arguments}): 같은 색이 하나로 뭉친다", "열(1번 축)", "행(0번 축)")

    detail = make_subplots(rows=2, cols=2, subplot_titles=[f"{name}: {label}" for name, label in LABELS.items()])
    for i, name in enumerate(OPERATIONS):
        values = apply(name).reshape(left.shape)
        labels = [[written(v) for v in row] for row in values.tolist()]
        detail.add_trace(grid(left.tolist(), labels=labels, colorscale=PASTEL).update(zmin=0, zmax=4),
                         row=i // 2 + 1, col=i % 2 + 1)
    detail.update_yaxes(autorange="reversed", dtick=1)
    titled(detail, "같은 축을 네 가지로 뭉친 결과", "열", "행")
    where = "모든 칸이" if flat else f"{dim}번 축이 사라져 {'열' if dim == '0' else '행'}마다"
    return Demo(
        figure=figure,
        numbers={"처음 크기": shown(x.shape), "결과 크기": shown(result.shape),
                 "한 값으로 뭉친 칸": rows * columns // result.numel(),
                 "결과": ", ".join(written(v) for v in result.flatten().tolist())},
        text=f"{where} 칸 {rows * columns // result.numel()}개가 {LABELS[operation]} 하나로 뭉쳤습니다. 크기는 "
             f"{shown(x.shape)}에서 {shown(result.shape)}로 바뀌었습니다.",
        code=CODE.format(seed=seed, rows=rows, columns=columns, operation=operation, arguments=arguments),
        detail=detail,
    )


_NAMES = ("sum", "합계", "합을", "더하", "mean", "평균", "max", "최댓값")


def _parse_shape(question: str) -> Mapping[str, Any] | None:
    several = re.search(r"(?:dim|axis)\s*=\s*(\(\s*-?\d+(?:\s*,\s*-?\d+)+\s*\))", question)
    text = question.replace(several[1], "") if several else question
    dims = tuple(int(d) for d in re.findall(r"-?\d+", several[1])) if several else (axis(text),)
    found = [s for s in shapes(text) if len(s) > 1 or re.search(r"\(\s*\d+\s*,\s*\)", text)]
    if len(found) != 1 or None in dims or not has(question, ("크기", "shape", "모양", "형태", "남")):
        return None
    if not has(question, _NAMES) or has(question, ("왜", "까닭", "에러", "softmax", "소프트맥스", "norm")):
        return None
    return {"shape": found[0], "dims": dims, "keepdim": has(question, ("keepdim=true", "keepdim을", "keepdims=true"))}


def _run_shape(shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool) -> Computed:
    formula = "$(d_0, \\dots, d_k, \\dots) \\to (d_0, \\dots, \\hat{d}_k, \\dots)$"
    names = ", ".join(str(d) for d in dims)
    try:
        out = reduced(shape, dims, keepdim)
    except IndexError:
        there = f"{-len(shape)}부터 {len(shape) - 1}까지"
        return Computed("불가능", f"{shown(shape)}에는 {there}의 축만 있는데 {names}번을 적었습니다.", formula)
    kept = "길이 1로 남깁니다" if keepdim else "없앱니다"
    lengths = ", ".join(str(shape[d]) for d in dims)
    return Computed(shown(out), f"{shown(shape)}에서 {names}번 축(길이 {lengths})을 {kept}: {shown(out)}.", formula)


def _parse_argmax(question: str) -> Mapping[str, Any] | None:
    found = lists(question)
    if len(found) != 1 or len(found[0]) < 2 or not has(question, ("argmax",)):
        return None
    return None if has(question, ("dim", "크기", "shape")) else {"values": found[0]}


def _run_argmax(values: list[float]) -> Computed:
    best, place = reduce_max(torch.tensor(values, dtype=torch.float64), 0)
    how = f"가장 큰 값 {written(best.item())}의 자리는 0부터 세어 {place.item()}번입니다."
    return Computed(str(place.item()), how, "$\\arg\\max_i x_i$")


CONCEPT = Concept(
    slug="reduction",
    title="축소 연산",
    aliases=("리덕션", "reduction", "argmax", "keepdim", "축별 합계", "축별 평균", "torch.sum", "torch.mean",
             "reduce 연산"),
    summary="한 축을 따라 여러 값을 하나로 뭉쳐 그 축을 없앤다.",
    demo=demo,
    controls=(
        Control("operation", "연산", "sum", choices=tuple(OPERATIONS)),
        Control("dim", "없앨 축(dim)", "0", choices=("0", "1", "전체")),
        Control("keepdim", "keepdim", False),
        Control("rows", "행 수", 3, 1, 8, 1, words=("행",)),
        Control("columns", "열 수", 4, 1, 8, 1, words=("열",)),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("argmax", _parse_argmax, _run_argmax, "argmax 가장 큰 값의 자리 번호"),
        Computation("reduced_shape", _parse_shape, _run_shape, "dim 사라지는 축 결과 크기 keepdim"),
    ),
)
