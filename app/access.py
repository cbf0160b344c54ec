"""Who may come in: one check in front of everything that the server offers (the API, the chat, tools).

On loopback nobody else can reach the server, and no key is needed; what is checked there is that the request was meant
for this server (its ``Host``: a page elsewhere can point its own name at 127.0.0.1) and does not come from another
page (its ``Origin``). On any other address, or where ``require_key`` is set, every request needs a key: as
``Authorization: Bearer …``, or as the cookie that a browser gets at ``/login`` for it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
import threading
import time
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import AccessError, SettingError
from app.keys import Key, KeyFile
from app.keys import Scope as Right
from app.settings import Settings

COOKIE = "pilgi_session"
LOGIN = "/login"
OPEN_PATHS = frozenset({LOGIN, "/livez", "/readyz"})
SESSION_SECONDS = 12 * 3600
_ANYONE = Key("loopback", "index", "", "", "")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def guarded(settings: Settings) -> bool:
    """Whether every request needs a key.

    Raises:
        SettingError: it does, and there is none: such a server would be open to everybody, or to nobody.
    """
    needed = settings.require_key or not loopback(settings.host)
    if needed and not KeyFile(settings.keys).keys():
        raise SettingError(
            f"{settings.host}에 서버를 열려면 열쇠가 있어야 합니다: 'pilgi keys add 이름'으로 만들거나 "
            f"--host 127.0.0.1을 쓰세요 (열쇠 파일: {settings.keys})."
        )
    return needed


def require(connection: HTTPConnection, right: Right) -> None:
    """Raise AccessError unless whoever asks may do what ``right`` names."""
    key: Key | None = connection.scope.get("state", {}).get("key")
    if key is None or not key.allows(right):
        raise AccessError(f"이 열쇠로는 할 수 없는 일입니다: {right} 권한이 있는 열쇠가 필요합니다.")


class Sessions:
    """Browsers that showed a key. A session ends with its key, after some hours, or with the server."""

    def __init__(self, keys: KeyFile) -> None:
        self._keys = keys
        self._lock = threading.Lock()
        self._open: dict[str, tuple[Key, float]] = {}

    def open(self, key: Key) -> str:
        """Start a session and return its token."""
        token = secrets.token_urlsafe(32)
        now = time.monotonic()
        with self._lock:
            self._open = {digest: kept for digest, kept in self._open.items() if kept[1] > now}
            self._open[_digest(token)] = (key, now + SESSION_SECONDS)
        return token

    def find(self, token: str) -> Key | None:
        """The key of a session, as it is now."""
        key, ends = self._open.get(_digest(token), (None, 0.0))
        if key is None or ends < time.monotonic():
            return None
        now = self._keys.named(key.name)
        return now if now is not None and now.hash == key.hash else None


class Access:
    """The ASGI middleware that does the check; the key that came in stands in ``scope["state"]["key"]``.

    ``closed``: whether every request needs a key, as ``guarded`` says; ``host``: the name the server is bound to.
    """

    def __init__(self, app: ASGIApp, *, closed: bool, host: str, keys: KeyFile, sessions: Sessions) -> None:
        self._app = app
        self._closed = closed
        self._hosts = frozenset({"localhost", "127.0.0.1", "::1", host.strip("[]")})
        self._keys = keys
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if refused is not None:
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that may not come in; None lets it in."""
        headers = Headers(scope=scope)
        if scope.get("method", "GET") not in _SAFE or scope["type"] == "websocket":
            origin = headers.get("origin")
            if origin and urlsplit(origin).netloc != headers.get("host"):
                return _refused(403, f"다른 페이지({origin})에서 온 요청은 받지 않습니다.")
        state = scope.setdefault("state", {})
        if not self._closed:
            name = (urlsplit(f"//{headers.get('host', '')}").hostname or "").lower()
            if name not in self._hosts:
                return _refused(403, f"Host {headers.get('host')!r}은(는) 이 서버의 이름이 아닙니다.")
            state["key"] = _ANYONE
            return None
        if scope["path"] in OPEN_PATHS:
            return None
        key = self._key(headers)
        if key is not None:
            state["key"] = key
            return None
        if scope.get("method") == "GET" and "text/html" in headers.get("accept", ""):
            return RedirectResponse(f"{LOGIN}?next={quote(scope['path'])}", 303)
        return _refused(
            401,
            "열쇠가 없거나 맞지 않습니다: 'Authorization: Bearer 열쇠'를 붙여 주세요.",
            {"WWW-Authenticate": "Bearer"},
        )

    def _key(self, headers: Headers) -> Key | None:
        kind, _, secret = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and secret.strip():
            return self._keys.find(secret.strip())
        token = _cookie(headers.getlist("cookie"))
        return self._sessions.find(token) if token else None


def _cookie(headers: Iterable[str]) -> str:
    for header in headers:
        try:
            cookies = SimpleCookie(header)
        except CookieError:
            continue  # another application's odd cookie on the same host is no reason to fail
        if COOKIE in cookies:
            return cookies[COOKIE].value
    return ""


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _refused(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"type": "AccessError", "message": message}}, status, headers)
