"""활성 함수(activation function): 층과 층 사이에서 값을 비선형으로 바꾼다.

활성 함수가 없으면 층을 아무리 쌓아도 행렬 하나를 곱한 것과 같다. 여기 열 가지는 모두 미분이 정해져 있다.

$$ \\sigma(x) = \\frac{1}{1+e^{-x}}, \\quad \\sigma' = \\sigma(1-\\sigma), \\qquad
   \\mathrm{ReLU}(x) = \\max(0, x), \\qquad \\mathrm{swish}(x) = x\\,\\sigma(x), \\qquad
   \\mathrm{GELU}(x) = x\\,\\Phi(x) $$

출처: Nair & Hinton (2010) ReLU; Maas et al. (2013) leaky ReLU; Clevert et al. (2015) ELU;
Hendrycks & Gimpel (2016) GELU; Ramachandran et al. (2017) swish; Howard et al. (2019) hard swish; Misra (2019) Mish.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, COLORS, GREY, RED, titled
from models.reading import NUMBER, has, to_number, written


def sigmoid(x: Tensor) -> Tensor:
    """Any shape -> the same shape, in (0, 1)."""
    # σ(x) = 1 / (1 + e^{-x}) = e^x / (1 + e^x); 지수의 인자를 늘 0 이하로 두어 넘치지 않는다
    e = torch.exp(torch.clamp(x, max=0))
    return torch.where(x >= 0, 1 / (1 + torch.exp(-torch.clamp(x, min=0))), e / (1 + e))


def tanh(x: Tensor) -> Tensor:
    """Any shape -> the same shape, in (-1, 1)."""
    # tanh x = (e^x - e^{-x}) / (e^x + e^{-x}) = 2σ(2x) - 1
    return 2 * sigmoid(2 * x) - 1


def relu(x: Tensor) -> Tensor:
    """max(0, x); the slope at 0 is taken as 0."""
    return torch.where(x > 0, x, torch.zeros_like(x))


def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x for x > 0, ``negative_slope`` * x otherwise."""
    return torch.where(x > 0, x, negative_slope * x)


def relu6(x: Tensor) -> Tensor:
    """min(max(0, x), 6)."""
    return torch.where((x > 0) & (x < 6), x, (6 * (x >= 6)).to(x.dtype))


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x for x > 0, alpha (e^x - 1) otherwise."""
    return torch.where(x > 0, x, alpha * torch.expm1(torch.clamp(x, max=0)))  # clamp: e^x가 넘치지 않게


def swish(x: Tensor) -> Tensor:
    """x σ(x), also called SiLU."""
    return x * sigmoid(x)


def hard_swish(x: Tensor) -> Tensor:
    """x ReLU6(x + 3) / 6."""
    return x * relu6(x + 3) / 6


def gelu(x: Tensor) -> Tensor:
    """x Φ(x), Φ the cumulative normal distribution (the exact form, with erf)."""
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def mish(x: Tensor) -> Tensor:
    """x tanh(ln(1 + e^x))."""
    # ln(1 + e^x) = x + ln(1 + e^{-x}): 양수에서는 뒤의 꼴로 계산해야 넘치지 않는다
    positive = x + torch.log1p(torch.exp(-torch.clamp(x, min=0)))
    softplus = torch.where(x > 0, positive, torch.log1p(torch.exp(torch.clamp(x, max=0))))
    return x * tanh(softplus)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": sigmoid, "tanh": tanh, "relu": relu, "leaky_relu": leaky_relu, "relu6": relu6,
    "elu": elu, "swish": swish, "hard_swish": hard_swish, "gelu": gelu, "mish": mish,
}
LABELS = {
    "sigmoid": "시그모이드", "tanh": "tanh", "relu": "ReLU", "leaky_relu": "leaky ReLU", "relu6": "ReLU6",
    "elu": "ELU", "swish": "swish", "hard_swish": "hard swish", "gelu": "GELU", "mish": "Mish",
}
FORMULAS = {
    "sigmoid": "1/(1+e^{-x})", "tanh": "(e^x-e^{-x})/(e^x+e^{-x})", "relu": "\\max(0, x)",
    "leaky_relu": "x \\ge 0 ? x : 0.01x", "relu6": "\\min(\\max(0, x), 6)", "elu": "x > 0 ? x : e^x - 1",
    "swish": "x\\,\\sigma(x)", "hard_swish": "x\\,\\mathrm{ReLU6}(x+3)/6", "gelu": "x\\,\\Phi(x)",
    "mish": "x \\tanh(\\ln(1+e^x))",
}


class Activation(nn.Module):
    """One of ``ACTIVATIONS`` as a layer, for ``nn.Sequential``.

    Raises:
        ValueError: an unknown name.
    """

    def __init__(self, name: str = "relu") -> None:
        super().__init__()
        if name not in ACTIVATIONS:
            raise ValueError(f"name={name!r}: one of {', '.join(ACTIVATIONS)}")
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same shape."""
        return ACTIVATIONS[self.name](x)


