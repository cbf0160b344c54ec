"""A second, closer look at the best candidates.

``embedded`` (the default) is late interaction on the encoder's own token vectors, which the index keeps and compares
(``indexer/tokens.py``). A folder or a hub's name brings a cross-encoder, which reads question and passage together.
Source: Nogueira & Cho (2019), "Passage Re-ranking with BERT".
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from indexer.errors import ModelError
from indexer.plain import plain
from indexer.types import SearchResult

EMBEDDED, NONE = "embedded", "none"
_BATCH = 8


class Reranker(Protocol):
    """Scores pairs of question and passage; larger is better, in 0 … 1."""

    @property
    def name(self) -> str: ...

    def scores(self, question: str, passages: Sequence[str]) -> np.ndarray:
        """Return float32 (len(passages),)."""
        ...


@dataclass(frozen=True)
class Reranked:
    """Results in their final order; ``notices`` say where the budget did not suffice."""

    results: tuple[SearchResult, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mixing:
    """The reranker's part in the final score; measured on development questions."""

    weight: float = 0.5


def rerank(reranker: Reranker | None, question: str, results: Sequence[SearchResult], *, budget_ms: int,
           mixing: Mixing | None = None) -> Reranked:
    """Order ``results`` anew within ``budget_ms``; what was not reached in time leaves the whole order as it was, and says so."""
    if reranker is None or not results:
        return Reranked(tuple(results))
    weight = (mixing or Mixing()).weight
    began = time.perf_counter()
    order = sorted(range(len(results)), key=lambda i: len(results[i].chunk.text))
    scores = np.zeros(len(results), dtype=np.float32)
    for at in range(0, len(order), _BATCH):
        if (time.perf_counter() - began) * 1000 > budget_ms:
            return Reranked(tuple(results), (f"재순위화가 {budget_ms}ms 안에 끝나지 않아 검색 순서대로 답했습니다.",))
        batch = order[at : at + _BATCH]
        scores[batch] = reranker.scores(question, [plain(results[i].chunk.searched) for i in batch])
    mixed = [replace(r, score=(1 - weight) * r.score + weight * float(s), parts={**r.parts, "reranker": round(float(s), 4)})
             for r, s in zip(results, scores, strict=True)]
    return Reranked(tuple(sorted(mixed, key=lambda r: -r.score)))


class CrossEncoderReranker:
    """Any cross-encoder that sentence-transformers loads, from a folder or a hub.

    Raises:
        ModelError: it cannot be loaded.
    """

    def __init__(self, name: str) -> None:
        from sentence_transformers import CrossEncoder

        try:
            self._model = CrossEncoder(name, trust_remote_code=False)
        except Exception as error:  # the library raises whatever its loaders raise; all of it means the same to a user
            raise ModelError(f"재순위 모델 {name}을(를) 불러올 수 없습니다({type(error).__name__}): PILGI_RERANKER를 확인하거나 "
                             f"'{EMBEDDED}'로 두세요.") from error
        self.name = name

    def scores(self, question: str, passages: Sequence[str]) -> np.ndarray:
        """Return float32 (len(passages),) in 0 … 1."""
        import torch

        return np.asarray(self._model.predict([(question, p) for p in passages], activation_fn=torch.nn.Sigmoid(),
                                              show_progress_bar=False), dtype=np.float32)


def load_reranker(name: str) -> Reranker | None:
    """The cross-encoder that a setting names by folder or hub name; None for ``embedded``, whose look the index takes, and ``none``.

    Raises:
        ModelError: it cannot be loaded.
    """
    if name in (NONE, EMBEDDED):
        return None
    return CrossEncoderReranker(name)
