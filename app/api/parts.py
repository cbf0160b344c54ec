"""What the routes share: the parts of the running application, and JSON as it goes out."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import JSONResponse

from app.access import require
from app.answer import Answerer
from app.indexing import IndexJobs
from app.settings import Settings


class Json(JSONResponse):
    """JSON in UTF-8. Half a surrogate pair, which a broken note may hold, goes out as its escape."""

    def render(self, content: Any) -> bytes:
        return to_json(content)


def to_json(content: Any) -> bytes:
    """``content`` as JSON in UTF-8; what JSON does not know (dates in front matter) as text."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=str).encode(
        "utf-8", "backslashreplace"
    )


def _answerer(request: Request) -> Answerer:
    return request.app.state.answerer


def _jobs(request: Request) -> IndexJobs:
    return request.app.state.jobs


def _settings(request: Request) -> Settings:
    return request.app.state.settings


def may_index(request: Request) -> None:
    """Raise AccessError unless the key that came in may build the index."""
    require(request, "index")


TheAnswerer = Annotated[Answerer, Depends(_answerer)]
TheJobs = Annotated[IndexJobs, Depends(_jobs)]
TheSettings = Annotated[Settings, Depends(_settings)]
