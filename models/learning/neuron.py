"""뉴런(neuron)과 퍼셉트론(perceptron): 입력에 가중치를 곱해 더하고 편향을 더한 뒤 활성 함수를 지난다.

활성 함수가 계단 함수이면 퍼셉트론이고, 틀린 예를 만날 때마다 가중치를 고쳐 배운다.

$$ y = f\\Big(\\sum_i w_i x_i + b\\Big), \\qquad w \\leftarrow w + \\eta\\,(t - y)\\,x,
   \\quad b \\leftarrow b + \\eta\\,(t - y) $$

출처: Rosenblatt (1958), "The Perceptron"; Minsky & Papert (1969), "Perceptrons".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, COLORS, GREY, RED, titled
from models.learning.activation import ACTIVATIONS, LABELS
from models.learning.linear_layer import Linear
from models.reading import NUMBER, has, lists, to_number, written

INPUTS = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
GATES = {"AND": (0, 0, 0, 1), "OR": (0, 1, 1, 1), "NAND": (1, 1, 1, 0), "XOR": (0, 1, 1, 0)}


def step(z: Tensor) -> Tensor:
    """1 where z > 0, else 0; any shape."""
    return (z > 0).to(z.dtype)


class Neuron(nn.Module):
    """One neuron: f(Σ w_i x_i + b).

    Args:
        in_features: how many inputs it has.
        activation: a name of ``activation.ACTIVATIONS``, or "step" for a perceptron.

    Raises:
        ValueError: an unknown activation.
    """

    def __init__(self, in_features: int, activation: str = "sigmoid", *, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        if activation != "step" and activation not in ACTIVATIONS:
            raise ValueError(f"activation={activation!r}: step or one of {', '.join(ACTIVATIONS)}")
        self.linear = Linear(in_features, 1, dtype=dtype)
        self.activation = step if activation == "step" else ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (..., in_features) -> (...)."""
        return self.activation(self.linear(x).squeeze(-1))  # 가중합 z = Σ w_i x_i + b, 그리고 f(z)


@dataclass(frozen=True)
class Epoch:
    """The weights after one pass over the examples, and how many of them were then wrong."""

    weight: Tensor
    bias: float
    wrong: int


def learn(x: Tensor, target: Tensor, *, rate: float, epochs: int, seed: int = 0) -> list[Epoch]:
    """Train a perceptron by Rosenblatt's rule, one example at a time; stops once nothing is wrong.

    Args:
        x: (N, D). target: (N,) of 0 and 1. rate: η.

    Returns:
        The start, and one ``Epoch`` for each pass.
    """
    generator = torch.Generator().manual_seed(seed)
    w = 0.1 * torch.randn(x.shape[1], generator=generator, dtype=x.dtype)
    b = torch.zeros((), dtype=x.dtype)
    history = [Epoch(w.clone(), b.item(), int((step(x @ w + b) != target).sum()))]
    for _ in range(epochs):
        if history[-1].wrong == 0:
            break
        for i in torch.randperm(len(x), generator=generator):
            error = target[i] - step(x[i] @ w + b)  # t - y: 맞으면 0이라 아무것도 고치지 않는다
            w = w + rate * error * x[i]
            b = b + rate * error
        history.append(Epoch(w.clone(), b.item(), int((step(x @ w + b) != target).sum())))
    return history


CODE = """\
import torch

x = torch.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])
t = torch.tensor({targets})   # {gate}
w, b = torch.zeros(2), torch.zeros(())
for epoch in range({epochs}):
    for xi, ti in zip(x, t):
        y = (w @ xi + b > 0).float()
        w, b = w + {rate} * (ti - y) * xi, b + {rate} * (ti - y)
print(w, b, (x @ w + b > 0).int())
"""


def _line(w: Tensor, b: float) -> tuple[list[float], list[float]]:
    """Two far points of the line w_1 x_1 + w_2 x_2 + b = 0, or nothing where w is 0."""
    length = float(w @ w)
    if length < 1e-12:
        return [], []
    foot, along = -b * w / length, torch.stack((-w[1], w[0])) / length**0.5
    ends = torch.stack((foot - 5 * along, foot + 5 * along))
    return ends[:, 0].tolist(), ends[:, 1].tolist()


