"""코잘 마스크(causal mask): 뒤에 올 토큰을 보지 못하도록 점수표의 위쪽 삼각형을 가린다.

$$ \\mathrm{softmax}\\!\\left(\\frac{QK^\\top}{\\sqrt{d_k}} + M\\right)V, \\qquad
M_{ij} = 0 \\;(j \\le i), \\quad -\\infty \\;(j > i) $$

출처: Vaswani et al. (2017), "Attention Is All You Need".
"""

from __future__ import annotations

import torch
from torch import Tensor


def causal_mask(length: int, device: torch.device | None = None) -> Tensor:
    """What each position may see: bool (T, T), True on the diagonal and below it."""
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()  # j <= i
