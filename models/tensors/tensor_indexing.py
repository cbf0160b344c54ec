"""텐서 인덱싱(indexing): 위치, 범위, 조건으로 원하는 칸만 고른다.

정수는 축을 없애고, 슬라이스(start:stop:step)는 축을 남기며, 불리언 마스크는 고른 값을 한 줄로 편다.

$$ n = \\left\\lceil \\frac{stop - start}{step} \\right\\rceil $$

출처: PyTorch 문서 "Tensor Indexing"; NumPy 문서 "Indexing on ndarrays".
"""

from __future__ import annotations

import itertools
import operator
import re
from collections.abc import Mapping
from typing import Any

import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import grid, titled
from models.reading import NUMBER, has, named_numbers, shown

Index = int | slice | list[int]
COMPARE = {">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne, ">": operator.gt,
           "<": operator.lt}
LIT, DARK = [[0, "#f1f5f9"], [1, "#fcd34d"]], [[0, "#bfdbfe"], [1, "#bfdbfe"]]


def sliced(length: int, start: int | None, stop: int | None, step: int | None = None) -> list[int]:
    """The positions that ``start:stop:step`` picks on an axis of ``length``.

    Raises:
        ConceptError: a step below 1, which PyTorch refuses too.
    """
    step = 1 if step is None else step
    if step < 1:
        raise ConceptError(f"간격(step)={step}: 1 이상이어야 합니다. 뒤집으려면 torch.flip을 씁니다.")
    start = 0 if start is None else start + length if start < 0 else start  # 음수는 뒤에서부터 센다
    stop = length if stop is None else stop + length if stop < 0 else stop
    start, stop = max(0, start), min(length, stop)  # 범위를 넘는 슬라이스는 잘라 낸다
    count = max(0, -(-(stop - start) // step))  # ⌈(stop - start) / step⌉
    return [start + i * step for i in range(count)]


def read_index(text: str) -> list[Index] | tuple[str, float]:
    """``"1:4, ::2"`` -> slices, ``"0, [1, 3]"`` -> numbers and a list, ``"x > 10"`` -> ``(">", 10.0)``.

    Raises:
        ConceptError: anything else.
    """
    text = text.strip()
    if match := re.fullmatch(rf"x\s*(>=|<=|==|!=|>|<)\s*({NUMBER})", text):
        return match[1], float(match[2])
    parts: list[Index] = []
    for part in re.findall(r"\[[^\]]*\]|[^,\[\]]+", text):
        word = re.sub(r"\s+", "", part)
        if re.fullmatch(r"-?\d+", word):
            parts.append(int(word))
        elif re.fullmatch(r"(-?\d*):(-?\d*)(:-?\d*)?", word) and "-:" not in word and not word.endswith("-"):
            parts.append(slice(*(int(w) if w else None for w in word.split(":"))))
        elif re.fullmatch(r"\[-?\d+(,-?\d+)*\]", word):
            parts.append([int(w) for w in word[1:-1].split(",")])
        elif word:
            raise ConceptError(f"표현식에 쓸 수 없는 부분입니다: {part.strip()!r}. 예: 1:4, ::2 또는 x > 10")
    if not parts:
        raise ConceptError(f"표현식={text!r}: 1:4, ::2 처럼 적습니다.")
    return parts


def _positions(index: Index, length: int, axis: int) -> list[int]:
    if isinstance(index, slice):
        return sliced(length, index.start, index.stop, index.step)
    wanted = [index] if isinstance(index, int) else index
    for i in wanted:
        if not -length <= i < length:
            bound = f"{-length} 이상 {length - 1} 이하"
            raise ConceptError(f"{axis}번 축의 번호 {i}: 길이가 {length}이므로 {bound}여야 합니다.")
    return [i % length for i in wanted]


def pick(x: Tensor, index: list[Index] | tuple[str, float]) -> tuple[Tensor, Tensor]:
    """What ``x[index]`` gives, and a boolean tensor of ``x``'s shape with the picked cells.

    Raises:
        ConceptError: more indices than axes, a number out of range, or two lists (they would be paired).
    """
    lit = torch.zeros(x.shape, dtype=torch.bool)
    if isinstance(index, tuple):
        lit = COMPARE[index[0]](x, index[1])  # 불리언 마스크: 참인 칸만, 한 줄로
        cells = [x[tuple(at)] for at in itertools.product(*map(range, x.shape)) if lit[tuple(at)]]
        return torch.stack(cells) if cells else x.new_empty(0), lit
    if len(index) > x.ndim:
        raise ConceptError(f"인덱스가 {len(index)}개인데 축은 {x.ndim}개뿐입니다.")
    if sum(isinstance(i, list) for i in index) > 1:
        raise ConceptError("번호 목록은 한 축에만 씁니다. 두 목록은 칸을 짝지어 고르는 다른 뜻이 됩니다.")
    full = [*index, *[slice(None)] * (x.ndim - len(index))]  # 적지 않은 축은 전체
    rows = [_positions(i, n, axis) for axis, (i, n) in enumerate(zip(full, x.shape, strict=True))]
    kept = [len(at) for at, i in zip(rows, full, strict=True) if not isinstance(i, int)]  # 정수를 쓴 축은 사라진다
    cells = []
    for at in itertools.product(*rows):
        cells.append(x[at])
        lit[at] = True
    return (torch.stack(cells) if cells else x.new_empty(0)).view(kept), lit


CODE = """\
import torch

x = torch.arange({size}).view({rows}, {columns})
picked = x[{index}]
print(picked)
print(picked.shape)
"""


def demo(*, index: str = "1:4, ::2", rows: int = 5, columns: int = 6) -> Demo:
    """The picked cells lit on a grid numbered from 0, and the result beside it."""
    x = torch.arange(rows * columns).view(rows, columns)
    inside = re.sub(r"^x\[(.*)\]$", r"\1", index.strip())
    wanted = read_index(inside)
    result, lit = pick(x, wanted)
    as_rows = result.view(1, -1) if result.ndim < 2 else result

    figure = make_subplots(rows=1, cols=2, subplot_titles=(f"x {shown(x.shape)}", f"결과 {shown(result.shape)}"),
                           column_widths=[0.6, 0.4])
    labels = [[str(v) for v in row] for row in x.tolist()]
    figure.add_trace(grid(lit.int().tolist(), labels=labels, colorscale=LIT).update(zmin=0, zmax=1), row=1, col=1)
    if result.numel():
        figure.add_trace(grid(as_rows.tolist(), colorscale=DARK), row=1, col=2)
    figure.update_yaxes(autorange="reversed", dtick=1)
    figure.update_xaxes(dtick=1)
    titled(figure, f"x[{inside}]가 고른 칸", "열", "행")
    if isinstance(wanted, tuple):
        why = "불리언 마스크는 참인 칸의 값만 한 줄로 펴서 돌려줍니다."
    else:
        gone = sum(isinstance(i, int) for i in wanted)
        why = f"정수를 쓴 축 {gone}개가 사라졌습니다." if gone else "슬라이스와 목록을 쓴 축은 모두 남습니다."
    return Demo(
        figure=figure,
        numbers={"고른 칸": result.numel(), "전체 칸": x.numel(), "결과 크기": shown(result.shape)},
        text=f"{x.numel()}칸 가운데 {result.numel()}칸을 골라 크기가 {shown(result.shape)}입니다. {why}",
        code=CODE.format(size=rows * columns, rows=rows, columns=columns, index=inside),
    )


_SLICE = r"(?<![\d:])(-?\d+)?\s*:\s*(-?\d+)?(?:\s*:\s*(-?\d+)?)?(?![\d:])"


def _parse(question: str) -> Mapping[str, Any] | None:
    found = [m for m in re.finditer(_SLICE, question) if any(m.groups())]
    length = named_numbers(question, {"length": ("길이", "원소", "크기", "length")}).get("length")
    if len(found) != 1 or not length or not has(question, ("슬라이", "slice", "x[", "인덱싱", "고르", "골라", "뽑")):
        return None
    if not has(question, ("몇", "개수", "어느", "어떤", "무엇")):
        return None
    start, stop, step = (int(g) if g else None for g in found[0].groups())
    return {"length": int(length), "start": start, "stop": stop, "step": step} if (step or 1) > 0 else None


def _run(length: int, start: int | None, stop: int | None, step: int | None) -> Computed:
    picked = sliced(length, start, stop, step)
    some = ", ".join(map(str, picked[:12])) + (", …" if len(picked) > 12 else "")
    how = f"길이 {length}인 축에서 시작은 포함하고 끝은 빼고 {step or 1}칸마다 고르면 {some or '아무것도 없음'}"
    return Computed(str(len(picked)), f"{how}: 모두 {len(picked)}칸입니다.", "$\\lceil (stop - start) / step \\rceil$")


CONCEPT = Concept(
    slug="tensor_indexing",
    title="텐서 인덱싱",
    aliases=("텐서 슬라이싱", "인덱싱", "indexing", "슬라이싱", "slicing", "불리언 마스크", "불리언 마스킹",
             "boolean mask", "boolean masking", "start:stop:step"),
    summary="위치, 범위, 조건을 적어 텐서에서 원하는 칸만 골라낸다.",
    demo=demo,
    controls=(
        Control("index", "표현식", "1:4, ::2", pattern=r"x\[([^\]\[]+)\]", max_length=60),
        Control("rows", "행 수", 5, 1, 10, 1, words=("행", "rows")),
        Control("columns", "열 수", 6, 1, 12, 1, words=("열", "columns")),
    ),
    computations=(Computation("slice_count", _parse, _run, "슬라이싱 start stop step 골라지는 칸 수"),),
)
