"""BERT: 트랜스포머 인코더만 쌓아 문장을 양쪽에서 읽는다.

토큰, 세그먼트, 위치 임베딩을 더한 뒤 인코더 층을 거친다. 사전 학습은 가린 낱말 맞히기(MLM, 15 %)와 다음 문장
맞히기(NSP)이다.

$$ h^0 = \\mathrm{LN}(E_{token} + E_{segment} + E_{position}), \\qquad h^{l+1} = \\mathrm{Layer}_l(h^l) $$

출처: Devlin et al. (2019), "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding".
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from models.attention.bert_layer import BertConfig, BertEmbeddings, BertLayer
from models.attention.heatmap import attention_map
from models.attention.masked_lm import FATES, draw_masking, mask_tokens
from models.attention.self_attention import words
from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import grid, titled
from models.reading import COUNT_WORDS, has, named_numbers, written

SENTENCE = "셀프 어텐션은 문장 안의 낱말들이 서로를 어떻게 보게 하나요?"
SHIPPED = Path(__file__).parents[1] / "pretrained" / "encoder"
SPECIAL, MOST_TOKENS = ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]"), 40


class _Encoder(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(BertLayer(config) for _ in range(config.num_hidden_layers))


class Bert(nn.Module):
    """The encoder; its state dict is that of ``transformers.BertModel`` without the pooler."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = BertEmbeddings(config)
        self.encoder = _Encoder(config)
        self.apply(self._initialize)

    @staticmethod
    def _initialize(module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)

    def forward(self, tokens: Tensor, mask: Tensor | None = None, segments: Tensor | None = None,
                kept: list[Tensor] | None = None) -> Tensor:
        """Read sentences from both sides.

        Args:
            tokens: (B, T) ids. mask: (B, T), 0 at padding. segments: (B, T), 0 or 1.
            kept: a list that receives each layer's attention, (B, nh, T, T).

        Returns:
            (B, T, C).
        """
        mask = torch.ones_like(tokens) if mask is None else mask
        segments = torch.zeros_like(tokens) if segments is None else segments
        x = self.embeddings(tokens, segments)
        for layer in self.encoder.layer:
            x = layer(x, mask[:, None, None, :].bool(), kept)
        return x

    @classmethod
    def load(cls, folder: Path) -> Bert:
        """Read ``config.json`` and ``model.safetensors`` in the Hugging Face layout, as float32.

        Raises:
            FileNotFoundError: one of the two is not there.
            RuntimeError: the weights do not fit the config.
        """
        model = cls(BertConfig.read(folder / "config.json"))
        stored = load_file(folder / "model.safetensors")
        state = {name.removeprefix("bert."): tensor.float() for name, tensor in stored.items()}
        known = {name: tensor for name, tensor in state.items() if name.startswith(("embeddings.", "encoder."))}
        known.pop("embeddings.position_ids", None)
        model.load_state_dict(known)
        return model.eval()


def mean_pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """The mean over a sentence's tokens, length 1. ``hidden``: (B, T, C); ``mask``: (B, T) -> (B, C)."""
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return F.normalize((hidden * weights).sum(1) / weights.sum(1).clamp(min=1e-9), dim=-1)


@lru_cache(maxsize=1)
def shipped() -> tuple[Tokenizer, Bert] | None:
    """The encoder that ships with the program and its tokenizer; None where its folder is not there."""
    if not all((SHIPPED / name).is_file() for name in ("tokenizer.json", "config.json", "model.safetensors")):
        return None
    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MOST_TOKENS)
    return tokenizer, Bert.load(SHIPPED)


def _read(sentence: str, seed: int) -> tuple[list[str], Tensor, Tensor, Bert]:
    """Tokens, ids (1, T), segments (1, T), and a model: the shipped encoder, else a small one with random weights."""
    first, _, second = (part.strip() for part in sentence.partition("|"))
    found = shipped()
    if found is not None:
        tokenizer, model = found
        encoded = tokenizer.encode(first or second, second if first and second else None)
        return encoded.tokens, torch.tensor([encoded.ids]), torch.tensor([encoded.type_ids]), model
    parts = [["[CLS]", *words(first or second), "[SEP]"], [*words(second), "[SEP]"] if first and second else []]
    tokens = [*parts[0], *parts[1]]
    torch.manual_seed(seed)
    model = Bert(BertConfig(vocab_size=997, hidden_size=48, num_hidden_layers=2, num_attention_heads=4,
                            intermediate_size=96)).eval()
    ids = [zlib.crc32(token.encode()) % 997 for token in tokens]
    return tokens, torch.tensor([ids]), torch.tensor([[0] * len(parts[0]) + [1] * len(parts[1])]), model


