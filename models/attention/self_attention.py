"""셀프 어텐션(self-attention): 한 문장의 토큰들이 서로를 보고 저마다의 벡터를 고쳐 쓴다.

$$ Q = XW_Q, \\quad K = XW_K, \\quad V = XW_V, \\qquad
Z = \\mathrm{softmax}\\!\\left(\\frac{QK^\\top}{\\sqrt{d_k}}\\right)V\\,W_O $$

데모는 실행 중인 인코더의 어텐션을 받으면 그것을, 아니면 글자 조각으로 만든 낱말 벡터 위의 작은 층을 그린다.

출처: Vaswani et al. (2017), "Attention Is All You Need".
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.attention.attention import attention_weights
from models.attention.heatmap import attention_map
from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREY, titled
from models.learning.linear_layer import Linear
from models.reading import COUNT_WORDS, has, named_numbers, written

SENTENCE = "고양이가 생선을 먹고 나서 고양이는 낮잠을 잤다"
MOST_WORDS = 16


class SelfAttention(nn.Module):
    """One head: queries, keys and values from the same tokens.

    Args:
        d_model: length C of a token's vector. d_k: length of queries, keys and values, ``d_model`` where None.
    """

    def __init__(self, d_model: int, d_k: int | None = None) -> None:
        super().__init__()
        width = d_k or d_model
        self.query, self.key, self.value = (Linear(d_model, width, bias=False) for _ in range(3))  # W_Q, W_K, W_V
        self.out = Linear(width, d_model, bias=False)  # W_O

    def forward(self, x: Tensor, mask: Tensor | None = None, kept: list[Tensor] | None = None) -> Tensor:
        """``x``: (..., T, C); ``mask``: bool, (T, T); ``kept`` receives the weights, (..., T, T) -> (..., T, C)."""
        weights = attention_weights(self.query(x), self.key(x), mask)  # (..., T, T)
        if kept is not None:
            kept.append(weights)
        return self.out(weights @ self.value(x))


def words(sentence: str, most: int = MOST_WORDS) -> list[str]:
    """The words of a sentence, the letters of a single word; at most ``most``, the rest is left out."""
    parts = sentence.split()
    return (parts if len(parts) > 1 else list(parts[0]))[:most]


def embed(tokens: list[str], width: int = 64) -> Tensor:
    """Vectors from the letters of each word, with nothing learned: words that share letters are alike.

    Each letter and pair of letters has a direction of its own (a random vector seeded by its CRC-32), and a word is
    the sum of its pieces, scaled to length sqrt(3 sqrt(width)), so that a word scores 3 with itself.

    Returns:
        (T, ``width``).
    """
    vectors = []
    for token in tokens:
        pieces = [*token, *(token[i:i + 2] for i in range(len(token) - 1))]
        seeds = [zlib.crc32(piece.encode()) for piece in pieces]
        directions = [torch.randn(width, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        vectors.append(nn.functional.normalize(torch.stack(directions).sum(0), dim=0))
    return torch.stack(vectors) * (3 * width**0.5) ** 0.5


CODE = """\
import zlib
import torch

words = {words!r}

def vector(word, width=64):
    pieces = [*word, *(word[i:i + 2] for i in range(len(word) - 1))]
    seeds = [torch.Generator().manual_seed(zlib.crc32(piece.encode())) for piece in pieces]
    v = sum(torch.randn(width, generator=seed) for seed in seeds)
    return v / v.norm() * (3 * width**0.5) ** 0.5

x = torch.stack([vector(word) for word in words])     # (낱말, 64)
weights = (x @ x.T / 64**0.5).softmax(-1)             # W_Q = W_K = W_V = I
print((100 * weights).round())                        # 행: 보는 낱말, 열: 보이는 낱말 (%)
print((weights @ x).shape)                            # 입력과 같은 크기
"""


def _own(tokens: list[str], random: bool, seed: int) -> Tensor:
    """The weights (T, T) of our own small layer on the reader's words."""
    torch.manual_seed(seed)
    layer, x = SelfAttention(64), embed(tokens)
    kept: list[Tensor] = []
    with torch.no_grad():
        for part in (layer.query, layer.key, layer.value, layer.out):
            part.weight.copy_(torch.randn(64, 64) / 8 if random else torch.eye(64))
        layer(x, kept=kept)
    return kept[0]


