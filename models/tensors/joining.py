"""텐서 합치기(cat, stack): 이미 있는 축을 따라 이어 붙이거나, 새 축을 만들어 쌓는다.

$$ \\text{cat: } d'_k = \\sum_t d^{(t)}_k, \\qquad \\text{stack: } (d_0, \\dots, d_{k-1}, T, d_k, \\dots) $$

출처: PyTorch 문서 torch.cat, torch.stack.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import grid, titled
from models.reading import axis, has, shapes, shown
from models.tensors.reshape import as_rows, unsqueeze

PAIR = [[0, "#bfdbfe"], [1, "#fde68a"]]


def joined(sizes: Sequence[Sequence[int]], dim: int, new: bool) -> tuple[int, ...]:
    """The shape of ``cat`` (of ``stack`` where ``new``) of tensors of these ``sizes``.

    Raises:
        ValueError: lengths that differ where they must not; IndexError: an axis that is not there.
    """
    rank = len(sizes[0]) + new
    if not -rank <= dim < rank:
        raise IndexError(f"dim={dim}: between {-rank} and {rank - 1}")
    dim %= rank
    for size in sizes:
        for i, (a, b) in enumerate(zip(sizes[0], size, strict=True)):
            if a != b and (new or i != dim):
                raise ValueError(f"axis {i} has {a} and {b}")
    if new:
        return (*sizes[0][:dim], len(sizes), *sizes[0][dim:])
    return tuple(sum(s[i] for s in sizes) if i == dim else d for i, d in enumerate(sizes[0]))  # d'_k = Σ_t d_k


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join along an axis that is there; the same as ``torch.cat``.

    Raises:
        ValueError: another axis differs in length.
    """
    out = tensors[0].new_zeros(joined([t.shape for t in tensors], dim, new=False))
    at = 0
    for t in tensors:
        out.narrow(dim, at, t.shape[dim]).copy_(t)  # 앞의 것이 끝난 자리부터 써 넣는다
        at += t.shape[dim]
    return out


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join along a new axis, which is ``cat`` after ``unsqueeze``; the same as ``torch.stack``.

    Raises:
        ValueError: shapes that differ.
    """
    joined([t.shape for t in tensors], dim, new=True)
    return cat([unsqueeze(t, dim) for t in tensors], dim)


CODE = """\
import torch

