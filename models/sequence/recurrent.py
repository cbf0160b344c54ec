"""The loop that RNN, LSTM and GRU share, and the count of their parameters; each cell stands in its own file.

A recurrent layer with $g$ weight sets (RNN 1, GRU 3, LSTM 4), input size $d$ and hidden size $h$ has

$$ g\\,(h d + h^2 + 2h) $$

parameters: input weights, recurrent weights, and the two biases that PyTorch keeps. The length does not matter.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.concept import Computation, Computed
from models.reading import has, named_numbers


class Recurrent(nn.Module, ABC):
    """Layers of one cell called over time; RNN, LSTM and GRU differ only in ``gates``, ``states`` and ``step``.

    Parameters are named and laid out as in ``torch.nn.RNN`` (``weight_ih_l0`` ...), so a state_dict fits both.

    Args:
        input_size: features of each time step.
        hidden_size: length of the hidden state.
        num_layers: layers stacked; each reads the outputs of the one below.
        batch_first: take and give (B, T, .) instead of (T, B, .).
    """

    gates = 1
    states = 1
    weight_hh_l0: nn.Parameter  # registered by name below, one set a layer
    bias_ih_l0: nn.Parameter

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, *, batch_first: bool = False) -> None:
        super().__init__()
        if min(input_size, hidden_size, num_layers) < 1:
            raise ValueError(f"sizes must be at least 1, got {input_size}, {hidden_size}, {num_layers}")
        self.hidden_size, self.num_layers, self.batch_first = hidden_size, num_layers, batch_first
        rows, bound = self.gates * hidden_size, hidden_size**-0.5
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size
            for name, shape in (
                ("weight_ih", (rows, width)),
                ("weight_hh", (rows, hidden_size)),
                ("bias_ih", (rows,)),
                ("bias_hh", (rows,)),
            ):
                self.register_parameter(f"{name}_l{layer}", nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))

    @abstractmethod
    def step(self, from_input: Tensor, from_hidden: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One call of the cell: W_ih x + b_ih and W_hh h + b_hh, each (B, gates*H) -> the new state, each (B, H)."""

    def project(self, steps: Tensor, layer: int) -> Tensor:
        """W_ih x_t + b_ih of every step at once: no step has to wait for another here. (T, B, D) -> (T, B, gates*H)."""
        return steps @ getattr(self, f"weight_ih_l{layer}").T + getattr(self, f"bias_ih_l{layer}")

    def recur(self, hidden: Tensor, layer: int) -> Tensor:
        """W_hh h + b_hh. (B, H) -> (B, gates*H)."""
        return hidden @ getattr(self, f"weight_hh_l{layer}").T + getattr(self, f"bias_hh_l{layer}")

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Read the sequence.

        ``x``: (T, B, D), or (B, T, D) with ``batch_first``; ``state``: (layers, B, H), for LSTM a pair of them, else 0.
        Returns the top layer's hidden state at every step, and the last state of every layer.
        """
        steps = x.transpose(0, 1) if self.batch_first else x  # (T, B, D)
        if state is None:
            zeros = x.new_zeros(self.num_layers, steps.shape[1], self.hidden_size)
            state = (zeros,) * self.states
        elif self.states == 1:
            state = (state,)
        last = []
        for layer in range(self.num_layers):
            now = tuple(part[layer] for part in state)
            outputs = []
            for from_input in self.project(steps, layer):  # 앞 시점이 끝나야 다음 시점을 계산할 수 있다
                now = self.step(from_input, self.recur(now[0], layer), now)
                outputs.append(now[0])
            steps = torch.stack(outputs)  # (T, B, H)
            last.append(now)
        final = tuple(torch.stack(parts) for parts in zip(*last, strict=True))  # (layers, B, H)
        output = steps.transpose(0, 1) if self.batch_first else steps
        return output, final if self.states > 1 else final[0]


def parameter_count(
    gates: int,
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    *,
    bidirectional: bool = False,
    bias: bool = True,
) -> int:
    """Parameters of a recurrent network with ``gates`` weight sets (RNN 1, GRU 3, LSTM 4), counted as in PyTorch."""
    directions = 2 if bidirectional else 1
    total, width = 0, input_size
    for _ in range(num_layers):
        total += directions * gates * (hidden_size * width + hidden_size**2 + (2 * hidden_size if bias else 0))
        width = hidden_size * directions  # 위층은 아래층의 두 방향을 이어 받는다
    return total


FAMILIES = {"RNN": ("rnn", "순환신경망", "순환 신경망"), "LSTM": ("lstm", "장단기"), "GRU": ("gru", "게이트 순환")}
WORDS = {
    "input_size": ("input_size", "input size", "입력 크기", "입력 차원", "입력", "input"),
    "hidden_size": ("hidden_size", "hidden size", "은닉 상태 크기", "은닉 크기", "은닉 차원", "은닉", "hidden"),
    "num_layers": ("num_layers", "층 수", "층"),
}


def read_sizes(question: str, family: str) -> Mapping[str, Any] | None:
    """The sizes of a question for the parameters of ``family`` ("RNN", "LSTM", "GRU"), or None."""
    named = [name for name, words in FAMILIES.items() if has(question, words)]
    if (named[1:] or named) != [family] or not has(question, ("파라미터", "매개변수", "parameter", "가중치")):
        return None  # "LSTM 순환 신경망"은 LSTM을 묻는 것이다
    number = r"(?:\w+\s*=\s*)?(\d+)"
    found = {key: int(value) for key, value in named_numbers(question, WORDS).items() if value == int(value)}
    call = re.search(rf"{family}\(\s*{number}\s*,\s*{number}(?:\s*,\s*{number}\s*[,)])?", question, re.IGNORECASE)
    if call:
        found.update(input_size=int(call[1]), hidden_size=int(call[2]))
        if call[3]:
            found["num_layers"] = int(call[3])
    if not {"input_size", "hidden_size"} <= found.keys() or min(found.values()) < 1:
        return None
    return {
        **found,
        "bidirectional": has(question, ("양방향", "bidirectional=True", "bidirectional")),
        "bias": not has(question, ("bias=False", "편향 없")),
    }


def parameter_computation(family: str, gates: int) -> Computation:
    """The computation "how many parameters has nn.RNN(10, 20)?" for a family with ``gates`` weight sets."""

    def run(
        input_size: int, hidden_size: int, num_layers: int = 1, bidirectional: bool = False, bias: bool = True
    ) -> Computed:
        total = parameter_count(gates, input_size, hidden_size, num_layers, bidirectional=bidirectional, bias=bias)
        d, h = input_size, hidden_size
        first = f"{h}×{d} + {h}×{h}" + (f" + 2×{h}" if bias else "")
        steps = f"첫 층의 한 방향: {gates} × ({first}) = {parameter_count(gates, d, h, bias=bias):,}개"
        if num_layers > 1 or bidirectional:
            steps += f". {num_layers}층{', 양방향' if bidirectional else ''}을 모두 더하면 {total:,}개"
        return Computed(
            f"{total:,}개",
            f"{steps}. 가중치 묶음이 {gates}벌이고 편향은 입력 쪽과 은닉 쪽에 하나씩 있습니다.",
            f"${gates}(hd + h^2 + 2h)$" if gates > 1 else "$hd + h^2 + 2h$",
        )

    return Computation(
        name=f"{family} 파라미터 수",
        parse=lambda question: read_sizes(question, family),
        run=run,
        cite="파라미터 은닉 크기 입력 크기 " + family,
    )
