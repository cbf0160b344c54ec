"""Stand-ins for the parts that a setting can replace, small enough to check by hand."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

from indexer.tokens import TokenVectors


class FakeEncoder:
    """Texts that share words lie near each other: each word has a direction of its own, a text is their sum, length 1.

    ``embedded`` holds every passage in the order it was embedded. After ``breaks_after`` calls it raises.
    """

    dim = 32

    def __init__(self, name: str = "fake", *, breaks_after: int | None = None) -> None:
        self.fingerprint = f"{name}-1"
        self.embedded: list[str] = []
        self.asked: list[str] = []
        self.breaks_after = breaks_after
        self.calls = 0

    def encode(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> np.ndarray:
        if self.breaks_after is not None and self.calls >= self.breaks_after:
            raise KeyboardInterrupt
        self.calls += 1
        (self.asked if kind == "query" else self.embedded).extend(texts)
        vectors = np.stack([sum((_direction(w) for w in re.findall(r"\w+", t)), np.zeros(self.dim)) for t in texts])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)


def _direction(word: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).standard_normal(FakeEncoder.dim)


class FakeTokenEncoder(FakeEncoder):
    """The same, and each word is a token with its direction; all count alike."""

    token_dim = FakeEncoder.dim

    def encode_tokens(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> tuple[np.ndarray, list[TokenVectors]]:
        made = []
        for text in texts:
            rows = np.stack([_direction(word) for word in re.findall(r"\w+", text) or [""]])
            made.append(TokenVectors.of(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.ones(len(rows))))
        return self.encode(texts, kind=kind), made
