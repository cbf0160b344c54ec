"""``POST /v1/answer`` and ``POST /v1/search``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from app.answer import Event
from app.api.errors import responses
from app.api.parts import Json, TheAnswerer, to_json
from app.rows import Question, error_row, search_row
from app.streaming import EventStream, steps
from app.types import Answer, Retrieved
from indexer.errors import PilgiError

router = APIRouter(prefix="/v1", tags=["답"])


class AnswerRequest(Question):
    """A question; with ``stream``, the answer comes as Server-sent events."""

    stream: bool = Field(False, description="참이면 Server-sent events로: sources, token…, done")


class SearchRequest(BaseModel):
    """What to look for."""

    question: str = Field(description="질문", examples=["과적합을 막는 방법"])
    top: int = Field(10, ge=1, le=100, description="구절의 수")


class HeardConcept(BaseModel):
    """A concept that the question seems to mean."""

    slug: str
    score: float


class SearchAnswer(BaseModel):
    """Passages, best first."""

    question: str
    results: list[Retrieved]
    concepts: list[HeardConcept]
    mended: dict[str, str] = Field(description="고쳐 읽은 낱말")
    notices: list[str]


@router.post("/answer", response_model=Answer, responses=responses(400, 413, 422, 503), summary="묻기")
async def answer(asked: AnswerRequest, answerer: TheAnswerer) -> Any:
    """노트에서 찾은 답과, 줄까지 짚은 근거를 돌려준다. 노트에 없으면 answerable이 거짓이고 까닭을 말한다.

    `stream`이 참이면 `sources`(찾은 구절), `token`(답의 조각) 여럿, `done`(답 전체)의 순서로 보낸다.
    """
    if not asked.stream:
        found = await run_in_threadpool(answerer.answer, asked.question, asked.turns(), id=str(asked.id))
        return Json(asked.row(found))
    events = steps(answerer.stream(asked.question, asked.turns(), id=str(asked.id)))
    first = await anext(events)  # what is wrong with the question or the index is an error, not an event
    return EventStream(_events(asked, first, events), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _events(asked: Question, first: Event, events: AsyncGenerator[Event]) -> AsyncIterator[bytes]:
    try:
        yield _sent(first.kind, _data(asked, first))
        async for event in events:
            yield _sent(event.kind, _data(asked, event))
    except PilgiError as error:
        yield _sent("error", {"error": error_row(error)})
    finally:
        await events.aclose()


def _data(asked: Question, event: Event) -> Any:
    match event.kind:
        case "sources":
            return {"sources": [asdict(s) for s in event.sources]}
        case "done":
            assert event.answer is not None
            return asked.row(event.answer)
        case _:
            return {"token": event.token}


def _sent(kind: str, data: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + to_json(data) + b"\n\n"


@router.post("/search", response_model=SearchAnswer, responses=responses(400, 413, 422, 503), summary="찾기")
def search(wanted: SearchRequest, answerer: TheAnswerer) -> Any:
    """질문과 가까운 구절을 점수와 함께 돌려준다."""
    found, ranked = answerer.search(wanted.question, wanted.top)
    return Json(search_row(wanted.question, found, ranked))
