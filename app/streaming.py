"""The steps of an answer for doors that are asynchronous: each taken on a thread, the rest dropped when nobody listens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Send

from app.answer import Event


async def steps(events: Iterator[Event]) -> AsyncGenerator[Event]:
    """``Answerer.stream`` step by step; closing this closes it, and with it whatever was still at work."""
    try:
        while (event := await run_in_threadpool(next, events, None)) is not None:
            yield event
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


class EventStream(StreamingResponse):
    """Server-sent events, whose source is closed as soon as the reader is gone."""

    media_type = "text/event-stream"

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self.body_iterator):  # type: ignore[type-var]
            await super().stream_response(send)
