"""피드포워드 층(feed-forward network): 어텐션이 모은 것을 토큰마다 따로 넓혔다가 좁히며 가공한다.

$$ \\mathrm{FFN}(x) = \\max(0,\\; xW_1 + b_1)\\,W_2 + b_2 $$

출처: Vaswani et al. (2017), "Attention Is All You Need".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.attention.multi_head_attention import parameters as attention_parameters
from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GOLD, GREY, RED, pixels, titled
from models.learning.activation import gelu, relu
from models.learning.linear_layer import Linear, without_bias
from models.learning.linear_layer import parameters as linear_parameters
from models.reading import has, named_numbers, written

ACTIVATIONS = {"relu": relu, "gelu": gelu, "none": lambda x: x}


class FeedForward(nn.Module):
    """Two linear layers with an activation between them, on each token by itself.

    The same as ``nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))``.

    Args:
        d_model: length of a token's vector. d_ff: width in the middle, often ``4 * d_model``.
        activation: "relu", "gelu", or "none" (which makes the two layers one).

    Raises:
        ValueError: an activation of another name.
    """

    def __init__(self, d_model: int, d_ff: int, activation: str = "relu") -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation={activation!r}: one of {', '.join(ACTIVATIONS)}")
        self.linear1, self.linear2 = Linear(d_model, d_ff), Linear(d_ff, d_model)
        self.activation = ACTIVATIONS[activation]

    def hidden(self, x: Tensor) -> Tensor:
        """The wide middle: (..., d_model) -> (..., d_ff)."""
        return self.activation(self.linear1(x))  # max(0, x W1 + b1)

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (..., d_model) -> (..., d_model)."""
        return self.linear2(self.hidden(x))  # (...) W2 + b2


def parameters(d_model: int, d_ff: int, bias: bool = True) -> int:
    """What the layer learns: 2 d_model d_ff weights, and d_ff + d_model biases."""
    return linear_parameters(d_model, d_ff, bias) + linear_parameters(d_ff, d_model, bias)


TOY, STEPS = 8, 150  # 그 자리에서 학습하는 장난감의 차원과 횟수


