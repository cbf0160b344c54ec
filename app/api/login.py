"""``/login``: a browser shows its key once and gets a cookie for it."""

from __future__ import annotations

import asyncio
import html
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from app.access import COOKIE, LOGIN, SESSION_SECONDS

router = APIRouter(include_in_schema=False)
_WAIT = 0.5  # seconds after a wrong key

_PAGE = """<!doctype html><html lang="ko"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>필기</title>
<style>body{{font-family:system-ui,sans-serif;display:grid;place-items:center;min-height:90vh}}
form{{display:grid;gap:.8rem;width:20rem}}input,button{{font:inherit;padding:.6rem}}p{{color:#b00020;margin:0}}</style>
<form method="post" action="{action}"><h1>필기</h1><label for="key">열쇠</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
<button>들어가기</button><p role="alert">{message}</p></form></html>"""


@router.get(LOGIN)
def ask(next: str = "/") -> HTMLResponse:
    """The form."""
    return _page(next, "")


@router.post(LOGIN)
async def enter(request: Request, next: str = "/") -> Response:
    """Trade a key for a cookie."""
    fields = parse_qs((await request.body()).decode("utf-8", "replace"))
    key = request.app.state.keys.find(fields.get("key", [""])[0].strip())
    if key is None:
        await asyncio.sleep(_WAIT)
        return _page(next, "맞지 않는 열쇠입니다.", 401)
    response = RedirectResponse(_inside(next), 303)
    response.set_cookie(
        COOKIE,
        request.app.state.sessions.open(key),
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


def _page(target: str, message: str, status: int = 200) -> HTMLResponse:
    action = html.escape(f"{LOGIN}?next={_inside(target)}")
    return HTMLResponse(_PAGE.format(action=action, message=html.escape(message)), status)


def _inside(target: str) -> str:
    """A path of this server; anything else would send the reader away."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable() else "/"
