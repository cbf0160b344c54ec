"""``pilgi serve``: one process with the chat at /, the API at /v1 and its reference at /docs."""

from __future__ import annotations

import logging
import os
import socket

import uvicorn

from app.errors import SettingError
from app.settings import Settings

_QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}  # else both would phone home
_DRAIN = 5  # seconds that open answers get when the server is stopped


def run(settings: Settings) -> None:
    """Serve until Ctrl-C.

    Raises:
        SettingError: the address is taken, or open to others without a key.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with _bound(settings) as listening:
        from app.api import create_app

        app = create_app(settings)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=_DRAIN, server_header=False
        )
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        print(f"필기: http://{host}:{settings.port}  (API 문서: /docs, 멈추기: Ctrl-C)", flush=True)
        uvicorn.Server(config).run(sockets=[listening])


def _bound(settings: Settings) -> socket.socket:
    """The socket, taken before anything slow is loaded, so that a taken port is said at once."""
    from app.access import guarded

    guarded(settings)
    try:
        family, *_, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise SettingError(
            f"{settings.host}:{settings.port}에 서버를 열 수 없습니다({error.strerror}): --host나 --port를 바꿔 주세요."
        ) from error
    return listening
