"""다층 퍼셉트론(multi-layer perceptron, MLP): 선형 층과 활성 함수를 번갈아 쌓는다.

은닉 뉴런이 선을 하나씩 긋고 출력이 그 판단을 합치므로, 직선 하나로 나눌 수 없는 XOR도 나눈다. 은닉층이 하나뿐이어도
뉴런이 충분히 많으면 닫힌 구간의 어떤 연속 함수든 흉내 낼 수 있다(보편 근사 정리).

$$ h = f(xW_1^T + b_1), \\qquad \\hat{y} = hW_2^T + b_2, \\qquad \\text{파라미터} = \\sum_l (d_{l-1} d_l + d_l) $$

출처: Rumelhart, Hinton & Williams (1986); Cybenko (1989); Hornik, Stinchcombe & White (1989).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREY, RED, titled
from models.learning.activation import Activation, sigmoid
from models.learning.linear_layer import COUNTED, Linear, parameters, without_bias
from models.learning.losses import mse
from models.learning.neuron import GATES, INPUTS
from models.reading import has, named_numbers

TORCH_NAMES = {"tanh": "Tanh", "relu": "ReLU", "sigmoid": "Sigmoid", "none": "Identity"}
LABELS = {"tanh": "tanh", "relu": "ReLU", "sigmoid": "시그모이드", "none": "없음"}


class MLP(nn.Module):
    """Linear layers with an activation between them; the same as ``nn.Sequential`` of ``nn.Linear`` and the activation.

    Args:
        widths: features of the input, of each hidden layer, of the output; at least two numbers.
        activation: a name of ``activation.ACTIVATIONS``, or "none".

    Raises:
        ValueError: fewer than two widths, or an unknown activation.
    """

    def __init__(self, widths: Sequence[int], activation: str = "tanh", *, bias: bool = True,
                 dtype: torch.dtype | None = None) -> None:
        super().__init__()
        if len(widths) < 2:
            raise ValueError(f"widths={list(widths)}: at least the input and the output")
        self.layers = nn.ModuleList(Linear(a, b, bias, dtype=dtype) for a, b in pairwise(widths))
        self.activation: nn.Module = nn.Identity() if activation == "none" else Activation(activation)

    def hidden(self, x: Tensor) -> list[Tensor]:
        """``x``: (..., widths[0]) -> what every hidden layer gives, first to last."""
        out = []
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))  # h_l = f(h_{l-1} W_l^T + b_l)
            out.append(x)
        return out

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (..., widths[0]) -> (..., widths[-1]); no activation after the last layer."""
        hidden = self.hidden(x)
        return self.layers[-1](hidden[-1] if hidden else x)


def count(widths: Sequence[int], bias: bool = True) -> int:
    """How many parameters an MLP of these widths learns."""
    return sum(parameters(a, b, bias) for a, b in pairwise(widths))  # Σ (d_{l-1} d_l + d_l)


def fit(model: nn.Module, x: Tensor, y: Tensor, loss: Callable[[Tensor, Tensor], Tensor], *,
        steps: int, rate: float, seen: Callable[[int], None] | None = None) -> list[float]:
    """Train on the whole of ``x``, ``y`` with Adam; returns the loss before each step and after the last.

    ``seen`` is called with the number of steps made, before each and after the last.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    losses = []
    for made in range(steps + 1):
        if seen is not None:
            seen(made)
        cost = loss(model(x), y)
        losses.append(cost.item())
        if made < steps:
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
    return losses


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
x = torch.tensor([[0., 0.], [0., 1.], [1., 0.], [1., 1.]])
y = torch.tensor([[0.], [1.], [1.], [0.]])
model = nn.Sequential(nn.Linear(2, {hidden}), nn.{activation}(), nn.Linear({hidden}, 1))
optimizer = torch.optim.Adam(model.parameters(), lr={rate})
for step in range({steps}):
    loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item(), torch.sigmoid(model(x)).flatten())
"""


