"""The HTTP API: in process for most, as a real server for what only one shows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from app.api import create_app
from app.errors import LLMError
from indexer.errors import IndexMissingError
from tests.app.doors import NFD, FakeAnswerer, built, free_port, serving, settings_in

ROOT = Path(__file__).parents[2]


def client_of(app: Any) -> TestClient:
    """A client that asks for the server by its own name."""
    return TestClient(app, base_url="http://127.0.0.1:7860", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index."""
    place = tmp_path_factory.mktemp("api")
    built(place)
    return place


@pytest.fixture(scope="module")
def api(folder: Path) -> TestClient:
    """The API over a real index."""
    return client_of(create_app(settings_in(folder), ui=False))


def fake_api(folder: Path, **given: Any) -> tuple[TestClient, FakeAnswerer]:
    """The API over an answerer that says what it is told."""
    settings = settings_in(folder)
    fake = FakeAnswerer(settings, **given)
    return client_of(create_app(settings, answerer=fake, ui=False)), fake  # type: ignore[arg-type]


def events(text: str) -> list[tuple[str, Any]]:
    """Server-sent events as (name, data)."""
    out = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n", 1)
        out.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return out


def test_an_answer_is_the_row_of_the_contract_and_its_quotes_are_in_the_file(api: TestClient, folder: Path) -> None:
    row = api.post("/v1/answer", json={"question": "드롭아웃이 무엇인가요?", "id": 7}).json()
    assert {
        "id",
        "question",
        "answer",
        "answerable",
        "refusal_reason",
        "citations",
        "retrieved",
        "demos",
        "model",
        "index_generation",
        "timing_ms",
    } <= set(row)
    assert row["id"] == 7
    assert row["citations"]
    for citation in row["citations"]:
        lines = (folder / "notes" / citation["path"]).read_text("utf-8").splitlines(keepends=True)
        assert citation["quote"] in "".join(lines[citation["start_line"] - 1 : citation["end_line"]])


def test_history_reaches_the_answerer(tmp_path: Path) -> None:
    client, fake = fake_api(tmp_path)
    client.post("/v1/answer", json={"question": "그럼?", "history": [{"question": "가?", "answer": "나."}]})
    assert [(t.question, t.answer) for t in fake.histories[0]] == [("가?", "나.")]


def test_a_stream_sends_sources_then_tokens_then_the_whole_row(api: TestClient) -> None:
    answer = api.post("/v1/answer", json={"question": "드롭아웃이 무엇인가요?", "id": "a", "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = events(answer.text)
    kinds = [kind for kind, _ in found]
    assert kinds[0] == "sources"
    assert set(kinds[1:-1]) == {"token"}
    assert kinds[-1] == "done"
    assert found[0][1]["sources"][0]["path"] == "규제/드롭아웃.md"
    assert found[-1][1]["id"] == "a"


def test_what_is_wrong_before_the_first_event_has_its_status(tmp_path: Path) -> None:
    client, _ = fake_api(tmp_path, error=IndexMissingError("색인이 없습니다"))
    answer = client.post("/v1/answer", json={"question": "q", "stream": True})
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "IndexMissingError")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"question": "  "}, 400, "비어"),
        ({"question": "가" * 3000}, 400, "너무 깁니다"),
        ({"q": 1}, 422, "question: 값이 없습니다"),
        ({"question": 1}, 422, "question"),
        ({"question": "q", "history": "x"}, 422, "history"),
        ({"question": "q", "history": [{"question": "q"}]}, 422, "history.0.answer"),
    ],
)
def test_a_question_that_cannot_be_read_says_why(api: TestClient, body: Any, status: int, said: str) -> None:
    answer = api.post("/v1/answer", json=body)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize("content", [b"{bad", b"\xff", b'{"question": "\\ud800"}', b"[]"])
