"""절단 BPTT: 긴 시퀀스를 조각으로 나누어 상태는 이어 주고 기울기는 조각 안에서만 거슬러 올라가게 한다.

$$ n = \\left\\lceil \\frac{T}{k} \\right\\rceil $$
$$ \\frac{\\partial L_t}{\\partial h_s} =
\\frac{\\partial L_t}{\\partial h_t} \\prod_{j=s+1}^{t} \\frac{\\partial h_j}{\\partial h_{j-1}} $$

곱은 $s$와 $t$가 같은 조각에 있을 때만 남고, 조각의 경계를 넘으면 0이다.

출처: Williams & Peng (1990), "An Efficient Gradient-Based Algorithm for On-Line Training
of Recurrent Network Trajectories".
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREY, titled
from models.reading import has, named_numbers
from models.sequence.recurrent import Recurrent
from models.sequence.rnn import RNN


def chunk_lengths(length: int, chunk: int) -> list[int]:
    """How ``length`` steps fall into pieces of at most ``chunk``: (100, 35) -> [35, 35, 30]."""
    if length < 1 or chunk < 1:
        raise ValueError(f"length={length}, chunk={chunk}: both must be at least 1")
    return [min(chunk, length - start) for start in range(0, length, chunk)]


def run_in_chunks(layer: Recurrent, x: Tensor, chunk: int) -> Tensor:
    """The hidden states of the whole sequence, cut off from each other between the pieces.

    ``x``: (T, B, D) -> (T, B, H): the same values as ``layer(x)``, but no gradient crosses a border.
    """
    outputs, state = [], None
    for piece in x.split(chunk):
        if state is not None:
            # 값은 넘기고 그래프는 끊는다
            state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        output, state = layer(piece, state)
        outputs.append(output)
    return torch.cat(outputs)


def train_in_chunks(
    layer: Recurrent, x: Tensor, chunk: int, loss_of: Callable[[Tensor, int], Tensor], update: Callable[[], None]
) -> list[float]:
    """One pass of truncated BPTT: backward and ``update`` after every piece, so only one piece's graph is ever held.

    ``loss_of(output, start)`` gives the loss of the piece that begins at step ``start``. Returns the losses.
    """
    losses, state, start = [], None, 0
    for piece in x.split(chunk):
        output, state = layer(piece, state)
        loss = loss_of(output, start)
        loss.backward()
        update()
        state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
        losses.append(loss.item())
        start += len(piece)
    return losses


def reach(layer: Recurrent, x: Tensor, chunk: int, losses: Sequence[int] | None = None) -> Tensor:
    """|dL_t/dx_s| with L_t = |h_t|^2 / 2, for the loss steps t (rows; all of them, unless named) and all inputs s."""
    x = x.clone().requires_grad_()
    outputs = run_in_chunks(layer, x, chunk)
    rows = []
    for output in outputs if losses is None else outputs[list(losses)]:
        (gradient,) = torch.autograd.grad(output.pow(2).sum() / 2, x, retain_graph=True)
        rows.append(gradient.norm(dim=-1).sum(1))  # (T, B, D) -> (T,)
    return torch.stack(rows)


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
rnn = nn.RNN(1, 8)
x = torch.randn({length}, 1, 1, requires_grad=True)
outputs, h = [], None
for piece in x.split({chunk}):
    h = None if h is None else h.detach()      # 값은 넘기고 그래프는 끊는다
    output, h = rnn(piece, h)
    outputs.append(output)
outputs[-1][-1].pow(2).sum().backward()        # 마지막 시점의 손실
size = x.grad.abs().flatten()
print("조각:", [len(o) for o in outputs])
print("기울기가 0이 아닌 시점:", (size > 0).sum().item())
"""


