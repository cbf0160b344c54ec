"""원소별 곱과 행렬 곱: 같은 자리끼리 곱하는 것과, 가로줄과 세로줄을 짝지어 곱해 더하는 것.

$$ (A \\odot B)_{ij} = a_{ij} b_{ij}, \\qquad (AB)_{ij} = \\sum_k a_{ik} b_{kj} $$

출처: Strang (2016), "Introduction to Linear Algebra", 2장; PyTorch 문서 torch.mul, torch.matmul.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import grid, titled
from models.reading import has, matrices, shapes, shown, typed_matrix, written
from models.tensors.broadcasting import broadcast_to, fit, reason

LIT = [[0, "#f1f5f9"], [1, "#fcd34d"]]


def elementwise(a: Tensor, b: Tensor) -> Tensor:
    """a ⊙ b after broadcasting; the same as ``torch.mul``.

    Raises:
        ValueError: shapes that cannot be broadcast.
    """
    met = fit(a.shape, b.shape)
    if met.shape is None:
        raise ValueError(f"{tuple(a.shape)} and {tuple(b.shape)} cannot be broadcast")
    return broadcast_to(a, met.shape) * broadcast_to(b, met.shape)


def matmul(a: Tensor, b: Tensor) -> Tensor:
    """(..., m, n) times (..., n, p) -> (..., m, p), leading axes broadcast; the same as ``torch.matmul`` for matrices.

    Raises:
        ValueError: the inner lengths differ.
    """
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        raise ValueError(f"{tuple(a.shape)} @ {tuple(b.shape)}: the inner lengths must be equal")
    pairs = elementwise(a.unsqueeze(-1), b.unsqueeze(-3))  # (..., m, n, 1) ⊙ (..., 1, n, p) -> (..., m, n, p)
    return pairs.sum(-2)  # Σ_k a_ik b_kj


CODE = """\
import torch

a = torch.tensor({a}, dtype=torch.float64)
b = torch.tensor({b}, dtype=torch.float64)
for name, product in (("원소별 곱", torch.mul), ("행렬 곱", torch.matmul)):
    try:
        print(name, product(a, b).tolist())
    except RuntimeError as error:
        print(name, "불가능:", error)
