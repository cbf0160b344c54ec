"""Late interaction: a question's tokens each find their like among a passage's tokens.

A passage keeps a narrow vector for each of its tokens, made when it is indexed. A search then compares only what it has already
narrowed down, which costs a millisecond where a cross-encoder would read every passage again.
Source: Khattab & Zaharia (2020), "ColBERT: Efficient and Effective Passage Search via Contextualized Late Interaction over BERT".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from indexer.types import Encoder

TOKEN_DIM = 96
TOKEN_HEAD = "token_head.safetensors"  # beside an encoder's weights
_STEPS = 127.0  # of 8-bit numbers


@dataclass(frozen=True)
class TokenVectors:
    """The tokens of one text: ``vectors`` int8 (tokens, dim), 127 times a unit vector; ``weights`` float32 (tokens,), how much each
    counts in a question, 0 for the model's own marks ([CLS], [SEP], [UNK]).
    """

    vectors: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray, weights: np.ndarray) -> TokenVectors:
        """``vectors``: float (tokens, dim), every row of length 1."""
        return cls(np.rint(vectors * _STEPS).astype(np.int8), weights.astype(np.float32))


@runtime_checkable
class TokenEncoder(Encoder, Protocol):
    """An encoder that gives each token a vector too. ``token_dim``: its length, 0 where the model has no such head."""

    @property
    def token_dim(self) -> int: ...

    def encode_tokens(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> tuple[np.ndarray, list[TokenVectors]]:
        """Return what ``encode`` returns, to within half precision, and the tokens of each text."""
        ...


def token_encoder(encoder: Encoder | None) -> TokenEncoder | None:
    """The encoder, where it can do this."""
    return encoder if isinstance(encoder, TokenEncoder) and encoder.token_dim else None


class TokenStore:
    """The token vectors of all passages, one after the other, on disk until they are needed."""

    def __init__(self, vectors: np.ndarray, ends: np.ndarray) -> None:
        """``vectors``: int8 (all tokens, dim); ``ends``: int64 (passages,), where each passage's tokens end."""
        self._vectors = vectors
        self._ends = ends

    @classmethod
    def of(cls, passages: Sequence[np.ndarray]) -> TokenStore:
        """``passages``: int8 (tokens, dim) of each."""
        return cls(np.concatenate(passages), np.cumsum([len(p) for p in passages], dtype=np.int64))

    def __len__(self) -> int:
        return len(self._ends)

    def passage(self, number: int) -> np.ndarray:
        """int8 (tokens, dim) of one passage."""
        return self._vectors[self._ends[number - 1] if number else 0 : self._ends[number]]

    def scores(self, question: TokenVectors, numbers: Sequence[int]) -> np.ndarray:
        """How alike the passages are to the question: float32 (len(numbers),) in -1 … 1."""
        asked = question.vectors[question.weights > 0].astype(np.float32) / _STEPS
        weights = question.weights[question.weights > 0]
        if not len(asked) or not len(numbers):
            return np.zeros(len(numbers), dtype=np.float32)
        passages = [self.passage(n) for n in numbers]
        alike = np.concatenate(passages).astype(np.float32) @ asked.T / _STEPS  # (tokens, question's tokens)
        starts = np.cumsum([0, *(len(p) for p in passages[:-1])])
        best = np.maximum.reduceat(alike, starts, axis=0)  # (passages, question's tokens)
        return (best @ weights / weights.sum()).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """``tokens`` and ``ends``, as the constructor takes them."""
        return {"tokens": np.asarray(self._vectors), "ends": self._ends}

    def save(self, folder: Path) -> None:
        """Write both arrays."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "tokens.npy", self._vectors, allow_pickle=False)
        np.save(folder / "ends.npy", self._ends, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> TokenStore:
        """Read what ``save`` wrote."""
        return cls(np.load(folder / "tokens.npy", mmap_mode="r", allow_pickle=False), np.load(folder / "ends.npy", allow_pickle=False))


def likeness(encoder: TokenEncoder, question: TokenVectors, texts: Sequence[str]) -> np.ndarray:
    """The late interaction of a question with texts that no index holds: float32 (len(texts),) in -1 … 1."""
    if not texts:
        return np.zeros(0, dtype=np.float32)
    found = encoder.encode_tokens(texts, kind="passage")[1]
    return TokenStore.of([f.vectors for f in found]).scores(question, range(len(texts)))
