"""scatter와 원-핫 인코딩: 위치 번호표에 적힌 자리마다 값을 써 넣는다. 제자리 연산과 형 변환도 함께 본다.

$$ \\text{out}[i, \\text{index}[i, j]] = \\text{src}[i, j] \\quad (\\text{dim} = 1), \\qquad
   \\text{onehot}(y)_k = \\begin{cases} 1 & k = y \\\\ 0 & k \\ne y \\end{cases} $$

출처: PyTorch 문서 torch.Tensor.scatter_, torch.nn.functional.one_hot.
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
from models.figures import grid, titled
from models.reading import has, lists, named_numbers, shown, typed


def scatter(out: Tensor, dim: int, index: Tensor, src: Tensor, *, add: bool = False) -> Tensor:
    """A copy of ``out`` with ``src`` written (added, where ``add``) at the places ``index`` names along ``dim``.

    ``index`` and ``src`` have one shape and as many axes as ``out``. The same as ``torch.scatter``/``scatter_add``.

    Raises:
        ValueError: shapes that differ; IndexError: a place outside ``out``.
    """
    if index.shape != src.shape or index.ndim != out.ndim:
        raise ValueError(f"index {tuple(index.shape)}, src {tuple(src.shape)}: one shape, {out.ndim} axes")
    places = list(torch.meshgrid(*(torch.arange(n) for n in index.shape), indexing="ij"))  # 칸마다 제 자리의 번호
    places[dim] = index  # dim의 번호만 번호표의 것으로 바꾼다: out[i, index[i, j]] = src[i, j]
    return out.index_put(tuple(places), src, accumulate=add)


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """(...) whole numbers -> (..., classes) of 0 and 1; the same as ``F.one_hot``.

    Raises:
        ValueError: a label below 0 or not below ``classes``.
    """
    if labels.numel() and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"labels {labels.min().item()}..{labels.max().item()}: they must be 0..{classes - 1}")
    flat = labels.reshape(-1, 1)  # (N, 1): 번호표는 결과와 축의 개수가 같아야 한다
    out = torch.zeros(flat.shape[0], classes, dtype=torch.int64)
    return scatter(out, 1, flat, torch.ones_like(flat)).view(*labels.shape, classes)


CODE = """\
import torch

y = torch.tensor({labels})
table = torch.zeros({rows}, {classes}).{method}(1, y.unsqueeze(1), torch.ones({rows}, 1))
print(table)
counts = torch.zeros({classes}).scatter_add_(0, y, torch.ones({rows}))
print("번호마다 몇 번:", counts)
"""


def _casts() -> go.Figure:
    """What a value becomes under another type."""
    values = torch.tensor([-1.7, -0.4, 0.0, 0.4, 1.7, 2.5])
    kinds = {"float32": values, "int64 (잘림)": values.long(), "bool (0만 거짓)": values.bool(),
             "다시 float32": values.long().float()}
    labels = [[f"{v:g}" if not isinstance(v, bool) else str(v) for v in row.tolist()] for row in kinds.values()]
    cells = [row.float().tolist() for row in kinds.values()]
    figure = go.Figure(grid(cells, labels=labels, colorscale="RdBu").update(zmid=0))
    figure.update_yaxes(tickvals=list(range(len(kinds))), ticktext=list(kinds), autorange="reversed")
    return titled(figure, "형 변환: 실수를 정수로 바꾸면 소수점 아래가 잘린다", "값", "자료형", height=320)


def demo(*, labels: str = "3, 0, 2, 3", classes: int = 5, mode: str = "덮어쓰기") -> Demo:
    """The board with a 1 at each label's place (덮어쓰기), or the count of each label (더하기); below it, casting."""
    numbers = typed(labels, "번호", 1, 12)
    if any(v != int(v) or not 0 <= v < classes for v in numbers):
        raise ConceptError(f"번호={labels!r}: 칸이 {classes}개이므로 0 이상 {classes - 1} 이하의 정수여야 합니다.")
    y = torch.tensor([int(v) for v in numbers])
    table = one_hot(y, classes)  # (N, C)
    counts = scatter(torch.zeros(classes, dtype=torch.int64), 0, y, torch.ones_like(y), add=True)  # (C,)

    board = table if mode == "덮어쓰기" else counts[None]
    figure = make_subplots(rows=1, cols=2, column_widths=[0.2, 0.8], subplot_titles=(
        "번호", f"원-핫 {shown(table.shape)}" if mode == "덮어쓰기" else f"번호마다 더한 값 {shown(counts.shape)}"))
    figure.add_trace(grid(y[:, None].tolist(), colorscale="Greys").update(zmin=0, zmax=2 * classes), row=1, col=1)
    figure.add_trace(grid(board.tolist(), colorscale="YlOrRd").update(zmin=0), row=1, col=2)
    figure.update_yaxes(autorange="reversed", dtick=1)
    figure.update_xaxes(dtick=1)
    what = "쓰기" if mode == "덮어쓰기" else "더하기"
    titled(figure, f"번호가 가리키는 칸에 1 {what}", "칸의 번호", "샘플")

    board_like = torch.zeros_like(table)  # 크기와 자료형이 같은 빈 판
    address = board_like.data_ptr()
    board_like.add_(torch.ones_like(table))  # 제자리 연산: 새 텐서를 만들지 않는다
    repeats = int((counts - 1).clamp(min=0).sum())
    if mode == "덮어쓰기":
        text = (f"번호 {len(y)}개가 {shown(table.shape)} 크기의 판이 되었고, 줄마다 1은 하나뿐이라 "
                f"1이 모두 {int(table.sum())}개입니다.")
    else:
        text = f"같은 번호가 되풀이된 {repeats}번은 덮어쓰지 않고 더해져 가장 큰 칸이 {int(counts.max())}입니다."
    return Demo(
        figure=figure,
        numbers={"판의 크기": shown(table.shape), "1의 개수": int(table.sum()),
                 "0의 비율": round(1 - 1 / classes, 4), "되풀이된 번호": repeats,
                 "제자리 연산 뒤 같은 메모리": "예" if board_like.data_ptr() == address else "아니요"},
        text=text,
        code=CODE.format(labels=y.tolist(), rows=len(y), classes=classes,
                         method="scatter_" if mode == "덮어쓰기" else "scatter_add_"),
        detail=_casts(),
    )