def demo(*, gate: str = "AND", rate: float = 0.2, epochs: int = 20, seed: int = 0) -> Demo:
    """The line moving as a perceptron learns a gate, and the errors of each pass; below it, all four gates."""
    target = torch.tensor(GATES[gate], dtype=torch.float64)
    history = learn(INPUTS, target, rate=rate, epochs=epochs, seed=seed)
    last = history[-1]

    figure = make_subplots(rows=1, cols=2, subplot_titles=("경계선의 움직임", "틀린 점의 수"))
    shown = sorted({round(i * (len(history) - 1) / 7) for i in range(8)})
    for i in shown:
        x, y = _line(history[i].weight, history[i].bias)
        final = i == len(history) - 1
        figure.add_scatter(x=x, y=y, mode="lines", name="마지막 경계" if final else f"{i}번째", row=1, col=1,
                           line={"color": BLUE if final else GREY, "width": 3 if final else 1}, showlegend=final)
    for value, colour in ((0.0, RED), (1.0, BLUE)):
        at = INPUTS[target == value]
        figure.add_scatter(x=at[:, 0].tolist(), y=at[:, 1].tolist(), mode="markers", name=f"정답 {value:g}",
                           marker={"size": 15, "color": colour}, row=1, col=1)
    figure.add_scatter(y=[e.wrong for e in history], mode="lines+markers", line={"color": RED}, showlegend=False,
                       row=1, col=2)
    figure.update_xaxes(range=[-0.6, 1.6], row=1, col=1)
    figure.update_yaxes(range=[-0.6, 1.6], title_text="입력 2", row=1, col=1)
    figure.update_yaxes(range=[-0.2, 4.2], dtick=1, row=1, col=2)
    figure.update_xaxes(title_text="반복(에폭)", row=1, col=2)
    titled(figure, f"퍼셉트론이 {gate}를 배우는 동안", "입력 1", "개수")

    detail = go.Figure()
    for (name, wanted), colour in zip(GATES.items(), COLORS, strict=False):
        errors = learn(INPUTS, torch.tensor(wanted, dtype=torch.float64), rate=rate, epochs=epochs, seed=seed)
        detail.add_scatter(y=[e.wrong for e in errors], name=name, mode="lines+markers", line={"color": colour})
    titled(detail, "네 게이트의 틀린 점: XOR만 0에 닿지 못한다", "반복(에폭)", "틀린 점의 수")
    if last.wrong == 0:
        text = f"{gate}는 직선 하나로 나뉘어 {len(history) - 1}번 만에 네 점을 모두 맞혔습니다."
    elif gate == "XOR":
        text = (f"XOR은 직선 하나로 나눌 수 없어 {len(history) - 1}번을 반복해도 "
                f"네 점 가운데 {last.wrong}개가 틀립니다.")
    else:
        text = f"{len(history) - 1}번 반복했지만 아직 {last.wrong}개가 틀립니다. 반복 횟수를 늘려 보세요."
    return Demo(
        figure=figure,
        numbers={"반복": len(history) - 1, "틀린 점": last.wrong, "w1": round(last.weight[0].item(), 3),
                 "w2": round(last.weight[1].item(), 3), "편향 b": round(last.bias, 3)},
        text=text,
        code=CODE.format(targets=[float(v) for v in GATES[gate]], gate=gate, epochs=epochs, rate=rate),
        detail=detail,
    )


def _named_list(question: str, names: str) -> list[float] | None:
    numbers = r"([\[(][^\[\]()]*\d[^\[\]()]*[\])])"
    match = re.search(rf"(?:{names})\s*(?:벡터|값)?\s*(?:가|이|은|는|=|:)?\s*{numbers}", question)
    return lists(match[1])[0] if match else None


def _parse(question: str) -> Mapping[str, Any] | None:
    x, w = _named_list(question, r"입력|(?<![A-Za-z])x"), _named_list(question, r"가중치|(?<![A-Za-z])w")
    if not x or not w or len(x) != len(w) or not has(question, ("뉴런", "퍼셉트론", "가중합", "perceptron", "neuron")):
        return None
    bias = re.search(rf"(?:편향|바이어스|bias|(?<![A-Za-z])b)\s*(?:이|가|은|는|=|:)?\s*({NUMBER})", question)
    kind = "step" if has(question, ("퍼셉트론", "perceptron", "계단")) else next(
        (name for name in ACTIVATIONS if has(question, (name, LABELS[name]))), "sum")
    return {"x": x, "w": w, "b": to_number(bias[1]) if bias else 0.0,
            "kind": "sum" if has(question, ("가중합",)) else kind}


def _run(x: list[float], w: list[float], b: float, kind: str) -> Computed:
    z = sum(wi * xi for wi, xi in zip(w, x, strict=True)) + b
    terms = " + ".join(f"({written(wi)})×({written(xi)})" for wi, xi in zip(w, x, strict=True))
    how = f"가중합은 {terms} + ({written(b)}) = {written(z)}입니다."
    if kind == "sum":
        return Computed(written(z), how, "$z = \\sum_i w_i x_i + b$")
    if kind == "step":
        fired = 1 if z > 0 else 0
        return Computed(str(fired), f"{how} 0보다 {'크므로' if fired else '크지 않으므로'} 출력은 {fired}입니다.",
                        "$y = 1\\ (z > 0),\\ 0\\ (z \\le 0)$")
    y = ACTIVATIONS[kind](torch.tensor(z, dtype=torch.float64)).item()
    return Computed(written(y), f"{how} {LABELS[kind]}를 지나면 {written(y)}입니다.", "$y = f(\\sum_i w_i x_i + b)$")


CONCEPT = Concept(
    slug="neuron",
    title="뉴런과 퍼셉트론",
    aliases=("뉴런", "neuron", "퍼셉트론", "perceptron", "단층 퍼셉트론", "SLP", "인공 뉴런", "가중합", "논리 게이트",
             "뉴론", "AND 게이트", "OR 게이트"),
    summary="입력에 가중치를 곱해 더하고 편향을 더한 뒤 활성 함수를 지나는, 신경망의 가장 작은 단위이다.",
    demo=demo,
    controls=(
        Control("gate", "게이트", "AND", choices=tuple(GATES)),
        Control("rate", "학습률", 0.2, 0.01, 1.0, 0.01, words=("학습률", "learning rate", "lr")),
        Control("epochs", "반복 횟수", 20, 1, 100, 1, words=("반복", "에폭", "epoch")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("neuron_output", _parse, _run, "뉴런 가중합 입력 가중치 편향"),),
)
