"""선형 층(linear layer): 입력마다 가중치를 곱해 더하고 편향을 더해 벡터의 칸 수를 바꾼다.

완전 연결층(fully connected), 케라스의 Dense와 같다. 축이 여럿이면 마지막 축만 바뀐다.

$$ y = xW^T + b, \\qquad \\text{파라미터 수} = d_{in} \\times d_{out} + d_{out} $$

출처: Goodfellow, Bengio & Courville (2016), "Deep Learning", 6장.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GOLD, grid, titled
from models.reading import has, named_numbers, shapes, shown


class Linear(nn.Module):
    """y = x W^T + b; the same as ``torch.nn.Linear``.

    Args:
        in_features: length of the last axis of the input.
        out_features: length of the last axis of the output.
        bias: whether b is learned and added.
        dtype: of the parameters; torch's default where None.

    Raises:
        ValueError: a length below 1.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *,
                 dtype: torch.dtype | None = None) -> None:
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise ValueError(f"in_features={in_features}, out_features={out_features}: both must be at least 1")
        self.in_features, self.out_features = in_features, out_features
        bound = 1 / math.sqrt(in_features)  # torch와 같은 초깃값: U(-1/√d_in, 1/√d_in)
        self.weight = nn.Parameter(torch.empty(out_features, in_features, dtype=dtype).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_features, dtype=dtype).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (..., in_features) -> (..., out_features)."""
        y = x @ self.weight.T  # (..., d_in) @ (d_in, d_out): y_j = Σ_i x_i W_ji
        return y if self.bias is None else y + self.bias  # b_j는 모든 샘플에 브로드캐스팅된다


def parameters(in_features: int, out_features: int, bias: bool = True) -> int:
    """How many numbers a linear layer learns: d_in * d_out, and d_out more with a bias."""
    return in_features * out_features + (out_features if bias else 0)


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
boxes = torch.rand({batch}, {points}, {axes})
first = nn.Linear({axes}, {hidden}, bias={bias})
second = nn.Linear({hidden}, 1, bias={bias})
third = nn.Linear({points}, 1, bias={bias})

out = first(boxes)                 # ({batch}, {points}, {hidden})
out = second(out).squeeze(-1)      # ({batch}, {points})
out = third(out).squeeze(-1)       # ({batch},)
layers = (first, second, third)
print(out.shape, sum(p.numel() for layer in layers for p in layer.parameters()))
"""


def demo(*, hidden: int = 3, bias: bool = True, batch: int = 64, points: int = 4, axes: int = 2, seed: int = 0) -> Demo:
    """One box on its way through three layers, cell by cell; below it, the parameters of each layer."""
    torch.manual_seed(seed)
    boxes = torch.rand(batch, points, axes)  # (B, 꼭짓점, 좌표)
    layers = [Linear(axes, hidden, bias), Linear(hidden, 1, bias), Linear(points, 1, bias)]
    with torch.no_grad():
        widened = layers[0](boxes)  # (B, P, H)
        narrowed = layers[1](widened).squeeze(-1)  # (B, P, 1) -> (B, P)
        out = layers[2](narrowed).squeeze(-1)  # (B, 1) -> (B,)

    steps = [("입력", boxes, boxes[0]), ("1단계", widened, widened[0]), ("2단계", narrowed, narrowed[0][:, None]),
             ("3단계", out, out[0][None, None])]
    figure = make_subplots(rows=1, cols=4, subplot_titles=[f"{name} {shown(full.shape)}" for name, full, _ in steps],
                           column_widths=[max(axes, 2), max(hidden, 2), 2, 2], horizontal_spacing=0.08)
    for column, (_, _, first) in enumerate(steps, 1):
        figure.add_trace(grid(first.tolist(), colorscale="RdBu").update(zmid=0), row=1, col=column)
    figure.update_yaxes(autorange="reversed", dtick=1)
    figure.update_xaxes(dtick=1)
    titled(figure, "첫 번째 상자가 선형 층 셋을 지나는 길", "특성", "꼭짓점")

    names = [f"{i}단계: {layer.in_features}→{layer.out_features}" for i, layer in enumerate(layers, 1)]
    detail = go.Figure()
    detail.add_bar(x=names, y=[layer.weight.numel() for layer in layers], name="가중치", marker_color=BLUE)
    detail.add_bar(x=names, y=[0 if layer.bias is None else layer.bias.numel() for layer in layers], name="편향",
                   marker_color=GOLD)
    detail.update_layout(barmode="stack")
    titled(detail, "층마다 배우는 파라미터", "층", "개수")

    weights = sum(layer.weight.numel() for layer in layers)
    total = sum(p.numel() for layer in layers for p in layer.parameters())
    sums = " + ".join(f"{layer.in_features}×{layer.out_features}" for layer in layers)
    return Demo(
        figure=figure,
        numbers={"파라미터": total, "가중치": weights, "편향": total - weights, "입력 크기": shown(boxes.shape),
                 "1단계 크기": shown(widened.shape), "2단계 크기": shown(narrowed.shape),
                 "출력 크기": shown(out.shape)},
        text=f"상자 {batch}개의 배치 {shown(boxes.shape)}가 {shown(out.shape)}으로 줄었습니다. "
             f"가중치는 {sums} = {weights}개이고 편향 {total - weights}개를 더해 파라미터는 모두 {total}개입니다.",
        code=CODE.format(hidden=hidden, bias=bias, batch=batch, points=points, axes=axes, seed=seed),
        detail=detail,
    )