CODE = """\
import torch

torch.manual_seed({seed})
tokens = {tokens!r}
special = [token in ("[CLS]", "[SEP]") for token in tokens]
places = [i for i, s in enumerate(special) if not s]
count = max(1, round(0.15 * len(places)))                     # 15 %
for i in torch.tensor(places)[torch.randperm(len(places))[:count]].tolist():
    dice = torch.rand(()).item()
    change = "[MASK]" if dice < 0.8 else "아무 토큰" if dice < 0.9 else "그대로"
    print(i, tokens[i], "->", change)

embed, segment, position = (torch.nn.Embedding(n, 8) for n in (len(tokens), 2, 512))
n = torch.arange(len(tokens))
x = embed(n) + segment(torch.zeros_like(n)) + position(n)     # 토큰 + 세그먼트 + 위치
print(torch.nn.LayerNorm(8)(x).shape)
"""


def demo(*, sentence: str = SENTENCE, layer: int = 4, head: int = 0, seed: int = 0,
         live: Mapping[str, Any] | None = None) -> Demo:
    """Who looks at whom in the encoder, by layer and head; what goes in, and what the masked language model hides.

    ``head`` 0 is the mean of the heads. ``live``: tokens, weights [layer][head][query][key] and neighbours of the
    running encoder; drawn as long as the reader has typed no sentence of their own.
    """
    tokens, ids, segments, model = _read(sentence, seed)
    kept: list[Tensor] = []
    with torch.no_grad():
        model(ids, None, segments, kept)
        parts = torch.stack([model.embeddings.word_embeddings(ids[0]),
                             model.embeddings.token_type_embeddings(segments[0]),
                             model.embeddings.position_embeddings(torch.arange(ids.shape[1]))])  # (3, T, C)
    model_name = "실린 인코더" if shipped() else "무작위 가중치의 작은 BERT"
    weights, seen_tokens = [layer_weights[0] for layer_weights in kept], tokens  # 층마다 (nh, T, T)
    if live is not None and sentence == SENTENCE:
        seen_tokens, model_name = list(live["tokens"])[:MOST_TOKENS], "실행 중인 인코더"
        n = len(seen_tokens)
        weights = [torch.tensor(layer_weights)[:, :n, :n] for layer_weights in live["weights"]]
    depth, heads = min(layer, len(weights)), min(head, weights[0].shape[0])
    table = weights[depth - 1].mean(0) if heads == 0 else weights[depth - 1][heads - 1]  # (T, T)
    which = f"{depth}층 " + ("헤드 평균" if heads == 0 else f"{heads}번 헤드")

    figure = go.Figure()
    attention_map(figure, table.tolist(), seen_tokens, seen_tokens)
    titled(figure, f"인코더의 어텐션: {which}", "보이는 토큰", "보는 토큰", height=540)

    place = next((i for i, token in enumerate(tokens) if token not in SPECIAL), 0)
    detail = make_subplots(rows=2, cols=1, vertical_spacing=0.2, subplot_titles=(
        f"'{tokens[place]}'의 입력: 토큰 + 세그먼트 + 위치(앞의 12칸)", "MLM: 15 %를 골라 80/10/10으로 바꾸기"))
    rows = torch.cat([parts[:, place], parts[:, place].sum(0, keepdim=True)])[:, :12]  # (4, 12)
    sums = grid(rows.tolist(), colorscale="RdBu").update(zmid=0, y=["토큰", "세그먼트", "위치", "합"])
    detail.add_trace(sums, row=1, col=1)
    fates = mask_tokens([token in SPECIAL for token in seen_tokens], seed)
    draw_masking(detail, seen_tokens, fates, seed, row=2, col=1)
    titled(detail, "BERT에 들어가는 것과 사전 학습에서 가리는 것", "벡터의 칸", " ", height=520)
    detail.update_xaxes(title_text="토큰", row=2, col=1)

    looks = [(table[i, j].item(), seen_tokens[i], seen_tokens[j]) for i in range(len(seen_tokens))
             for j in range(len(seen_tokens)) if i != j and not {seen_tokens[i], seen_tokens[j]} & set(SPECIAL)]
    most, asking, seen = max(looks, default=(table[0, 0].item(), seen_tokens[0], seen_tokens[0]))
    counts = {name: sum(fate == name for fate in fates) for name in FATES}
    near = ", ".join(f"{word} {cosine:.2f}" for word, cosine in (live or {}).get("neighbours", [])[:5])
    return Demo(
        figure=figure,
        numbers={"토큰 수": len(seen_tokens), "층": f"{depth} / {len(weights)}", "헤드 수": weights[0].shape[0],
                 "가장 센 눈길": f"{asking} → {seen} ({most:.3f})", "고른 토큰": sum(counts.values()),
                 **{f"{name} 수": count for name, count in counts.items()},
                 **({"뜻이 가까운 말": near} if near else {})},
        text=f"{model_name}의 {which}에서 특별 토큰을 빼면 가장 센 눈길은 '{asking}'에서 '{seen}'까지이고 무게는 "
             f"{most:.2f}입니다. MLM이라면 토큰 {len(seen_tokens)}개 가운데 {sum(counts.values())}개를 골라 맞힙니다.",
        code=CODE.format(seed=seed, tokens=seen_tokens),
        detail=detail,
    )