def value_and_slope(name: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """The function and its derivative at every value of ``x`` (any shape), both detached."""
    x = x.detach().clone().requires_grad_(True)
    y = ACTIVATIONS[name](x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    return y.detach(), slope


CODE = """\
import torch
import torch.nn.functional as F

f = {call}
x = torch.tensor({x}, requires_grad=True)
y = f(x)
y.backward()
print("값:", y.item(), "기울기:", x.grad.item())
"""
CALLS = {
    "sigmoid": "torch.sigmoid", "tanh": "torch.tanh", "relu": "F.relu", "leaky_relu": "F.leaky_relu",
    "relu6": "F.relu6", "elu": "F.elu", "swish": "F.silu", "hard_swish": "F.hardswish", "gelu": "F.gelu",
    "mish": "F.mish",
}


def demo(*, function: str = "relu", x: float = 1.0) -> Demo:
    """The curve and its derivative with the reader's point on both; below it, all ten curves."""
    axis = torch.linspace(-8, 8, 161, dtype=torch.float64)
    y, slope = value_and_slope(function, axis)
    at, at_slope = (t.item() for t in value_and_slope(function, torch.tensor(x, dtype=torch.float64)))

    figure = make_subplots(rows=1, cols=2, subplot_titles=("함수", "미분(기울기)"))
    for column, (curve, point, colour) in enumerate(((y, at, BLUE), (slope, at_slope, RED)), 1):
        figure.add_scatter(x=axis.tolist(), y=curve.tolist(), mode="lines", line={"color": colour}, row=1, col=column)
        figure.add_scatter(x=[x], y=[point], mode="markers+text", text=[written(point)], textposition="top center",
                           marker={"size": 11, "color": colour}, row=1, col=column)
    figure.update_layout(showlegend=False)
    titled(figure, f"{LABELS[function]}: x={x:g}에서", "입력 x", "값")

    detail = go.Figure()
    near = axis[40:121:2]  # -4 ~ 4
    for name, colour in zip(ACTIVATIONS, (*COLORS, GREY, "#111827"), strict=True):
        detail.add_scatter(x=near.tolist(), y=ACTIVATIONS[name](near).tolist(), name=LABELS[name], mode="lines",
                           line={"color": colour, "width": 4 if name == function else 1.5})
    titled(detail, "열 가지 활성 함수", "입력 x", "출력")
    if at_slope == 0:
        signal = "기울기가 0이라 이 뉴런으로는 학습 신호가 지나가지 않습니다."
    elif abs(at_slope) < 0.01:
        signal = "기울기가 0.01보다 작아 학습 신호가 거의 사라집니다."
    else:
        signal = "기울기가 살아 있어 학습 신호가 전해집니다."
    return Demo(
        figure=figure,
        numbers={"함숫값": round(at, 6), "기울기": round(at_slope, 6),
                 "기울기의 최댓값(-8~8)": round(slope.max().item(), 4)},
        text=f"{LABELS[function]}에 x={x:g} 값을 넣으면 {written(at)}, 기울기는 {written(at_slope)}입니다. {signal}",
        code=CODE.format(call=CALLS[function], x=float(x)),
        detail=detail,
    )


# 긴 이름을 먼저 본다: "leaky relu"는 "relu"가 아니다
_NAMES = {
    "leaky_relu": r"leaky[\s_]*re?lu|리키\s*렐루", "relu6": r"relu6|렐루\s*6",
    "hard_swish": r"hard[\s_-]*swish|하드\s*스위시", "sigmoid": r"sigmoid|시그모이드",
    "tanh": r"tanh|하이퍼볼릭\s*탄젠트|탄젠트\s*하이퍼볼릭", "gelu": r"gelu|겔루", "elu": r"(?<![a-z])elu|엘루",
    "relu": r"(?<![a-z])relu|렐루", "swish": r"swish|silu|스위시", "mish": r"(?<![a-z])mish|미시",
}
_NOT_ASKED = ("층", "크로스", "엔트로피", "손실", "초기화", "언제", "왜", "이유", "차이", "최대", "최댓값")
_VALUE = rf"({NUMBER})(?![\d.]*\s*(?:층|개|번|배|차원|년|%))"


def _parse(question: str) -> Mapping[str, Any] | None:
    text = question.lower().replace("−", "-")
    names = [key for key, pattern in _NAMES.items() if re.search(pattern, text)]
    if "leaky_relu" in names or "relu6" in names:
        names = [n for n in names if n != "relu"]
    if "hard_swish" in names:
        names = [n for n in names if n != "swish"]
    if len(names) != 1 or has(text, _NOT_ASKED) or "[" in text:
        return None
    pattern = _NAMES[names[0]]
    sites = (
        rf"(?:{pattern})\s*(?:함수)?\s*\(\s*(?:x\s*=\s*)?{_VALUE}\s*\)",  # sigmoid(2)
        rf"(?<![a-z])x\s*(?:=|가|는|이|에)\s*{_VALUE}",  # x가 -3
        rf"(?:입력|값)\s*(?:이|은|가|값이|값은|=)?\s*{_VALUE}",  # 입력값이 2
        rf"{_VALUE}\s*(?:을|를)\s*(?:넣|입력|통과|대입)",  # 1.5를 넣으면
        rf"{_VALUE}\s*(?:의|에\s*대한|에서|에서의|일\s*때)\s*(?:의\s*)?(?:{pattern})",  # 2의 시그모이드
        rf"(?:{pattern})[^0-9]{{0,4}}에\s*{_VALUE}",  # ReLU에 8
    )
    for site in sites:
        if match := re.search(site, text):
            slope = has(text, ("미분", "기울기", "도함수", "derivative", "gradient"))
            return {"name": names[0], "x": to_number(match[1]), "slope": slope}
    return None


def _run(name: str, x: float, slope: bool) -> Computed:
    value, gradient = (t.item() for t in value_and_slope(name, torch.tensor(x, dtype=torch.float64)))
    label, at = LABELS[name], written(x)
    if slope:
        how = f"{label}의 x={at}에서 미분은 {written(gradient)}입니다(함숫값은 {written(value)})."
        if name == "sigmoid":
            how = f"σ({at})={written(value)}이므로 σ(1-σ)={written(value)}×(1-{written(value)})={written(gradient)}."
        if name == "tanh":
            how = f"tanh({at})={written(value)}이므로 1-tanh²={written(gradient)}입니다."
        return Computed(written(gradient), how, f"$\\frac{{d}}{{dx}}\\left[{FORMULAS[name]}\\right]$")
    how = f"{label}의 식에 x={at}를 넣으면 {written(value)}입니다."
    if name == "sigmoid":
        how = f"1/(1+e^(-x))에 {at}를 넣으면 1/(1+{written(math.exp(-x))})={written(value)}." if x > -700 else how
    return Computed(written(value), how, f"${FORMULAS[name]}$")


CONCEPT = Concept(
    slug="activation",
    title="활성 함수",
    aliases=("activation function", "activation", "활성화 함수", "활성함수", "활성화함수", "ReLU", "렐루", "시그모이드",
             "sigmoid", "tanh", "하이퍼볼릭 탄젠트", "leaky ReLU", "리키 렐루", "ReLU6", "GELU", "swish", "SiLU",
             "hard swish", "ELU", "Mish", "dying ReLU"),
    summary="뉴런의 가중합을 비선형으로 바꾸어, 층을 쌓는 일이 뜻을 갖게 한다.",
    demo=demo,
    controls=(
        Control("function", "활성 함수", "relu", choices=tuple(ACTIVATIONS)),
        Control("x", "입력 x", 1.0, -8.0, 8.0, 0.1, words=("입력값", "입력", "x")),
    ),
    computations=(Computation("activation_value", _parse, _run, "활성 함수 식 미분 시그모이드 ReLU"),),
)
