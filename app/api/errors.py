"""Every error leaves as ``{"error": {"type", "message"}}`` with the status that fits, never as a traceback."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.parts import Json
from app.errors import AccessError, InputError, LLMError, NoteNotFoundError
from app.indexing import JobRunningError
from app.rows import error_row, validation_line
from indexer.errors import IndexLockedError, NotesNotFoundError, PilgiError
from models.concept import ConceptError

STATUS: tuple[tuple[type[Exception], int], ...] = (
    (InputError, 400),
    (AccessError, 403),
    (IndexLockedError, 409),
    (NoteNotFoundError, 404),
    (NotesNotFoundError, 404),
    (LLMError, 503),
    (PilgiError, 503),
    (ConceptError, 422),
)
"""The first class that an error is of decides; any other PilgiError means that a part is missing or not whole."""

_SAID = {
    404: "없는 주소입니다",
    405: "이 주소에서는 쓸 수 없는 방법입니다",
    413: "요청이 너무 큽니다",
    400: "읽을 수 없는 요청입니다",
    415: "Content-Type: application/json이어야 합니다",
}


class Fault(BaseModel):
    """What went wrong, on one line."""

    type: str
    message: str


class Failed(BaseModel):
    """The body of every error."""

    error: Fault


def responses(*statuses: int) -> dict[int | str, dict[str, object]]:
    """How a route declares its errors."""
    return {status: {"model": Failed, "description": HTTPStatus(status).phrase} for status in statuses}


def add_handlers(app: FastAPI) -> None:
    """Let every error out in the one shape."""
    for kind in (PilgiError, ConceptError):
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unknown)


async def _known(request: Request, error: Exception) -> Json:
    body: dict[str, object] = {"error": error_row(error)}
    if isinstance(error, JobRunningError):
        body["job"] = error.job.as_row()
    return Json(body, next(status for kind, status in STATUS if isinstance(error, kind)))


async def _invalid(request: Request, error: Exception) -> Json:
    assert isinstance(error, RequestValidationError)
    return Json({"error": {"type": "ValidationError", "message": validation_line(error.errors())}}, 422)


async def _http(request: Request, error: Exception) -> Json:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    said = error.detail if error.detail != status.phrase else f"{_SAID.get(status, status.phrase)}: {request.url.path}"
    return Json(
        {"error": {"type": _type(status), "message": said}}, error.status_code, headers=dict(error.headers or {})
    )


def _type(status: HTTPStatus) -> str:
    """``NotFound``; Python 3.13 gave 413 another name."""
    return "ContentTooLarge" if status == 413 else status.phrase.replace(" ", "")


async def _unknown(request: Request, error: Exception) -> Json:
    """A fault of ours: the server's log has the traceback, the answer has not."""
    message = "서버에서 예기치 못한 오류가 났습니다: 서버 기록을 보세요."
    return Json({"error": {"type": "InternalError", "message": message}}, 500)


class BodyLimit:
    """ASGI middleware: a body of more than ``most`` bytes is refused; before it is read, where it tells its length."""

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = f"요청이 너무 큽니다: {self._most:,}바이트까지 받습니다."
        length = Headers(scope=scope).get("content-length", "")
        if length.isascii() and length.isdigit() and int(length) > self._most:
            await Json({"error": {"type": _type(HTTPStatus(413)), "message": said}}, 413)(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise HTTPException(413, said)
            return message

        await self._app(scope, counted, send)


unknown = APIRouter()


@unknown.api_route("/v1/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
def nothing_here(rest: str) -> None:
    """What no route of the API takes is not for the chat, which is mounted at the root."""
    raise HTTPException(404)