@lru_cache(maxsize=32)
def learn_products(expansion: int, activation: str, seed: int) -> tuple[FeedForward, list[float]]:
    """Train a layer to multiply each number of a token with the next one: nothing that a linear map can do.

    Returns the layer and its losses (MSE) at every fifth step.
    """
    torch.manual_seed(seed)
    layer = FeedForward(TOY, TOY * expansion, activation)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    losses = []
    for step in range(STEPS):
        x = torch.rand(128, TOY) * 2 - 1
        loss = (layer(x) - x * x.roll(1, -1)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 5 == 4:
            losses.append(loss.item())
    return layer, losses


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
ffn = nn.Sequential(nn.Linear({toy}, {wide}), nn.{activation}(), nn.Linear({wide}, {toy}))
optimizer = torch.optim.Adam(ffn.parameters(), lr=0.02)
for step in range({steps}):
    x = torch.rand(128, {toy}) * 2 - 1
    loss = (ffn(x) - x * x.roll(1, -1)).square().mean()   # 이웃한 두 수의 곱
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("손실:", loss.item())

big = nn.Sequential(nn.Linear({d_model}, {d_ff}), nn.{activation}(), nn.Linear({d_ff}, {d_model}))
print("파라미터:", sum(p.numel() for p in big.parameters()))
"""
MODULES = {"relu": "ReLU", "gelu": "GELU", "none": "Identity"}


def demo(*, d_model: int = 512, expansion: int = 4, activation: str = "relu", seed: int = 0) -> Demo:
    """Learn a curved function with and without widening and activation; which neurons light up for which token."""
    curves = {f"{expansion}배, {activation}": (expansion, activation, BLUE), "1배, relu": (1, "relu", GOLD),
              f"{expansion}배, 활성화 없음": (expansion, "none", RED)}
    trained = {name: (*learn_products(wide, kind, seed), color) for name, (wide, kind, color) in curves.items()}
    layer, losses, _ = next(iter(trained.values()))
    figure = make_subplots(rows=1, cols=2, column_widths=[0.5, 0.5],
                           subplot_titles=("손실", "토큰 8개가 켠 가운데 층"), horizontal_spacing=0.12)
    for name, (_, curve, color) in trained.items():
        figure.add_scatter(x=list(range(5, STEPS + 1, 5)), y=[round(v, 5) for v in curve], name=name, line_color=color,
                           row=1, col=1)
    with torch.no_grad():
        hidden = layer.hidden(torch.rand(8, TOY, generator=torch.Generator().manual_seed(seed)) * 2 - 1)  # (8, d_ff)
    figure.add_trace(pixels(hidden, colorscale="RdBu", middle=0), row=1, col=2)
    figure.update_xaxes(title_text="학습 횟수", row=1, col=1)
    figure.update_yaxes(title_text="손실(MSE)", row=1, col=1)
    titled(figure, f"{TOY}차원을 {TOY * expansion}차원으로 넓혔다가 좁히기", "가운데 층의 뉴런", "토큰")

    d_ff = d_model * expansion
    mine, attention = parameters(d_model, d_ff), attention_parameters(d_model)
    detail = go.Figure(go.Bar(x=["어텐션", "피드포워드"], y=[attention, mine], marker_color=[GREY, BLUE],
                              text=[written(attention), written(mine)]))
    titled(detail, f"블록 하나의 파라미터(d_model={d_model}, d_ff={d_ff})", "부분 층", "개수")
    flat = trained[f"{expansion}배, 활성화 없음"][1][-1]
    share = mine / (mine + attention)
    lit = (hidden > 0).float().mean().item()
    return Demo(
        figure=figure,
        numbers={"d_ff": d_ff, "피드포워드 파라미터": mine, "어텐션 파라미터": attention,
                 "피드포워드의 몫": round(share, 3), "마지막 손실": round(losses[-1], 4),
                 "활성화 없을 때": round(flat, 4),
                 "켜진 칸의 비율": round(lit, 3)},
        text=f"이웃한 두 수를 곱하는 함수를 배웠더니 손실이 {losses[-1]:.4f}이고, 활성화 함수를 빼면 {flat:.4f}입니다. "
             f"d_model이 {d_model}이면 블록의 파라미터 가운데 {share:.0%}가 피드포워드에 있습니다.",
        code=CODE.format(seed=seed, toy=TOY, wide=TOY * expansion, activation=MODULES[activation], steps=STEPS,
                         d_model=d_model, d_ff=d_ff),
        detail=detail,
    )


WORDS = {"d_model": ("d_model", "dmodel", "모델 차원", "입력 차원", "차원"),
         "d_ff": ("d_ff", "dff", "은닉 차원", "가운데 차원", "은닉"), "expansion": ("확장 배수", "배수", "확장")}


def _parse(question: str) -> Mapping[str, Any] | None:
    named = has(question, ("피드포워드", "피드 포워드", "feedforward", "feed-forward", "ffn"))
    if not named or not has(question, ("파라미터", "매개변수", "parameter")):
        return None
    if has(question, ("블록", "인코더", "디코더")):
        return None  # 블록 전체를 묻는 것이다
    found = {name: int(value) for name, value in named_numbers(question, WORDS).items() if value >= 1}
    if "d_model" in found and "d_ff" not in found and "expansion" in found:
        found["d_ff"] = found["d_model"] * found["expansion"]
    if not {"d_model", "d_ff"} <= found.keys():
        return None
    return {"d_model": found["d_model"], "d_ff": found["d_ff"], "bias": not without_bias(question)}


def _run(d_model: int, d_ff: int, bias: bool) -> Computed:
    total = written(parameters(d_model, d_ff, bias))
    plus = f" + 편향 {d_ff} + {d_model}" if bias else ""
    return Computed(total, f"넓히는 층과 좁히는 층: 2 × {d_model} × {d_ff}{plus} = {total}개",
                    "$2 d_{model} d_{ff} + d_{ff} + d_{model}$" if bias else "$2 d_{model} d_{ff}$")


CONCEPT = Concept(
    slug="feed_forward",
    title="피드포워드 층",
    aliases=("feed-forward layer", "feed forward", "feedforward", "피드포워드", "피드 포워드", "FFN",
             "feed-forward network", "position-wise feed-forward", "포지션 와이즈", "역병목", "inverted bottleneck"),
    summary="어텐션 다음에 토큰마다 따로 차원을 넓혔다가 좁혀 특징을 만든다.",
    demo=demo,
    controls=(
        Control("d_model", "차원 d_model", 512, 8, 4096, 1, words=WORDS["d_model"]),
        Control("expansion", "넓히는 배수", 4, 1, 8, 1, words=WORDS["expansion"]),
        Control("activation", "활성화 함수", "relu", choices=tuple(ACTIVATIONS)),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("ffn_parameters", _parse, _run, "피드포워드 층 파라미터 수 d_model d_ff"),),
)
