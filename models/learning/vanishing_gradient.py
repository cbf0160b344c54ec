"""기울기 소실과 폭발(vanishing/exploding gradient): 역전파의 기울기가 층을 지날 때마다 줄거나 불어난다.

$$ \\nabla_{h_0} L = W_1^\\top D_1 \\cdots W_n^\\top D_n\\, \\nabla_{h_n} L, \\qquad
   D_l = \\mathrm{diag}\\big(f'(z_l)\\big), \\qquad \\sigma' \\le 0.25 $$

잔차 연결 $h + f(h)$의 미분에는 1이 더해져 기울기가 지름길로 전해진다.

출처: Bengio, Simard & Frasconi (1994), "Learning long-term dependencies with gradient descent is difficult";
He et al. (2016), "Deep Residual Learning for Image Recognition".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import COLORS, GREY, titled
from models.learning.activation import ACTIVATIONS
from models.learning.batch_norm import BatchNorm
from models.learning.linear_layer import Linear
from models.reading import NUMBER, has, to_number, written


class DeepNet(nn.Module):
    """``depth`` layers of the same width, a number out.

    Args:
        activation: a name of ``models.learning.activation.ACTIVATIONS``.
        residual: add the input of each layer to its output.
        batch_norm: normalize each layer before its activation.
        gain: the weights are normal with standard deviation gain / sqrt(width).
    """

    def __init__(self, depth: int, width: int, activation: str = "sigmoid", *, residual: bool = False,
                 batch_norm: bool = False, gain: float = 1.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Linear(width, width) for _ in range(depth))
        self.norms = nn.ModuleList(BatchNorm(width) for _ in range(depth if batch_norm else 0))
        self.out, self.f, self.residual = Linear(width, 1), ACTIVATIONS[activation], residual
        for layer in self.layers:
            assert isinstance(layer, Linear) and layer.bias is not None
            nn.init.normal_(layer.weight, std=gain / math.sqrt(width))
            nn.init.zeros_(layer.bias)

    def hidden(self, h: Tensor) -> list[Tensor]:
        """``h``: (N, width) -> h_0 to h_depth, each (N, width)."""
        states = [h]
        for i, layer in enumerate(self.layers):
            z = layer(h)  # (N, width)
            y = self.f(self.norms[i](z) if self.norms else z)
            h = h + y if self.residual else y  # 잔차: ∂(h + f(h))/∂h = 1 + f'(h)
            states.append(h)
        return states

    def forward(self, h: Tensor) -> Tensor:
        """``h``: (N, width) -> (N, 1)."""
        return self.out(self.hidden(h)[-1])


def gradient_norms(net: DeepNet, x: Tensor) -> list[float]:
    """Length of the gradient of the summed output with respect to what each layer outputs, h_1 to h_depth."""
    states = net.hidden(x)
    return [g.norm().item() for g in torch.autograd.grad(net.out(states[-1]).sum(), states[1:])]


# 이름: (활성 함수, 잔차, 배치 정규화, 가중치 배율에 곱할 수). ReLU의 √2는 절반이 꺼지는 것을 메운다(He 초기화)
NETS: dict[str, tuple[str, bool, bool, float]] = {
    "시그모이드": ("sigmoid", False, False, 1.0), "tanh": ("tanh", False, False, 1.0),
    "ReLU": ("relu", False, False, math.sqrt(2)), "시그모이드+잔차": ("sigmoid", True, False, 1.0),
    "시그모이드+배치 정규화": ("sigmoid", False, True, 1.0),
}

CODE = """\
import torch
from torch import nn

for activation in (nn.Sigmoid, nn.Tanh, nn.ReLU):
    torch.manual_seed({seed})
    layers = [nn.Linear({width}, {width}) for _ in range({depth})]
    for layer in layers:
        nn.init.normal_(layer.weight, std={gain} / {width} ** 0.5)
    h, states = torch.randn(32, {width}), []
    for layer in layers:
        h = activation()(layer(h))
        states.append(h)
    first, last = torch.autograd.grad(h.sum(), [states[0], states[-1]])
    print(activation.__name__, "첫 층:", first.norm().item(), "마지막 층:", last.norm().item())
