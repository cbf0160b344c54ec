"""``POST /v1/embeddings``: the vectors of the encoder that the index was built with."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError
from starlette.concurrency import run_in_threadpool

from app.api.openai.errors import FAILURES, OpenAIRoute, Refused, still_there
from app.api.openai.models import named
from app.api.parts import Json, TheAnswerer
from indexer.encoder import EmbeddedEncoder
from indexer.types import Encoder

router = APIRouter(route_class=OpenAIRoute)

_MOST = 2048  # texts a request, as with OpenAI
_BATCH = 32  # texts between two looks at whether whoever asked is still there


def _texts(given: Any) -> Any:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts:
        raise PydanticCustomError("texts", "글 하나나 글의 목록이어야 합니다")
    if any(isinstance(t, int | list) for t in texts):
        raise PydanticCustomError(
            "tokens", "토큰 번호는 읽지 않습니다: 글을 보내 주세요 (LangChain에서는 check_embedding_ctx_length=False)"
        )
    if any(isinstance(t, str) and not t.strip() for t in texts):
        raise PydanticCustomError("empty_text", "빈 글이 있습니다")
    return texts


class EmbeddingRequest(BaseModel):
    """Texts to embed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "pilgi-embedding", "input": ["과적합", "드롭아웃"], "input_type": "passage"}]
        }
    )

    model: str
    input: Annotated[
        list[str], Field(max_length=_MOST), BeforeValidator(_texts, json_schema_input_type=str | list[str])
    ]
    encoding_format: Literal["float", "base64"] | None = Field("float", description="base64: 작은 끝이 앞인 float32")
    dimensions: int | None = Field(None, ge=1, description="앞의 몇 차원만, 길이를 다시 1로 맞춰")
    input_type: Literal["query", "passage"] = Field("passage", description="질문인가, 찾을 구절인가")


class EmbeddingRow(BaseModel):
    """One vector of length 1: numbers, or base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingUsage(BaseModel):
    """Tokens that were read; 0 where the encoder does not count them."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(BaseModel):
    """The vectors, in the order of the texts. Only vectors of the same ``fingerprint`` can be compared."""

    object: Literal["list"] = "list"
    data: list[EmbeddingRow]
    model: str
    usage: EmbeddingUsage
    fingerprint: str


@router.post("/embeddings", response_model=Embeddings, responses=FAILURES, summary="벡터 (OpenAI)")
async def embed(wanted: EmbeddingRequest, request: Request, answerer: TheAnswerer) -> Any:
    """OpenAI의 Embeddings와 같다. 색인을 만든 인코더의 벡터이며 길이는 1이다."""
    model = named(answerer, wanted.model, "embedding").id
    encoder = await run_in_threadpool(lambda: answerer.encoder)
    assert encoder is not None  # the model would not be there
    size = wanted.dimensions or encoder.dim
    if size > encoder.dim:
        raise Refused(
            400, f"dimensions={size}: {encoder.dim} 이하여야 합니다.", code="invalid_value", param="dimensions"
        )
    rows: list[np.ndarray] = []
    tokens = 0
    for at in range(0, len(wanted.input), _BATCH):
        await still_there(request)
        texts = wanted.input[at : at + _BATCH]
        rows.extend(shortened(await run_in_threadpool(encoder.encode, texts, kind=wanted.input_type), size))
        tokens += await run_in_threadpool(_tokens, encoder, texts)
    packed = wanted.encoding_format == "base64"
    data = [EmbeddingRow(index=i, embedding=_base64(row) if packed else row.tolist()) for i, row in enumerate(rows)]
    usage = EmbeddingUsage(prompt_tokens=tokens, total_tokens=tokens)
    print_ = await run_in_threadpool(lambda: encoder.fingerprint)
    return Json(Embeddings(data=data, model=model, usage=usage, fingerprint=print_).model_dump())


def shortened(vectors: np.ndarray, size: int) -> np.ndarray:
    """(n, dim) -> (n, size): the first dimensions, of length 1 again (Kusupati et al. 2022, "Matryoshka Representation Learning")."""
    if size == vectors.shape[1]:
        return vectors
    cut = vectors[:, :size]
    return cut / np.maximum(np.linalg.norm(cut, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def _base64(row: np.ndarray) -> str:
    return base64.b64encode(row.astype("<f4").tobytes()).decode("ascii")


def _tokens(encoder: Encoder, texts: list[str]) -> int:
    if not isinstance(encoder, EmbeddedEncoder):
        return 0
    return sum(sum(e.attention_mask) for e in encoder.tokenizer.encode_batch(texts))
