"""The running system as plain values, for the demos that open it up: its encoder, its search, its prompts, its answers.

``models`` imports nothing of ours, so what a concept names as ``Concept.live`` is put together here and handed in.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.messages import HumanMessage

from app.answer import TOP, checked
from app.errors import LLMError
from app.llm import shown
from app.llm.calling import Patience, stream_text
from app.prompts import prompts_for
from app.prompts.passages import fitted
from app.thoughts import ThoughtFilter
from app.types import Retrieved
from indexer.encoder import EmbeddedEncoder
from indexer.errors import IndexMissingError
from indexer.plain import plain
from models import catalogue

if TYPE_CHECKING:
    from app.answer import Answerer
    from indexer.types import Chunk
    from models.concept import Concept

MOST_TOKENS = 24  # more would not be readable in one picture
MOST_PASSAGES = 10
NEIGHBOURS = 8
log = logging.getLogger(__name__)


def live_value(answerer: Answerer, concept: Concept, question: str) -> Any:
    """What ``concept.live`` asks for, over ``question``; None where the demo had better use values of its own.

    That is so where the concept asks for nothing, no index exists yet, the encoder is not the one that ships, or there is
    no language model to ask without the notes.

    Raises:
        InputError: the question is empty or too long.
        IndexBrokenError, IndexMismatchError: see ``Index.open``.
    """
    if concept.live not in _VALUES:
        return None
    try:
        generation = answerer.index.generation
    except IndexMissingError:
        return None
    try:
        return _value(answerer, generation, concept.live, checked(question))
    except LLMError as error:
        log.warning("the demo %s uses its own values: %s", concept.slug, error)
        return None


@lru_cache(maxsize=8)
def _value(answerer: Answerer, generation: str, live: str, question: str) -> Any:
    """Kept for a while: a slider asks again and again for the same."""
    return _VALUES[live](answerer, question)


def attention(answerer: Answerer, question: str) -> dict[str, Any] | None:
    """Who looks at whom when the encoder reads the question, and the terms of the notes that lie nearest to it.

    ``weights``: [layer][head][query][key]. ``neighbours``: [term, cosine], nearest first.
    """
    import torch

    encoder = answerer.encoder
    if not isinstance(encoder, EmbeddedEncoder):
        return None
    encoded = encoder.tokenizer.encode(plain(question))
    ids, tokens = list(encoded.ids), list(encoded.tokens)
    if len(ids) > MOST_TOKENS:  # the last one ends the sentence
        ids, tokens = [*ids[: MOST_TOKENS - 1], ids[-1]], [*tokens[: MOST_TOKENS - 1], tokens[-1]]
    kept: list[Any] = []
    with torch.inference_mode():
        encoder.model(torch.tensor([ids]), kept=kept)  # each layer: (1, heads, T, T)
    weights = np.stack([layer[0].numpy() for layer in kept]).astype(np.float64).round(3).tolist()
    return {"tokens": tokens, "weights": weights, "neighbours": _neighbours(answerer, encoder, question)}


def _neighbours(answerer: Answerer, encoder: EmbeddedEncoder, question: str) -> list[list[Any]]:
    """Word pieces by themselves lie anywhere; the terms of the notes, read as sentences are, lie where they belong."""
    found = answerer.index.search(question, 1)
    names = tuple(row[0] for row in found.terms.rows if set(found.terms.tokens_of(row[0])) & found.vocabulary)
    if not names:
        return []
    cosines = _vectors(encoder, names) @ encoder.encode([question], kind="query")[0]
    return [[names[i], round(float(cosines[i]), 3)] for i in np.argsort(-cosines, kind="stable")[:NEIGHBOURS]]


@lru_cache(maxsize=2)
def _vectors(encoder: EmbeddedEncoder, names: tuple[str, ...]) -> np.ndarray:
    return encoder.encode(names, kind="passage")


def search(answerer: Answerer, question: str) -> dict[str, Any]:
    """This very search, leg by leg, each leg a list of (passage, score), best first; and the prompt it would lead to."""
    found, ranked = answerer.search(question, TOP)
    sources = [Retrieved.of(r) for r in ranked.results]
    legs = {
        name: [(_label(chunk), round(score, 4)) for chunk, score in found.legs.get(name, ())[:MOST_PASSAGES]]
        for name in ("keyword", "vector", "fused")
    }
    known = catalogue.concepts()
    return {
        "question": found.query.text,
        "tokens": [_spelled(token, found.terms.row(token)) for token in found.query.tokens],
        "concepts": [f"{known[h.slug].title} {h.score:.0%}" for h in found.heard if h.slug in known],
        **legs,
        "reranked": [(_label(r.chunk), round(r.score, 4)) for r in ranked.results[:MOST_PASSAGES]],
        "prompt": _prompts(answerer, found.query.text, sources)[answerer.settings.prompt],
    }


def _label(chunk: Chunk) -> str:
    """Note and section, what stands in brackets left out, then the place: short, and no two alike."""
    ends = dict.fromkeys(re.sub(r"\s*\(.*", "", h) for h in (*chunk.heading[:1], *chunk.heading[-1:]))
    return f"{': '.join(ends)} ({chunk.path}:{chunk.start_line})".strip()


def _spelled(token: str, names: Sequence[str]) -> str:
    """A token as a reader knows it; a term of the table by its names."""
    return f"[{' = '.join(names[:2])}]" if names else token


def prompts(answerer: Answerer, question: str) -> dict[str, str]:
    """The prompts of all three ways over the passages that are really found, by the name of the way."""
    found, ranked = answerer.search(question, TOP)
    return _prompts(answerer, found.query.text, [Retrieved.of(r) for r in ranked.results])


def _prompts(answerer: Answerer, question: str, passages: Sequence[Retrieved]) -> dict[str, str]:
    return prompts_for(question, fitted(passages, answerer.settings.context_chars).passages)


def grounding(answerer: Answerer, question: str) -> dict[str, Any] | None:
    """The answer from the notes beside that of the language model alone; None without a language model.

    Raises:
        LLMError: the language model cannot be reached.
    """
    model = answerer.llm
    if model is None:
        return None
    noted = answerer.answer(question)
    thoughts = ThoughtFilter(expected=False)
    patience = Patience(answerer.settings.llm_timeout)
    with closing(stream_text(model, [HumanMessage(question)], patience, shown(answerer.settings.llm))) as pieces:
        bare = "".join(thoughts.feed(piece) for piece in pieces) + thoughts.end()
    return {
        "question": question,
        "with_notes": {
            "answer": noted.answer,
            "answerable": noted.answerable,
            "citations": [c.quote for c in noted.citations],
        },
        "without_notes": {"answer": bare.strip()},
    }


_VALUES: Mapping[str, Callable[[Answerer, str], Any]] = {
    "attention": attention,
    "search": search,
    "prompts": prompts,
    "grounding": grounding,
}
