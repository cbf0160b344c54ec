"""멀티 헤드 어텐션(multi-head attention): 벡터를 나누어 조각마다 따로 어텐션을 하고 이어 붙인다.

$$ \\mathrm{head}_i = \\mathrm{Attention}(QW_i^Q, KW_i^K, VW_i^V), \\qquad
\\mathrm{MHA} = [\\mathrm{head}_1; \\dots; \\mathrm{head}_h]\\,W^O $$

출처: Vaswani et al. (2017), "Attention Is All You Need".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.attention.attention import attention_weights
from models.learning.dropout import Dropout
from models.learning.linear_layer import Linear


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
        if bias:
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
