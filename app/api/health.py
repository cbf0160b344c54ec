"""``/livez`` and ``/readyz``: is the server there, and can it answer?"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from app.api.errors import responses
from app.api.parts import Json, TheAnswerer, TheJobs
from indexer.errors import PilgiError

router = APIRouter(tags=["상태"])


@router.get("/livez", summary="살아 있는가")
async def livez() -> dict[str, str]:
    """서버가 살아 있으면 ok."""
    return {"status": "ok"}


@router.get("/readyz", responses=responses(503), summary="답할 수 있는가")
def readyz(answerer: TheAnswerer, jobs: TheJobs) -> Any:
    """색인이 열려 답할 수 있으면 ok, 아니면 까닭."""
    try:
        return {"status": "ok", "index_generation": answerer.index.generation}
    except PilgiError as error:
        return Json({"error": {"type": type(error).__name__, "message": jobs.why(error)}}, 503)