"""


def demo(*, depth: int = 20, width: int = 32, gain: float = 1.0, seed: int = 0) -> Demo:
    """The gradient of every layer in five networks that differ in one thing each."""
    torch.manual_seed(seed)
    x = torch.randn(32, width)
    norms = {}
    for name, (activation, residual, batch_norm, factor) in NETS.items():
        torch.manual_seed(seed + 1)
        norms[name] = gradient_norms(
            DeepNet(depth, width, activation, residual=residual, batch_norm=batch_norm, gain=gain * factor), x)
    figure = go.Figure()
    for (name, values), colour in zip(norms.items(), COLORS, strict=False):
        figure.add_scatter(x=list(range(1, depth + 1)), y=[min(max(v, 1e-30), 1e30) for v in values], name=name,
                           mode="lines+markers", line_color=colour, marker_size=4)
    titled(figure, f"{depth}층에서 층별 기울기의 크기(배율 {gain:g})", "층(왼쪽이 입력 쪽)", "기울기의 크기")
    figure.update_yaxes(type="log", exponentformat="power")

    layers = list(range(0, depth + 1))
    limit = [0.25**n for n in layers]
    detail = go.Figure(go.Scatter(x=layers, y=limit, name="0.25ⁿ(시그모이드의 상한)", line_color=GREY))
    for factor, colour in ((0.5, COLORS[0]), (0.9, COLORS[2]), (1.1, COLORS[3]), (1.5, COLORS[1])):
        detail.add_scatter(x=layers, y=[factor**n for n in layers], name=f"{factor:g}ⁿ", line_color=colour)
    titled(detail, "층마다 같은 수를 곱하면", "지난 층의 수", "남은 기울기(배)")
    detail.update_yaxes(type="log", exponentformat="power")
    # 첫 층의 기울기가 마지막 층의 몇 배인가
    ratio = {name: values[0] / values[-1] if values[-1] else math.inf for name, values in norms.items()}
    sick = ratio["시그모이드"]
    told = f"시그모이드 {depth}층에서 첫 층의 기울기는 마지막 층의 {written(sick)}배이고, ReLU에서는 " \
           f"{written(ratio['ReLU'])}배, 잔차 연결을 넣으면 {written(ratio['시그모이드+잔차'])}배입니다."
    if max(ratio.values()) > 1e3 or not all(math.isfinite(v) for v in ratio.values()):
        told += " 가중치가 커서 앞층으로 갈수록 기울기가 불어나는 망이 있습니다(기울기 폭발)."
    return Demo(
        figure=figure,
        numbers={f"첫 층/마지막 층({name})": written(value) for name, value in ratio.items()},
        text=told,
        code=CODE.format(depth=depth, width=width, gain=gain, seed=seed),
        detail=detail,
    )


def _parse(question: str) -> Mapping[str, Any] | None:
    layers = re.search(r"(\d+)\s*(?:개의?\s*)?(?:층|레이어|번)", question)
    about = ("기울기", "그래디언트", "gradient", "미분", "신호")
    if layers is None or not has(question, about, ("몇배", "얼마", "몇")):
        return None
    each = re.search(rf"({NUMBER})\s*(?:배|을\s*곱|를\s*곱|씩\s*곱|로\s*줄|이하|의?\s*수를)", question)
    if has(question, ("층마다", "매층", "한층")) and each:
        return {"factor": to_number(each[1]), "layers": int(layers[1]), "bound": False}
    if has(question, ("시그모이드", "sigmoid")) and not has(question, ("relu", "렐루", "tanh")):
        return {"factor": 0.25, "layers": int(layers[1]), "bound": True}
    return None


def _run(factor: float, layers: int, bound: bool) -> Computed:
    try:
        value = written(factor**layers)
    except OverflowError:
        value = f"{factor:g}^{layers}"
    way = f"{factor:g}을 {layers}번 곱하면 {factor:g}^{layers} = {value}배입니다."
    if bound:
        way = f"시그모이드의 미분은 최대 0.25이므로 가중치의 효과를 빼면 {way}"
    return Computed(value, way, "$\\sigma'(x) \\le 0.25$, $0.25^n$" if bound else "$r^n$")


CONCEPT = Concept(
    slug="vanishing_gradient",
    title="기울기 소실과 폭발",
    aliases=("vanishing gradient", "기울기 소실", "기울기소실", "그래디언트 소실", "경사 소실", "exploding gradient",
             "vanishing gradient problem", "기울기 폭발", "기울기 폭주", "gradient clipping", "기울기 자르기"),
    summary="역전파의 기울기가 층을 지날수록 0에 가까워지거나 불어난다.",
    demo=demo,
    controls=(
        Control("depth", "층의 수", 20, 2, 50, 1, words=("층", "레이어", "깊이", "depth")),
        Control("width", "층의 너비", 32, 4, 64, 4, words=("너비", "뉴런", "width")),
        Control("gain", "가중치 배율", 1.0, 0.1, 4.0, 0.1, words=("배율", "gain")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("product", _parse, _run, "시그모이드 미분 최대 0.25 층마다 곱하기"),),
)
