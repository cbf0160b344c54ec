"""트랜스포머(transformer): 순환 없이 어텐션과 피드포워드 블록만 쌓은 인코더와 디코더.

부분 층 $f$(어텐션, 피드포워드)마다 잔차를 더하고 레이어 정규화를 한다.

$$ \\text{post-norm: } x \\leftarrow \\mathrm{LN}(x + f(x)), \\qquad \\text{pre-norm: } x \\leftarrow x + f(\\mathrm{LN}(x)) $$

출처: Vaswani et al. (2017), "Attention Is All You Need"; Xiong et al. (2020), "On Layer Normalization in the
Transformer Architecture".
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.attention.causal_mask import causal_mask
from models.attention.feed_forward import FeedForward
from models.attention.multi_head_attention import MultiHeadAttention
from models.attention.positional_encoding import PositionalEncoding
from models.learning.dropout import Dropout
from models.learning.linear_layer import Linear
from models.learning.normalization_layers import LayerNorm


class _Block(nn.Module):
    """What encoder and decoder blocks share: a sublayer with its residual and its layer norm."""

    def __init__(self, d_model: int, dropout: float, norm_first: bool, norms: int) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.dropout = Dropout(dropout)
        for number in range(1, norms + 1):
            self.add_module(f"norm{number}", LayerNorm(d_model))

    def add(self, x: Tensor, norm: nn.Module, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        if self.norm_first:
            return x + self.dropout(sublayer(norm(x)))  # x + f(LN(x))
        return norm(x + self.dropout(sublayer(x)))  # LN(x + f(x))


class EncoderLayer(_Block):
    """Self-attention, then a feed-forward layer; the same as ``torch.nn.TransformerEncoderLayer(batch_first=True)``.

    Args:
        d_model: length C of a token's vector. num_heads: heads. d_ff: width of the feed-forward layer.
        dropout: rate on each sublayer's output. activation: "relu" or "gelu". norm_first: pre-norm, else post-norm.
    """

    def __init__(self, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.1, activation: str = "relu",
                 norm_first: bool = False) -> None:
        super().__init__(d_model, dropout, norm_first, norms=2)
        self.self_attn = MultiHeadAttention(d_model, num_heads, dropout)
        self.ffn = FeedForward(d_model, d_ff, activation)

    def forward(self, x: Tensor, mask: Tensor | None = None, kept: list[Tensor] | None = None) -> Tensor:
        """``x``: (B, T, C); ``mask``: bool, to (B, nh, T, T); ``kept`` receives the weights -> (B, T, C)."""
        x = self.add(x, self.norm1, lambda y: self.self_attn(y, y, y, mask, kept))
        return self.add(x, self.norm2, self.ffn)


class DecoderLayer(_Block):
    """Masked self-attention, attention to the encoder, feed-forward; as ``torch.nn.TransformerDecoderLayer``.

    The arguments are those of ``EncoderLayer``.
    """

    def __init__(self, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.1, activation: str = "relu",
                 norm_first: bool = False) -> None:
        super().__init__(d_model, dropout, norm_first, norms=3)
        self.self_attn = MultiHeadAttention(d_model, num_heads, dropout)
        self.cross_attn = MultiHeadAttention(d_model, num_heads, dropout)
        self.ffn = FeedForward(d_model, d_ff, activation)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None = None, memory_mask: Tensor | None = None,
                kept: list[Tensor] | None = None) -> Tensor:
        """``x``: (B, T, C); ``memory``: (B, S, C), the encoder's output; ``kept`` receives the attention to it.

        ``mask``: bool, to (B, nh, T, T). ``memory_mask``: bool, to (B, nh, T, S). Returns (B, T, C).
        """
        x = self.add(x, self.norm1, lambda y: self.self_attn(y, y, y, mask))
        x = self.add(x, self.norm2, lambda y: self.cross_attn(y, memory, memory, memory_mask, kept))  # Q만 디코더에서
        return self.add(x, self.norm3, self.ffn)


class _Stack(nn.Module):
    """Layers in a row; with pre-norm one more norm at the end, since the last sum was not normalized."""

    def __init__(self, layer: type[_Block], layers: int, d_model: int, num_heads: int, d_ff: int, dropout: float,
                 activation: str, norm_first: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layer(d_model, num_heads, d_ff, dropout, activation, norm_first)
                                    for _ in range(layers))
        self.norm = LayerNorm(d_model) if norm_first else nn.Identity()


class Encoder(_Stack):
    """``layers`` encoder layers; the other arguments are those of ``EncoderLayer``."""

    def __init__(self, layers: int, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.1,
                 activation: str = "relu", norm_first: bool = False) -> None:
        super().__init__(EncoderLayer, layers, d_model, num_heads, d_ff, dropout, activation, norm_first)

    def forward(self, x: Tensor, mask: Tensor | None = None, kept: list[Tensor] | None = None) -> Tensor:
        """``x``: (B, T, C) -> (B, T, C); ``kept`` receives each layer's weights, (B, nh, T, T)."""
        for layer in self.layers:
            x = layer(x, mask, kept)
        return self.norm(x)


class Decoder(_Stack):
    """``layers`` decoder layers; the other arguments are those of ``DecoderLayer``."""

    def __init__(self, layers: int, d_model: int, num_heads: int, d_ff: int, dropout: float = 0.1,
                 activation: str = "relu", norm_first: bool = False) -> None:
        super().__init__(DecoderLayer, layers, d_model, num_heads, d_ff, dropout, activation, norm_first)

    def forward(self, x: Tensor, memory: Tensor, memory_mask: Tensor | None = None,
                kept: list[Tensor] | None = None) -> Tensor:
        """``x``: (B, T, C), ``memory``: (B, S, C) -> (B, T, C); no position sees a later one.

        ``memory_mask``: bool, to (B, nh, T, S). ``kept`` receives each layer's attention to the memory, (B, nh, T, S).
        """
        mask = causal_mask(x.shape[1], x.device)
        for layer in self.layers:
            x = layer(x, memory, mask, memory_mask, kept)
        return self.norm(x)


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