def _curve(hidden: int, activation: str, seed: int) -> go.Figure:
    """One hidden layer of ``hidden`` neurons after it was trained on a curve, and what each neuron adds to it."""
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, 80)[:, None]  # (80, 1)
    y = torch.sin(math.pi * 2 * x) * (1 - 0.4 * x)
    model = MLP((1, hidden, 1), activation)
    with torch.no_grad():
        cast(Linear, model.layers[0]).weight.mul_(4)  # 꺾이는 곳이 구간 안에 흩어지게 한다
    fit(model, x, y, mse, steps=250, rate=0.05)
    with torch.no_grad():
        parts = model.hidden(x)[0] * cast(Linear, model.layers[-1]).weight  # (80, H): 뉴런마다 출력에 보탠 것
        guess = model(x)
    figure = go.Figure()
    for i in range(min(hidden, 8)):
        figure.add_scatter(x=x[::2, 0].tolist(), y=parts[::2, i].tolist(), mode="lines", showlegend=i == 0,
                           line={"color": GREY, "width": 1}, name="뉴런 하나가 보탠 값")
    figure.add_scatter(x=x[:, 0].tolist(), y=y[:, 0].tolist(), mode="markers", name="목표 곡선",
                       marker={"size": 4, "color": BLUE})
    figure.add_scatter(x=x[:, 0].tolist(), y=guess[:, 0].tolist(), mode="lines", name="신경망", line={"color": RED})
    figure.update_yaxes(range=[-2.2, 2.2])
    error = (guess - y).square().mean().item()
    return titled(figure, f"보편 근사: 은닉 뉴런 {hidden}개로 따라간 곡선(MSE {error:.4f})", "x", "y")


def demo(*, hidden: int = 4, activation: str = "tanh", steps: int = 300, rate: float = 0.05, seed: int = 0) -> Demo:
    """XOR's regions at four moments of the training; below it, one hidden layer following a curve."""
    torch.manual_seed(seed)
    model = MLP((2, hidden, 1), activation)
    x, y = INPUTS.float(), torch.tensor(GATES["XOR"]).float()[:, None]  # (4, 2), (4, 1)
    ticks = torch.linspace(-0.5, 1.5, 31)
    cells = torch.cartesian_prod(ticks, ticks).flip(-1)  # (961, 2): 행이 입력 2, 열이 입력 1
    moments = {round(steps * part) for part in (0, 0.15, 0.4, 1)}
    pictures: list[tuple[int, Tensor]] = []

    def look(made: int) -> None:
        if made in moments:
            with torch.no_grad():
                pictures.append((made, sigmoid(model(cells)).view(31, 31)))

    losses = fit(model, x, y, nn.functional.binary_cross_entropy_with_logits, steps=steps, rate=rate, seen=look)
    figure = make_subplots(rows=1, cols=len(pictures), horizontal_spacing=0.07,
                           subplot_titles=[f"{made}번" for made, _ in pictures])
    axis = [round(t, 3) for t in ticks.tolist()]
    for column, (_, region) in enumerate(pictures, 1):
        figure.add_contour(x=axis, y=axis, z=[[round(v, 3) for v in row] for row in region.tolist()], zmin=0, zmax=1,
                           colorscale="RdBu", contours={"start": 0, "end": 1, "size": 0.1}, line={"width": 0},
                           showscale=False, row=1, col=column)
        figure.add_scatter(x=x[:, 0].tolist(), y=x[:, 1].tolist(), mode="markers+text", showlegend=False,
                           text=[f"{v:g}" for v in y[:, 0]], row=1, col=column,
                           marker={"size": 18, "color": "white", "line": {"width": 1}})
    titled(figure, f"XOR을 배우는 동안의 영역(은닉 {hidden}개, {LABELS[activation]})", "입력 1", "입력 2", height=360)

    with torch.no_grad():
        guesses = sigmoid(model(x))[:, 0]
    right = int(((guesses > 0.5) == (y[:, 0] > 0.5)).sum())
    said = ", ".join(f"{v:.2f}" for v in guesses)
    if right == 4:
        why = "은닉 뉴런들이 그은 선을 출력이 합쳐 휘어진 경계가 생겼습니다."
    elif activation == "none" or hidden == 1:
        why = "비선형이 없거나 은닉 뉴런이 하나뿐이면 경계가 직선에 머물러 XOR을 나눌 수 없습니다."
    else:
        why = "초기값이나 반복 횟수, 은닉 뉴런의 수를 바꾸어 보세요."
    return Demo(
        figure=figure,
        numbers={"맞힌 점": right, "처음 손실": round(losses[0], 4), "마지막 손실": round(losses[-1], 4),
                 "파라미터": count((2, hidden, 1))},
        text=f"{steps}번 배운 뒤 네 입력의 예측은 {said}이고 4개 가운데 {right}개가 맞습니다. {why}",
        code=CODE.format(seed=seed, hidden=hidden, activation=TORCH_NAMES[activation], rate=rate, steps=max(steps, 1)),
        detail=_curve(max(hidden, 1), "tanh" if activation == "none" else activation, seed),
    )


