"""가중치 초기화: 층을 지나도 활성값의 분산이 유지되도록 첫 가중치의 크기를 정한다.

Xavier는 입력과 출력의 수로, He는 입력의 수로 정한다. ReLU가 값의 절반을 끄므로 He의 분산은 두 배이다.

$$ \\sigma_{Xavier} = g\\sqrt{\\frac{2}{n_{in} + n_{out}}}, \\qquad \\sigma_{He} = \\sqrt{\\frac{2}{n_{in}}}, \\qquad
   U(-a, a):\\; a = \\sqrt{3}\\,\\sigma $$

출처: Glorot, Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks", AISTATS;
He et al. (2015), "Delving Deep into Rectifiers", ICCV.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import COLORS, GREY, titled
from models.reading import has, named_numbers, written


def fans(weight: Tensor) -> tuple[int, int]:
    """The inputs and the outputs of one neuron: (fan_in, fan_out).

    ``weight``: (out, in, *kernel); a kernel multiplies both.

    Raises:
        ValueError: fewer than two axes.
    """
    if weight.dim() < 2:
        raise ValueError(f"weight {tuple(weight.shape)}: fan_in and fan_out need at least two axes")
    kernel = math.prod(weight.shape[2:])
    return weight.shape[1] * kernel, weight.shape[0] * kernel


def xavier_std(fan_in: int, fan_out: int, gain: float = 1.0) -> float:
    """Standard deviation that keeps the variance of values and of gradients alike, for tanh and the like."""
    return gain * math.sqrt(2 / (fan_in + fan_out))


def he_std(fan_in: int, gain: float = math.sqrt(2)) -> float:
    """Standard deviation that keeps the size of values through ReLU."""
    return gain / math.sqrt(fan_in)


@torch.no_grad()
def xavier_normal_(weight: Tensor, gain: float = 1.0) -> Tensor:
    """Fill ``weight`` in place; the same as ``torch.nn.init.xavier_normal_``."""
    return weight.normal_(0, xavier_std(*fans(weight), gain))


@torch.no_grad()
def xavier_uniform_(weight: Tensor, gain: float = 1.0) -> Tensor:
    """Fill ``weight`` in place; the same as ``torch.nn.init.xavier_uniform_``."""
    bound = math.sqrt(3) * xavier_std(*fans(weight), gain)  # Var U(-a, a) = a^2 / 3
    return weight.uniform_(-bound, bound)


@torch.no_grad()
def he_normal_(weight: Tensor) -> Tensor:
    """Fill ``weight`` in place; the same as ``torch.nn.init.kaiming_normal_`` for ReLU."""
    return weight.normal_(0, he_std(fans(weight)[0]))


@torch.no_grad()
def he_uniform_(weight: Tensor) -> Tensor:
    """Fill ``weight`` in place; the same as ``torch.nn.init.kaiming_uniform_`` for ReLU."""
    bound = math.sqrt(3) * he_std(fans(weight)[0])
    return weight.uniform_(-bound, bound)


METHODS: dict[str, Callable[[Tensor], Tensor]] = {
    "모두 0": lambda w: w.zero_(),
    "작은 난수 0.01": lambda w: w.normal_(0, 0.01),
    "큰 난수 1": lambda w: w.normal_(0, 1),
    "Xavier 정규": xavier_normal_,
    "Xavier 균등": xavier_uniform_,
    "He 정규": he_normal_,
    "He 균등": he_uniform_,
}
_CALLS = {"모두 0": "zeros_(w)", "작은 난수 0.01": "normal_(w, 0, 0.01)", "큰 난수 1": "normal_(w, 0, 1)",
          "Xavier 정규": "xavier_normal_(w)", "Xavier 균등": "xavier_uniform_(w)",
          "He 정규": "kaiming_normal_(w, nonlinearity='relu')", "He 균등": "kaiming_uniform_(w, nonlinearity='relu')"}
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
FLOOR = 1e-20  # 로그 눈금에는 0이 없다


@torch.no_grad()
def forward_values(method: str, activation: str, depth: int, width: int, seed: int) -> list[Tensor]:
    """Values after each of ``depth`` untrained layers, for 64 random inputs: (64, width) each, the input first."""
    torch.manual_seed(seed)
    x = torch.randn(64, width)
    values = [x]
    for _ in range(depth):
        x = ACTIVATIONS[activation](x @ METHODS[method](torch.empty(width, width)).T)  # (64, width)
        values.append(x)
    return values


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
x = torch.randn(64, {width})
for layer in range(1, {depth} + 1):
    w = torch.empty({width}, {width})
    nn.init.{call}
    x = torch.{activation}(x @ w.T)
    print(layer, "층 활성값의 크기(제곱 평균):", x.square().mean().item())
"""