def _parse(question: str) -> Mapping[str, Any] | None:
    if not has(question, ("원-핫", "원핫", "one-hot", "onehot", "one_hot")) or has(question, ("왜", "임베딩", "이유")):
        return None
    found = named_numbers(question, {"classes": ("num_classes", "클래스", "범주", "칸", "종류")})
    labels = lists(question)
    single = re.search(r"(?:라벨|레이블|label|정답|번호|숫자)\s*(?:이|가|은|는|=)?\s*(\d+)(?!\s*개)", question)
    values = labels[0] if len(labels) == 1 else [float(single[1])] if single and not labels else None
    classes = found.get("classes")
    if not values or not classes or any(v != int(v) for v in values) or not 1 <= classes <= 50:
        return None
    return {"labels": [int(v) for v in values], "classes": int(classes), "many": bool(labels)}


def _run(labels: list[int], classes: int, many: bool) -> Computed:
    formula = "$\\text{onehot}(y)_k = 1\\ (k = y),\\ 0\\ (k \\ne y)$"
    try:
        table = one_hot(torch.tensor(labels), classes).tolist()
    except ValueError:
        return Computed("불가능", f"칸이 {classes}개이면 번호는 0부터 {classes - 1}까지입니다.", formula)
    value = str(table if many else table[0])
    places = ", ".join(map(str, labels))
    return Computed(value, f"칸 {classes}개를 0으로 채우고 0부터 세어 {places}번 칸에 1을 쓰면 {value}입니다.", formula)


CONCEPT = Concept(
    slug="scatter",
    title="scatter와 원-핫",
    aliases=("scatter", "scatter_", "원-핫", "원핫", "원-핫 인코딩", "원핫 인코딩", "one-hot", "one-hot encoding",
             "zeros_like", "ones_like", "제자리 연산", "in-place operation", "in-place", "인플레이스", "형 변환",
             "type casting", "스캐터"),
    summary="위치 번호표에 적힌 자리마다 값을 써 넣으며, 원-핫 표를 이렇게 만든다.",
    demo=demo,
    controls=(
        Control("labels", "번호", "3, 0, 2, 3", pattern=r"\[\s*(\d+(?:\s*,\s*\d+)*)\s*\]", max_length=60),
        Control("classes", "칸 수", 5, 4, 12, 1, words=("num_classes", "클래스", "범주", "칸")),
        Control("mode", "쓰는 법", "덮어쓰기", choices=("덮어쓰기", "더하기")),
    ),
    computations=(Computation("one_hot", _parse, _run, "원-핫 인코딩 번호의 자리에 1"),),
)
