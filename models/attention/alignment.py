"""어텐션을 단 Seq2Seq: 디코더가 쓸 때마다 인코더의 모든 상태를 다시 보며, 어느 입력을 보는지(정렬)를 스스로 배운다.

$$ \\alpha_{ts} = \\mathrm{softmax}_s(q_t^\\top W k_s), \\qquad c_t = \\sum_s \\alpha_{ts} k_s $$

출처: Luong, Pham & Manning (2015), "Effective Approaches to Attention-based Neural Machine Translation".
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

from models.learning.linear_layer import Linear
from models.sequence.gru import GRU


class AttentionSeq2Seq(nn.Module):
    """Two GRUs; the decoder looks at every state of the encoder before it writes (Luong's general score).

    Args:
        size: tokens, the same on both sides; id ``size`` starts the target. width: length of the hidden states.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(size, width // 4), nn.Embedding(size + 1, width // 4)
        self.encoder = GRU(width // 4, width, batch_first=True)
        self.decoder = GRU(width // 4, width, batch_first=True)
        self.ask = Linear(width, width, bias=False)
        self.scores = Linear(width, size)

    def forward(self, source: Tensor, target: Tensor, kept: list[Tensor] | None = None) -> Tensor:
        """``source``: (B, S) ids, ``target``: (B, T) ids so far -> scores of the next, (B, T, size).

        ``kept`` receives the weights, (B, T, S).
        """
        states, last = self.encoder(self.source(source))  # 키와 값: (B, S, H)
        asking, _ = self.decoder(self.target(target), last)  # 질의: (B, T, H)
        weights = (self.ask(asking) @ states.transpose(1, 2)).softmax(-1)  # softmax_s(q^T W k_s): (B, T, S)
        if kept is not None:
            kept.append(weights)
        return self.scores(weights @ states)  # 문맥 벡터로 쓴다


@lru_cache(maxsize=16)
def learn_reversal(length: int, seed: int) -> tuple[AttentionSeq2Seq, float]:
    """Train to write ``length`` digits backwards, given the right ones so far (teacher forcing); and the loss."""
    torch.manual_seed(seed)
    model, steps = AttentionSeq2Seq(10, 48), 120
    optimizer = torch.optim.Adam(model.parameters())
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * max(0.1, 1 - step / steps)
        source = torch.randint(10, (48, length))
        wanted = source.flip(1)
        so_far = torch.cat([torch.full((48, 1), 10), wanted[:, :-1]], 1)
        loss = nn.functional.cross_entropy(model(source, so_far).flatten(0, 1), wanted.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, loss.item()


def reverse(digits: str, seed: int) -> tuple[str, Tensor, float]:
    """What a freshly trained model writes for ``digits``, where it looked, (T, S), and the loss of its training."""
    model, loss = learn_reversal(len(digits), seed)
    source, so_far = torch.tensor([[int(digit) for digit in digits]]), [10]
    kept: list[Tensor] = []
    with torch.no_grad():
        for _ in digits:
            kept.clear()
            so_far.append(int(model(source, torch.tensor([so_far]), kept)[0, -1].argmax()))
    return "".join(map(str, so_far[1:])), kept[0][0], loss