def _parse(question: str) -> Mapping[str, Any] | None:
    found = named_numbers(question, {"tokens": ("토큰", "단어", "낱말", "tokens"), "rate": ("비율", "확률", "마스킹")})
    percent = re.search(r"(\d+(?:\.\d+)?)\s*(?:%|퍼센트|프로)", question)
    if not has(question, ("mlm", "bert", "버트", "마스킹", "masked"), COUNT_WORDS) or "tokens" not in found:
        return None
    rate = float(percent[1]) / 100 if percent else 0.15
    if not has(question, ("고르", "골라", "가리", "가려", "마스킹", "[mask]", "맞히", "맞혀", "바뀌", "바꾸")):
        return None
    if found["tokens"] < 1 or not 0 < rate <= 1 or has(question, ("왜", "이유", "까닭")):
        return None
    only_mask = has(question, ("[mask]로", "mask 토큰", "[mask] 토큰"))
    return {"tokens": int(found["tokens"]), "rate": rate, "only_mask": only_mask}


def _run(tokens: int, rate: float, only_mask: bool) -> Computed:
    chosen = max(1, math.floor(tokens * rate + 0.5))
    shares = [written(round(chosen * share, 4)) for share in (0.8, 0.1, 0.1)]
    steps = (f"{tokens} × {rate:g} = {written(tokens * rate)}이므로 {chosen}개를 고릅니다. "
             f"평균 80%인 {shares[0]}개는 [MASK]로, {shares[1]}개는 아무 토큰으로 바꾸고 {shares[2]}개는 둡니다.")
    return Computed(shares[0] if only_mask else written(chosen), steps, "$0.15\\,n$")


CONCEPT = Concept(
    slug="bert",
    title="BERT",
    aliases=("BERT", "버트", "Bidirectional Encoder Representations from Transformers", "MLM", "NSP",
             "masked language modeling", "마스크드 언어 모델", "다음 문장 예측", "next sentence prediction",
             "CLS 토큰", "SEP 토큰", "세그먼트 임베딩", "token_type_ids"),
    summary="트랜스포머의 인코더만 쌓아 문장을 앞뒤 양쪽에서 읽도록 빈칸 맞히기로 사전 학습한 모델.",
    demo=demo,
    controls=(
        Control("sentence", "문장(두 문장은 |로 나눈다)", SENTENCE, max_length=200),
        Control("layer", "층", 4, 1, 24, 1, words=("층", "layer")),
        Control("head", "헤드(0은 평균)", 0, 0, 16, 1, words=("헤드", "head")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("masked_tokens", _parse, _run, "MLM 토큰의 15% 고른다 80% 10% 10%"),),
    live="attention",
)
