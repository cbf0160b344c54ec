"""위치 인코딩(positional encoding): 순서를 모르는 어텐션에 자리 번호를 벡터로 알려 준다.

$$ PE_{(pos, 2i)} = \\sin(pos / 10000^{2i/d}), \\qquad PE_{(pos, 2i+1)} = \\cos(pos / 10000^{2i/d}) $$

출처: Vaswani et al. (2017), "Attention Is All You Need".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def sinusoidal(length: int, d_model: int, base: float = 10_000.0, *, dtype: torch.dtype | None = None) -> Tensor:
    """The sine bands.

    Args:
        length: positions, counted from 0. d_model: length of each vector (an odd one ends in a sine).
        base: sets the slowest wave; wavelengths run from 2*pi to ``base`` * 2*pi.

    Returns:
        (T, C).
    """
    position = torch.arange(length, dtype=torch.float64)[:, None]  # (T, 1)
    pairs = torch.arange(0, d_model, 2, dtype=torch.float64)  # 2i: (ceil(C/2),)
    angles = position * torch.exp(-pairs / d_model * math.log(base))  # pos / base^(2i/d)
    bands = torch.empty(length, d_model, dtype=torch.float64)
    bands[:, 0::2] = angles.sin()
    bands[:, 1::2] = angles[:, : d_model // 2].cos()
    return bands.to(dtype or torch.get_default_dtype())


class PositionalEncoding(nn.Module):
    """Adds the sine bands to token vectors; nothing is learned.

    Args:
        d_model: length of a token's vector. max_length: positions computed ahead.
    """

    def __init__(self, d_model: int, max_length: int = 512) -> None:
        super().__init__()
        self.register_buffer("bands", sinusoidal(max_length, d_model), persistent=False)  # 식이므로 저장하지 않는다

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (B, T, C) -> (B, T, C).

        Raises:
            ValueError: more positions than ``max_length``.
        """
        if x.shape[1] > len(self.bands):
            raise ValueError(f"{x.shape[1]} positions: at most {len(self.bands)}")
        return x + self.bands[: x.shape[1]].to(x.dtype)  # (T, C) broadcasts over B


class PositionalEmbedding(nn.Module):
    """Adds a learned vector for each position (BERT, GPT-2, ViT); the arguments are those of PositionalEncoding."""

    def __init__(self, d_model: int, max_length: int = 512) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(max_length, d_model) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (B, T, C) -> (B, T, C).

        Raises:
            ValueError: more positions than ``max_length``: a learned table has no row for them.
        """
        if x.shape[1] > len(self.weight):
            raise ValueError(f"{x.shape[1]} positions: the table has {len(self.weight)}")
        return x + self.weight[: x.shape[1]]