def demo(*, length: int = 40, chunk: int = 10, scale: float = 0.95, seed: int = 0) -> Demo:
    """How far the last step's loss reaches back, whole and cut; below, every loss step against every input step."""
    torch.manual_seed(seed)
    layer = RNN(1, 8)
    nn.init.orthogonal_(layer.weight_hh_l0)
    with torch.no_grad():
        layer.weight_hh_l0.mul_(scale)
    x = 0.3 * torch.randn(length, 1, 1)
    cut, whole = reach(layer, x, chunk), reach(layer, x, length, [length - 1])
    pieces = chunk_lengths(length, chunk)
    steps = list(range(1, length + 1))
    figure = go.Figure(
        [
            go.Bar(x=steps, y=whole[-1].tolist(), name="자르지 않은 BPTT", marker_color=GREY),
            go.Bar(x=steps, y=cut[-1].tolist(), name=f"{chunk}시점씩 자른 BPTT", marker_color=BLUE),
        ]
    )
    figure.update_layout(
        shapes=[
            {"type": "line", "x0": b + 0.5, "x1": b + 0.5, "y0": 0, "y1": 1, "yref": "paper", "line": {"dash": "dot"}}
            for b in accumulate(pieces[:-1])
        ]
    )
    titled(figure, "마지막 시점의 손실이 각 시점의 입력에 주는 기울기(점선: 조각의 경계)", "입력 시점", "기울기의 크기")
    detail = go.Figure(
        go.Heatmap(x=steps, y=steps, z=cut.round(decimals=4).tolist(), colorscale="Blues", colorbar={"title": "크기"})
    )
    detail.update_yaxes(autorange="reversed")
    titled(detail, "손실 시점마다 기울기가 닿는 입력 시점: 조각만 한 삼각형", "입력 시점", "손실 시점", height=480)
    reached = int((cut[-1] > 0).sum())
    lost = 1 - (cut[-1].sum() / whole[-1].sum()).item()
    return Demo(
        figure=figure,
        numbers={
            "조각 수": len(pieces),
            "조각 길이": ", ".join(map(str, pieces[:6])) + (" …" if len(pieces) > 6 else ""),
            "마지막 손실의 기울기가 닿는 시점 수": reached,
            "버려진 기울기의 비율": round(lost, 4),
            "한 번에 붙드는 시점 수": max(pieces),
        },
        text=f"길이 {length}를 {chunk}시점씩 자르면 조각이 {len(pieces)}개이고, "
        f"마지막 시점의 기울기는 {reached}시점까지만 거슬러 갑니다. "
        f"자르지 않았을 때에 견주어 {lost:.1%}를 버리는 대신 "
        f"붙들어야 할 시점은 {length}개에서 {max(pieces)}개로 줄어듭니다.",
        code=CODE.format(seed=seed, length=length, chunk=chunk),
        detail=detail,
    )


def read_chunks(question: str) -> Mapping[str, Any] | None:
    """The length and the piece length of a question for the number of pieces, or None."""
    if not has(question, ("bptt", "절단", "truncated"), ("조각", "청크", "chunk", "덩어리"), ("몇", "수", "개수")):
        return None
    each = re.search(r"(\d+)\s*(?:시점|스텝|칸|토큰|개)?\s*씩", question)
    rest = question.replace(each[0], " ") if each else question
    found = named_numbers(rest, {
        "length": ("시퀀스 길이", "전체 길이", "시퀀스", "길이", "T"),
        "chunk": ("조각 길이", "청크 길이", "청크 크기", "자르는 길이", "조각", "청크", "chunk", "k"),
    })
    if each:
        found["chunk"] = float(each[1])
    found = {key: int(n) for key, n in found.items() if n == int(n) and n > 0}
    return found if len(found) == 2 else None


def count_chunks(length: int, chunk: int) -> Computed:
    """ceil(T / k)."""
    pieces = chunk_lengths(length, chunk)
    last = f" 마지막 조각의 길이는 {pieces[-1]}입니다." if pieces[-1] != chunk else ""
    return Computed(
        f"{len(pieces):,}개",
        f"{length:,} / {chunk:,} = {length / chunk:g}을 올림하면 {math.ceil(length / chunk):,}개입니다.{last}",
        "$\\lceil T / k \\rceil$",
    )


CONCEPT = Concept(
    slug="truncated_bptt",
    title="절단 BPTT",
    aliases=(
        "truncated BPTT",
        "TBPTT",
        "절단 BPTT",
        "truncated backpropagation through time",
        "BPTT",
        "backpropagation through time",
        "시간에 따른 역전파",
        "시간축 역전파",
    ),
    summary="긴 시퀀스를 조각으로 나누어 상태는 잇고 기울기는 조각 안에서만 흐르게 한다.",
    demo=demo,
    controls=(
        Control("length", "시퀀스 길이 T", 40, 2, 80, 1, words=("시퀀스 길이", "전체 길이", "시퀀스", "길이")),
        Control("chunk", "조각 길이 k", 10, 1, 80, 1, words=("조각 길이", "청크 길이", "조각", "청크", "chunk")),
        Control("scale", "순환 가중치의 배율", 0.95, 0.1, 1.5, 0.05, words=("배율",)),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("절단 BPTT의 조각 수", read_chunks, count_chunks, "조각 수 T k 올림"),),
)
