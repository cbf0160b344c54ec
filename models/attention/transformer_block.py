"""The blocks that a transformer stacks, and the stacks: encoder and decoder.

A block wraps each sublayer in a residual and a layer norm, before (pre-norm) or after it (post-norm).
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from models.attention.causal_mask import causal_mask
from models.attention.feed_forward import FeedForward
from models.attention.multi_head_attention import MultiHeadAttention
from models.learning.dropout import Dropout
from models.learning.normalization_layers import LayerNorm


class Block(nn.Module):
    """What encoder and decoder blocks share: a sublayer with its residual and its layer norm."""

    norm1: LayerNorm
    norm2: LayerNorm

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


class EncoderLayer(Block):
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


class DecoderLayer(Block):
    """Masked self-attention, attention to the encoder, feed-forward; as ``torch.nn.TransformerDecoderLayer``.

    The arguments are those of ``EncoderLayer``.
    """

    norm3: LayerNorm

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

    def __init__(self, layer: type[EncoderLayer] | type[DecoderLayer], layers: int, d_model: int, num_heads: int,
                 d_ff: int, dropout: float, activation: str, norm_first: bool) -> None:
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
