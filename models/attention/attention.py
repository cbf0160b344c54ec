"""어텐션(attention): 질의와 닮은 키를 찾아, 그 값을 닮은 만큼 섞는다.

$$ \\mathrm{Attention}(Q, K, V) = \\mathrm{softmax}\\!\\left(\\frac{QK^\\top}{\\sqrt{d_k}}\\right) V $$

출처: Vaswani et al. (2017), "Attention Is All You Need".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None = None, *, scaled: bool = True) -> Tensor:
    """How much each query looks at each key.

    Args:
        query: (..., Tq, d). key: (..., Tk, d).
        mask: bool, broadcastable to (..., Tq, Tk); False hides a key from a query.
        scaled: divide by sqrt(d) before the softmax.

    Returns:
        (..., Tq, Tk); every row sums to 1. A row that may see nothing is all zeros.
    """
    scores = query @ key.transpose(-2, -1)  # (..., Tq, Tk)
    if scaled:
        scores = scores / math.sqrt(query.shape[-1])
    if mask is None:
        return scores.softmax(-1)
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
    return weights.masked_fill(~mask, 0.0)


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(QK^T / sqrt(d)) V; the same as ``F.scaled_dot_product_attention``.

    Args:
        query: (..., Tq, d). key: (..., Tk, d). value: (..., Tk, dv).
        mask: bool, broadcastable to (..., Tq, Tk); False hides a key from a query.

    Returns:
        (..., Tq, dv).
    """
    return attention_weights(query, key, mask) @ value
