"""From a question to a cited answer. Read this first: the command line, the chat and the API all call ``Answerer``.

    question (and history) -> rewritten -> Index.search -> reranker -> composer or LLM -> checked citations -> Answer
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.composer import compose
from app.composer.computed import compose_computed
from app.composer.draft import Draft
from app.conversation import standalone
from app.demos import Calculation, calculate, demos_for
from app.errors import InputError
from app.forms import fitted
from app.generation import Writer, Written, as_composed
from app.llm import EMBEDDED
from app.reranker import NONE, Reranked, Reranker, load_reranker, rerank
from app.settings import Settings
from app.types import Answer, Retrieved, Turn
from indexer.build import BuildSummary, build
from indexer.encoder import load_encoder
from indexer.generation import current
from indexer.index import Found, Index, Weights
from indexer.types import Encoder

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

MAX_QUESTION = 2000
TOP = 10
_CANDIDATES = 30


@dataclass(frozen=True)
class Event:
    """A step of a streamed answer: ``sources`` first, then ``token`` by token, then ``done`` with the whole answer."""

    kind: str
    sources: tuple[Retrieved, ...] = ()
    token: str = ""
    answer: Answer | None = None


class Answerer:
    """Answers over one index directory; follows the index when a build makes a new generation current.

    Safe for many threads. Models are loaded on first use. ``llm``: a language model to use in place of the one that the
    settings name.
    """

    def __init__(self, settings: Settings, *, llm: BaseChatModel | None = None) -> None:
        self.settings = settings
        self._writer = Writer(settings, llm)
        self._lock = threading.Lock()
        self._index: Index | None = None

    @cached_property
    def encoder(self) -> Encoder | None:
        """As ``settings.encoder`` says."""
        return load_encoder(self.settings.encoder)

    @cached_property
    def reranker(self) -> Reranker | None:
        """The cross-encoder that ``settings.reranker`` names; None for ``embedded`` and ``none``."""
        return load_reranker(self.settings.reranker)

    @property
    def llm(self) -> BaseChatModel | None:
        """The language model, loaded on first use; None where the embedded composer answers.

        Raises:
            LLMError: it cannot be loaded.
        """
        return None if self._writer.embedded else self._writer._model()

    @property
    def index(self) -> Index:
        """The current generation, opened again after a build.

        Raises:
            IndexMissingError, IndexBrokenError, IndexMismatchError: see ``Index.open``.
        """
        with self._lock:
            folder = current(self.settings.index)
            if self._index is None or self._index.folder != folder:
                weights = Weights().without("tokens") if self.settings.reranker == NONE else Weights()
                self._index = Index.open(self.settings.index, encoder=self.encoder, terms_file=self.settings.terms, weights=weights)
            return self._index

    def build(self, notes: Path | Sequence[Path] | None = None, *, rebuild: bool = False,
              progress: Callable[[str, int, int], Any] = lambda *_: None) -> BuildSummary:
        """Build the index, or bring it up to date."""
        return build(notes or self.settings.notes, self.settings.index, encoder=self.encoder, terms_file=self.settings.terms,
                     max_chars=self.settings.chunk_chars, max_bytes=int(self.settings.max_file_mb * 1e6), rebuild=rebuild,
                     progress=progress)

    def search(self, question: str, top: int = TOP) -> tuple[Found, Reranked]:
        """The passages for a question, reranked, at most ``top``.

        Raises:
            InputError: the question is empty or too long.
        """
        found = self.index.search(checked(question), max(top, _CANDIDATES))
        ranked = rerank(self.reranker, found.query.text, found.results, budget_ms=self.settings.rerank_budget_ms)
        return found, replace(ranked, results=fitted(found, ranked.results)[:top])

    def answer(self, question: str, history: Sequence[Turn] = (), *, id: str = "") -> Answer:
        """Answer one question.

        Raises:
            InputError: the question is empty or too long.
        """
        *_, last = self.stream(question, history, id=id)
        assert last.answer is not None
        return last.answer

    def stream(self, question: str, history: Sequence[Turn] = (), *, id: str = "") -> Iterator[Event]:
        """Answer one question step by step. Closing the iterator stops a language model that is still writing."""
        clock = _Clock()
        whole = standalone(checked(question), history, self.index.terms)
        found, ranked = self.search(whole, TOP)
        clock.mark("search")
        sources = tuple(Retrieved.of(r) for r in ranked.results)
        yield Event("sources", sources=sources)
        calculation = calculate(whole)
        draft = self._computed(calculation) if calculation else compose(found, ranked.results)
        clock.mark("compose")
        # What was calculated is exact; a language model could only spoil it.
        steps = as_composed(draft) if calculation else self._writer.write(draft, found, ranked.results, self.reranker)
        written = Written(draft, self._writer.name)
        with closing(steps):
            for step in steps:
                if isinstance(step, Written):
                    written = step
                else:
                    yield Event("token", token=step)
        if written.model != EMBEDDED:
            clock.mark("generate")
        draft = written.draft
        demos = demos_for(found, draft, whole)
        clock.mark("demos")
        notices = (*(f"'{a}'을(를) '{b}'(으)로 읽었습니다." for a, b in found.query.mended.items()), *ranked.notices,
                   *written.notices)
        yield Event("done", answer=Answer(
            id=id, question=question, answer=draft.answer, answerable=draft.answerable, refusal_reason=draft.refusal_reason,
            citations=draft.citations, retrieved=sources, demos=demos, model=written.model, index_generation=self.index.generation,
            timing_ms=clock.times(), concepts=tuple(h.slug for h in found.heard),
            rewritten=found.query.text if found.query.text != question else "", notices=notices, thoughts=written.thoughts))

    def _computed(self, calculation: Calculation) -> Draft:
        """The result of a calculation, with its formula looked up in the notes."""
        found = self.index.search(calculation.cite, 5)
        return compose_computed(calculation, found, found.results)


def checked(question: str) -> str:
    """The question without surrounding space.

    Raises:
        InputError: it is empty or too long.
    """
    text = question.strip()
    if not text:
        raise InputError("질문이 비어 있습니다: 궁금한 것을 적어 주세요.")
    if len(text) > MAX_QUESTION:
        raise InputError(f"질문이 너무 깁니다({len(text)}자): {MAX_QUESTION}자 이하로 줄여 주세요.")
    return text


class _Clock:
    """Milliseconds by step."""

    def __init__(self) -> None:
        self._began = self._last = time.perf_counter()
        self._times: dict[str, float] = {}

    def mark(self, step: str) -> None:
        now = time.perf_counter()
        self._times[step] = round((now - self._last) * 1000, 1)
        self._last = now

    def times(self) -> dict[str, float]:
        return {**self._times, "total": round((time.perf_counter() - self._began) * 1000, 1)}
