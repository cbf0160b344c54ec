"""``POST /v1/chat/completions``: ask as one asks a language model; the answer is the one of ``/v1/answer``.

A stream is: a chunk with the role and, on the choice, ``retrieved``; chunks of content; a last chunk whose delta holds
everything that a whole message has beside its content. Adding the deltas up gives the whole message.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request

from app.answer import Event
from app.api.openai.chat_types import AssistantMessage, ChatChoice, ChatCompletion, ChatRequest, ChatUsage, Grounds
from app.api.openai.errors import FAILURES, OpenAIRoute, known_fault, still_there
from app.api.openai.models import named
from app.api.parts import Json, TheAnswerer, to_json
from app.streaming import EventStream, steps
from app.types import Answer
from indexer.errors import PilgiError

router = APIRouter(route_class=OpenAIRoute)

_STREAM = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.post("/chat/completions", response_model=ChatCompletion, responses=FAILURES, summary="묻기 (OpenAI)")
async def complete(wanted: ChatRequest, request: Request, answerer: TheAnswerer) -> Any:
    """OpenAI의 Chat completions와 같다. 마지막 user 메시지가 질문이고, 그 앞의 대화를 이어서 읽는다.

    `citations`, `demos`, `answerable`, `refusal_reason`, `retrieved`가 메시지에 더 들어 있다. `stream`이 참이면 첫
    조각의 choice에 `retrieved`가, 마지막 조각의 delta에 나머지가 함께 온다.
    """
    model = named(answerer, wanted.model, "chat").id
    asked = wanted.question()
    head = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": int(time.time()), "model": model}
    events = steps(answerer.stream(asked.question, asked.turns()))
    if wanted.stream:
        first = await anext(events)  # what is wrong with the question or the index is an error, not a chunk
        usage = bool(wanted.stream_options and wanted.stream_options.include_usage)
        return EventStream(_chunks(_Chunks(head, usage), first, events), headers=_STREAM)
    async with aclosing(events):
        async for event in events:
            await still_there(request)
            if event.answer is not None:
                return Json(_whole(head, event.answer).model_dump())
    raise AssertionError("a stream ends with the answer")


def _whole(head: dict[str, Any], answer: Answer) -> ChatCompletion:
    message = AssistantMessage(content=answer.answer, **dict(Grounds.of(answer)))
    return ChatCompletion(**head, choices=[ChatChoice(message=message)])


class _Chunks:
    """Chunks as they go out."""

    def __init__(self, head: dict[str, Any], usage: bool) -> None:
        self._head = {**head, "object": "chat.completion.chunk"}
        self.usage = usage

    def one(self, delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None, **more}
        return self._sent([choice], None)

    def counted(self) -> bytes:
        return self._sent([], ChatUsage().model_dump())

    def _sent(self, choices: list[dict[str, Any]], usage: Any) -> bytes:
        return _data({**self._head, "choices": choices, **({"usage": usage} if self.usage else {})})


async def _chunks(chunks: _Chunks, first: Event, rest: AsyncGenerator[Event]) -> AsyncGenerator[bytes]:
    said = ""
    async with aclosing(rest):
        try:
            yield chunks.one({"role": "assistant", "content": ""}, retrieved=[asdict(s) for s in first.sources])
            async for event in rest:
                if event.token:
                    said += event.token
                    yield chunks.one({"content": event.token})
                if event.answer is not None:
                    yield chunks.one(_ending(event.answer, said), "stop")
                    if chunks.usage:
                        yield chunks.counted()
        except PilgiError as error:
            yield _data(known_fault(error)[1])
    yield b"data: [DONE]\n\n"


def _ending(answer: Answer, said: str) -> dict[str, Any]:
    """The last delta. ``final_content`` is there only where the checked answer is not what was streamed."""
    return Grounds.of(answer).model_dump() | ({} if answer.answer == said else {"final_content": answer.answer})


def _data(content: Any) -> bytes:
    return b"data: " + to_json(content) + b"\n\n"
