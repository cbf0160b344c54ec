"""BM25 over tokens (bm25s, Lucene's variant), saved with the index.

Source: Robertson & Zaragoza (2009), "The Probabilistic Relevance Framework: BM25 and Beyond"; Lù (2024), "BM25S".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import bm25s
import numpy as np

K1, B = 1.2, 0.75
_NOTHING = "§nothing"  # bm25s cannot index a corpus without a single token


class KeywordIndex:
    """Scores of every passage for weighted tokens."""

    def __init__(self, bm25: bm25s.BM25, size: int) -> None:
        self._bm25 = bm25
        self.size = size
        self.vocabulary: frozenset[str] = frozenset(bm25.vocab_dict) - {_NOTHING, ""}
        self._frequency = np.diff(bm25.scores["indptr"])  # (tokens,): in how many passages each stands

    @classmethod
    def build(cls, passages: Sequence[Sequence[str]]) -> KeywordIndex:
        """``passages``: each passage's tokens, repeats counted."""
        bm25 = bm25s.BM25(k1=K1, b=B)
        bm25.index([list(tokens) or [_NOTHING] for tokens in passages], show_progress=False)
        return cls(bm25, len(passages))

    def save(self, folder: Path) -> None:
        """Write arrays and vocabulary (no pickle)."""
        self._bm25.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path, size: int) -> KeywordIndex:
        """Read what ``save`` wrote; ``size`` is the number of passages."""
        return cls(bm25s.BM25.load(folder, show_progress=False), size)

    def scores(self, tokens: Mapping[str, float]) -> np.ndarray:
        """BM25 of every passage, float32 (size,); a token's part is multiplied by its weight."""
        total = np.zeros(self.size, dtype=np.float32)
        by_weight: dict[float, list[str]] = {}
        for token, weight in tokens.items():
            if token in self.vocabulary:
                by_weight.setdefault(weight, []).append(token)
        for weight, group in by_weight.items():
            total += weight * self._bm25.get_scores(group)
        return total

    def coverage(self, tokens: Iterable[str]) -> np.ndarray:
        """The part of the tokens, by importance, that each passage holds: float32 (size,) in 0 … 1."""
        return self.shares(self.importance(tokens))

    def shares(self, weights: Mapping[str, float]) -> np.ndarray:
        """The part of the tokens, by weight, that each passage holds: float32 (size,) in 0 … 1."""
        out = np.zeros(self.size, dtype=np.float32)
        indptr, indices = self._bm25.scores["indptr"], self._bm25.scores["indices"]
        for token, weight in weights.items():
            if token in self.vocabulary:
                at = self._bm25.vocab_dict[token]
                out[indices[indptr[at] : indptr[at + 1]]] += weight
        return out / (sum(weights.values()) or 1.0)

    def importance(self, tokens: Iterable[str]) -> dict[str, float]:
        """BM25's idf of each token; a token that stands nowhere is as important as can be."""
        found = {t: float(self._frequency[self._bm25.vocab_dict[t]]) if t in self.vocabulary else 0.0 for t in tokens}
        return {t: float(np.log(1 + (self.size - n + 0.5) / (n + 0.5))) for t, n in found.items()}
