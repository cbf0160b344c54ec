"""Who may come in."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.access import COOKIE, loopback
from app.api import create_app
from app.errors import InputError, SettingError
from app.keys import KeyFile
from tests.app.doors import FakeAnswerer, settings_in


def client_of(folder: Path, host: str = "0.0.0.0", base: str = "http://pilgi.example", **given: object) -> TestClient:
    """A client of a server bound to ``host``."""
    settings = settings_in(folder, host=host, **given)
    app = create_app(settings, answerer=FakeAnswerer(settings), ui=False)  # type: ignore[arg-type]
    return TestClient(app, base_url=base, raise_server_exceptions=False, follow_redirects=False)


def bearer(key: str) -> dict[str, str]:
    """The header that carries a key."""
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.0.2", False),
        ("pilgi.example", False),
        ("localhost.evil", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, is_one: bool) -> None:
    assert loopback(host) is is_one


def test_a_key_is_kept_as_a_hash_that_only_the_owner_may_read(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "deep" / "keys.json")
    key = file.add("나", "read")
    assert key not in file.path.read_text("utf-8")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    found = file.find(key)
    assert found is not None
    assert found.name == "나"
    assert file.find(key + "x") is None
    assert file.find("") is None
    assert len(json.loads(file.path.read_text("utf-8"))[0]["salt"]) == 32


@pytest.mark.parametrize(("name", "scope"), [("", "read"), ("나", "read"), ("너", "root")])
def test_a_key_without_a_name_of_its_own_or_a_known_scope_is_refused(tmp_path: Path, name: str, scope: str) -> None:
    file = KeyFile(tmp_path / "keys.json")
    file.add("나", "read")
    with pytest.raises(InputError):
        file.add(name, scope)


@pytest.mark.parametrize("broken", ["{", "[1]", '[{"name": 1}]'])
def test_a_broken_file_of_keys_is_said(tmp_path: Path, broken: str) -> None:
    (tmp_path / "keys.json").write_text(broken, "utf-8")
    with pytest.raises(SettingError):
        KeyFile(tmp_path / "keys.json").keys()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.2"])
def test_binding_elsewhere_without_a_key_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(SettingError, match="pilgi keys add"):
        client_of(tmp_path, host)


def test_on_loopback_no_key_is_needed(tmp_path: Path) -> None:
    client = client_of(tmp_path, "127.0.0.1", "http://127.0.0.1:7860")
    assert client.post("/v1/answer", json={"question": "q"}).status_code == 200
    assert client.post("/v1/index", json={}).status_code == 202


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil.example:7860"])
def test_on_loopback_another_name_is_refused(tmp_path: Path, host: str) -> None:
    client = client_of(tmp_path, "127.0.0.1", "http://127.0.0.1:7860")
    assert client.get("/livez", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:7860", "127.0.0.1", "[::1]:7860", "LOCALHOST"])
def test_on_loopback_its_own_names_are_good(tmp_path: Path, host: str) -> None:
    client = client_of(tmp_path, "127.0.0.1", "http://127.0.0.1:7860")
    assert client.get("/livez", headers={"Host": host}).status_code == 200


def test_another_page_may_not_post(tmp_path: Path) -> None:
    client = client_of(tmp_path, "127.0.0.1", "http://127.0.0.1:7860")
    for origin, status in (("http://evil.example", 403), ("null", 403), ("http://127.0.0.1:7860", 200)):
        assert client.post("/v1/answer", json={"question": "q"}, headers={"Origin": origin}).status_code == status


def test_a_guarded_server_wants_a_key_for_everything_but_its_health(tmp_path: Path) -> None:
    key = KeyFile(tmp_path / "keys.json").add("나", "read")
    client = client_of(tmp_path)
    assert client.get("/livez").status_code == 200
    for path in ("/v1/demos", "/v1/index", "/docs", "/openapi.json", "/mcp", "/gradio_api/info", "/livez/../v1/demos"):
        answer = client.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/v1/demos", headers=bearer(key)).status_code == 200
    assert client.get("/v1/demos", headers=bearer("pilgi-wrong")).status_code == 401
    assert client.get("/v1/demos", headers={"Authorization": f"Basic {key}"}).status_code == 401


def test_a_key_to_read_does_not_index(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    reads, indexes = file.add("읽기", "read"), file.add("색인", "index")
    client = client_of(tmp_path)
    refused = client.post("/v1/index", json={}, headers=bearer(reads))
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "AccessError")
    assert client.post("/v1/index", json={}, headers=bearer(indexes)).status_code == 202
    assert client.post("/v1/answer", json={"question": "q"}, headers=bearer(indexes)).status_code == 200


def test_a_browser_shows_its_key_once(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    key = file.add("나", "read")
    client = client_of(tmp_path)
    sent = client.get("/", headers={"Accept": "text/html"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/")
    assert 'type="password"' in client.get("/login").text
    assert client.post("/login", content="key=wrong").status_code == 401
    entered = client.post("/login?next=/docs", content=f"key={key}")
    assert (entered.status_code, entered.headers["location"]) == (303, "/docs")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert key not in cookie
    assert client.get("/v1/demos").status_code == 200
    file.remove("나")
    assert client.get("/v1/demos").status_code == 401


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_after_the_login_one_stays_here(tmp_path: Path, target: str) -> None:
    key = KeyFile(tmp_path / "keys.json").add("나", "read")
    entered = client_of(tmp_path).post("/login", params={"next": target}, content=f"key={key}")
    assert entered.headers["location"] == "/"


def test_a_made_up_session_is_none(tmp_path: Path) -> None:
    KeyFile(tmp_path / "keys.json").add("나", "read")
    client = client_of(tmp_path)
    for cookie in (f"{COOKIE}=abc", f"{COOKIE}=", "a;;b=;=", f'{COOKIE}="\\"'):
        assert client.get("/v1/demos", headers={"Cookie": cookie}).status_code == 401


def test_behind_a_proxy_loopback_can_want_a_key_too(tmp_path: Path) -> None:
    with pytest.raises(SettingError):
        client_of(tmp_path, "127.0.0.1", require_key=True)
    key = KeyFile(tmp_path / "keys.json").add("나", "read")
    client = client_of(tmp_path, "127.0.0.1", require_key=True)
    assert client.get("/v1/demos").status_code == 401
    assert client.get("/v1/demos", headers=bearer(key)).status_code == 200