def test_a_body_that_cannot_be_read_is_422_or_400(api: TestClient, content: bytes) -> None:
    answer = api.post("/v1/answer", content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["message"]


def test_too_large_a_body_is_413_whether_it_tells_its_length_or_not(api: TestClient) -> None:
    large = b'{"question": "' + b"a" * 5_000_000 + b'"}'
    headers = {"content-type": "application/json"}
    for content in (large, iter([large[:3_000_000], large[3_000_000:]])):
        answer = api.post("/v1/answer", content=content, headers=headers)
        assert answer.status_code == 413
        assert answer.json()["error"]["type"] == "ContentTooLarge"


def test_search_gives_passages_with_the_part_of_each_leg(api: TestClient) -> None:
    found = api.post("/v1/search", json={"question": "확률", "top": 1}).json()
    [passage] = found["results"]
    assert passage["parts"]["keyword"] == 1.0
    assert api.post("/v1/search", json={"question": "확률", "top": 0}).status_code == 422


def test_a_note_comes_as_indexed_and_by_lines(api: TestClient, folder: Path) -> None:
    text = (folder / "notes" / "softmax.md").read_text("utf-8")
    note = api.get("/v1/notes/softmax.md").json()
    assert note["text"] == text
    assert note["metadata"]["title"] == "소프트맥스"
    lines = text.splitlines(keepends=True)
    part = api.get("/v1/notes/softmax.md", params={"start_line": 2, "end_line": 3}).json()
    assert part["text"] == "".join(lines[1:3])
    assert (part["start_line"], part["end_line"]) == (2, 3)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_note_is_found_under_any_normal_form_of_its_name(api: TestClient, form: Any) -> None:
    assert api.get("/v1/notes/" + unicodedata.normalize(form, NFD)).json()["path"] == "합성곱.md"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/notes/none.md", 404),
        ("/v1/notes/softmax.md?start_line=99", 404),
        ("/v1/notes/softmax.md?start_line=0", 422),
        ("/v1/notes/softmax.md?start_line=3&end_line=2", 400),
        ("/v1/notes/..%2f..%2f..%2fetc%2fpasswd", 404),
        ("/v1/nothing", 404),
        ("/v1/index/none", 404),
        ("/v1/demos/none", 404),
    ],
)
def test_what_is_not_there_says_so(api: TestClient, path: str, status: int) -> None:
    answer = api.get(path)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"type", "message"}


def test_the_index_is_built_in_the_background_one_at_a_time(tmp_path: Path) -> None:
    client, fake = fake_api(tmp_path)
    job = client.post("/v1/index", json={}).json()
    busy = client.post("/v1/index", json={})
    assert busy.status_code == 409
    assert busy.json()["job"]["id"] == job["id"]
    assert client.get(f"/v1/index/{job['id']}").json()["stages"] == [{"stage": "embed", "done": 1, "total": 4}]
    fake.gate.set()
    row = wait_for(client, job["id"])
    assert row["state"] == "failed"
    assert "secret" not in json.dumps(row, ensure_ascii=False)  # what is no user's fault stays in the server's log


