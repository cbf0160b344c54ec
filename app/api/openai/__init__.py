"""The routes that other tools already speak: OpenAI's chat, models and embeddings, and the rerank route of Cohere and Jina.

What these APIs have no place for (citations, demos, passages) comes as further fields, which their clients keep.
"""

from __future__ import annotations

from fastapi import APIRouter

from app.api.openai import chat, embeddings, models, rerank

router = APIRouter(prefix="/v1", tags=["다른 도구"])
for _part in (chat, models, embeddings, rerank):
    router.include_router(_part.router)
