"""One layer of BERT, its embeddings and its sizes; parameters are named as in ``transformers.BertModel``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.attention.attention import attention_weights


@dataclass(frozen=True)
class BertConfig:
    """Sizes of a BERT, with the field names of its ``config.json``."""

    vocab_size: int = 24_000
    hidden_size: int = 384
    num_hidden_layers: int = 4
    num_attention_heads: int = 12
    intermediate_size: int = 1536
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1

    @classmethod
    def read(cls, path: Path) -> BertConfig:
        """The sizes in ``config.json``; fields of no meaning here are passed over."""
        known = json.loads(path.read_text("utf-8"))
        return cls(**{name: known[name] for name in cls.__dataclass_fields__ if name in known})


class BertEmbeddings(nn.Module):
    """Token + segment + position, then layer norm."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, width, padding_idx=0)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, tokens: Tensor, segments: Tensor) -> Tensor:
        """``tokens``, ``segments``: (B, T) -> (B, T, C)."""
        position = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.word_embeddings(tokens) + self.token_type_embeddings(segments) + self.position_embeddings(position)
        return self.dropout(self.LayerNorm(x))


class _SelfAttention(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.heads = config.num_attention_heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x: Tensor, mask: Tensor, kept: list[Tensor] | None = None) -> Tensor:
        b, t, c = x.shape

        def split(y: Tensor) -> Tensor:
            return y.view(b, t, self.heads, c // self.heads).transpose(1, 2)  # (B, nh, T, hs)

        weights = attention_weights(split(self.query(x)), split(self.key(x)), mask)  # (B, nh, T, T)
        if kept is not None:
            kept.append(weights)
        return (weights @ split(self.value(x))).transpose(1, 2).reshape(b, t, c)  # (B, T, C)


class _AddNorm(nn.Module):
    """Linear, dropout, residual, layer norm: the end of both halves of a layer."""

    def __init__(self, width_in: int, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(width_in, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        return self.LayerNorm(self.dropout(self.dense(x)) + residual)


class _Attention(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.self = _SelfAttention(config)
        self.output = _AddNorm(config.hidden_size, config)

    def forward(self, x: Tensor, mask: Tensor, kept: list[Tensor] | None) -> Tensor:
        return self.output(self.self(x, mask, kept), x)


class _Intermediate(nn.Module):
    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.approximate = "tanh" if config.hidden_act in ("gelu_new", "gelu_pytorch_tanh") else "none"

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.dense(x), approximate=self.approximate)


class BertLayer(nn.Module):
    """Self-attention, then a feed-forward layer four times as wide, each with residual and layer norm (post-norm)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.attention = _Attention(config)
        self.intermediate = _Intermediate(config)
        self.output = _AddNorm(config.intermediate_size, config)

    def forward(self, x: Tensor, mask: Tensor, kept: list[Tensor] | None = None) -> Tensor:
        """``x``: (B, T, C); ``mask``: (B, 1, 1, T), False at padding -> (B, T, C)."""
        x = self.attention(x, mask, kept)
        return self.output(self.intermediate(x), x)