a = torch.arange({na}).view({ra}, {columns})
b = 100 + torch.arange({nb}).view({rb}, {columns})
joined = torch.{operation}([a, b], dim={dim})
print(joined.shape)
print(joined)
"""


def demo(*, operation: str = "cat", dim: int = 0, rows_a: int = 2, rows_b: int = 2,
         columns: int = 3) -> Demo:
    """Two tables in two colours, and where their cells lie once joined."""
    a = torch.arange(rows_a * columns).view(rows_a, columns)
    b = 100 + torch.arange(rows_b * columns).view(rows_b, columns)
    try:
        result = (cat if operation == "cat" else stack)([a, b], dim)
    except IndexError:
        raise ConceptError(f"축={dim}: 2차원 텐서의 cat은 -2 이상 1 이하, stack은 -3 이상 2 이하여야 합니다.") from None
    except ValueError:
        other = "붙이는 축 말고는 길이가 같아야 합니다" if operation == "cat" else "두 크기가 똑같아야 합니다"
        raise ConceptError(f"{shown(a.shape)}와 {shown(b.shape)}는 {operation}(dim={dim})으로 합칠 수 없습니다. "
                           f"{other}.") from None

    figure = make_subplots(rows=1, cols=3, column_widths=[0.25, 0.25, 0.5], subplot_titles=(
        f"a {shown(a.shape)}", f"b {shown(b.shape)}", f"{operation}(dim={dim}) {shown(result.shape)}"))
    for column, values in enumerate((a, b, result), 1):
        rows, labels = as_rows(values)
        colours = [[int(v >= 100) for v in row] for row in rows]
        figure.add_trace(grid(colours, labels=[[str(v) for v in row] for row in rows], colorscale=PAIR).update(
            zmin=0, zmax=1), row=1, col=column)
        figure.update_yaxes(tickvals=list(range(len(labels))), ticktext=labels, row=1, col=column)
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(dtick=1)
    titled(figure, f"{operation}로 합친 두 텐서", "마지막 축", "앞의 축")
    kept = "축은 그대로 2개이고 고른 축만 길어졌습니다" if operation == "cat" else "새 축이 생겨 축이 3개입니다"
    return Demo(
        figure=figure,
        numbers={"a의 크기": shown(a.shape), "b의 크기": shown(b.shape), "결과 크기": shown(result.shape),
                 "축의 개수": result.ndim, "원소 수": result.numel()},
        text=f"{shown(a.shape)}와 {shown(b.shape)}를 {operation}(dim={dim})으로 합친 크기는 "
             f"{shown(result.shape)}입니다. {kept}.",
        code=CODE.format(na=a.numel(), ra=rows_a, nb=b.numel(), rb=rows_b, columns=columns,
                         operation=operation, dim=dim),
    )


_MANY = r"(두|둘|세|셋|네|넷|다섯|\d+)\s*(?:개|장|를|을)?(?:를|을|로)?\s*(?=[^\d(]*(?:cat|stack|concat|합|쌓|스택))"
_COUNTS = {"두": 2, "둘": 2, "세": 3, "셋": 3, "네": 4, "넷": 4, "다섯": 5}


def _parse(question: str) -> Mapping[str, Any] | None:
    words = {"cat": ("cat(", "torch.cat", "cat으로", "cat하", "cat을", "concat"), "stack": ("stack", "스택으로")}
    kinds = [name for name, ws in words.items() if has(question, ws)]
    asked = has(question, ("크기", "shape", "모양", "형태")) and not has(question, ("왜", "차이", "에러"))
    if len(kinds) != 1 or not asked:
        return None
    found = [s for s in shapes(question) if all(d > 0 for d in s)]
    if len(found) == 1:
        many = re.search(_MANY, re.sub(r"\([^)]*\)", " ", question))
        if not many:
            return None
        found *= _COUNTS.get(many[1]) or int(many[1])
    if not 2 <= len(found) <= 100_000 or len({len(s) for s in found}) != 1:
        return None
    return {"sizes": found, "dim": axis(question) or 0, "new": kinds[0] == "stack"}


def _run(sizes: list[tuple[int, ...]], dim: int, new: bool) -> Computed:
    name = "stack" if new else "cat"
    formula = "$(d_0, \\dots, T, d_k, \\dots)$" if new else "$d'_k = \\sum_t d^{(t)}_k$"
    try:
        out = joined(sizes, dim, new)
    except (ValueError, IndexError):
        which = "모든 크기가 같아야" if new else f"{dim}번 축 말고는 길이가 같아야"
        given = ", ".join(map(shown, sizes[:4]))
        return Computed("불가능", f"{name}은 {which} 하는데 {given}는 그렇지 않습니다.", formula)
    if new:
        how = f"{dim}번 자리에 길이 {len(sizes)}인 새 축이 생깁니다"
    else:
        lengths = [str(s[dim]) for s in sizes]
        total = " + ".join(lengths[:6]) + (" + …" if len(lengths) > 6 else "")
        how = f"{dim}번 축의 길이를 더합니다({total} = {out[dim]})"
    return Computed(shown(out), f"{how}: {shown(out)}.", formula)


CONCEPT = Concept(
    slug="joining",
    title="텐서 합치기",
    aliases=("torch.cat", "torch.stack", "concatenate", "concat", "텐서 이어 붙이기", "텐서 쌓기", "텐서 결합",
             "cat과 stack", "hstack", "vstack"),
    summary="이미 있는 축을 따라 이어 붙이거나(cat) 새 축을 만들어 쌓는다(stack).",
    demo=demo,
    controls=(
        Control("operation", "연산", "cat", choices=("cat", "stack")),
        Control("dim", "축(dim)", 0, -2, 1, 1, words=("dim", "axis")),
        Control("rows_a", "a의 행 수", 2, 1, 6, 1),
        Control("rows_b", "b의 행 수", 2, 1, 6, 1),
        Control("columns", "열 수", 3, 1, 6, 1, words=("열",)),
    ),
    computations=(Computation("joined_shape", _parse, _run, "cat stack 합친 크기 축의 길이"),),
)
