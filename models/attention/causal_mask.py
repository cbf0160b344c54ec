"""코잘 마스크(causal mask): 뒤에 올 토큰을 보지 못하도록 점수표의 위쪽 삼각형을 가린다.

$$ \\mathrm{softmax}\\!\\left(\\frac{QK^\\top}{\\sqrt{d_k}} + M\\right)V, \\qquad
M_{ij} = 0 \\;(j \\le i), \\quad -\\infty \\;(j > i) $$

출처: Vaswani et al. (2017), "Attention Is All You Need".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.attention.heatmap import attention_map
from models.attention.positional_encoding import sinusoidal
from models.attention.self_attention import SelfAttention, embed, words
from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, RED, titled
from models.reading import COUNT_WORDS, has, named_numbers, written

SENTENCE = "나는 오늘 학교에서 친구를 만났다"


def causal_mask(length: int, device: torch.device | None = None) -> Tensor:
    """What each position may see: bool (T, T), True on the diagonal and below it."""
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()  # j <= i


def visible(length: int) -> int:
    """How many cells of the table stay visible: 1 + 2 + ... + T."""
    return length * (length + 1) // 2


CODE = """\
import torch
from torch.nn import functional as F

torch.manual_seed({seed})
q, k, v = torch.randn(3, 1, {length}, 16)                 # (배치, 토큰, 차원) 셋
hidden = torch.triu(torch.ones({length}, {length}), diagonal=1).bool()
weights = (q @ k.transpose(-2, -1) / 16**0.5).masked_fill(hidden, float("-inf")).softmax(-1)
ours = weights @ v
torch_s = F.scaled_dot_product_attention(q, k, v, is_causal=True)
print(weights.round(decimals=2))
print("is_causal=True와 같은가:", torch.allclose(ours, torch_s, atol=1e-6))
"""


def demo(*, sentence: str = SENTENCE, masked: bool = True, seed: int = 0) -> Demo:
    """What each position may see; below it, how far every output moves when only the last word changes."""
    torch.manual_seed(seed)
    tokens = words(sentence, 10)
    n = len(tokens)
    layer, place = SelfAttention(64), sinusoidal(n, 64)
    mask = causal_mask(n)

    def read(sentence: list[str], allowed: Tensor | None) -> tuple[Tensor, Tensor]:
        kept: list[Tensor] = []
        with torch.no_grad():
            return layer(embed(sentence) + place, allowed, kept), kept[0]  # (T, C), (T, T)

    other = [*tokens[:-1], tokens[-1] + "?"]
    moved = {name: (read(tokens, allowed)[0] - read(other, allowed)[0]).norm(dim=-1)  # (T,)
             for name, allowed in (("마스크 있음", mask), ("마스크 없음", None))}
    weights = read(tokens, mask if masked else None)[1]

    figure = make_subplots(rows=1, cols=2, subplot_titles=("볼 수 있는 칸(1)과 가린 칸(0)", "소프트맥스를 지난 가중치"))
    attention_map(figure, (mask if masked else torch.ones(n, n)).float().tolist(), tokens, tokens, row=1, col=1)
    attention_map(figure, weights.tolist(), tokens, tokens, row=1, col=2)
    figure.update_yaxes(showticklabels=False, title_text=" ", row=1, col=2)
    titled(figure, f"코잘 마스크를 {'씌운' if masked else '씌우지 않은'} 어텐션", "보이는 낱말", "보는 낱말")
    detail = go.Figure()
    for (name, distance), color in zip(moved.items(), (BLUE, RED), strict=True):
        detail.add_bar(x=list(range(n)), y=distance.tolist(), name=name, marker_color=color)
    detail.update_xaxes(tickvals=list(range(n)), ticktext=tokens)
    titled(detail, f"마지막 낱말을 '{other[-1]}'로 바꾸면 출력이 얼마나 달라지나", "자리", "출력이 움직인 거리")

    leaks = {name: int((distance[:-1] > 0).sum()) for name, distance in moved.items()}
    cells = visible(n) if masked else n * n
    return Demo(
        figure=figure,
        numbers={"길이 T": n, "볼 수 있는 칸": cells, "가린 칸": n * n - cells,
                 "마스크가 있을 때 미래가 샌 자리": leaks["마스크 있음"],
                 "마스크가 없을 때 미래가 샌 자리": leaks["마스크 없음"]},
        text=f"길이가 {n}이므로 {n * n}칸 가운데 {cells}칸을 볼 수 있습니다. "
             f"마지막 낱말만 바꾸었을 때 앞의 {n - 1}자리 가운데 "
             f"마스크가 있으면 {leaks['마스크 있음']}자리, 없으면 {leaks['마스크 없음']}자리의 출력이 달라졌습니다.",
        code=CODE.format(seed=seed, length=n),
        detail=detail,
    )


NAMES = ("코잘", "causal", "캐주얼 마스크", "인과 마스크", "룩어헤드", "look-ahead", "lookahead", "하삼각")


def _parse(question: str) -> Mapping[str, Any] | None:
    found = named_numbers(question, {"length": ("시퀀스 길이", "문장 길이", "길이", "토큰", "낱말", "단어", "T")})
    if not has(question, NAMES, COUNT_WORDS) or not has(question, ("칸", "쌍", "자리")) or "length" not in found:
        return None
    if re.search(r"번째|패딩|padding", question) or found["length"] < 1 or found["length"] != int(found["length"]):
        return None
    hidden = has(question, ("가려", "가린", "가리는", "막는", "막힌", "못 보", "볼 수 없", "-inf"))
    return {"length": int(found["length"]), "hidden": hidden and not has(question, ("볼 수 있", "보이는"))}


def _run(length: int, hidden: bool) -> Computed:
    seen = visible(length)
    if hidden:
        whole, left = written(length**2), written(length**2 - seen)
        steps = f"전체 {length}² = {whole}칸에서 볼 수 있는 {written(seen)}칸을 빼면 {left}칸입니다."
        return Computed(left, steps, "$T(T-1)/2$")
    steps = f"1 + 2 + … + {length} = {length} × {length + 1} / 2 = {written(seen)}칸입니다."
    return Computed(written(seen), steps, "$T(T+1)/2$")


CONCEPT = Concept(
    slug="causal_mask",
    title="코잘 마스크",
    aliases=("causal mask", "코잘마스크", "코절 마스크", "인과 마스크", "캐주얼 마스크", "룩어헤드 마스크",
             "look-ahead mask", "마스크드 어텐션", "masked attention", "masked multi-head attention",
             "masked self-attention", "causal self-attention", "is_causal"),
    summary="글을 만드는 모델이 뒤에 올 토큰을 미리 보지 못하게 점수표의 위쪽 삼각형을 가린다.",
    demo=demo,
    controls=(
        Control("sentence", "문장", SENTENCE, max_length=120),
        Control("masked", "미래 가리기", True),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("visible_cells", _parse, _run, "코잘 마스크 길이 볼 수 있는 칸"),),
)
