"""Batches larger than memory: first the gradient of the loss by what the network made, then, part by part, that of the network.

The network runs twice, but keeps its activations for one part at a time, so that a question meets as many passages as one likes. The network is in evaluation mode: with dropout its two runs would differ.
Source: Gao et al. (2021), "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from indexer.training.loop import autocast
from models.attention.bert import Bert


@dataclass(frozen=True)
class Hidden:
    """The last hidden state of some texts: ``rows`` (their places), ``states`` (N, T, C), ``mask`` and ``ids`` (N, T)."""

    rows: tuple[int, ...]
    states: Tensor
    mask: Tensor
    ids: Tensor


def cached(parts: Sequence[Hidden]) -> list[Hidden]:
    """The same states as leaves: a loss leaves its gradient with them."""
    return [replace(part, states=part.states.detach().requires_grad_()) for part in parts]


def carry_on(bert: Bert, parts: Sequence[Hidden]) -> None:
    """Take the gradients that a loss left with ``cached`` states through the network that made them."""
    for part in parts:
        with autocast():
            states = bert(part.ids, part.mask)
        states.float().backward(part.states.grad)
