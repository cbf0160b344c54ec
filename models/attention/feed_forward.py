"""피드포워드 층(feed-forward network): 어텐션이 모은 것을 토큰마다 따로 넓혔다가 좁히며 가공한다.

$$ \\mathrm{FFN}(x) = \\max(0,\\; xW_1 + b_1)\\,W_2 + b_2 $$

출처: Vaswani et al. (2017), "Attention Is All You Need".
"""

from __future__ import annotations

from torch import Tensor, nn

from models.learning.activation import gelu, relu
from models.learning.linear_layer import Linear

ACTIVATIONS = {"relu": relu, "gelu": gelu, "none": lambda x: x}


class FeedForward(nn.Module):
    """Two linear layers with an activation between them, on each token by itself.

    The same as ``nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Linear(d_ff, d_model))``.

    Args:
        d_model: length of a token's vector. d_ff: width in the middle, often ``4 * d_model``.
        activation: "relu", "gelu", or "none" (which makes the two layers one).

    Raises:
        ValueError: an activation of another name.
    """

    def __init__(self, d_model: int, d_ff: int, activation: str = "relu") -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation={activation!r}: one of {', '.join(ACTIVATIONS)}")
        self.linear1, self.linear2 = Linear(d_model, d_ff), Linear(d_ff, d_model)
        self.activation = ACTIVATIONS[activation]

    def hidden(self, x: Tensor) -> Tensor:
        """The wide middle: (..., d_model) -> (..., d_ff)."""
        return self.activation(self.linear1(x))  # max(0, x W1 + b1)

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (..., d_model) -> (..., d_model)."""
        return self.linear2(self.hidden(x))  # (...) W2 + b2
