"""``/v1/demos``: the concepts that run."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from app.api.errors import responses
from app.api.parts import Json, TheAnswerer
from app.demos import run_demo
from app.rows import Text, concept_row, demo_row
from models import catalogue
from models.concept import Concept, ConceptError, Value

router = APIRouter(prefix="/v1/demos", tags=["개념"])


class ControlRow(BaseModel):
    """What a reader can change: a number between low and high, a choice, a switch, or a text."""

    name: str
    label: str
    kind: str
    default: Value
    low: float | None
    high: float | None
    step: float | None
    integer: bool
    choices: list[str]


class ConceptRow(BaseModel):
    """A concept that runs."""

    slug: str
    title: str
    room: str
    summary: str
    aliases: list[str]
    controls: list[ControlRow]


class DemoRequest(BaseModel):
    """The values to run with; what is left out keeps its default."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"params": {"kernel": 5, "stride": 2}}]})

    params: dict[str, Any] = Field(default_factory=dict)
    question: Text = Field("", description="rag, bert처럼 이 시스템을 들여다보는 개념을 이 질문으로 돌린다")


class DemoRow(BaseModel):
    """A demo that was run; ``figure`` and ``detail`` are plotly figures as JSON."""

    slug: str
    title: str
    params: dict[str, Value]
    numbers: dict[str, Value]
    text: str
    code: str
    figure: dict[str, Any]
    detail: dict[str, Any] | None


def _concept(slug: str) -> Concept:
    try:
        return catalogue.get(slug)
    except ConceptError as error:
        raise HTTPException(404, str(error)) from error


@router.get("", response_model=list[ConceptRow], summary="개념 목록")
def concepts() -> Any:
    """돌려 볼 수 있는 개념과, 바꿀 수 있는 값."""
    return Json([concept_row(c, catalogue.room(c.slug)) for c in catalogue.concepts().values()])


@router.get("/{slug}", response_model=ConceptRow, responses=responses(404), summary="개념 하나")
def concept(slug: str) -> Any:
    """개념 하나와, 바꿀 수 있는 값과 그 범위."""
    found = _concept(slug)
    return Json(concept_row(found, catalogue.room(found.slug)))


@router.post("/{slug}", response_model=DemoRow, responses=responses(400, 404, 413, 422), summary="개념 돌리기")
def demo(slug: str, wanted: DemoRequest, answerer: TheAnswerer) -> Any:
    """주어진 값으로 개념을 돌린 그림, 숫자, 설명, 코드."""
    found = _concept(slug)
    return Json(demo_row(run_demo(found.slug, wanted.params, question=wanted.question, answerer=answerer)))
