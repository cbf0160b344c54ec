"""``/v1/index``: what is indexed, and building it anew in the background."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from app.api.errors import Failed, Fault, responses
from app.api.parts import Json, TheJobs, TheSettings, may_index
from app.indexing import IndexStatus, index_status, notes_inside
from indexer.build import BuildSummary

router = APIRouter(prefix="/v1/index", tags=["색인"])


class BuildRequest(BaseModel):
    """What to index."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rebuild": False}]})

    notes: str | None = Field(None, description="노트 폴더 안의 경로; 없으면 노트 폴더 전체")
    rebuild: bool = Field(False, description="있던 색인을 쓰지 않고 처음부터 만든다")


class StageRow(BaseModel):
    """How far one stage is."""

    stage: str
    done: int
    total: int


class JobRow(BaseModel):
    """A build in the background."""

    id: str
    state: Literal["running", "done", "failed"]
    message: str
    notes: str
    rebuild: bool
    stages: list[StageRow]
    summary: BuildSummary | None
    error: Fault | None


class AlreadyRunning(Failed):
    """A build is at work."""

    job: JobRow


@router.post(
    "",
    status_code=202,
    response_model=JobRow,
    dependencies=[Depends(may_index)],
    summary="색인 만들기",
    responses={**responses(400, 403, 422), 409: {"model": AlreadyRunning, "description": "이미 만들고 있음"}},
)
def start(wanted: BuildRequest, jobs: TheJobs, settings: TheSettings) -> Any:
    """색인을 뒤에서 만든다. 한 번에 하나만 만든다. 설정된 노트 폴더 밖은 읽지 않는다."""
    return Json(jobs.start(notes_inside(settings, wanted.notes), rebuild=wanted.rebuild).as_row(), 202)


@router.get("", response_model=IndexStatus, responses=responses(503), summary="지금의 색인")
def status(settings: TheSettings) -> IndexStatus:
    """지금 쓰는 색인이 무엇으로 만들어졌는지 돌려준다."""
    return index_status(settings)


@router.get("/{job}", response_model=JobRow, responses=responses(404), summary="색인 작업")
def progress(job: str, jobs: TheJobs) -> Any:
    """색인 작업이 어디까지 왔는지, 끝났으면 무엇을 했는지 돌려준다."""
    found = jobs.get(job)
    if found is None:
        raise HTTPException(404)
    return Json(found.as_row())
