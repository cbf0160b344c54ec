"""Calling a model: text as it comes, within a deadline, tried again where that helps, stopped when nobody listens."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.llm.failures import explained, worth_retrying

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

MAX_TOKENS = 1024  # of an answer, its reasoning included
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """``seconds`` for a whole answer, ``attempts`` at one, ``wait`` seconds before the second (then doubled)."""

    seconds: float
    attempts: int = 3
    wait: float = 0.5


def stream_text(
    model: BaseChatModel,
    messages: Sequence[BaseMessage],
    patience: Patience,
    name: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[str, None, None]:
    """Yield the model's text piece by piece. Closing the generator stops the model at its next token.

    A request that fails before its first piece is tried again where that may help; after it, it is not: what was said
    cannot be unsaid.

    Raises:
        LLMError: the model failed, or did not finish in time (what came before has been yielded).
    """
    deadline = time.monotonic() + patience.seconds
    for attempt in range(patience.attempts):
        began = False
        try:
            for piece in _in_background(model, messages, deadline):
                began = began or bool(piece)
                yield piece
            return
        except _Failed as failed:
            error = failed.error
            wait = patience.wait * 2**attempt
            last = attempt + 1 == patience.attempts or time.monotonic() + wait >= deadline
            if began or last or not worth_retrying(error):
                raise explained(error, name) from error
            log.warning("%s: %s, trying again in %.1f s", name, type(error).__name__, wait)
            sleep(wait)


class _Failed(Exception):
    """Carries what the model raised out of its thread."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


def _in_background(
    model: BaseChatModel, messages: Sequence[BaseMessage], deadline: float
) -> Generator[str, None, None]:
    """In a thread of its own, so that a server that says nothing cannot hold the reader past the deadline."""
    pieces: queue.Queue[str | BaseException | None] = queue.Queue()
    stopped = threading.Event()

    def work() -> None:
        said = False
        try:
            stream = model.stream(list(messages))
            try:
                for chunk in stream:
                    if stopped.is_set():
                        break
                    said = True
                    pieces.put(str(chunk.text))
            finally:
                close = getattr(stream, "close", None)
                if close is not None:
                    close()
            pieces.put(None)
        except Exception as error:  # whatever a model raises is for the reader's thread to tell
            nothing = not said and isinstance(error, ValueError) and "No generation chunks" in str(error)
            pieces.put(None if nothing else error)  # LangChain takes an empty answer for an error

    threading.Thread(target=work, name="llm", daemon=True).start()
    try:
        while True:
            got: str | BaseException | None = TimeoutError("deadline")
            with suppress(queue.Empty):
                got = pieces.get(timeout=max(0.0, deadline - time.monotonic()))
            if got is None:
                return
            if isinstance(got, BaseException):
                raise _Failed(got)
            yield got
    finally:
        stopped.set()
