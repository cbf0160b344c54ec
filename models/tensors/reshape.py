"""텐서 모양 바꾸기(reshape): 값은 그대로 두고 축을 나누는 방식이나 축의 순서를 바꾼다.

텐서는 메모리에 한 줄로 놓인 값과, 축마다 몇 칸을 건너뛰는지(stride)로 정해진다. 모양 바꾸기는 대개 stride만 바꾼다.

$$ \\text{자리}(i_0, \\dots, i_r) = \\sum_k i_k\\,\\text{stride}_k,
   \\qquad d_{-1} = \\frac{N}{\\prod_{i \\ne -1} d_i} $$

출처: PyTorch 문서 torch.Tensor.view, torch.squeeze, torch.transpose.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import grid, titled
from models.reading import axis, has, shapes, shown, typed_shape
from models.tensors.tensor_shape import strides

OPERATIONS = ("view", "transpose", "squeeze", "unsqueeze")


def infer(count: int, shape: Sequence[int]) -> tuple[int, ...]:
    """``shape`` with its -1 filled in so that it holds ``count`` values.

    Raises:
        ValueError: more than one -1, or a shape that does not hold exactly ``count``.
    """
    known = math.prod(d for d in shape if d != -1)
    if list(shape).count(-1) > 1 or any(d < 1 and d != -1 for d in shape):
        raise ValueError(f"shape={tuple(shape)}: at most one -1, everything else at least 1")
    if (-1 in shape and count % known) or (-1 not in shape and known != count):
        raise ValueError(f"shape={tuple(shape)} is invalid for input of size {count}")
    return tuple(count // known if d == -1 else d for d in shape)  # d_{-1} = N / Π d_i


def view(x: Tensor, shape: Sequence[int]) -> Tensor:
    """Read the same values under another shape; copies only where memory does not follow the reading order."""
    target = infer(x.numel(), shape)
    source = x if x.is_contiguous() else x.contiguous()  # 전치한 텐서는 다시 늘어놓아야 한다
    return source.as_strided(target, strides(target), source.storage_offset())


def transpose(x: Tensor, a: int, b: int) -> Tensor:
    """Swap two axes: only the lengths and strides change places, no value moves."""
    size, steps = list(x.shape), list(x.stride())
    size[a], size[b], steps[a], steps[b] = size[b], size[a], steps[b], steps[a]
    return x.as_strided(size, steps, x.storage_offset())


def squeeze(x: Tensor, dim: int | None = None) -> Tensor:
    """Drop the axes of length 1: all of them, or ``dim`` if it is one."""
    drop = range(x.ndim) if dim is None else (dim % x.ndim,)
    kept = [i for i in range(x.ndim) if i not in drop or x.shape[i] != 1]
    return x.as_strided([x.shape[i] for i in kept], [x.stride(i) for i in kept], x.storage_offset())


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """Put an axis of length 1 before axis ``dim`` (a negative one counts from the end of the result)."""
    at = dim % (x.ndim + 1)
    size, steps = list(x.shape), list(x.stride())
    return x.as_strided([*size[:at], 1, *size[at:]], [*steps[:at], 1, *steps[at:]], x.storage_offset())


def as_rows(x: Tensor) -> tuple[list[list[float]], list[str]]:
    """A tensor of any rank laid out as a table: the last axis across, and a label such as ``[0, 1]`` for each row."""
    if x.ndim == 0:
        return [[x.item()]], ["[]"]
    table = x.reshape(-1, x.shape[-1])  # (앞 축들의 곱, 마지막 축)
    return table.tolist(), [str(list(at)) for at in itertools.product(*map(range, x.shape[:-1]))]


def _axis(dim: int, rank: int, label: str) -> int:
    if not -rank <= dim < rank:
        raise ConceptError(f"{label}={dim}: 이 텐서에서는 {-rank} 이상 {rank - 1} 이하여야 합니다.")
    return dim


CODE = """\
import torch