"""


def _whole(rows: list[list[float]]) -> list[list[float]]:
    return [[int(v) if v == int(v) else round(v, 6) for v in row] for row in rows]


def demo(*, a: str = "1 2; 3 4", b: str = "5 6; 7 8", row: int = 0, column: int = 0) -> Demo:
    """Both products side by side with one cell followed: which cells of A and B it came from."""
    left = torch.tensor(typed_matrix(a, "A"), dtype=torch.float64)
    right = torch.tensor(typed_matrix(b, "B"), dtype=torch.float64)
    met = fit(left.shape, right.shape)
    fits = left.shape[1] == right.shape[0]
    if met.shape is None and not fits:
        raise ConceptError(f"A {shown(left.shape)}와 B {shown(right.shape)}는 행렬 곱도 원소별 곱도 되지 않습니다. "
                           f"A의 열 수 {left.shape[1]}과 B의 행 수 {right.shape[0]}를 맞추어 보세요.")
    product = matmul(left, right) if fits else None
    each = elementwise(left, right) if met.shape is not None else None
    target = product if product is not None else each
    assert target is not None
    row, column = min(row, target.shape[0] - 1), min(column, target.shape[1] - 1)

    from_a, from_b = torch.zeros_like(left), torch.zeros_like(right)
    if fits:
        from_a[row], from_b[:, column] = 1, 1  # A의 가로줄과 B의 세로줄
    else:
        from_a[min(row, len(left) - 1), min(column, left.shape[1] - 1)] = 1
        from_b[min(row, len(right) - 1), min(column, right.shape[1] - 1)] = 1
    at = torch.zeros_like(target)
    at[row, column] = 1
    panels = [("A", left, from_a), ("B", right, from_b)]
    if product is not None:
        panels.append(("A @ B (행렬 곱)", product, at))
    if each is not None:
        same = torch.zeros_like(each)
        if row < each.shape[0] and column < each.shape[1]:
            same[row, column] = 1
        panels.append(("A * B (원소별 곱)", each, same))
    figure = make_subplots(rows=1, cols=len(panels), horizontal_spacing=0.08,
                           subplot_titles=[f"{n} {shown(v.shape)}" for n, v, _ in panels])
    for i, (_, values, lit) in enumerate(panels, 1):
        labels = [[written(v) for v in line] for line in values.tolist()]
        figure.add_trace(grid(lit.tolist(), labels=labels, colorscale=LIT).update(zmin=0, zmax=1), row=1, col=i)
    figure.update_yaxes(autorange="reversed", dtick=1)
    figure.update_xaxes(dtick=1)
    titled(figure, f"({row}, {column}) 칸이 나온 곳", "열", "행", height=340)

    cell = written(target[row, column].item())
    if fits:
        terms = " + ".join(f"{written(x)}×{written(y)}"
                           for x, y in zip(left[row].tolist(), right[:, column].tolist(), strict=True))
        said = f"행렬 곱의 ({row}, {column}) 칸은 A의 {row}행과 B의 {column}열에서 {terms} = {cell}입니다."
    else:
        said = (f"안쪽의 두 수({left.shape[1]}, {right.shape[0]})가 달라 행렬 곱은 되지 않습니다. "
                f"원소별 곱의 칸은 {cell}입니다.")
    if met.shape is None:
        said += f" 원소별 곱은 되지 않습니다: {reason(met)}."
    return Demo(
        figure=figure,
        numbers={"행렬 곱의 크기": shown(product.shape) if product is not None else "불가능",
                 "원소별 곱의 크기": shown(each.shape) if each is not None else "불가능", "고른 칸": cell,
                 "곱셈 횟수": left.shape[0] * left.shape[1] * right.shape[1] if fits else target.numel()},
        text=said,
        code=CODE.format(a=_whole(left.tolist()), b=_whole(right.tolist())),
    )


_MATMUL = ("행렬곱", "matmul", "@", "점곱", "행렬의곱", "torch.mm", "dot")
_EACH = ("원소별", "elementwise", "element-wise", "아다마르", "torch.mul(", "mul을")
_ASKED = ("크기", "shape", "모양", "되나", "가능", "결과", "얼마", "하면", "계산", "구해")
_REFUSED = ("왜", "이유", "차이", "파라미터", "어텐션")


def _parse(question: str) -> Mapping[str, Any] | None:
    each, full = has(question, _EACH), has(question, _MATMUL)
    if each == full or not has(question, _ASKED) or has(question, _REFUSED):
        return None
    values = matrices(question)
    if len(values) == 2:
        return {"values": values, "full": full}
    sizes = shapes(question)
    if values or len(sizes) != 2 or not all(d > 0 for s in sizes for d in s) or (full and min(map(len, sizes)) < 2):
        return None
    return {"sizes": sizes, "full": full}


def _run(full: bool, values: list[list[list[float]]] | None = None,
         sizes: list[tuple[int, ...]] | None = None) -> Computed:
    formula = "$(AB)_{ij} = \\sum_k a_{ik} b_{kj}$" if full else "$(A \\odot B)_{ij} = a_{ij} b_{ij}$"
    if values is not None:
        a, b = (torch.tensor(v, dtype=torch.float64) for v in values)
        a_shape, b_shape = tuple(a.shape), tuple(b.shape)
    else:
        assert sizes is not None
        a_shape, b_shape = sizes
    if full:
        lead = fit(a_shape[:-2], b_shape[:-2]).shape
        out = (*lead, a_shape[-2], b_shape[-1]) if lead is not None and a_shape[-1] == b_shape[-2] else None
        why = f"안쪽의 두 수가 {a_shape[-1]}과 {b_shape[-2]}로"
    else:
        out = fit(a_shape, b_shape).shape
        why = "두 크기가"
    if out is None:
        return Computed("불가능", f"{shown(a_shape)}와 {shown(b_shape)}: {why} 맞지 않아 곱할 수 없습니다.", formula)
    size = f"{shown(a_shape)}와 {shown(b_shape)}를 곱하면 크기는 {shown(out)}입니다."
    if values is None:
        return Computed(shown(out), size, formula)
    result = (matmul if full else elementwise)(a, b)
    rows = (a[0].tolist(), b[:, 0].tolist()) if full else (a[0, :1].tolist(), b[0, :1].tolist())
    pairs = zip(*rows, strict=True)
    first = " + ".join(f"{written(x)}×{written(y)}" for x, y in pairs)
    how = f"{size} 왼쪽 위 칸은 {first} = {written(result[0, 0].item())}입니다."
    return Computed(str(_whole(result.tolist())), how, formula)


_MATRIX = r"\[\s*\[[^\]]*\](?:\s*,\s*\[[^\]]*\])*\s*\]"
CONCEPT = Concept(
    slug="tensor_products",
    title="원소별 곱과 행렬 곱",
    aliases=("원소별 곱", "원소별 곱셈", "행렬 곱", "행렬곱", "matmul", "element-wise product", "elementwise",
             "아다마르 곱", "hadamard product", "텐서 점곱", "tensor product", "matrix multiplication",
             "torch.bmm", "torch.mul"),
    summary="원소별 곱은 같은 자리끼리 곱하고, 행렬 곱은 가로줄과 세로줄을 짝지어 곱해 더한다.",
    demo=demo,
    controls=(
        Control("a", "A", "1 2; 3 4", pattern=rf"({_MATRIX})", max_length=120),
        Control("b", "B", "5 6; 7 8", pattern=rf"{_MATRIX}.*?({_MATRIX})", max_length=120),
        Control("row", "볼 행", 0, 0, 5, 1, words=("행",)),
        Control("column", "볼 열", 0, 0, 5, 1, words=("열",)),
    ),
    computations=(Computation("product", _parse, _run, "행렬 곱 원소별 곱 크기 안쪽의 두 수"),),
)
