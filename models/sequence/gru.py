"""GRU(게이트 순환 유닛): 셀 상태 없이 은닉 상태 하나를 두 게이트로 조절한다.

$$ r, z = \\sigma(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}) $$
$$ n = \\tanh(W_{in} x_t + b_{in} + r \\odot (W_{hn} h_{t-1} + b_{hn})) $$
$$ h_t = (1 - z) \\odot n + z \\odot h_{t-1} $$

데모는 LSTM과 같은 기억 과제를 그 자리에서 학습한다.

출처: Cho et al. (2014), "Learning Phrase Representations using RNN Encoder-Decoder
for Statistical Machine Translation".
"""

from __future__ import annotations

import plotly.graph_objects as go
import torch
from torch import Tensor

from models.concept import Concept, Control, Demo
from models.figures import BLUE, GREEN, GREY, titled
from models.sequence.lstm import gate_figure, readers_sequence, train_memory
from models.sequence.recurrent import WORDS, Recurrent, parameter_computation, parameter_count


class GRU(Recurrent):
    """The same as ``torch.nn.GRU`` (unidirectional); gates in the order r, z, n."""

    gates = 3

    def gate_values(self, from_input: Tensor, from_hidden: Tensor) -> dict[str, Tensor]:
        """The reset and update gate (0..1) and the candidate (-1..1), each (B, H)."""
        xr, xz, xn = from_input.chunk(3, dim=-1)  # (B, 3H) -> 3 x (B, H)
        hr, hz, hn = from_hidden.chunk(3, dim=-1)
        r = torch.sigmoid(xr + hr)
        n = torch.tanh(xn + r * hn)  # r이 0이면 후보는 과거를 보지 않는다
        return {"r": r, "z": torch.sigmoid(xz + hz), "n": n}

    def step(self, from_input: Tensor, from_hidden: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        gate = self.gate_values(from_input, from_hidden)
        return ((1 - gate["z"]) * gate["n"] + gate["z"] * state[0],)  # h_t = (1 - z) * n + z * h_{t-1}

    def trace(self, x: Tensor) -> dict[str, Tensor]:
        """Gates and state of the first layer over time: {"r", "z", "n", "h"}, each (T, B, H). ``x``: (T, B, D)."""
        h = x.new_zeros(x.shape[1], self.hidden_size)
        seen = []
        for from_input in self.project(x, 0):
            gates = self.gate_values(from_input, self.recur(h, 0))
            (h,) = self.step(from_input, self.recur(h, 0), (h,))
            seen.append({**gates, "h": h})
        return {name: torch.stack([now[name] for now in seen]) for name in seen[0]}


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
gru, readout = nn.GRU(2, {hidden_size}), nn.Linear({hidden_size}, 1)
optimizer = torch.optim.Adam([*gru.parameters(), *readout.parameters()], lr=0.03)
for epoch in range({epochs}):
    x = torch.rand({length}, 64, 2) * 2 - 1                # (시점, 배치, 값과 표시)
    mark = torch.randint({length}, (64,))
    x[..., 1] = 0
    x[mark, torch.arange(64), 1] = 1
    y = x[mark, torch.arange(64), :1]                      # 표시된 값을 끝에서 말한다
    output, h_n = gru(x)                                   # 상태는 h 하나뿐이다
    loss = nn.functional.mse_loss(readout(output[-1]), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("손실:", loss.item())
print("파라미터:", sum(p.numel() for p in gru.parameters()))
"""


def demo(
    *, length: int = 12, mark: int = 3, value: float = 0.8, hidden_size: int = 6, epochs: int = 80, seed: int = 0
) -> Demo:
    """Train on the memory task, then draw both gates and the hidden state over the reader's sequence."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    gru = GRU(2, hidden_size)
    x = readers_sequence(length, mark, value, generator)
    readout, losses = train_memory(gru, epochs, length, generator)
    with torch.no_grad():
        seen = {name: values[:, 0] for name, values in gru.trace(x).items()}  # (T, H)
        told = readout(seen["h"][-1]).item()
    figure = gate_figure(
        {
            "리셋 게이트 r": (seen["r"], 0),
            "업데이트 게이트 z (1이면 옛 상태 유지)": (seen["z"], 0),
            "은닉 상태 h": (seen["h"], -1),
        },
        "GRU의 게이트와 은닉 상태(점선: 기억할 값이 온 시점)",
        mark,
    )
    counts = {name: parameter_count(gates, 2, hidden_size) for name, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4))}
    detail = titled(
        go.Figure(
            go.Bar(
                x=list(counts), y=list(counts.values()), text=list(counts.values()), marker_color=[GREY, BLUE, GREEN]
            )
        ),
        f"같은 크기(입력 2, 은닉 {hidden_size})에서 파라미터 수",
        "순환망",
        "개수",
    )
    z_mark = seen["z"][mark - 1].mean().item()
    z_rest = torch.cat([seen["z"][: mark - 1], seen["z"][mark:]]).mean().item()
    return Demo(
        figure=figure,
        numbers={
            "기억할 값": value,
            "끝에서 말한 값": round(told, 3),
            "마지막 손실(MSE)": round(losses[-1], 4),
            "표시된 시점의 z 평균": round(z_mark, 3),
            "나머지 시점의 z 평균": round(z_rest, 3),
            "GRU 파라미터 수": counts["GRU"],
            "LSTM 파라미터 수": counts["LSTM"],
        },
        text=f"{mark}번째 시점에 준 값은 {value:.2f}이고 끝에서 말한 값은 {told:.2f}입니다. "
        f"업데이트 게이트 z의 평균은 표시된 시점에 {z_mark:.2f}, "
        f"나머지 시점에 {z_rest:.2f}이고, "
        "z가 작은 시점일수록 새 값이 더 많이 적힙니다.",
        code=CODE.format(seed=seed, hidden_size=hidden_size, epochs=epochs, length=length),
        detail=detail,
    )


CONCEPT = Concept(
    slug="gru",
    title="GRU",
    aliases=(
        "GRU",
        "게이트 순환 유닛",
        "gated recurrent unit",
        "nn.GRU",
        "지알유",
        "업데이트 게이트",
        "update gate",
        "리셋 게이트",
        "reset gate",
    ),
    summary="리셋과 업데이트 두 게이트로 은닉 상태 하나를 조절하는, LSTM보다 가벼운 순환 신경망.",
    demo=demo,
    controls=(
        Control("length", "시퀀스 길이", 12, 4, 30, 1, words=("시퀀스 길이", "길이", "시점 수")),
        Control("mark", "기억할 값이 오는 시점", 3, 1, 12, 1, words=("표시",)),
        Control("value", "기억할 값", 0.8, -1.0, 1.0, 0.1, words=("기억할 값",)),
        Control("hidden_size", "은닉 크기", 6, 2, 32, 1, words=WORDS["hidden_size"]),
        Control("epochs", "학습 횟수", 80, 10, 200, 10, words=("학습 횟수", "에폭", "epoch")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(parameter_computation("GRU", 3),),
)
