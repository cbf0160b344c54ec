"""LSTM(장단기 메모리): 덧셈으로 갱신되는 셀 상태와, 그것을 지우고 쓰고 꺼내는 게이트 셋.

$$ i, f, o = \\sigma(\\cdot), \\quad g = \\tanh(\\cdot), $$
$$ \\cdot = W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh} $$
$$ c_t = f \\odot c_{t-1} + i \\odot g, \\qquad h_t = o \\odot \\tanh(c_t) $$

데모는 표시가 붙은 값 하나를 끝까지 기억하는 과제를 그 자리에서 학습한다.

출처: Hochreiter & Schmidhuber (1997), "Long Short-Term Memory"; 망각 게이트는 Gers et al. (2000), "Learning to Forget".
"""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Concept, ConceptError, Control, Demo
from models.figures import BLUE, titled
from models.learning.linear_layer import Linear
from models.learning.losses import mse
from models.sequence.recurrent import WORDS, Recurrent, parameter_computation, parameter_count


class LSTM(Recurrent):
    """The same as ``torch.nn.LSTM`` (unidirectional): the state is the pair (h, c), gates in the order i, f, g, o."""

    gates = 4
    states = 2

    def gate_values(self, from_input: Tensor, from_hidden: Tensor) -> dict[str, Tensor]:
        """The input, forget and output gate (0..1) and the candidate (-1..1), each (B, H)."""
        i, f, g, o = (from_input + from_hidden).chunk(4, dim=-1)  # (B, 4H) -> 4 x (B, H)
        return {"i": torch.sigmoid(i), "f": torch.sigmoid(f), "g": torch.tanh(g), "o": torch.sigmoid(o)}

    def step(self, from_input: Tensor, from_hidden: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        gate = self.gate_values(from_input, from_hidden)
        c = gate["f"] * state[1] + gate["i"] * gate["g"]  # c_t = f * c_{t-1} + i * g: 덧셈이라 기울기가 덜 사라진다
        return gate["o"] * torch.tanh(c), c  # h_t = o * tanh(c_t)

    def trace(self, x: Tensor) -> dict[str, Tensor]:
        """Gates and states of the first layer over time: {"i", "f", "g", "o", "c", "h"}, each (T, B, H).

        ``x``: (T, B, D).
        """
        h = c = x.new_zeros(x.shape[1], self.hidden_size)
        seen = []
        for from_input in self.project(x, 0):
            gates = self.gate_values(from_input, self.recur(h, 0))
            h, c = self.step(from_input, self.recur(h, 0), (h, c))
            seen.append({**gates, "c": c, "h": h})
        return {name: torch.stack([now[name] for now in seen]) for name in seen[0]}


def memory_task(batch: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences of noise of which one value, at a random step, is marked; it has to be told at the end.

    Returns x (T, B, 2): the value (-1..1) and the mark (0 or 1); y (B, 1): the marked value.
    """
    x = torch.zeros(length, batch, 2)
    x[..., 0] = torch.rand(length, batch, generator=generator) * 2 - 1
    where = torch.randint(length, (batch,), generator=generator)
    x[where, torch.arange(batch), 1] = 1
    return x, x[where, torch.arange(batch), :1]


def readers_sequence(length: int, mark: int, value: float, generator: torch.Generator) -> Tensor:
    """One sequence (T, 1, 2) of noise with ``value`` marked at step ``mark`` (counted from 1).

    Raises:
        ConceptError: the marked step lies outside the sequence.
    """
    if mark > length:
        raise ConceptError(f"값이 오는 시점(mark)={mark}: 시퀀스 길이 {length} 이하여야 합니다.")
    x, _ = memory_task(1, length, generator)
    x[..., 1] = 0
    x[mark - 1, 0] = torch.tensor([value, 1.0])
    return x


def train_memory(
    layer: Recurrent, epochs: int, length: int, generator: torch.Generator
) -> tuple[Linear, list[float]]:
    """Train ``layer`` and a read-out on the memory task; returns the read-out and the loss of each epoch."""
    readout = Linear(layer.hidden_size, 1)
    parameters = [*layer.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.03)
    losses = []
    for _ in range(epochs):
        x, y = memory_task(64, length, generator)
        loss = mse(readout(layer(x)[0][-1]), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.item())
    return readout, losses


def gate_figure(rows: Mapping[str, tuple[Tensor, float]], title: str, mark: int) -> go.Figure:
    """Heat maps over time one below the other: {title: ((T, H), least value of the scale)}."""
    figure = make_subplots(rows=len(rows), cols=1, shared_xaxes=True, vertical_spacing=0.06, subplot_titles=tuple(rows))
    for row, (values, low) in enumerate(rows.values(), start=1):
        figure.add_trace(
            go.Heatmap(
                x=list(range(1, len(values) + 1)),
                z=(values.T * 1e4).round().div(1e4).tolist(),
                zmin=low,
                zmax=1,
                colorscale="Blues" if low == 0 else "RdBu",
                showscale=False,
            ),
            row=row,
            col=1,
        )
    figure.add_vline(x=mark, line_dash="dot", line_color="black")
    titled(figure, title, "", "뉴런", height=150 * len(rows) + 100)
    return figure.update_xaxes(title_text="시점", row=len(rows), col=1)


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
lstm, readout = nn.LSTM(2, {hidden_size}), nn.Linear({hidden_size}, 1)
with torch.no_grad():
    lstm.bias_ih_l0[{hidden_size}:2 * {hidden_size}] = {forget_bias}   # 망각 게이트의 편향(순서는 i, f, g, o)
optimizer = torch.optim.Adam([*lstm.parameters(), *readout.parameters()], lr=0.03)
for epoch in range({epochs}):
    x = torch.rand({length}, 64, 2) * 2 - 1                # (시점, 배치, 값과 표시)
    mark = torch.randint({length}, (64,))
    x[..., 1] = 0
    x[mark, torch.arange(64), 1] = 1
    y = x[mark, torch.arange(64), :1]                      # 표시된 값을 끝에서 말한다
    output, (h_n, c_n) = lstm(x)
    loss = nn.functional.mse_loss(readout(output[-1]), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("손실:", loss.item())
"""


def demo(
    *,
    length: int = 12,
    mark: int = 3,
    value: float = 0.8,
    hidden_size: int = 6,
    forget_bias: float = 1.0,
    epochs: int = 80,
    seed: int = 0,
) -> Demo:
    """Train on the memory task, then draw the gates and the cell state over the reader's sequence."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    lstm = LSTM(2, hidden_size)
    with torch.no_grad():
        lstm.bias_ih_l0[hidden_size : 2 * hidden_size] = forget_bias
    x = readers_sequence(length, mark, value, generator)
    readout, losses = train_memory(lstm, epochs, length, generator)
    with torch.no_grad():
        seen = {name: values[:, 0] for name, values in lstm.trace(x).items()}  # (T, H)
        told = readout(seen["h"][-1]).item()
    rows = {
        "입력 게이트 i": (seen["i"], 0),
        "망각 게이트 f": (seen["f"], 0),
        "출력 게이트 o": (seen["o"], 0),
        "셀 상태 c": (seen["c"], -1),
    }
    figure = gate_figure(rows, "LSTM의 게이트와 셀 상태(점선: 기억할 값이 온 시점)", mark)
    curve = go.Figure(go.Scatter(y=losses, mode="lines", line_color=BLUE))
    detail = titled(curve, "기억 과제의 손실", "학습 횟수", "MSE")
    forget = seen["f"].mean().item()
    total = parameter_count(4, 2, hidden_size)
    return Demo(
        figure=figure,
        numbers={
            "기억할 값": value,
            "끝에서 말한 값": round(told, 3),
            "마지막 손실(MSE)": round(losses[-1], 4),
            "망각 게이트 평균": round(forget, 3),
            "LSTM 파라미터 수": total,
        },
        text=f"{mark}번째 시점에 준 값은 {value:.2f}, {length - mark}시점 뒤에 말한 값은 {told:.2f}입니다. "
        f"망각 게이트의 평균은 {forget:.2f}이고, 1에 가까울수록 셀 상태가 그대로 남습니다. "
        f"찍는 것과 다름없는 손실은 0.333이고 이번에는 {losses[-1]:.3f}입니다.",
        code=CODE.format(seed=seed, hidden_size=hidden_size, forget_bias=forget_bias, epochs=epochs, length=length),
        detail=detail,
    )


CONCEPT = Concept(
    slug="lstm",
    title="LSTM",
    aliases=(
        "LSTM",
        "장단기 메모리",
        "장단기메모리",
        "long short-term memory",
        "nn.LSTM",
        "엘에스티엠",
        "셀 상태",
        "cell state",
        "망각 게이트",
        "forget gate",
        "입력 게이트",
        "출력 게이트",
    ),
    summary="긴 기억을 담는 셀 상태를 두고 망각·입력·출력 게이트로 조절하는 순환 신경망.",
    demo=demo,
    controls=(
        Control("length", "시퀀스 길이", 12, 4, 30, 1, words=("시퀀스 길이", "길이", "시점 수")),
        Control("mark", "기억할 값이 오는 시점", 3, 1, 12, 1, words=("표시",)),
        Control("value", "기억할 값", 0.8, -1.0, 1.0, 0.1, words=("기억할 값",)),
        Control("hidden_size", "은닉 크기", 6, 2, 32, 1, words=WORDS["hidden_size"]),
        Control("forget_bias", "망각 게이트의 편향", 1.0, -4.0, 4.0, 0.5, words=("망각 편향", "forget bias", "편향")),
        Control("epochs", "학습 횟수", 80, 10, 200, 10, words=("학습 횟수", "에폭", "epoch")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(parameter_computation("LSTM", 4),),
)