LAYER = ("선형층", "리니어", "linear", "dense", "완전연결", "fullyconnected", "fc층", "fclayer", "전결합")
OTHERS = ("은닉", "mlp", "다층", "합성곱", "conv", "커널", "임베딩", "어텐션", "얼리", "동결")  # 달리 세는 것들
COUNTED = ("파라미터", "매개변수", "가중치수", "parameter", "param")


def without_bias(text: str) -> bool:
    """Whether a question says that the layers have no bias."""
    return bool(re.search(r"bias\s*=\s*false|no bias|(?:편향|바이어스|bias)\s*(?:을|를|이|은|는|가)?\s*"
                          r"(?:없|빼|뺀|제외|쓰지|사용하지|안\s*쓰)", text.lower()))


def _sizes(question: str) -> list[tuple[int, int]]:
    """(in, out) of every layer that the question describes."""
    calls = re.findall(r"(?:linear|dense)\s*\(\s*(\d+)\s*,\s*(\d+)", question, re.IGNORECASE)
    if calls:
        return [(int(a), int(b)) for a, b in calls]
    pairs = [s for s in shapes(question) if len(s) == 2]
    if len(pairs) > 1:
        return [(a, b) for a, b in pairs]
    words = {"in": ("in_features", "입력 특성", "입력 차원", "입력 뉴런", "입력"),
             "out": ("out_features", "출력 특성", "출력 차원", "출력 뉴런", "출력", "units")}
    found = named_numbers(question, words)
    return [(int(found["in"]), int(found["out"]))] if len(found) == 2 else []


def _parse_parameters(question: str) -> Mapping[str, Any] | None:
    if not has(question, LAYER, COUNTED) or has(question, OTHERS):
        return None
    sizes = _sizes(question)
    if not sizes or any(min(pair) < 1 for pair in sizes):
        return None
    return {"sizes": sizes, "bias": not without_bias(question)}


def _run_parameters(sizes: list[tuple[int, int]], bias: bool) -> Computed:
    total = sum(parameters(a, b, bias) for a, b in sizes)
    terms = " + ".join(f"({a}×{b} + {b})" if bias else f"{a}×{b}" for a, b in sizes)
    how = "입력×출력에 출력마다 편향 하나를 더합니다" if bias else "편향이 없으므로 입력×출력입니다"
    formula = "$d_{in} \\times d_{out} + d_{out}$" if bias else "$d_{in} \\times d_{out}$"
    return Computed(f"{total:,}", f"{how}: {terms} = {total}개.", formula)


def _parse_output(question: str) -> Mapping[str, Any] | None:
    call = re.search(r"linear\s*\(\s*(\d+)\s*,\s*(\d+)", question, re.IGNORECASE)
    if not call or not has(question, ("크기", "shape", "모양", "형태", "차원")) or has(question, COUNTED):
        return None
    rest = [s for s in shapes(question) if s != (int(call[1]), int(call[2]))]
    given = rest or [s for s in shapes(question)][1:]  # 입력의 크기가 층의 두 수와 같을 수도 있다
    return {"shape": given[0], "size": (int(call[1]), int(call[2]))} if len(given) == 1 else None


def _run_output(shape: tuple[int, ...], size: tuple[int, int]) -> Computed:
    formula = "$(\\dots, d_{in}) \\to (\\dots, d_{out})$"
    if shape[-1] != size[0]:
        how = f"입력 {shown(shape)}의 마지막 축은 {shape[-1]}인데 층은 {size[0]}을 받으므로 곱할 수 없습니다."
        return Computed("불가능", how, formula)
    out = shown((*shape[:-1], size[1]))
    return Computed(out, f"마지막 축 {size[0]}만 {size[1]}로 바뀝니다: {shown(shape)} → {out}.", formula)


CONCEPT = Concept(
    slug="linear_layer",
    title="선형 층",
    aliases=("linear layer", "선형층", "리니어 레이어", "완전 연결층", "완전연결층", "fully connected layer",
             "FC layer", "dense layer", "Dense 층", "nn.Linear", "전결합층"),
    summary="모든 입력에 가중치를 곱해 더하고 편향을 더하여 벡터의 칸 수를 바꾼다.",
    demo=demo,
    controls=(
        Control("hidden", "은닉 수", 3, 1, 16, 1, words=("은닉", "hidden", "units")),
        Control("bias", "편향", True),
        Control("batch", "배치 크기", 64, 1, 512, 1, words=("배치 크기", "배치", "batch")),
        Control("points", "꼭짓점 수", 4, 1, 12, 1, words=("꼭짓점",)),
        Control("axes", "좌표 수", 2, 1, 8, 1, words=("좌표",)),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("linear_parameters", _parse_parameters, _run_parameters, "선형 층 파라미터의 수 입력 출력 편향"),
        Computation("linear_output", _parse_output, _run_output, "선형 층 마지막 축 출력 크기"),
    ),
)
