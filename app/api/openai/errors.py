"""Errors as OpenAI's clients read them: ``{"error": {"message", "type", "param", "code"}}``, malformed requests as 400."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from app.api.errors import STATUS
from app.api.parts import Json
from app.rows import error_row, validation_line
from indexer.errors import PilgiError

_GONE = 499  # nginx's number for a client that left; nobody reads it
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_REASONS = {
    "literal_error": "{expected} 가운데 하나여야 합니다",
    "too_short": "{min_length}개 이상이어야 합니다",
}


class OpenAIFault(BaseModel):
    """What went wrong, on one line; ``param`` names the field, ``code`` the kind."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIFailed(BaseModel):
    """The body of every error of these routes."""

    error: OpenAIFault


FAILURES: dict[int | str, dict[str, Any]] = {"default": {"model": OpenAIFailed, "description": "Error"}}
"""How a route declares its errors."""


class Refused(Exception):
    """A request that is understood and cannot be served."""

    def __init__(self, status: int, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param


def fault(status: int, message: str, *, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return OpenAIFailed(error=OpenAIFault(message=message, type=kind, param=param, code=code)).model_dump()


def known_fault(error: PilgiError) -> tuple[int, dict[str, Any]]:
    """The status and the body for an error of ours; its class is the code."""
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    row = error_row(error)
    return status, fault(status, row["message"], code=row["type"])


async def still_there(request: Request) -> None:
    """Raise ClientDisconnect where whoever asked is gone: the rest of the work is for nobody."""
    if await request.is_disconnected():
        raise ClientDisconnect


class OpenAIRoute(APIRoute):
    """A route whose errors leave in OpenAI's shape."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError as error:
                return Json(_invalid(error.errors()), 400)
            except Refused as error:
                return Json(fault(error.status, str(error), code=error.code, param=error.param), error.status)
            except PilgiError as error:
                status, body = known_fault(error)
                return Json(body, status)
            except HTTPException as error:
                return Json(fault(error.status_code, str(error.detail)), error.status_code)
            except ClientDisconnect:
                return Response(status_code=_GONE)

        return handle


def _invalid(errors: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first = errors[0]
    code = "missing_required_parameter" if first["type"] == "missing" else "invalid_value"
    param = None if first["type"] == "json_invalid" else _param(first["loc"])
    return fault(400, validation_line(_in_korean(e) for e in errors), code=code, param=param)


def _param(loc: Sequence[str | int]) -> str | None:
    """``("body", "messages", 0, "role")`` -> ``messages[0].role``."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc[1:])
    return name.removeprefix(".") or None


def _in_korean(error: Mapping[str, Any]) -> Mapping[str, Any]:
    said = _REASONS.get(error["type"])
    name = _param(error["loc"])
    return {
        **error,
        "loc": (f"'{name}'",) if name else (),
        "msg": said.format(**error["ctx"]).replace(" or ", ", ") if said else error["msg"],
    }
