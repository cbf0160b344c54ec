"""``GET /v1/models``: what can be named as ``model``."""

from __future__ import annotations

import time
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from app import reranker
from app.answer import Answerer
from app.api.openai.errors import FAILURES, OpenAIRoute, Refused
from app.api.parts import Json, TheAnswerer
from indexer import encoder

router = APIRouter(route_class=OpenAIRoute)

CHAT, EMBEDDING, RERANK = "pilgi", "pilgi-embedding", "pilgi-rerank"
Kind = Literal["chat", "embedding", "rerank"]
_STARTED = int(time.time())


class ModelRow(BaseModel):
    """A name that a request may give as ``model``; ``kind`` says to which route."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"id": CHAT, "object": "model", "created": 1767225600, "owned_by": "pilgi", "kind": "chat"}]
        }
    )

    id: str
    object: Literal["model"] = "model"
    created: int = _STARTED
    owned_by: str = "pilgi"
    kind: Kind


class ModelList(BaseModel):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[ModelRow]


def served(answerer: Answerer) -> list[ModelRow]:
    """The models that the settings leave: without an encoder there are no embeddings, without both no reranking."""
    embeds = answerer.settings.encoder != encoder.NONE
    reranks = embeds or answerer.settings.reranker != reranker.NONE
    rows = [ModelRow(id=CHAT, kind="chat")]
    rows += [ModelRow(id=EMBEDDING, kind="embedding")] if embeds else []
    rows += [ModelRow(id=RERANK, kind="rerank")] if reranks else []
    return rows


def named(answerer: Answerer, name: str, kind: Kind | None = None) -> ModelRow:
    """The model of that name.

    Raises:
        Refused: there is none, or it is of another kind; the message lists those that there are.
    """
    rows = [row for row in served(answerer) if kind in (None, row.kind)]
    for row in rows:
        if row.id == name:
            return row
    there = ", ".join(row.id for row in rows)
    rest = (
        f"쓸 수 있는 모델: {there}" if there else f"지금 설정(PILGI_ENCODER, PILGI_RERANKER)에는 {kind} 모델이 없습니다"
    )
    raise Refused(404, f"모델 {name!r}이(가) 없습니다. {rest}.", code="model_not_found", param="model")


@router.get("/models", response_model=ModelList, responses=FAILURES, summary="모델 목록 (OpenAI)")
def models(answerer: TheAnswerer) -> Any:
    """`model`로 쓸 수 있는 이름. OpenAI의 List models와 같다."""
    return Json(ModelList(data=served(answerer)).model_dump())


@router.get("/models/{model:path}", response_model=ModelRow, responses=FAILURES, summary="모델 하나 (OpenAI)")
def model(model: str, answerer: TheAnswerer) -> Any:
    """모델 하나. OpenAI의 Retrieve model과 같다."""
    return Json(named(answerer, model).model_dump())
