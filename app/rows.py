"""What goes in and out of the doors as JSON: one reading of a question, one shape of each result, for all of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from app.errors import InputError, NoteNotFoundError
from app.types import Answer, Retrieved, Turn
from indexer.errors import PilgiError
from indexer.lines import line_starts

if TYPE_CHECKING:
    from app.answer import Answerer
    from app.demos import Ran
    from app.reranker import Reranked
    from indexer.index import Found, Index
    from models.concept import Concept


class TurnIn(BaseModel):
    """One exchange before the question."""

    question: str
    answer: str

    def turn(self) -> Turn:
        """As ``Answerer`` takes it."""
        return Turn(self.question, self.answer)


def _unicode(text: str) -> str:
    """Half a surrogate pair is no character; what reads Korean would stumble over it."""
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise PydanticCustomError("string_unicode", "not Unicode")
    return text


Text = Annotated[str, AfterValidator(_unicode)]
"""What a reader typed."""


class Question(BaseModel):
    """A question as a batch line or a request body. ``id`` comes back as it was given."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"question": "배치 정규화를 왜 쓰나요?"}]})

    id: str | int = Field("", description="답에 그대로 돌아오는 이름")
    question: Text = Field(description="질문")
    history: list[TurnIn] = Field(default_factory=list, description="앞선 대화, 오래된 것부터", max_length=100)

    def turns(self) -> list[Turn]:
        """The history as ``Answerer`` takes it."""
        return [t.turn() for t in self.history]

    def row(self, answer: Answer) -> dict[str, Any]:
        """The answer row with this question's own id."""
        return {**answer.as_row(), "id": self.id}


def error_row(error: Exception) -> dict[str, str]:
    """``{"type", "message"}``, the message on one line."""
    return {"type": type(error).__name__, "message": " ".join(str(error).split())}


def batch_rows(answerer: Answerer, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """One row for each line that is not empty, in order; one that cannot be answered gives a row with ``error``."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        given: Any = None
        try:
            given = _object(line)
            asked = read_question(given)
            yield asked.row(answerer.answer(asked.question, asked.turns(), id=str(asked.id)))
        except PilgiError as error:
            named = given.get("id") if isinstance(given, Mapping) else None
            yield {"id": named, "line": number, "error": error_row(error)}


def _object(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8-sig"))
    except ValueError as error:
        shape = '{"id": …, "question": …}'
        raise InputError(f"JSON으로 읽을 수 없는 줄입니다: 한 줄에 {shape} 하나를 UTF-8로 적어 주세요.") from error


def read_question(given: Any) -> Question:
    """A question out of plain values.

    Raises:
        InputError: a field is missing or of another kind; one line names it.
    """
    try:
        return Question.model_validate(given)
    except ValidationError as error:
        raise InputError(validation_line(error.errors())) from error


def validation_line(errors: Iterable[Mapping[str, Any]]) -> str:
    """What is wrong with the fields, on one line."""
    return "; ".join(f"{_field(e)}: {_reason(e)}" for e in errors)


def _field(error: Mapping[str, Any]) -> str:
    place = () if error["type"] == "json_invalid" else error["loc"]
    return ".".join(str(part) for part in place if part not in ("body", "query", "path")) or "본문"


_REASONS = {
    "missing": "값이 없습니다",
    "string_type": "글이어야 합니다",
    "string_unicode": "유니코드 글이어야 합니다",
    "json_invalid": "JSON으로 읽을 수 없습니다",
    "int_parsing": "정수여야 합니다",
    "int_type": "정수여야 합니다",
    "list_type": "목록이어야 합니다",
    "model_type": "객체여야 합니다",
    "dict_type": "객체여야 합니다",
    "model_attributes_type": "객체여야 합니다",
    "bool_parsing": "true 또는 false여야 합니다",
    "greater_than_equal": "{ge} 이상이어야 합니다",
    "less_than_equal": "{le} 이하여야 합니다",
    "too_long": "{max_length}개 이하여야 합니다",
    "extra_forbidden": "모르는 값입니다",
}


def _reason(error: Mapping[str, Any]) -> str:
    known = _REASONS.get(error["type"])
    return known.format(**error.get("ctx", {})) if known else str(error["msg"])


def search_row(question: str, found: Found, ranked: Reranked) -> dict[str, Any]:
    """The passages with the part of each leg, and how the question was read."""
    return {
        "question": question,
        "results": [asdict(Retrieved.of(r)) for r in ranked.results],
        "concepts": [{"slug": h.slug, "score": round(h.score, 4)} for h in found.heard],
        "mended": dict(found.query.mended),
        "notices": list(ranked.notices),
    }


def concept_row(concept: Concept, room: str) -> dict[str, Any]:
    """A concept with what a reader can change in its demo."""
    return {
        "slug": concept.slug,
        "title": concept.title,
        "room": room,
        "summary": concept.summary,
        "aliases": list(concept.aliases),
        "controls": [
            {
                "name": c.name,
                "label": c.label,
                "kind": c.kind,
                "default": c.default,
                "low": c.low,
                "high": c.high,
                "step": c.step,
                "integer": c.integer,
                "choices": list(c.choices),
            }
            for c in concept.controls
        ],
    }


def demo_row(ran: Ran) -> dict[str, Any]:
    """A demo that was run: figure (plotly JSON), numbers, text, code, and the second figure where there is one."""
    concept, demo = ran.concept, ran.demo
    return {
        "slug": concept.slug,
        "title": concept.title,
        "params": dict(ran.params),
        "numbers": {name: _finite(value) for name, value in demo.numbers.items()},
        "text": demo.text,
        "code": demo.code,
        "figure": json.loads(demo.figure.to_json()),
        "detail": json.loads(demo.detail.to_json()) if demo.detail else None,
    }


def _finite(value: Any) -> Any:
    """JSON knows neither infinity nor NaN; a reader does."""
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def note_row(index: Index, path: str, start_line: int = 1, end_line: int | None = None) -> dict[str, Any]:
    """The lines of a note as it was indexed; an end beyond the last line is the last line.

    Raises:
        InputError: the lines end before they start.
        NoteNotFoundError: there is no such note, or it has no such line.
    """
    note = index.note(path)
    if note is None:
        raise NoteNotFoundError(f"{path!r} 노트가 색인에 없습니다.")
    starts = [*line_starts(note.text), len(note.text)]
    lines = len(starts) - 1
    last = lines if end_line is None else min(end_line, lines)
    if start_line > lines:
        raise NoteNotFoundError(f"{path!r} 노트는 {lines}줄입니다: {start_line}번째 줄이 없습니다.")
    if end_line is not None and end_line < start_line:
        raise InputError(f"end_line={end_line}이(가) start_line={start_line}보다 앞입니다.")
    return {
        "path": note.path,
        "text": note.text[starts[start_line - 1] : starts[last]],
        "start_line": start_line,
        "end_line": last,
        "lines": lines,
        "metadata": dict(note.metadata),
        "index_generation": index.generation,
    }
