"""From everyday words to concepts: which concept does a question mean that does not name it?

Two linear classifiers over the 84 concepts and everything else, trained on questions as learners ask them (corpus/asked) and on
sentences about daily life (recipe: ``python -m indexer.training bridge``): one reads the question's tokens (TF-IDF), the other its
vector. Their log-probabilities are averaged.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from indexer.analyzer import Query
from indexer.encoder import EmbeddedEncoder
from indexer.types import Encoder

OTHER = "other"  # the class of what is about no concept
_MOST = 3
_LEAST = 0.05


@dataclass(frozen=True)
class Heard:
    """A concept that a question seems to mean; ``score`` is its probability."""

    slug: str
    score: float
    terms: tuple[str, ...]


@dataclass(frozen=True)
class Hearing:
    """``concepts``: at most three, the clearest first; none where nothing is clear. ``other``: the probability that it is about no
    concept, but about daily life, news or the like."""

    concepts: tuple[Heard, ...] = ()
    other: float = 0.0


@dataclass(frozen=True)
class Head:
    """A linear classifier: ``weight`` (classes, features), ``bias`` (classes,)."""

    weight: np.ndarray
    bias: np.ndarray

    def log_probabilities(self, features: np.ndarray) -> np.ndarray:
        """``features``: (features,) -> (classes,)."""
        logits = self.weight @ features + self.bias
        logits = logits - logits.max()
        return logits - np.log(np.exp(logits).sum())


def token_features(tokens: Sequence[str], vocabulary: Mapping[str, int], idf: np.ndarray) -> np.ndarray:
    """TF-IDF with logarithmic term frequency, length 1; (len(vocabulary),)."""
    out = np.zeros(len(vocabulary), dtype=np.float32)
    for token, count in Counter(tokens).items():
        at = vocabulary.get(token)
        if at is not None:
            out[at] = (1 + np.log(count)) * idf[at]
    length = float(np.linalg.norm(out))
    return out / length if length else out


class Bridge:
    """Hears concepts in questions."""

    def __init__(self, classes: Sequence[str], terms: Mapping[str, Sequence[str]], vocabulary: Mapping[str, int], idf: np.ndarray,
                 lexical: Head, dense: Head | None) -> None:
        self._classes = tuple(classes)
        self._terms = terms
        self._vocabulary = vocabulary
        self._idf = idf
        self._lexical = lexical
        self._dense = dense

    @classmethod
    def load(cls, encoder: Encoder | None, folder: Path | None = None) -> Bridge:
        """Read the bridge that ships; its dense half serves only the encoder that it was trained with."""
        from safetensors.numpy import load_file

        folder = folder or Path(str(files("models").joinpath("pretrained/bridge")))
        facts = json.loads((folder / "bridge.json").read_text("utf-8"))
        arrays = {name: a.astype(np.float32) for name, a in load_file(folder / "bridge.safetensors").items()}
        terms = json.loads(files("corpus").joinpath("asked/concept_terms.json").read_text("utf-8"))
        trained_with = isinstance(encoder, EmbeddedEncoder) and encoder.fingerprint == facts["encoder"]
        dense = Head(arrays["dense.weight"], arrays["dense.bias"]) if trained_with else None
        vocabulary = {token: i for i, token in enumerate(facts["vocabulary"])}
        return cls(facts["classes"], terms, vocabulary, arrays["idf"], Head(arrays["lexical.weight"], arrays["lexical.bias"]), dense)

    def probabilities(self, tokens: Sequence[str], vector: np.ndarray | None) -> dict[str, float]:
        """The probability of every concept, and of ``OTHER``."""
        logs = self._lexical.log_probabilities(token_features(tokens, self._vocabulary, self._idf))
        if self._dense is not None and vector is not None:
            logs = (logs + self._dense.log_probabilities(vector)) / 2
        odds = np.exp(logs - logs.max())
        return dict(zip(self._classes, (odds / odds.sum()).tolist(), strict=True))

    def hear(self, query: Query, vector: np.ndarray | None) -> Hearing:
        """What a question seems to be about."""
        known = self.probabilities(list(query.tokens), vector)
        other = known.pop(OTHER, 0.0)
        ranked = sorted(known.items(), key=lambda pair: -pair[1])[:_MOST]
        return Hearing(tuple(Heard(slug, p, tuple(self._terms[slug])) for slug, p in ranked if p >= _LEAST), other)
