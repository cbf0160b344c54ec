"""An answer in a language model's words: asked over the passages found, checked sentence by sentence, streamed as it passes.

Only checked sentences are streamed, and none is taken back. Where nothing usable comes (no server, another script twice,
nothing that the passages support), the embedded composer's answer stands in, and a notice says why.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.attempt import Attempt, Outcome
from app.composer import Draft
from app.composer.refusal import DOES_NOT_SAY
from app.errors import ContextTooLongError, LLMError
from app.grounding import Grounder
from app.llm import EMBEDDED, load_llm, shown
from app.llm.calling import Patience, stream_text
from app.prompts import Template, load_template, messages_for
from app.prompts.passages import fitted, left_out
from app.prompts.untrusted import orders
from app.reranker import Reranker
from app.settings import Settings
from app.types import Retrieved, heading_line
from indexer.index import Found
from indexer.types import SearchResult

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

_LEAST_ROOM = 256  # tokens for an answer


@dataclass(frozen=True)
class Written:
    """An answer, who wrote it, and what the reader should know about it."""

    draft: Draft
    model: str
    notices: tuple[str, ...] = ()
    thoughts: str = ""


class Writer:
    """Writes answers with the model that the settings name. Safe for many threads; the model is loaded on first use."""

    def __init__(self, settings: Settings, llm: BaseChatModel | None = None) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._llm = llm
        self._broken: LLMError | None = None
        self.name = shown(settings.llm)

    @property
    def embedded(self) -> bool:
        """Whether there is no language model."""
        return self._llm is None and self._settings.llm == EMBEDDED

    def write(
        self, draft: Draft, found: Found, results: Sequence[SearchResult], reranker: Reranker | None = None
    ) -> Generator[str | Written, None, None]:
        """Yield the answer piece by piece, then all of it as ``Written``. Closing the generator stops the model.

        ``draft``: what the embedded composer answers. Where it refuses, the model is not asked: it knows the notes no better
        than the search does.
        """
        if self.embedded or not draft.answerable:
            yield from as_composed(draft)
            return
        try:
            yield from self._generated(draft, found, results, reranker)
        except LLMError as error:
            yield from as_composed(draft, f"{' '.join(str(error).split())} 내장 답변기로 답했습니다.")

    def _generated(
        self, draft: Draft, found: Found, results: Sequence[SearchResult], reranker: Reranker | None
    ) -> Generator[str | Written, None, None]:
        model = self._model()
        template = load_template(self._settings.prompt)
        given = fitted([Retrieved.of(r) for r in results], self._settings.context_chars)
        passages, firmer, outcome = list(given.passages), False, Outcome()
        for _ in range(4):  # once, again in Korean, and twice with fewer passages
            passages, messages = self._prompt(model, template, found.query.text, passages, firmer)
            grounder = Grounder(found.query.text, results[: len(passages)], found.terms, reranker)
            attempt = Attempt(grounder, found.query.text, thinks=template.thinks)
            try:
                with closing(self._said(model, messages)) as said:
                    outcome = yield from attempt.run(said)
            except ContextTooLongError:
                if len(passages) < 2:
                    raise
                passages = passages[: len(passages) // 2]
                continue
            if not outcome.foreign or firmer:
                break
            firmer = True
        notices = [left_out(len(results), len(passages))] if len(passages) < len(results) else []
        yield from self._judged(outcome, draft, results[: len(passages)], notices)

    def _judged(
        self, outcome: Outcome, draft: Draft, given: Sequence[SearchResult], notices: Sequence[str]
    ) -> Generator[str | Written, None, None]:
        """What becomes of an outcome: the model's answer, its refusal, or the composer's answer."""
        poisoned = [r.chunk.path for r in given if orders(r.chunk.text)]
        notices = [
            *notices,
            *(
                f"{path}에 모델에게 내리는 지시처럼 보이는 글이 있어 근거로 쓰지 않았습니다."
                for path in dict.fromkeys(poisoned)
            ),
        ]
        if outcome.text:
            answer = Draft(outcome.text, True, "", outcome.citations)
            yield Written(answer, self.name, (*notices, *outcome.notices()), outcome.thoughts)
        elif outcome.refused and not poisoned:
            refusal = _refusal(given)
            yield refusal.answer
            yield Written(refusal, self.name, tuple(notices), outcome.thoughts)
        else:
            why = outcome.why_nothing(self.name)
            yield from as_composed(draft, *notices, f"{why} 내장 답변기로 답했습니다.")

    def _said(self, model: BaseChatModel, messages: Sequence[BaseMessage]) -> Generator[str, None, None]:
        return stream_text(model, messages, Patience(self._settings.llm_timeout), self.name)

    def _prompt(
        self, model: BaseChatModel, template: Template, question: str, passages: Sequence[Retrieved], firmer: bool
    ) -> tuple[list[Retrieved], list[BaseMessage]]:
        """The prompt, with as many of the passages (from the first) and examples as the model's window holds."""
        room = getattr(model, "room", None)
        for shots in (template.shots, 0):
            for count in range(len(passages), 0, -1):
                messages = messages_for(template, question, passages[:count], firmer=firmer, shots=shots)
                left = room(messages) if room is not None else None
                if left is None or left >= _LEAST_ROOM:
                    return list(passages[:count]), messages
        raise ContextTooLongError(f"{self.name}: 구절 하나도 모델의 문맥에 들어가지 않습니다.")

    def _model(self) -> BaseChatModel:
        """Loaded once; what failed to load is not tried again with every question."""
        with self._lock:
            if self._broken is not None:
                raise self._broken
            if self._llm is None:
                try:
                    self._llm = load_llm(self._settings)
                except LLMError as error:
                    self._broken = error
                    raise
            assert self._llm is not None
            return self._llm


def as_composed(draft: Draft, *notices: str) -> Generator[str | Written, None, None]:
    """The composer's answer line by line, then all of it."""
    yield from draft.answer.splitlines(keepends=True)
    yield Written(draft, EMBEDDED, notices)


def _refusal(results: Sequence[SearchResult]) -> Draft:
    near = dict.fromkeys(f"{heading_line(r.chunk) or r.chunk.path} ({r.chunk.path})" for r in results[:3])
    listed = "".join(f"\n- {heading}" for heading in near)
    return Draft(f"{DOES_NOT_SAY}\n\n가까운 내용:{listed}", False, DOES_NOT_SAY, ())
