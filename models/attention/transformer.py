"""트랜스포머(transformer): 순환 없이 어텐션과 피드포워드 블록만 쌓은 인코더와 디코더.

부분 층 $f$(어텐션, 피드포워드)마다 잔차를 더하고 레이어 정규화를 한다.

$$ \\text{post-norm: } x \\leftarrow \\mathrm{LN}(x + f(x)), \\qquad
\\text{pre-norm: } x \\leftarrow x + f(\\mathrm{LN}(x)) $$

출처: Vaswani et al. (2017), "Attention Is All You Need"; Xiong et al. (2020), "On Layer Normalization in the
Transformer Architecture".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.attention.feed_forward import parameters as feed_forward_parameters
from models.attention.heatmap import attention_map
from models.attention.multi_head_attention import parameters as attention_parameters
from models.attention.positional_encoding import PositionalEncoding
from models.attention.transformer_block import Decoder, Encoder, EncoderLayer
from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import BLUE, RED, titled
from models.learning.dropout import Dropout
from models.learning.linear_layer import Linear
from models.reading import has, named_numbers, written

KOREAN = ("영", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구")
ENGLISH = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
START, END = len(ENGLISH), len(ENGLISH) + 1
NORMS = {"pre-norm": True, "post-norm": False}


class Transformer(nn.Module):
    """The whole translator: embeddings and positions, encoder, decoder, scores of the next token.

    Args:
        source_size, target_size: words of the two vocabularies. layers: of encoder and decoder each.
        d_model, num_heads, d_ff, dropout, norm_first: see ``EncoderLayer``.
    """

    def __init__(self, source_size: int, target_size: int, layers: int = 6, d_model: int = 512, num_heads: int = 8,
                 d_ff: int = 2048, dropout: float = 0.1, norm_first: bool = False) -> None:
        super().__init__()
        self.scale = math.sqrt(d_model)
        self.source, self.target = nn.Embedding(source_size, d_model), nn.Embedding(target_size, d_model)
        nn.init.normal_(self.source.weight, std=d_model**-0.5)  # √d를 곱하고 나면 위치 값과 크기가 맞는다
        nn.init.normal_(self.target.weight, std=d_model**-0.5)
        self.position, self.dropout = PositionalEncoding(d_model), Dropout(dropout)
        self.encoder = Encoder(layers, d_model, num_heads, d_ff, dropout, norm_first=norm_first)
        self.decoder = Decoder(layers, d_model, num_heads, d_ff, dropout, norm_first=norm_first)
        self.scores = Linear(d_model, target_size)

    def encode(self, source: Tensor) -> Tensor:
        """``source``: (B, S) ids -> (B, S, C)."""
        return self.encoder(self.dropout(self.position(self.source(source) * self.scale)))

    def decode(self, target: Tensor, memory: Tensor, kept: list[Tensor] | None = None) -> Tensor:
        """``target``: (B, T) ids so far, ``memory``: (B, S, C) -> scores of the next token, (B, T, target_size)."""
        x = self.dropout(self.position(self.target(target) * self.scale))
        return self.scores(self.decoder(x, memory, kept=kept))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """``source``: (B, S), ``target``: (B, T) ids -> (B, T, target_size)."""
        return self.decode(target, self.encode(source))

    @torch.no_grad()
    def translate(self, source: Tensor, start: int, end: int, most: int,
                  kept: list[Tensor] | None = None) -> list[int]:
        """Write one token at a time until ``end`` or ``most`` tokens; ``kept`` receives the last pass's attention.

        ``source``: (1, S) ids. Returns the ids written, ``end`` included.
        """
        memory, written = self.encode(source), [start]
        while len(written) <= most and (written[-1] != end or len(written) == 1):
            if kept is not None:
                kept.clear()
            scores = self.decode(torch.tensor([written], device=source.device), memory, kept)
            written.append(int(scores[0, -1].argmax()))  # 방금 쓴 것이 다음 입력이 된다
        return written[1:]


@lru_cache(maxsize=16)
def learn_translation(length: int, layers: int, norm: str, seed: int) -> tuple[Transformer, list[float]]:
    """Train a small transformer to write ``length`` Korean digits in English, last digit first; with its losses."""
    torch.manual_seed(seed)
    model = Transformer(len(KOREAN), len(ENGLISH) + 2, layers, d_model=32, num_heads=2, d_ff=64, dropout=0.0,
                        norm_first=NORMS[norm])
    optimizer = torch.optim.Adam(model.parameters())
    losses, steps = [], 100 if layers == 1 else 80  # 깊은 쪽이 더 빨리 배운다
    for step in range(steps):
        for group in optimizer.param_groups:  # 워밍업한 다음 줄인다
            group["lr"] = 1e-2 * min(1, (step + 1) / 15) * max(0.1, 1 - step / steps)
        source = torch.randint(len(KOREAN), (32, length))
        written_so_far = torch.cat([torch.full((32, 1), START), source.flip(1)], 1)  # (B, T+1), 한 칸 민 정답
        wanted = torch.cat([source.flip(1), torch.full((32, 1), END)], 1)
        loss = nn.functional.cross_entropy(model(source, written_so_far).flatten(0, 1), wanted.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return model.eval(), losses


def gradient_by_layer(norm: str, depth: int, seed: int) -> list[float]:
    """The norm of the gradient of each feed-forward layer (its second matrix) of an untrained, deep encoder."""
    torch.manual_seed(seed)
    encoder = Encoder(depth, 32, 2, 64, 0.0, norm_first=NORMS[norm])
    for weights in (p for p in encoder.parameters() if p.dim() == 2):
        nn.init.xavier_uniform_(weights)  # 논문의 초기화
    out = Linear(32, 10)
    loss = nn.functional.cross_entropy(out(encoder(torch.randn(16, 6, 32))).flatten(0, 1), torch.randint(10, (96,)))
    loss.backward()
    learned = [cast(EncoderLayer, layer).ffn.linear2.weight for layer in encoder.layers]
    return [cast(Tensor, weight.grad).norm().item() for weight in learned]


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
n, start, end = {length}, 10, 11
ko, en = nn.Embedding(10, 32), nn.Embedding(12, 32)
place = nn.Parameter(torch.randn(n + 1, 32))                         # 학습되는 위치
model = nn.Transformer(32, 2, {layers}, {layers}, 64, dropout=0.0, batch_first=True, norm_first={first})
scores = nn.Linear(32, 12)
parts = (ko, en, model, scores)
optimizer = torch.optim.Adam([place, *(p for part in parts for p in part.parameters())], lr=3e-3)
mask = nn.Transformer.generate_square_subsequent_mask(n + 1)         # 미래를 가린다
for step in range(150):
    source = torch.randint(10, (32, n))
    target = torch.cat([torch.full((32, 1), start), source.flip(1), torch.full((32, 1), end)], 1)
    out = model(ko(source) + place[:n], en(target[:, :-1]) + place, tgt_mask=mask)
    loss = nn.functional.cross_entropy(scores(out).flatten(0, 1), target[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("손실:", loss.item())
"""