x = torch.arange({count}).view({shape})
y = x.{call}
print(y.shape)
print(y.tolist())
print("같은 메모리인가:", y.data_ptr() == x.data_ptr(), "stride:", x.stride(), "->", y.stride())
"""


def _target(text: str, count: int) -> tuple[int, ...]:
    numbers = re.findall(r"-?\d+", text)
    if re.sub(r"[-\d\s,()\[\]x]", "", text) or not numbers:
        raise ConceptError(f"새 크기={text!r}: 쉼표로 나눈 정수여야 합니다. 예: -1, 3")
    try:
        return infer(count, [int(n) for n in numbers])
    except ValueError:
        raise ConceptError(f"새 크기={text!r}: 원소 {count}개를 남김없이 나누어 담을 수 없습니다. "
                           "-1은 한 번만 씁니다.") from None


def demo(*, shape: str = "2, 2, 3", operation: str = "view", target: str = "-1, 3", dim0: int = 0,
         dim1: int = 1) -> Demo:
    """Numbered, coloured cells before and after: where each value goes, and what happens to the strides."""
    dims = typed_shape(shape, "크기", 4)
    count = math.prod(dims)
    if not dims or count > 120:
        raise ConceptError(f"크기={shape!r}: 축이 1개 이상, 원소가 120개 이하여야 합니다(지금 {count}개).")
    x = torch.arange(count).view(dims)
    if operation == "view":
        new = _target(target, count)
        y, call = view(x, new), f"view({', '.join(re.findall(r'-?[0-9]+', target))})"
    elif operation == "transpose":
        a, b = _axis(dim0, len(dims), "축 1"), _axis(dim1, len(dims), "축 2") if len(dims) > 1 else 0
        y, call = transpose(x, a, b), f"transpose({a}, {b})"
    elif operation == "squeeze":
        y, call = squeeze(x), "squeeze()"
    else:
        at = _axis(dim0, len(dims) + 1, "축 1")
        y, call = unsqueeze(x, at), f"unsqueeze({at})"

    figure = make_subplots(rows=1, cols=2, subplot_titles=(f"x {shown(dims)}", f"x.{call} {shown(y.shape)}"))
    for column, values in enumerate((x, y), 1):
        rows, labels = as_rows(values)
        figure.add_trace(grid(rows, colorscale="Turbo").update(zmin=0, zmax=max(count - 1, 1)), row=1, col=column)
        figure.update_yaxes(tickvals=list(range(len(labels))), ticktext=labels, row=1, col=column)
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(dtick=1)
    titled(figure, f"{call}: 같은 번호가 어디로 가는가", "마지막 축", "앞의 축",
           height=max(340, 26 * count // dims[-1]))
    moved = [v for v in range(count) if y.flatten()[v].item() != v]
    order = "읽는 순서가 그대로입니다" if not moved else f"한 줄로 읽으면 {len(moved)}개의 자리가 바뀝니다"
    return Demo(
        figure=figure,
        numbers={"처음 크기": shown(dims), "새 크기": shown(y.shape), "원소 수": count,
                 "처음 stride": shown(x.stride()), "새 stride": shown(y.stride()), "읽는 순서가 바뀐 원소": len(moved)},
        text=f"크기가 {shown(dims)}에서 {shown(y.shape)}로 바뀌어도 원소는 {count}개 그대로입니다. {order}. "
             f"값은 옮기지 않고 stride만 {shown(x.stride())}에서 {shown(y.stride())}로 바꾸었습니다.",
        code=CODE.format(count=count, shape=", ".join(map(str, dims)), call=call),
    )


_ASKED = ("크기", "shape", "모양", "형태", "되나", "어떻게")
_CALL = r"(?:view|reshape)\s*\(\s*\(?\[?\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*,?\s*\)?\]?\s*\)"


def _parse(question: str) -> Mapping[str, Any] | None:
    if not has(question, _ASKED) or has(question, ("왜", "차이", "메모리", "이유")):
        return None
    call = re.search(_CALL, question)
    swap = re.search(r"(?:transpose|permute)\s*\(\s*(-?\d+(?:\s*,\s*-?\d+)+)\s*\)", question)
    rest = question.replace(call[0], "") if call else question.replace(swap[0], "") if swap else question
    found = [s for s in shapes(rest) if len(s) > 1 or re.search(r"\(\s*\d+\s*,\s*\)", rest)]
    if len(found) != 1 or min(found[0]) < 1:
        return None
    if call:
        return {"shape": found[0], "name": "view", "numbers": [int(n) for n in call[1].split(",")]}
    if swap:
        return {"shape": found[0], "name": "permute" if "permute" in swap[0] else "transpose", "numbers": [int(n) for n in swap[1].split(",")]}
    name = next((n for n in ("unsqueeze", "squeeze", "flatten") if has(question, (n,))), None)
    dim = axis(rest)
    if name is None or (name == "unsqueeze" and dim is None):
        return None
    return {"shape": found[0], "name": name, "numbers": [] if dim is None else [dim]}


def _run(shape: tuple[int, ...], name: str, numbers: list[int]) -> Computed:
    formula, rank, count = "$d_{-1} = N / \\prod_{i \\ne -1} d_i$", len(shape), math.prod(shape)
    try:
        if name == "view":
            out = infer(count, numbers)
            how = f"원소는 {' × '.join(map(str, shape))} = {count}개이므로 {shown(numbers)}로 나누면 {shown(out)}"
        elif name == "unsqueeze":
            at = numbers[0] + (rank + 1 if numbers[0] < 0 else 0)
            if not 0 <= at <= rank:
                raise ValueError(f"axis {numbers[0]}")
            out = (*shape[:at], 1, *shape[at:])
            how = f"{at}번 자리에 길이 1인 축을 넣으면 {shown(out)}"
        elif name == "squeeze":
            if numbers and not -rank <= numbers[0] < rank:
                raise ValueError(f"axis {numbers[0]}")
            only = {numbers[0] % rank} if numbers else set(range(rank))
            out = tuple(d for i, d in enumerate(shape) if d != 1 or i not in only)
            how = f"길이 1인 축을 없애면 {shown(out)}"
        elif name == "flatten":
            start = numbers[0] % rank if numbers else 0
            out = (*shape[:start], math.prod(shape[start:]))
            how = f"{start}번 축부터 한 줄로 펴면 {shown(out)}"
        else:
            order = list(range(rank))
            if name == "permute":
                order = [n % rank for n in numbers]
                if sorted(order) != list(range(rank)):
                    raise ValueError(f"order {numbers}")
            else:
                a, b = (list(range(rank))[n] for n in numbers[:2])
                order[a], order[b] = b, a
            out = tuple(shape[i] for i in order)
            how = f"축의 순서를 {tuple(order)}로 바꾸면 {shown(out)}"
    except (ValueError, IndexError):
        how = f"{shown(shape)}의 원소 {count}개와 축 {rank}개로는 {name}{shown(numbers)}를 할 수 없습니다."
        return Computed("불가능", how, formula)
    return Computed(shown(out), how + "입니다.", formula)


CONCEPT = Concept(
    slug="reshape",
    title="텐서 모양 바꾸기",
    aliases=("reshape", "torch.view", "view 함수", "squeeze", "unsqueeze", "텐서 전치", "permute", "텐서 크기 변환",
             "모양 바꾸기", "contiguous", "flatten", "스퀴즈", "언스퀴즈"),
    summary="값은 그대로 두고 축을 나누는 방식이나 축의 순서를 바꾼다.",
    demo=demo,
    controls=(
        Control("shape", "크기", "2, 2, 3", pattern=r"(\(\s*\d+(?:\s*,\s*\d+)*\s*,?\s*\))", max_length=40),
        Control("operation", "연산", "view", choices=OPERATIONS),
        Control("target", "새 크기(view)", "-1, 3", pattern=_CALL, max_length=40),
        Control("dim0", "축 1", 0, -4, 4, 1),
        Control("dim1", "축 2", 1, -4, 4, 1),
    ),
    computations=(Computation("new_shape", _parse, _run, "view -1 squeeze unsqueeze 전치 크기"),),
)