def demo(*, method: str = "He 정규", activation: str = "relu", depth: int = 20, width: int = 100,
         seed: int = 0) -> Demo:
    """The mean square of the values by depth, for every method; below, histograms of the chosen one."""
    figure = go.Figure()
    chosen: list[Tensor] = []
    for i, name in enumerate(METHODS):
        values = forward_values(name, activation, depth, width, seed)
        sizes = [max(v.square().mean().item(), FLOOR) for v in values]
        picked = name == method
        figure.add_trace(go.Scatter(y=[float(f"{s:.4g}") for s in sizes], mode="lines", name=name,
                                    line={"color": COLORS[i] if picked else GREY if i < 3 else COLORS[i],
                                          "width": 5 if picked else 1.5}))
        if picked:
            chosen = values
    figure.update_yaxes(type="log", exponentformat="power")
    titled(figure, f"{activation} 망을 {depth}층 지날 때 활성값의 크기", "층", "활성값의 제곱 평균")

    detail = go.Figure()
    for i, layer in enumerate(sorted({1, (depth + 1) // 2, depth})):
        counts, edges = torch.histogram(chosen[layer].flatten(), bins=40)
        detail.add_trace(go.Scatter(x=[float(f"{e:.4g}") for e in edges[:-1].tolist()], y=counts.tolist(), mode="lines",
                                    fill="tozeroy", name=f"{layer}층", line_color=COLORS[i]))
    titled(detail, f"{method}: 층별 활성값의 분포", "활성값", "개수")
    first, last = (chosen[i].square().mean().item() for i in (1, -1))
    change = last / first if first else 0.0
    verdict = "사라졌습니다" if change < 0.01 else "폭발했습니다" if change > 100 else "크게 줄거나 커지지 않고 이어졌습니다"
    if activation == "sigmoid" and 0.01 <= change <= 100:
        spread = chosen[-1].std(0).mean().item()
        verdict = f"남아 보이지만 입력에 따른 차이(표준편차)는 {spread:.2g}뿐입니다"
    return Demo(
        figure=figure,
        numbers={"첫 층의 크기": float(f"{first:.4g}"), "마지막 층의 크기": float(f"{last:.4g}"),
                 "마지막/첫 층": float(f"{change:.4g}"), "Xavier 표준편차": round(xavier_std(width, width), 4),
                 "He 표준편차": round(he_std(width), 4)},
        text=f"{method}로 시작한 {activation} 망 {depth}층에서 활성값의 크기가 {first:.3g}에서 {last:.3g}로 "
             f"바뀌었습니다. 신호가 {verdict}.",
        code=CODE.format(seed=seed, width=width, depth=depth, call=_CALLS[method], activation=activation),
        detail=detail,
    )


_XAVIER = ("xavier", "glorot", "글로럿", "자비에", "사비에르", "제이비어")
_HE = ("he 초기화", "he초기화", "he initialization", "he normal", "he uniform", "he의", "kaiming", "카이밍",
       "허 초기화", "he 정규", "he 균등", "he로")
_FANS = {"fan_in": ("fan_in", "fan in", "입력 뉴런", "입력 노드", "입력 차원", "입력이", "입력", "n_in", "in_features"),
         "fan_out": ("fan_out", "fan out", "출력 뉴런", "출력 노드", "출력 차원", "출력이", "출력", "n_out",
                     "out_features")}


def parse(question: str) -> Mapping[str, Any] | None:
    """``입력이 512개인 층의 He 초기화 표준편차는?`` -> the method, the fans, and whether the bound is asked for."""
    he, xavier = has(question, _HE), has(question, _XAVIER)
    if he == xavier or not has(question, ("표준편차", "분산", "범위", "한계", "std", "구간", "얼마")):
        return None
    found = {k: int(v) for k, v in named_numbers(question, _FANS).items()}
    layer = re.search(r"Linear\s*\(\s*(?:in_features\s*=\s*)?(\d+)\s*,\s*(?:out_features\s*=\s*)?(\d+)", question)
    if layer:
        found = {"fan_in": int(layer[1]), "fan_out": int(layer[2])}
    if found.get("fan_in", 0) < 1 or (xavier and found.get("fan_out", 0) < 1):
        return None
    asked = "범위" if has(question, ("범위", "한계", "구간", "uniform", "균등")) else "분산" if has(question,
                                                                                        ("분산",)) else "표준편차"
    return {"method": "He" if he else "Xavier", "asked": asked, **found}


def run(method: str, fan_in: int, fan_out: int = 0, asked: str = "표준편차") -> Computed:
    """The standard deviation, the variance or the uniform bound of Xavier or He."""
    std = he_std(fan_in) if method == "He" else xavier_std(fan_in, fan_out)
    size = f"{fan_in:,}" if method == "He" else f"({fan_in:,} + {fan_out:,})"
    symbol = "n_{in}" if method == "He" else "(n_{in}+n_{out})"
    value, way, formula = {
        "표준편차": (std, f"√(2 / {size})", f"\\sigma = \\sqrt{{2/{symbol}}}"),
        "분산": (std**2, f"2 / {size}", f"\\sigma^2 = 2/{symbol}"),
        "범위": (math.sqrt(3) * std, f"√(6 / {size})", f"a = \\sqrt{{6/{symbol}}}"),
    }[asked]
    ends = f" 값은 -{written(value)}부터 {written(value)}까지 고르게 뽑습니다." if asked == "범위" else ""
    return Computed(value=written(value), steps=f"{method} 초기화의 {asked}{'의 한계' if asked == '범위' else ''}: "
                                                f"{way} = {written(value)}.{ends}",
                    formula=f"${formula}$")


CONCEPT = Concept(
    slug="weight_initialization",
    title="가중치 초기화",
    aliases=("weight initialization", "가중치 초기화", "Xavier", "Xavier 초기화", "자비에르 초기화", "Glorot",
             "글로럿 초기화",
             "He initialization", "He 초기화", "Kaiming", "카이밍 초기화", "fan_in", "fan_out", "대칭성 깨기"),
    summary="층을 지나도 활성값의 분산이 유지되도록 첫 가중치의 크기를 정한다.",
    demo=demo,
    controls=(
        Control("method", "초기화 방법", "He 정규", choices=tuple(METHODS)),
        Control("activation", "활성 함수", "relu", choices=tuple(ACTIVATIONS)),
        Control("depth", "층의 수", 20, 2, 50, 1, words=("깊이", "층", "depth", "layers")),
        Control("width", "층의 너비", 100, 16, 256, 1, words=("너비", "뉴런", "width")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("가중치 초기화의 크기", parse, run, "가중치 초기화 Xavier He 표준편차 균등분포 한계"),),
)