def demo(*, sentence: str = "삼 일 사 일 오", layers: int = 1, norm: str = "pre-norm", seed: int = 0) -> Demo:
    """Train on a toy translation, translate the reader's digits, and compare the two places of the norm in depth."""
    tokens = sentence.split()
    unknown = [token for token in tokens if token not in KOREAN]
    if unknown or not 1 <= len(tokens) <= 6:
        raise ConceptError(f"문장={sentence!r}: {' '.join(KOREAN)} 가운데 낱말 1개 이상 6개 이하를 띄어 써야 합니다.")
    model, losses = learn_translation(len(tokens), layers, norm, seed)
    source = torch.tensor([[KOREAN.index(token) for token in tokens]])
    kept: list[Tensor] = []
    ids = model.translate(source, START, END, len(tokens) + 1, kept)
    wrote = [(*ENGLISH, "시작", "끝")[i] for i in ids]
    looked = kept[-1][0].mean(0)  # 마지막 층, 헤드 평균: (nh, T, S) -> (T, S)

    figure = make_subplots(rows=1, cols=2, subplot_titles=("디코더가 본 원문(교차 어텐션)", "손실"),
                           horizontal_spacing=0.14)
    attention_map(figure, looked.tolist(), wrote, tokens, row=1, col=1)
    figure.add_scatter(x=list(range(1, len(losses) + 1)), y=[round(v, 4) for v in losses], line_color=BLUE,
                       showlegend=False, row=1, col=2)
    figure.update_xaxes(title_text="원문", row=1, col=1)
    figure.update_yaxes(title_text="쓴 낱말", row=1, col=1)
    english = " ".join(word for word in wrote if word != "끝")
    titled(figure, f"{sentence} → {english} ({norm}, {layers}층)", "학습 횟수", "교차 엔트로피")

    depth, detail, last = 12, go.Figure(), {}
    for name, color in (("post-norm", RED), ("pre-norm", BLUE)):
        slopes = gradient_by_layer(name, depth, seed)
        last[name] = slopes[-1]
        detail.add_scatter(x=list(range(1, depth + 1)), y=slopes, name=name, line_color=color)
    titled(detail, f"학습하기 전 {depth}층 인코더의 층별 기울기 크기", "층", "피드포워드 층 기울기의 크기")
    right = ids == [*source[0].flip(0).tolist(), END]
    return Demo(
        figure=figure,
        numbers={"번역": english, "맞았는가": "예" if right else "아니요", "마지막 손실": round(losses[-1], 4),
                 "파라미터 수": sum(p.numel() for p in model.parameters()),
                 "post-norm 마지막 층 기울기": round(last["post-norm"], 4),
                 "pre-norm 마지막 층 기울기": round(last["pre-norm"], 4)},
        text=f"{len(losses)}번 학습한 {layers}층 트랜스포머의 손실은 {losses[-1]:.3f}이고 "
             f"번역은 {'맞았습니다' if right else '틀렸습니다'}. {depth}층으로 쌓으면 "
             f"출력에 가장 가까운 층의 기울기가 post-norm에서 pre-norm의 "
             f"{last['post-norm'] / last['pre-norm']:.1f}배라, 처음부터 큰 학습률을 쓰기 어렵습니다.",
        code=CODE.format(seed=seed, length=len(tokens), layers=layers, first=NORMS[norm]),
        detail=detail,
    )


