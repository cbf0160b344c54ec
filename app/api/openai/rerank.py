"""``POST /v1/rerank``, in the form of Cohere and Jina: passages of any origin, ordered by how well they answer a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from app.answer import Answerer, checked
from app.api.openai.errors import FAILURES, OpenAIRoute, Refused, still_there
from app.api.openai.models import RERANK, named
from app.api.parts import Json, TheAnswerer
from app.reranker import NONE
from indexer.plain import plain
from indexer.tokens import likeness, token_encoder

router = APIRouter(route_class=OpenAIRoute)

_MOST = 1000
_BATCH = 8


class Document(BaseModel):
    """A passage as an object."""

    text: str


def _text(given: Any) -> Any:
    return given.get("text") if isinstance(given, dict) else given


class RerankRequest(BaseModel):
    """A query and the passages to order."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "query": "과적합을 막는 방법",
                    "documents": ["드롭아웃은 뉴런을 끈다.", "합성곱은 커널을 옮긴다."],
                    "top_n": 1,
                }
            ]
        }
    )

    model: str = RERANK
    query: str
    documents: list[Annotated[str, BeforeValidator(_text, json_schema_input_type=str | Document)]] = Field(
        min_length=1, max_length=_MOST, description="글, 또는 {text}"
    )
    top_n: int | None = Field(None, ge=1, description="위에서부터 몇 개; 없으면 모두")
    return_documents: bool = Field(False, description="참이면 글도 돌려준다")


class Ranked(BaseModel):
    """One passage; ``index`` is its place in the request."""

    index: int
    relevance_score: float
    document: Document | None = None


class RerankUsage(BaseModel):
    """Always 0: tokens are not counted."""

    total_tokens: int = 0


class Reranking(BaseModel):
    """The passages, best first.

    ``scored_by``: ``reranker`` (a cross-encoder's 0 … 1, or the late interaction of the encoder that ships, -1 … 1), or
    ``encoder`` where none is set: the cosine of query and passage (-1 … 1), a coarser order. ``scorer`` names the model.
    """

    model: str
    results: list[Ranked]
    scored_by: Literal["reranker", "encoder"]
    scorer: str
    usage: RerankUsage = RerankUsage()


@router.post(
    "/rerank",
    response_model=Reranking,
    response_model_exclude_none=True,
    responses=FAILURES,
    summary="재순위화 (Cohere, Jina)",
)
async def rerank(wanted: RerankRequest, request: Request, answerer: TheAnswerer) -> Any:
    """구절들을 질문에 맞는 순서로 늘어놓는다. 재순위화를 껐거나 할 수 없으면 인코더의 코사인으로 하고 `scored_by`로 알린다."""
    model = named(answerer, wanted.model, "rerank").id
    query = checked(wanted.query)
    by, scorer, scores_of = await run_in_threadpool(_scorer, answerer, query)
    order = sorted(range(len(wanted.documents)), key=lambda i: len(wanted.documents[i]))  # alike lengths share a batch
    scores = np.zeros(len(order), dtype=np.float32)
    for at in range(0, len(order), _BATCH):
        await still_there(request)
        batch = order[at : at + _BATCH]
        scores[batch] = await run_in_threadpool(scores_of, [wanted.documents[i] for i in batch])
    best = np.argsort(-scores, kind="stable")[: wanted.top_n]
    results = [
        Ranked(
            index=int(i),
            relevance_score=round(float(scores[i]), 6),
            document=Document(text=wanted.documents[i]) if wanted.return_documents else None,
        )
        for i in best
    ]
    answer = Reranking(model=model, results=results, scored_by=by, scorer=scorer)
    return Json(answer.model_dump(exclude_none=True))


Scores = Callable[[Sequence[str]], np.ndarray]


def _scorer(answerer: Answerer, query: str) -> tuple[Literal["reranker", "encoder"], str, Scores]:
    reranker = answerer.reranker
    if reranker is not None:
        return "reranker", reranker.name, lambda texts: reranker.scores(query, [plain(t) for t in texts])
    encoder = answerer.encoder
    if answerer.settings.reranker != NONE and (tokens := token_encoder(encoder)) is not None:
        wanted = tokens.encode_tokens([query], kind="query")[1][0]
        return "reranker", tokens.fingerprint, lambda texts: likeness(tokens, wanted, texts)
    if encoder is None:
        raise Refused(
            409, "재순위 모델도 인코더도 없습니다: PILGI_RERANKER나 PILGI_ENCODER를 정해 주세요.", code="no_scorer"
        )
    asked = encoder.encode([query], kind="query")[0]
    return "encoder", encoder.fingerprint, lambda texts: encoder.encode(texts, kind="passage") @ asked