def demo(*, sentence: str = SENTENCE, word: int = 1, random: bool = False, seed: int = 0,
         live: Mapping[str, Any] | None = None) -> Demo:
    """Who looks at whom in a sentence, and what one word is mixed from.

    ``live``: tokens and weights [layer][head][query][key] of the running encoder; drawn (last layer, mean of the
    heads) as long as the reader has typed no sentence of their own.
    """
    if live is not None and sentence == SENTENCE:
        tokens = list(live["tokens"])[:2 * MOST_WORDS]
        weights = torch.tensor(live["weights"][-1]).mean(0)[:len(tokens), :len(tokens)]  # (nh, T, T) -> (T, T)
        source = "실행 중인 인코더의 마지막 층(헤드 평균)"
    else:
        tokens = words(sentence)
        weights = _own(tokens, random, seed)
        source = "무작위 가중치를 쓴 층" if random else "글자가 겹치는 만큼 보는 층(W = I)"
    n, chosen = len(tokens), min(word, len(tokens)) - 1

    figure = go.Figure()
    attention_map(figure, weights.tolist(), tokens, tokens)
    titled(figure, f"누가 누구를 보는가: {source}", "보이는 낱말", "보는 낱말", height=480)
    row = weights[chosen].tolist()
    detail = go.Figure(go.Bar(x=list(range(n)), y=row, marker_color=[BLUE if i == chosen else GREY for i in range(n)]))
    detail.update_xaxes(tickvals=list(range(n)), ticktext=tokens)
    titled(detail, f"'{tokens[chosen]}'의 새 벡터는 이만큼씩 섞은 것이다", "낱말", "가중치")

    others = [(value, tokens[i]) for i, value in enumerate(row) if i != chosen]
    most, seen = max(others, default=(row[chosen], tokens[chosen]))
    cut = "" if live is not None or n == len(words(sentence, 10_000)) else f" 앞의 {n}개만 그렸습니다."
    return Demo(
        figure=figure,
        numbers={"낱말 수 n": n, "점수표의 칸 수 n²": n * n, "고른 낱말": tokens[chosen],
                 "자신에게 둔 가중치": round(row[chosen], 3),
                 "가장 많이 본 다른 낱말": seen, "그 가중치": round(most, 3)},
        text=f"낱말 '{tokens[chosen]}'의 새 벡터에는 자신이 {row[chosen]:.0%}, 다른 낱말 가운데 "
             f"가장 많이 본 '{seen}' 쪽이 {most:.0%} 섞였습니다. 낱말이 {n}개라 점수표는 {n * n}칸입니다.{cut}",
        code=CODE.format(words=tokens),
        detail=detail,
    )


def _parse(question: str) -> Mapping[str, Any] | None:
    asked = has(question, ("셀프 어텐션", "self-attention", "self attention", "자기 어텐션"), ("칸", "점수표", "쌍"))
    found = named_numbers(question, {"n": ("토큰", "낱말", "단어", "시퀀스 길이", "문장 길이", "길이")})
    if not asked or not has(question, COUNT_WORDS) or "n" not in found or re.search(r"배로|배면", question):
        return None
    return {"n": int(found["n"])} if found["n"] == int(found["n"]) and found["n"] >= 1 else None


def _run(n: int) -> Computed:
    return Computed(written(n * n), f"토큰 {n}개가 저마다 {n}개를 보므로 {n} × {n} = {written(n * n)}칸입니다"
                                    "(층 하나, 헤드 하나 기준).", "$n \\times n$")


CONCEPT = Concept(
    slug="self_attention",
    title="셀프 어텐션",
    aliases=("self-attention", "self attention", "셀프어텐션", "자기 어텐션", "자기 주의", "intra-attention",
             "문맥화", "contextualize", "self-atention", "셀프 어탠션"),
    summary="한 문장의 토큰들이 서로를 보고 저마다의 벡터를 문맥에 맞게 고쳐 쓴다.",
    demo=demo,
    controls=(
        Control("sentence", "문장", SENTENCE, max_length=120),
        Control("word", "자세히 볼 낱말(번째)", 1, 1, 2 * MOST_WORDS, 1, words=("번째 낱말", "번째 단어")),
        Control("random", "무작위 가중치", False),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("attention_table", _parse, _run, "셀프 어텐션 점수표 토큰 수 제곱"),),
    live="attention",
)
