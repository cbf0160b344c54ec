"""멀티 헤드 어텐션(multi-head attention): 벡터를 나누어 조각마다 따로 어텐션을 하고 이어 붙인다.

$$ \\mathrm{head}_i = \\mathrm{Attention}(QW_i^Q, KW_i^K, VW_i^V), \\qquad
\\mathrm{MHA} = [\\mathrm{head}_1; \\dots; \\mathrm{head}_h]\\,W^O $$

출처: Vaswani et al. (2017), "Attention Is All You Need".
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.attention.attention import attention_weights
from models.attention.heatmap import attention_map
from models.attention.positional_encoding import sinusoidal
from models.attention.self_attention import words
from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import BLUE, GREY, titled
from models.learning.dropout import Dropout
from models.learning.linear_layer import Linear, without_bias
from models.reading import has, named_numbers, written

SENTENCE = "나는 어제 시장에서 산 사과를 먹었다"
VOCABULARY, STEPS, WIDEST = 12, 120, 96


class MultiHeadAttention(nn.Module):
    """The same as ``torch.nn.MultiheadAttention`` with ``batch_first=True``; its state dict fits both.

    Args:
        embed_dim: length C of a token's vector. num_heads: heads; must divide ``embed_dim``.
        dropout: the rate at which attention weights are dropped. bias: whether the projections add one.

    Raises:
        ValueError: ``num_heads`` does not divide ``embed_dim``.
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True) -> None:
        super().__init__()
        if embed_dim % num_heads:
            raise ValueError(f"embed_dim={embed_dim} does not split into num_heads={num_heads}")
        self.num_heads = num_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * embed_dim, embed_dim))  # W_Q, W_K, W_V를 쌓은 것
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * embed_dim)) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias)  # W_O
        self.dropout = Dropout(dropout)
        nn.init.xavier_uniform_(self.in_proj_weight)
        if self.out_proj.bias is not None:
            nn.init.zeros_(self.out_proj.bias)

    def project(self, x: Tensor, which: int) -> Tensor:
        """x times W_Q (0), W_K (1) or W_V (2), cut into heads: (B, T, C) -> (B, nh, T, hs)."""
        y = x @ self.in_proj_weight.chunk(3)[which].T  # (B, T, C)
        if self.in_proj_bias is not None:
            y = y + self.in_proj_bias.chunk(3)[which]
        return y.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (B, T, nh, hs) -> (B, nh, T, hs)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None,
                kept: list[Tensor] | None = None) -> Tensor:
        """Let every query look at every key, in each head by itself.

        Args:
            query: (B, Tq, C). key, value: (B, Tk, C).
            mask: bool, broadcastable to (B, nh, Tq, Tk); False hides a key from a query.
            kept: a list that receives the weights, (B, nh, Tq, Tk).

        Returns:
            (B, Tq, C).
        """
        weights = attention_weights(self.project(query, 0), self.project(key, 1), mask)  # (B, nh, Tq, Tk)
        if kept is not None:
            kept.append(weights)
        heads = self.dropout(weights) @ self.project(value, 2)  # (B, nh, Tq, hs)
        return self.out_proj(heads.transpose(1, 2).flatten(2))  # (B, Tq, nh, hs) -> (B, Tq, C)


def parameters(embed_dim: int, bias: bool = True) -> int:
    """What the layer learns: W_Q, W_K, W_V and W_O with their biases, 4 (C^2 + C), however many heads."""
    return 4 * (embed_dim**2 + (embed_dim if bias else 0))


