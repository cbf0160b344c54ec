"""The HTTP API, and the application that carries it, the chat, and what else is served. Read ``create_app`` first."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from starlette.routing import Route

from app.access import Access, Sessions, guarded
from app.answer import Answerer
from app.api import answers, demos, docs, health, index, login, notes, openai
from app.api.errors import BodyLimit, add_handlers, unknown
from app.headers import SecureHeaders
from app.indexing import IndexJobs, needs_first_build
from app.keys import KeyFile
from app.settings import Settings
from indexer.errors import PilgiError

log = logging.getLogger(__name__)


def create_app(settings: Settings, *, answerer: Answerer | None = None, ui: bool = True) -> FastAPI:
    """The whole server as one ASGI application; ``ui=False`` leaves the chat out.

    Raises:
        SettingError: it would be open to others without a key.
    """
    closed = guarded(settings)
    app = FastAPI(
        title="Pilgi",
        version=_version(),
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        description="한국어 학습 노트에 묻고, 줄까지 짚은 답을 받습니다.",
    )
    app.state.settings = settings
    app.state.answerer = answerer or Answerer(settings)
    app.state.jobs = IndexJobs(app.state.answerer)
    app.state.keys = KeyFile(settings.keys)
    app.state.sessions = Sessions(app.state.keys)
    add_handlers(app)
    for part in (answers, index, notes, demos, openai, health, docs, login):
        app.include_router(part.router)
    app.include_router(unknown)
    from app.mcp import PATH, Door  # here, not above: it takes row types from the routes of this package

    app.state.mcp = Door(settings, app.state.answerer, version=app.version)
    app.router.routes.append(Route(PATH, endpoint=app.state.mcp))
    if ui:
        from app.ui import mount

        app = mount(app, settings, app.state.answerer, app.state.jobs)
    app.add_middleware(Access, closed=closed, host=settings.host, keys=app.state.keys, sessions=app.state.sessions)
    app.add_middleware(BodyLimit, most=int(settings.max_request_mb * 1_000_000))
    app.add_middleware(SecureHeaders)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Make the index over the notes that ship where there is none; open the one there is before the first question."""
    settings: Settings = app.state.settings
    if needs_first_build(settings):
        app.state.jobs.start(settings.notes)
    else:
        threading.Thread(target=_warm, args=(app.state.answerer,), name="warm", daemon=True).start()
    async with app.state.mcp.run():
        yield


def _warm(answerer: Answerer) -> None:
    try:
        answerer.search("필기", 1)
    except PilgiError as error:
        log.warning("%s", error)


def _version() -> str:
    try:
        return version("pilgi")
    except PackageNotFoundError:  # run from a checkout
        return "0"