def _parse(question: str) -> Mapping[str, Any] | None:
    if not has(question, ("인코더 블록", "인코더 층", "인코더층", "encoder layer", "encoderlayer"),
               ("파라미터", "매개변수", "parameter")):
        return None
    found = named_numbers(question, {"d_model": ("d_model", "모델 차원", "차원"), "d_ff": ("d_ff", "dim_feedforward")})
    return {k: int(v) for k, v in found.items()} if len(found) == 2 and min(found.values()) >= 1 else None


def _run(d_model: int, d_ff: int) -> Computed:
    parts = (attention_parameters(d_model), feed_forward_parameters(d_model, d_ff), 4 * d_model)
    total = written(sum(parts))
    counts = "어텐션 {} + 피드포워드 {} + 레이어 정규화 둘 {}".format(*map(written, parts))
    return Computed(total, f"{counts} = {total}개",
                    "$4(d^2 + d) + (2 d\\,d_{ff} + d_{ff} + d) + 4d$")


CONCEPT = Concept(
    slug="transformer",
    title="트랜스포머",
    aliases=("transformer", "트랜스포머 모델", "트렌스포머", "트랜스포머 인코더", "트랜스포머 디코더",
             "트랜스포머 블록", "nn.Transformer", "Attention Is All You Need", "pre-norm", "post-norm",
             "프리놈", "포스트놈", "크로스 어텐션", "교차 어텐션", "cross-attention"),
    summary="순환 없이 어텐션과 피드포워드 블록만 쌓아 문장을 처리하는 모델.",
    demo=demo,
    controls=(
        Control("sentence", "우리말 숫자(띄어 쓰기)", "삼 일 사 일 오", max_length=40,
                pattern=r"(?<![가-힣])((?:[영일이삼사오육칠팔구]\s){2,5}[영일이삼사오육칠팔구])(?![가-힣])"),
        Control("layers", "인코더와 디코더의 층 수", 1, 1, 3, 1, words=("층 수", "num_layers")),
        Control("norm", "정규화 위치", "pre-norm", choices=tuple(NORMS)),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("encoder_layer_parameters", _parse, _run, "인코더 블록 하나 파라미터 d_model d_ff"),),
)