@lru_cache(maxsize=32)
def learn_neighbours(length: int, embed_dim: int, num_heads: int,
                     seed: int) -> tuple[Callable[[Tensor], Tensor], float]:
    """Train one layer to name the token before and the token after each position (the ends meet).

    Returns a function that gives the weights (nh, T, T) on a sentence's ids (T,), and the share of positions of 64
    new sentences where both names were right.
    """
    torch.manual_seed(seed)
    embedding, layer = nn.Embedding(VOCABULARY, embed_dim), MultiHeadAttention(embed_dim, num_heads)
    names = Linear(embed_dim, 2 * VOCABULARY)
    place = sinusoidal(length, embed_dim)
    optimizer = torch.optim.Adam([*embedding.parameters(), *layer.parameters(), *names.parameters()],
                                 lr=0.02 * min(1, 48 / embed_dim))

    def read(x: Tensor, kept: list[Tensor] | None = None) -> Tensor:
        z = embedding(x) + place  # (B, T, C)
        return names(layer(z, z, z, kept=kept)).unflatten(-1, (2, VOCABULARY))  # (B, T, 2, V)

    def around(x: Tensor) -> Tensor:
        return torch.stack([x.roll(1, 1), x.roll(-1, 1)], -1)  # 앞 토큰, 뒤 토큰: (B, T, 2)

    for _ in range(STEPS):
        x = torch.randint(VOCABULARY, (32, length))
        loss = nn.functional.cross_entropy(read(x).flatten(0, 2), around(x).flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        x = torch.randint(VOCABULARY, (64, length))
        right = (read(x).argmax(-1) == around(x)).all(-1).float().mean().item()

    def look(ids: Tensor) -> Tensor:
        kept: list[Tensor] = []
        with torch.no_grad():
            read(ids[None], kept)
        return kept[0][0]

    return look, right


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
layer = nn.MultiheadAttention({d_model}, {heads}, batch_first=True)
x = torch.randn(1, {length}, {d_model})
out, weights = layer(x, x, x, average_attn_weights=False)
print("출력:", out.shape)
print("헤드마다의 가중치:", weights.shape)      # (배치, 헤드, 토큰, 토큰)
print("헤드 하나의 차원:", {d_model} // {heads})
print("파라미터:", sum(p.numel() for p in layer.parameters()))
"""


def demo(*, sentence: str = SENTENCE, d_model: int = 48, heads: int = 4, seed: int = 0) -> Demo:
    """Heads side by side after training on a task that asks for two looks at once; below it, one head against many."""
    if d_model % heads:
        raise ConceptError(f"d_model={d_model}, 헤드 수 {heads}: 차원은 헤드 수의 배수여야 합니다.")
    tokens = words(sentence, 10)
    ids = torch.tensor([zlib.crc32(token.encode()) % VOCABULARY for token in tokens])
    width = d_model if d_model <= WIDEST else WIDEST // heads * heads  # 큰 차원은 줄여서 학습한다
    look, right = learn_neighbours(len(ids), width, heads, seed)
    alone = learn_neighbours(len(ids), width, 1, seed)[1]
    weights = look(ids)  # (nh, T, T)

    shown = min(heads, 4)
    figure = make_subplots(rows=1, cols=shown, subplot_titles=[f"헤드 {i + 1}" for i in range(shown)])
    for head in range(shown):
        attention_map(figure, weights[head].tolist(), tokens, tokens, row=1, col=head + 1)
    for column in range(2, shown + 1):
        figure.update_yaxes(showticklabels=False, title_text=" ", row=1, col=column)
    titled(figure, f"앞뒤 낱말을 함께 맞히는 과제: 헤드 {heads}개 가운데 {shown}개", "보이는 낱말", "보는 낱말")
    detail = titled(go.Figure(go.Bar(x=["헤드 1개", f"헤드 {heads}개"], y=[alone, right], marker_color=[GREY, BLUE])),
                    "앞뒤 낱말을 둘 다 맞힌 비율", "헤드 수", "정확도")
    before = weights.roll(1, 1).diagonal(dim1=1, dim2=2).mean(1)  # 앞 토큰에 둔 가중치: (nh,)
    after = weights.roll(-1, 1).diagonal(dim1=1, dim2=2).mean(1)
    first, second = int(before.argmax()), int(after.argmax())
    small = "" if width == d_model else f" 학습은 차원을 {width}차원으로 줄여서 했습니다."
    return Demo(
        figure=figure,
        numbers={"헤드 하나의 차원": d_model // heads, "파라미터 수": parameters(d_model), "정확도": round(right, 3),
                 "헤드 1개의 정확도": round(alone, 3), "앞을 가장 많이 보는 헤드": first + 1,
                 "뒤를 가장 많이 보는 헤드": second + 1},
        text=f"{d_model}차원을 헤드 {heads}개로 나누어 하나가 {d_model // heads}차원을 씁니다. "
             f"앞뒤 낱말을 둘 다 맞힌 비율은 헤드 {heads}개일 때 {right:.0%}, 하나일 때 {alone:.0%}입니다. "
             f"앞은 {first + 1}번 헤드가 "
             f"{before[first]:.0%}, 뒤는 {second + 1}번 헤드가 {after[second]:.0%}의 무게로 봅니다.{small}",
        code=CODE.format(seed=seed, d_model=d_model, heads=heads, length=len(tokens)),
        detail=detail,
    )


ONE_HEAD = ("헤드 하나", "헤드당", "헤드마다", "head_dim", "헤드 차원", "d_k", "각 헤드", "한 헤드")
NAMES = ("멀티 헤드", "멀티해드", "multihead", "multi-head", "다중 헤드", "mha")
SIZES = {"d_model": ("d_model", "embed_dim", "모델 차원", "임베딩 차원", "차원"),
         "heads": ("num_heads", "nhead", "헤드 수", "헤드", "heads", "head")}


def _sizes(question: str) -> dict[str, int]:
    call = re.search(r"multihead_?attention\(\s*(\d+)\s*,\s*(\d+)", question, re.IGNORECASE)
    if call:
        return {"d_model": int(call[1]), "heads": int(call[2])}
    return {name: int(value) for name, value in named_numbers(question, SIZES).items() if value >= 1}


def _parse_parameters(question: str) -> Mapping[str, Any] | None:
    found = _sizes(question)
    if not has(question, NAMES, ("파라미터", "매개변수", "parameter", "가중치 수")) or "d_model" not in found:
        return None
    return {"d_model": found["d_model"], "bias": not without_bias(question)}


def _run_parameters(d_model: int, bias: bool) -> Computed:
    plus, total = f" + {d_model}" if bias else "", written(parameters(d_model, bias))
    return Computed(total, f"질의, 키, 값, 출력의 네 행렬: 4 × ({d_model}×{d_model}{plus}) = {total}개. "
                           "헤드 수와는 상관없습니다.", "$4(d_{model}^2 + d_{model})$" if bias else "$4 d_{model}^2$")


def _parse_head(question: str) -> Mapping[str, Any] | None:
    found = _sizes(question)
    asked = has(question, ONE_HEAD)
    return found if asked and len(found) == 2 and not has(question, ("파라미터", "매개변수")) else None


def _run_head(d_model: int, heads: int) -> Computed:
    formula = "$d_k = d_{model} / h$"
    if d_model % heads:
        return Computed("불가능", f"{d_model} ÷ {heads} = {d_model / heads:.2f}: 나누어떨어지지 않습니다.", formula)
    return Computed(written(d_model // heads), f"{d_model} ÷ {heads} = {d_model // heads}", formula)


CONCEPT = Concept(
    slug="multi_head_attention",
    title="멀티 헤드 어텐션",
    aliases=("multi-head attention", "multi head attention", "멀티헤드 어텐션", "멀티헤드", "멀티 헤드", "멀티해드",
             "다중 헤드 어텐션", "MHA", "nn.MultiheadAttention", "어텐션 헤드"),
    summary="벡터를 여러 조각으로 나누어 조각마다 따로 어텐션을 하고 이어 붙인다.",
    demo=demo,
    controls=(
        Control("sentence", "문장", SENTENCE, max_length=120),
        Control("d_model", "차원 d_model", 48, 16, 2048, 1, words=SIZES["d_model"]),
        Control("heads", "헤드 수", 4, 1, 16, 1, words=SIZES["heads"]),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("attention_parameters", _parse_parameters, _run_parameters, "멀티 헤드 어텐션 파라미터 수"),
        Computation("head_size", _parse_head, _run_head, "헤드 하나의 차원 d_model 헤드 수"),
    ),
)
