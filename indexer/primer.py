"""What Pilgi knows before it reads a note: the passages that ship, each with questions that learners ask for it.

A question in everyday words shares few words with the notes that answer it. It is looked up here first, among passages and
questions; what the nearest passages say then joins the search of the reader's own notes, so that "테두리" also looks for 윤곽선,
필터 and 커널. Nothing of these passages is ever shown: they lend their words and their vectors, and say which term a question is about.
Source: Diaz & Metzler (2006), "Improving the Estimation of Relevance Models Using Large External Corpora"; the questions beside
each passage as in Nogueira et al. (2019), "Document Expansion by Query Prediction". Made by ``python -m indexer.training primer``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from indexer.errors import ModelError
from indexer.keyword import K1, B, KeywordIndex
from indexer.tokens import TokenStore, TokenVectors
from indexer.types import Encoder

_PASSAGES = 8  # that lend
_WORDS = 40  # that they lend together
_TEMPERATURE = 0.1
_CLOSER = 60


@dataclass(frozen=True)
class Blend:
    """The part of each way to find a passage here; measured on questions held out from it, see training/primer.py."""

    keyword: float = 1.0
    passage: float = 0.5
    tokens: float = 2.0


@dataclass(frozen=True)
class Known:
    """A passage that ships. ``key``: that of its chunk (``build.Entry.key``). ``asked``: the tokens of its questions, together once they
    were read from a file."""

    key: str
    tokens: tuple[str, ...]
    asked: tuple[tuple[str, ...], ...]

    @property
    def questions(self) -> tuple[str, ...]:
        """The tokens of all its questions."""
        return tuple(token for question in self.asked for token in question)

    def without(self, question: Collection[str]) -> Known:
        """The same, before one question with these tokens was asked."""
        if not question:
            return self
        left = Counter(self.questions) - Counter(question)
        return replace(self, asked=(tuple(left.elements()),))


@dataclass(frozen=True)
class Lent:
    """What the nearest passages give to a question. ``words``: their words with weights, the heaviest first. ``about``: the terms that
    they are about, a term's token and its share in them; together at most 1. ``vector``: their mean, float32 (dim,); None without
    vectors.
    """

    words: Mapping[str, float] = field(default_factory=dict)
    about: Mapping[str, float] = field(default_factory=dict)
    vector: np.ndarray | None = field(default=None, compare=False)


def primer_folder() -> Path:
    """Where it lies."""
    return Path(str(files("models").joinpath("pretrained/primer")))


class Primer:
    """Lends to questions.

    ``vectors``: float32 (passages, dim), and ``tokens`` of each passage; both None for an encoder that they were not made with.
    """

    def __init__(self, passages: Sequence[Known], vectors: np.ndarray | None = None, tokens: TokenStore | None = None, *,
                 blend: Blend | None = None) -> None:
        self.passages = tuple(passages)
        self._vectors, self._tokens = vectors, tokens
        self._blend = blend or Blend()

    @classmethod
    def load(cls, encoder: Encoder | None, folder: Path | None = None) -> Primer:
        """Read what ships, once; the vectors serve only the encoder that made them.

        Raises:
            ModelError: it is not there.
        """
        folder = folder or primer_folder()
        if not (folder / "primer.safetensors").is_file():
            raise ModelError(f"{folder}에 primer.safetensors가 없습니다: 패키지를 다시 설치해 주세요.")
        return _loaded(folder, encoder.fingerprint if encoder else "")

    @classmethod
    def _read(cls, folder: Path, encoder: str) -> Primer:
        from safetensors.numpy import load_file

        facts = json.loads((folder / "primer.json").read_text("utf-8"))
        arrays = load_file(folder / "primer.safetensors")
        said, asked = (_unpacked(arrays, part, facts["vocabulary"]) for part in ("said", "asked"))
        passages = [Known(key, tokens, (questions,)) for key, tokens, questions in zip(facts["keys"], said, asked, strict=True)]
        if encoder != facts["encoder"]:
            return cls(passages)
        vectors = arrays["vectors"].astype(np.float32)
        return cls(passages, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), TokenStore(arrays["tokens"], arrays["ends"]))

    def only(self, numbers: Sequence[int], *, unasked: Mapping[int, Collection[str]] | None = None) -> Primer:
        """A primer of some of its passages; of those in ``unasked`` a question with these tokens was never asked."""
        vectors = None if self._vectors is None else self._vectors[list(numbers)]
        tokens = None if self._tokens is None else TokenStore.of([self._tokens.passage(i) for i in numbers])
        passages = [self.passages[i].without((unasked or {}).get(i, ())) for i in numbers]
        return Primer(passages, vectors, tokens, blend=self._blend)

    def save(self, folder: Path, facts: Mapping[str, object]) -> None:
        """Write ``primer.json`` (with ``facts``) and ``primer.safetensors``: words as numbers, vectors in 8 bits."""
        from safetensors.numpy import save_file

        assert self._vectors is not None and self._tokens is not None, "only a primer with vectors is worth keeping"
        vocabulary = sorted({t for p in self.passages for t in (*p.tokens, *p.questions)})
        numbers = {token: i for i, token in enumerate(vocabulary)}
        packed = _packed("said", [p.tokens for p in self.passages], numbers) | _packed("asked", [p.questions for p in self.passages], numbers)
        folder.mkdir(parents=True, exist_ok=True)
        save_file({"vectors": np.rint(self._vectors * 127).astype(np.int8), **self._tokens.arrays(), **packed}, folder / "primer.safetensors")
        text = json.dumps({**facts, "keys": [p.key for p in self.passages], "vocabulary": vocabulary}, ensure_ascii=False)
        (folder / "primer.json").write_text(text, "utf-8")

    @cached_property
    def _keyword(self) -> KeywordIndex:
        return KeywordIndex.build([[*p.tokens, *p.questions] for p in self.passages])

    @cached_property
    def _weights(self) -> list[dict[str, float]]:
        """How much each token says about its passage (BM25)."""
        counts = [Counter(p.tokens) for p in self.passages]
        frequency = Counter(token for count in counts for token in count)
        mean = sum(c.total() for c in counts) / len(counts)
        size = len(counts)
        return [{t: np.log(1 + (size - frequency[t] + 0.5) / (frequency[t] + 0.5)) * n / (n + K1 * (1 - B + B * count.total() / mean))
                 for t, n in count.items()} for count in counts]

    @cached_property
    def _names(self) -> list[str]:
        """The token of the term that says most about each passage; "" where it holds none."""
        return [max((t for t in weights if t.startswith("§")), key=lambda t: weights[t], default="") for weights in self._weights]

    def nearness(self, tokens: Mapping[str, float], vector: np.ndarray | None, token_vectors: TokenVectors | None) -> np.ndarray:
        """How near each passage is to a question: float32 (passages,) in 0 … 1."""
        blend = self._blend
        total = blend.keyword * _scaled(self._keyword.scores(tokens))
        norm = blend.keyword
        if vector is not None and self._vectors is not None:
            total += blend.passage * np.clip(self._vectors @ vector, 0, 1)
            norm += blend.passage
        if token_vectors is not None and self._tokens is not None:
            near = np.argsort(-total, kind="stable")[:_CLOSER]
            closer = np.zeros(len(self.passages), dtype=np.float32)
            closer[near] = np.clip(self._tokens.scores(token_vectors, near.tolist()), 0, 1)
            total += blend.tokens * closer
            norm += blend.tokens
        return total / norm

    def lend(self, tokens: Mapping[str, float], vector: np.ndarray | None, token_vectors: TokenVectors | None) -> Lent:
        """What the nearest passages lend to a question."""
        nearness = self.nearness(tokens, vector, token_vectors)
        near = [i for i in np.argsort(-nearness, kind="stable")[:_PASSAGES] if nearness[i] > 0]
        if not near:
            return Lent()
        shares = np.exp((nearness[near] - nearness[near].max()) / _TEMPERATURE)
        shares /= shares.sum()
        words: dict[str, float] = {}
        about: dict[str, float] = {}
        for share, at in zip(shares.tolist(), near, strict=True):
            for token, weight in self._weights[at].items():
                words[token] = words.get(token, 0.0) + float(share * weight)
            if name := self._names[at]:
                about[name] = about.get(name, 0.0) + share
        mean = None if self._vectors is None else (shares @ self._vectors[near]).astype(np.float32)
        return Lent(dict(sorted(words.items(), key=lambda pair: -pair[1])[:_WORDS]), about, mean)

    def embedded(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """(vector, tokens) of the passages that ship as notes, by key: indexing these notes embeds nothing."""
        if self._vectors is None or self._tokens is None:
            return {}
        return {p.key: (self._vectors[i], self._tokens.passage(i)) for i, p in enumerate(self.passages) if p.key}


def _scaled(scores: np.ndarray) -> np.ndarray:
    best = float(scores.max(initial=0.0))
    return scores / best if best > 0 else scores


@lru_cache(maxsize=4)
def _loaded(folder: Path, encoder: str) -> Primer:
    return Primer._read(folder, encoder)


def _packed(part: str, texts: Sequence[Sequence[str]], numbers: Mapping[str, int]) -> dict[str, np.ndarray]:
    flat = np.array([numbers[token] for text in texts for token in text], dtype=np.int32)
    return {part: flat, f"{part}_ends": np.cumsum([len(text) for text in texts], dtype=np.int32)}


def _unpacked(arrays: Mapping[str, np.ndarray], part: str, vocabulary: Sequence[str]) -> list[tuple[str, ...]]:
    pieces = np.split(arrays[part], arrays[f"{part}_ends"][:-1])
    return [tuple(vocabulary[i] for i in piece.tolist()) for piece in pieces]
