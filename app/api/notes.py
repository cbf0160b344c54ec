"""``GET /v1/notes/{path}``: a note as it was indexed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from app.api.errors import responses
from app.api.parts import Json, TheAnswerer
from app.rows import note_row

router = APIRouter(prefix="/v1/notes", tags=["노트"])


class NoteRow(BaseModel):
    """Lines of a note. ``text`` is exactly what stands there, line ends included."""

    path: str
    text: str
    start_line: int
    end_line: int
    lines: int
    metadata: dict[str, Any]
    index_generation: str


@router.get("/{path:path}", response_model=NoteRow, responses=responses(400, 404, 422, 503), summary="노트 읽기")
def note(
    path: str,
    answerer: TheAnswerer,
    start_line: Annotated[int, Query(ge=1, description="첫 줄")] = 1,
    end_line: Annotated[int | None, Query(ge=1, description="끝 줄; 없으면 끝까지")] = None,
) -> Any:
    """색인된 그대로의 노트를, 또는 그 가운데 몇 줄을 돌려준다."""
    return Json(note_row(answerer.index, path, start_line, end_line))
