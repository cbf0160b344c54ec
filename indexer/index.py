"""The index as readers use it: open one generation, search it. Read this first; ``build.py`` makes what is opened here.

A search has five legs and a closer look. *Keyword*: BM25 over Korean morphemes, compounds and the term table. *Coverage*: how many of the
question's words a passage holds at all. *Vector*: the encoder's passages nearest to the question, moved a little towards what the
primer knows of it (Rocchio 1971, "Relevance Feedback in Information Retrieval"). *Concept*: the terms of the concepts that the
question means without naming them (``bridge.py``), searched by keyword. *Primer*: the words that passages which ship lend to the
question (``primer.py``), searched by keyword. Each leg is scaled to 0 … 1 by its best passage and they are added with fixed
weights (convex fusion; Bruch et al. 2023, "An Analysis of Fusion Functions for Hybrid Retrieval"). Of the best hundred every token
of the question is then looked for among the tokens of the passage (late interaction, ``tokens.py``): the reranker that needs no
second model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from indexer import analyzer, generation
from indexer.bridge import Bridge, Heard, Hearing
from indexer.build import StoredNote, fingerprints, read_contents
from indexer.errors import IndexBrokenError, IndexMismatchError
from indexer.generation import Manifest
from indexer.keyword import KeywordIndex
from indexer.primer import Lent, Primer
from indexer.stores.faiss_store import FaissStore
from indexer.terms import Terms, load_terms, parse_terms
from indexer.tokens import TokenStore, TokenVectors, token_encoder
from indexer.types import Chunk, Encoder, SearchResult, VectorStore

DEPTH = 100  # candidates that are looked at token by token
_REACH = 0.5  # a passage that is less alike than the best by this much gets nothing for it


@dataclass(frozen=True)
class Weights:
    """The part of each leg in the fused score; measured on development questions, see tests/benchmarks."""

    keyword: float = 1.0
    coverage: float = 0.6
    vector: float = 0.2
    feedback: float = 0.3  # of the primer's nearest passages beside 1 for the question itself
    concept: float = 0.2
    concept_unnamed: float = 0.7  # where the question names no term: then the bridge knows more than its words
    primer: float = 0.2
    primer_unnamed: float = 1.5
    tokens: float = 0.5  # beside 1 for all of the above
    tokens_unnamed: float = 1.0

    @classmethod
    def only(cls, *legs: str) -> Weights:
        """The weights of these legs; all others are silent."""
        usual = cls()
        return cls(**{f.name: getattr(usual, f.name) if f.name.removesuffix("_unnamed") in legs else 0.0 for f in fields(cls)})

    def without(self, leg: str) -> Weights:
        """The same, and one leg is silent."""
        return replace(self, **{f.name: 0.0 for f in fields(self) if f.name.removesuffix("_unnamed") == leg})


@dataclass(frozen=True)
class Held:
    """How much a passage holds: ``asked`` of the question's words by importance, ``lent`` of the primer's by weight."""

    asked: float
    lent: float


@dataclass(frozen=True)
class Found:
    """Results of a search, best first, and how the question was read.

    ``importance``: the idf of the question's tokens. ``similarity``: the cosine of the nearest passage and the question as
    it was searched (0 without an encoder). ``likeness``: the best late interaction of the candidates, -1 … 1; None
    where the encoder cannot tell. ``lent``: what the primer gave. ``held``: what each result holds, by its chunk's id.
    ``other``: the probability that the question is about no concept (``bridge.py``).
    ``terms`` and ``vocabulary``: what the index knows.
    """

    results: tuple[SearchResult, ...]
    query: analyzer.Query
    heard: tuple[Heard, ...]
    legs: Mapping[str, tuple[tuple[Chunk, float], ...]]
    importance: Mapping[str, float]
    similarity: float
    terms: Terms
    vocabulary: frozenset[str]
    likeness: float | None = None
    lent: Lent = field(default_factory=Lent)
    other: float = 0.0
    held: Mapping[str, Held] = field(default_factory=dict)


class Index:
    """One generation, open for reading; safe for many threads."""

    def __init__(self, folder: Path, manifest: Manifest, *, encoder: Encoder | None, weights: Weights) -> None:
        self.folder = folder
        self.manifest = manifest
        self.weights = weights
        self._encoder = encoder
        contents = read_contents(folder)
        self.chunks: tuple[Chunk, ...] = tuple(e.chunk for e in contents.entries)
        self.notes: Mapping[str, StoredNote] = {n.path: n for n in contents.notes}
        self._keyword = KeywordIndex.load(folder / "keyword", len(self.chunks))
        # Open from the start: builds remove old generations, and what is open stays.
        self._store: VectorStore | None = FaissStore.load(folder / "vectors") if encoder else None
        self._token_encoder = token_encoder(encoder)
        self._tokens = TokenStore.load(folder / "tokens") if self._token_encoder else None
        if self._tokens is not None and len(self._tokens) != len(self.chunks):
            raise IndexBrokenError(f"색인 {folder}의 tokens가 구절 수와 다릅니다: 'pilgi index build --rebuild'로 다시 만들어 주세요.")
        extra = manifest.settings.get("terms_file")
        learned = parse_terms((folder / "terms.tsv").read_text("utf-8"), "terms.tsv")
        self.terms: Terms = load_terms(Path(extra) if extra else None).joined(learned, trusted=False)

    @classmethod
    def open(cls, index_dir: Path, *, encoder: Encoder | None, terms_file: Path | None = None,
             weights: Weights | None = None) -> Index:
        """Open the current generation.

        Raises:
            IndexMissingError: nothing was built there yet.
            IndexBrokenError: a file is missing or changed.
            IndexMismatchError: it was built with another encoder, tokenizer or term table than are set now.
        """
        folder = generation.current(index_dir)
        manifest = generation.read_manifest(folder)
        now = fingerprints(encoder, load_terms(terms_file), int(manifest.settings["max_chars"]))
        for part, mark in now.items():
            if manifest.fingerprints.get(part) != mark:
                raise IndexMismatchError(
                    f"색인 {index_dir}은(는) 다른 {part}(으)로 만들었습니다({manifest.fingerprints.get(part)} ≠ {mark}): "
                    "'pilgi index build'로 다시 만들거나 설정을 되돌려 주세요.")
        return cls(folder, manifest, encoder=encoder, weights=weights or Weights())

    @property
    def generation(self) -> str:
        """The name of the generation that answers come from."""
        return self.folder.name

    @cached_property
    def bridge(self) -> Bridge:
        """From everyday words to concepts."""
        return Bridge.load(self._encoder)

    @cached_property
    def primer(self) -> Primer:
        """What is known of questions that have few of the notes' words."""
        return Primer.load(self._encoder)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {chunk.id: i for i, chunk in enumerate(self.chunks)}

    def search(self, question: str, top: int = 10, *, weights: Weights | None = None) -> Found:
        """The passages nearest to ``question``, at most ``top``, best first; a passage that no leg knows is left out."""
        weights = weights or self.weights
        query = analyzer.query(question, self.terms, self._keyword.vocabulary)
        vector, tokens = self._embedded(query.text, weights)
        heard = self.bridge.hear(query, vector) if weights.concept else Hearing()
        # The primer knows the concepts; of anything else it has nothing to say.
        known = 1 - heard.other
        primer = (weights.primer if query.terms else weights.primer_unnamed) * known
        lent = self.primer.lend(query.tokens, vector, tokens) if primer or weights.feedback else Lent()
        near, similarity = self._vector_scores(_towards(vector, lent.vector, weights.feedback * known))
        covered = self._keyword.coverage(query.tokens)
        legs = {
            "keyword": (weights.keyword, _scaled(self._keyword.scores(query.tokens))),
            "coverage": (weights.coverage, covered),
            "vector": (weights.vector, near),
            "concept": _unit(weights.concept if query.terms else weights.concept_unnamed, self._concept_scores(heard.concepts)),
            "primer": (primer, _scaled(self._keyword.scores(lent.words)) if primer and lent.words else None),
        }
        total = np.zeros(len(self.chunks), dtype=np.float32)
        norm = 0.0
        for weight, scores in legs.values():
            if scores is not None and weight:
                total += weight * scores
                norm += weight
        total /= norm or 1.0
        best = {name: self._best(scores) for name, (_, scores) in legs.items()} | {"fused": self._best(total)}
        closest = None
        if tokens is not None and self._tokens is not None:
            candidates = np.argsort(-total, kind="stable")[:DEPTH]
            candidates = candidates[total[candidates] > 0]
            alike = self._tokens.scores(tokens, candidates.tolist())
            closest = float(alike.max(initial=0.0))
            closer = weights.tokens if query.terms else weights.tokens_unnamed
            if closer:
                look = np.zeros(len(self.chunks), dtype=np.float32)
                look[candidates] = np.clip(1 - (alike.max(initial=0.0) - alike) / _REACH, 0, 1)
                legs["tokens"] = (closer, look)
                total = (_scaled(total) + closer * look) / (1 + closer)
        order = np.argsort(-total, kind="stable")[:top]
        results = tuple(
            SearchResult(self.chunks[i], float(total[i]),
                         {name: round(float(scores[i]), 4) for name, (_, scores) in legs.items() if scores is not None})
            for i in order if total[i] > 0
        )
        lent_to = self._keyword.shares(lent.words)
        held = {self.chunks[i].id: Held(float(covered[i]), float(lent_to[i])) for i in order if total[i] > 0}
        return Found(results, query, heard.concepts, best, self._keyword.importance(query.tokens), similarity, self.terms,
                     self._keyword.vocabulary, closest, lent, heard.other, held)

    def _embedded(self, question: str, weights: Weights) -> tuple[np.ndarray | None, TokenVectors | None]:
        """The question's vector and its tokens', as far as the encoder makes them and the weights need them."""
        if self._encoder is None or not any((weights.vector, weights.concept, weights.concept_unnamed, weights.primer,
                                             weights.primer_unnamed, weights.tokens, weights.tokens_unnamed)):
            return None, None
        if self._token_encoder is None:
            return self._encoder.encode([question], kind="query")[0], None
        vectors, tokens = self._token_encoder.encode_tokens([question], kind="query")
        return vectors[0], tokens[0]

    def _vector_scores(self, vector: np.ndarray | None) -> tuple[np.ndarray | None, float]:
        """Cosine of the nearest passages, scaled, all others 0; and the best cosine as it is."""
        if vector is None or self._store is None:
            return None, 0.0
        scores, numbers = self._store.search(vector[None], 200)
        real = numbers[0] >= 0
        out = np.zeros(len(self.chunks), dtype=np.float32)
        if real.any():
            found = scores[0][real]
            floor = found.min() if len(found) == 200 else min(float(found.min()), 0.0)
            out[numbers[0][real]] = found - floor
        return _scaled(out), float(scores[0].max(initial=0.0))

    def _concept_scores(self, heard: Sequence[Heard]) -> np.ndarray | None:
        """BM25 of each heard concept's terms, scaled, times the root of its probability, added up."""
        if not heard:
            return None
        total = np.zeros(len(self.chunks), dtype=np.float32)
        for concept in heard:
            tokens = {token: 1.0 for term in concept.terms for token in analyzer.tokens(term, self.terms)}
            total += concept.score**0.5 * _scaled(self._keyword.scores(tokens))
        return total

    def _best(self, scores: np.ndarray | None, top: int = 10) -> tuple[tuple[Chunk, float], ...]:
        if scores is None:
            return ()
        return tuple((self.chunks[i], float(scores[i])) for i in np.argsort(-scores, kind="stable")[:top] if scores[i] > 0)

    def note(self, path: str) -> StoredNote | None:
        """The note at ``path`` (any Unicode normal form), as it was indexed; None where there is none."""
        import unicodedata

        return self.notes.get(unicodedata.normalize("NFC", path))


def _towards(vector: np.ndarray | None, other: np.ndarray | None, weight: float) -> np.ndarray | None:
    """The vector, moved and of length 1 again."""
    if vector is None or other is None or not weight:
        return vector
    moved = vector + weight * other
    return moved / np.linalg.norm(moved)


def _unit(weight: float, scores: np.ndarray | None) -> tuple[float, np.ndarray | None]:
    """The same leg with scores of at most 1: what is taken from the scores goes into the weight."""
    if scores is None:
        return weight, None
    peak = max(1.0, float(scores.max(initial=0.0)))
    return weight * peak, scores / peak


def _scaled(scores: np.ndarray) -> np.ndarray:
    best = float(scores.max(initial=0.0))
    return scores / best if best > 0 else scores