_OTHERS = ("합성곱", "conv", "커널", "lstm", "rnn", "gru", "어텐션", "트랜스포머")
_NAMED = ("mlp", "신경망", "퍼셉트론", "은닉", "네트워크", "완전연결", "fc")
_LAYERS = r"은닉\s*층\s*(?:이|을|를)?\s*\d+\s*(?:개|층)"  # 층의 수이지 뉴런의 수가 아니다
_CHAIN = r"\d[\d,]*(?:\s*(?:-|–|→|->|~)\s*\d[\d,]*){2,}"
_HIDDEN = (r"은닉\s*(?:층|뉴런|유닛|노드)?\s*(?:크기|수|의)?\s*(?:가|이|은|는|=)?\s*"
           r"(\d+(?:\s*(?:,|과|와|-|→)\s*\d+)*)(?!\s*층)")


def _parse(question: str) -> Mapping[str, Any] | None:
    if not has(question, COUNTED) or not has(question, _NAMED) or has(question, _OTHERS):
        return None
    widths: list[int] = []
    if match := re.search(_CHAIN, question):
        widths = [int(w) for w in re.findall(r"\d+", match[0].replace(",", ""))]
    elif (match := re.search(_HIDDEN, question)) and not re.search(_LAYERS, question):
        ends = named_numbers(question, {"in": ("입력층", "입력"), "out": ("출력층", "출력")})
        if len(ends) == 2:
            widths = [int(ends["in"]), *(int(w) for w in re.findall(r"\d+", match[1])), int(ends["out"])]
    if len(widths) < 3 or min(widths) < 1:
        return None
    return {"widths": widths, "bias": not without_bias(question)}


def _run(widths: list[int], bias: bool) -> Computed:
    terms = " + ".join(f"({a}×{b} + {b})" if bias else f"{a}×{b}" for a, b in pairwise(widths))
    total = count(widths, bias)
    how = "층마다 입력×출력에 편향을 더합니다" if bias else "편향이 없으므로 층마다 입력×출력만 더합니다"
    return Computed(f"{total:,}", f"{how}: {terms} = {total}개.", "$\\sum_l (d_{l-1} d_l + d_l)$")


CONCEPT = Concept(
    slug="mlp",
    title="다층 퍼셉트론",
    aliases=("MLP", "multi-layer perceptron", "multilayer perceptron", "멀티 레이어 퍼셉트론", "다층퍼셉트론",
             "은닉층", "hidden layer", "보편 근사 정리", "universal approximation", "XOR", "심층 신경망", "DNN",
             "인공 신경망"),
    summary="은닉층과 비선형 활성 함수를 두어 직선 하나로 나눌 수 없는 문제를 푼다.",
    demo=demo,
    controls=(
        Control("hidden", "은닉 뉴런 수", 4, 1, 32, 1, words=("은닉 뉴런", "은닉 유닛", "은닉층", "은닉", "hidden")),
        Control("activation", "활성 함수", "tanh", choices=tuple(TORCH_NAMES)),
        Control("steps", "반복 횟수", 300, 0, 600, 10, words=("반복", "에폭", "epoch")),
        Control("rate", "학습률", 0.05, 0.001, 0.5, 0.001, words=("학습률", "learning rate", "lr")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("mlp_parameters", _parse, _run, "다층 퍼셉트론 파라미터 층마다 입력 출력"),),
)
