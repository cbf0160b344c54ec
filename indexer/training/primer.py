"""Make the primer: the passages of the notes that ship, the facets and the terms' definitions, each with its questions, embedded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from indexer import analyzer
from indexer.build import Entry
from indexer.chunker import chunk_note
from indexer.encoder import EmbeddedEncoder
from indexer.notes import read_notes
from indexer.plain import plain
from indexer.primer import Blend, Known, Primer
from indexer.terms import builtin_terms
from indexer.tokens import TokenStore, TokenVectors
from indexer.training import written
from indexer.types import Chunk, Note


@dataclass(frozen=True)
class Source:
    """A passage with the questions written for it; ``text`` is what is embedded."""

    key: str
    text: str
    questions: tuple[str, ...]


def sources() -> list[Source]:
    """Every passage that ships, in the order of its file."""
    asked: dict[tuple[str, str], list[str]] = {}
    for row in written.rows("passage_questions"):
        asked.setdefault((row["note"], row["begins"]), []).append(row["question"])
    out = []
    for note in read_notes(Path(str(files("corpus").joinpath("notes")))):
        if isinstance(note, Note):
            out += [_of_note(chunk, str(note.metadata.get("slug", "")), asked) for chunk in chunk_note(note)]
    for row in written.rows("facets"):
        out.append(Source("", f"{row['heading']}\n{row['passage']}", (*row["questions"], *row["term_questions"])))
    for row in written.rows("terms"):
        out.append(Source("", f"{row['term']}\n{row['says']}", (*row["questions"], *row["words"])))
    return out


def _of_note(chunk: Chunk, slug: str, asked: dict[tuple[str, str], list[str]]) -> Source:
    text = plain(chunk.text).strip()
    questions = [q for (note, begins), found in asked.items() if note == slug and text.startswith(begins) for q in found]
    return Source(Entry(chunk, ()).key, chunk.searched, tuple(questions))


def train(out: Path) -> dict[str, float]:
    """Write ``primer.json`` and ``primer.safetensors`` to ``out``; return how well held-out questions find their passage."""
    encoder = EmbeddedEncoder()
    found = sources()
    terms = builtin_terms()
    tokens = [tuple(analyzer.tokens(plain(s.text), terms)) for s in found]
    asked = [tuple(tuple(analyzer.query(q, terms, frozenset()).tokens) for q in s.questions) for s in found]
    vectors, token_vectors = encoder.encode_tokens([s.text for s in found], kind="passage")
    questions, question_tokens = encoder.encode_tokens([q for s in found for q in s.questions], kind="query")
    # Of what is no note itself every two neighbouring tokens become one: half the room, and nearly the same matches.
    store = TokenStore.of([t.vectors if s.key else paired(t.vectors) for s, t in zip(found, token_vectors, strict=True)])
    passages = [Known(s.key, t, a) for s, t, a in zip(found, tokens, asked, strict=True)]
    scores = held_out(passages, vectors, store, questions, question_tokens)
    Primer(passages, vectors, store).save(out, {"encoder": encoder.fingerprint, "held_out": scores})
    return scores


def paired(vectors: np.ndarray) -> np.ndarray:
    """int8 (tokens, dim) -> int8 ((tokens + 1) // 2, dim): neighbours' means, made as long as before.

    Source: Clavié et al. (2024), "Reducing the Footprint of Multi-Vector Retrieval with Minimal Performance Impact via Token Pooling".
    """
    whole = vectors.astype(np.float32)
    if len(whole) % 2:
        whole = np.concatenate([whole, whole[-1:]])
    means = whole[::2] + whole[1::2]
    return TokenVectors.of(means / np.linalg.norm(means, axis=1, keepdims=True).clip(1e-6), np.ones(len(means))).vectors


def held_out(passages: Sequence[Known], vectors: np.ndarray, store: TokenStore, questions: np.ndarray,
             question_tokens: Sequence[TokenVectors], blend: Blend | None = None) -> dict[str, float]:
    """Of each passage one question is taken out: how often is its passage the first, and among the first eight?

    The encoder has learned from these questions, so only ways to blend can be compared here.
    """
    ends = np.cumsum([len(p.asked) for p in passages])
    out = [int(end) - len(p.asked) for end, p in zip(ends, passages, strict=True) if p.asked]
    owners = [i for i, p in enumerate(passages) if p.asked]
    primer = Primer([Known(p.key, p.tokens, p.asked[1:]) for p in passages], vectors, store, blend=blend)
    first = among = 0
    for at, owner in zip(out, owners, strict=True):
        tokens = dict.fromkeys(passages[owner].asked[0], 1.0)
        nearness = primer.nearness(tokens, questions[at], question_tokens[at])
        rank = int((nearness > nearness[owner]).sum())
        first += rank == 0
        among += rank < 8
    return {"hit1": round(first / len(out), 4), "hit8": round(among / len(out), 4), "questions": float(len(out))}