def wait_for(client: TestClient, job: str) -> Any:
    """The row of a finished job."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        row = client.get(f"/v1/index/{job}").json()
        if row["state"] != "running":
            return row
        time.sleep(0.05)
    raise AssertionError("the build did not end")


def test_a_finished_build_tells_its_summary_and_answers_follow_it(tmp_path: Path) -> None:
    client = client_of(create_app(built(tmp_path), ui=False))
    before = client.get("/v1/index").json()["generation"]
    (tmp_path / "notes" / "새.md").write_text("# 어텐션\n\n어텐션은 가중 평균이다.\n", "utf-8")
    row = wait_for(client, client.post("/v1/index", json={}).json()["id"])
    assert row["state"] == "done"
    assert row["summary"]["added"] == ["새.md"]
    assert row["summary"]["skipped"][0]["path"] == "empty.md"
    assert client.get("/v1/index").json()["generation"] == row["summary"]["generation"] != before
    assert client.post("/v1/answer", json={"question": "어텐션이란?"}).json()["citations"][0]["path"] == "새.md"


@pytest.mark.parametrize("place", ["/etc", "..", "../../etc/passwd", "none", "규제/../..", "a\x00b"])
def test_only_notes_inside_the_notes_folder_are_indexed(api: TestClient, place: str) -> None:
    assert api.post("/v1/index", json={"notes": place}).status_code == 400


def test_a_link_out_of_the_notes_folder_is_not_followed(tmp_path: Path) -> None:
    client, _ = fake_api(tmp_path)
    (tmp_path / "notes" / "out").symlink_to("/etc")
    assert client.post("/v1/index", json={"notes": "out"}).status_code == 400


def test_demos_are_listed_described_and_run(api: TestClient) -> None:
    assert "conv1d" in {row["slug"] for row in api.get("/v1/demos").json()}
    controls = {c["name"]: c for c in api.get("/v1/demos/conv1d").json()["controls"]}
    assert (controls["kernel"]["low"], controls["kernel"]["high"], controls["kernel"]["kind"]) == (1, 30, "number")
    row = api.post("/v1/demos/conv1d", json={"params": {"kernel": 5}}).json()
    assert row["params"]["kernel"] == 5
    assert row["figure"]["data"]
    assert row["code"].startswith("import")


def test_a_demo_that_looks_inside_is_run_over_a_question_and_without_an_index_over_its_own(
    api: TestClient, tmp_path: Path
) -> None:
    asked = {"question": "드롭아웃이 무엇인가요?"}
    row = api.post("/v1/demos/rag", json=asked).json()
    assert row["params"]["question"] == asked["question"]
    assert "규제/드롭아웃.md" in row["numbers"]["맨 앞의 글"]
    assert "드롭아웃.md" not in str(api.post("/v1/demos/rag", json={}).json()["numbers"])
    bare = client_of(create_app(settings_in(tmp_path), ui=False)).post("/v1/demos/rag", json=asked)
    assert bare.status_code == 200 and "드롭아웃.md" not in str(bare.json()["numbers"])
    assert api.post("/v1/demos/rag", json={"question": "가" * 3000}).status_code == 400
    assert api.post("/v1/demos/rag", content=b'{"question": "\\ud800"}').status_code == 422


@pytest.mark.parametrize("params", [{"kernel": 500}, {"kernel": "x"}, {"nothing": 1}])
def test_a_value_out_of_bounds_is_422_and_names_the_bound(api: TestClient, params: Any) -> None:
    answer = api.post("/v1/demos/conv1d", json={"params": params})
    assert answer.status_code == 422
    assert answer.json()["error"]["type"] == "ConceptError"
    assert next(iter(params)) in answer.json()["error"]["message"]


def test_alive_is_not_yet_ready(tmp_path: Path) -> None:
    client = client_of(create_app(settings_in(tmp_path), ui=False))
    assert client.get("/livez").json() == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert "색인이 없습니다" in ready.json()["error"]["message"]
    wait_for(client, client.post("/v1/index", json={}).json()["id"])
    assert client.get("/readyz").status_code == 200


def test_a_fault_of_ours_is_500_without_a_traceback(tmp_path: Path) -> None:
    client, _ = fake_api(tmp_path, error=RuntimeError("secret"))
    answer = client.post("/v1/answer", json={"question": "q"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_a_language_model_that_fails_is_503(tmp_path: Path) -> None:
    client, _ = fake_api(tmp_path, error=LLMError("서버가 꺼져 있습니다"))
    assert client.post("/v1/answer", json={"question": "q"}).status_code == 503


def test_half_a_surrogate_pair_in_an_answer_still_is_json(tmp_path: Path) -> None:
    client, _ = fake_api(tmp_path, answer="앞\ud800뒤")
    answer = client.post("/v1/answer", json={"question": "q"})
    assert answer.status_code == 200
    assert json.loads(answer.content)["answer"] == "앞\ud800뒤"


def test_the_reference_is_typed_and_loads_nothing_from_elsewhere(api: TestClient) -> None:
    page = api.get("/docs")
    assert "/v1/answer" in page.text
    assert "http" not in page.text.replace("http-equiv", "")
    described = api.get("/openapi.json").json()
    assert {
        "/v1/answer",
        "/v1/search",
        "/v1/index",
        "/v1/notes/{path}",
        "/v1/demos/{slug}",
        "/livez",
        "/readyz",
    } <= set(described["paths"])
    schema = described["components"]["schemas"]["Answer"]["properties"]
    assert schema["citations"]["items"]["$ref"].endswith("Citation")


def test_every_response_keeps_the_browser_from_other_hosts(api: TestClient) -> None:
    for path in ("/livez", "/docs", "/v1/nothing"):
        assert "default-src 'self'" in api.get(path).headers["content-security-policy"]


def test_a_reader_who_leaves_stops_the_answer(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    fake = FakeAnswerer(settings, endless=True)
    app = create_app(settings, answerer=fake, ui=False)  # type: ignore[arg-type]
    with serving(app) as address, httpx.Client(base_url=address, timeout=30) as client:
        with client.stream("POST", "/v1/answer", json={"question": "q", "stream": True}) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "event: sources"
            assert fake.begun.wait(10)
            assert not fake.closed.is_set()
        assert fake.closed.wait(10)


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    """``pilgi serve`` in a process of its own."""
    port = free_port()
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PILGI_ENCODER": "none",
        "PILGI_RERANKER": "none",
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from app.cli import main; main()",
            "serve",
            "--port",
            str(port),
            "--index",
            str(folder / "index"),
            "--notes",
            str(folder / "notes"),
        ],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/livez", timeout=1).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
        assert process.poll() is None
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def test_a_real_server_answers_streams_and_shows_the_page(server: str) -> None:
    with httpx.Client(base_url=server, timeout=60) as client:
        assert client.get("/readyz").status_code == 200
        assert (
            client.post("/v1/answer", json={"question": "소프트맥스란?"}).json()["citations"][0]["path"] == "softmax.md"
        )
        assert (
            events(client.post("/v1/answer", json={"question": "소프트맥스란?", "stream": True}).text)[-1][0] == "done"
        )
        page = client.get("/")
        assert page.status_code == 200
        assert "필기" in page.text
        assert client.get("/v1/nothing").json()["error"]["type"] == "NotFound"


def test_a_taken_port_is_said_at_once(server: str, folder: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", server.rpartition(":")[2]],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
    )
    assert done.returncode == 1
    assert "--port" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
