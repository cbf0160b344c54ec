"""The official MCP client over HTTP against the started server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from app.answer import Answerer
from app.api import create_app
from app.keys import KeyFile
from app.mcp import MOST_LINES
from tests.app.conftest import STUDY_NOTES
from tests.app.doors import FakeAnswerer, serving, settings_in

MODES = ("auto", "legacy")
TOOLS = {"search", "answer", "get_note", "run_demo"}
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
BOTH = {"accept": "application/json, text/event-stream"}


def talk(server: Any, say: Callable[[Client], Awaitable[Any]], mode: str = "auto") -> Any:
    async def run() -> Any:
        async with Client(server, mode=mode) as client:  # type: ignore[arg-type]
            return await say(client)

    return asyncio.run(run())


def call(address: str, tool: str, mode: str = "auto", **arguments: Any) -> Any:
    return talk(f"{address}/mcp", lambda client: client.call_tool(tool, arguments), mode)


@pytest.mark.parametrize("mode", MODES)
def test_the_four_tools_say_what_they_take_and_that_they_only_read(study_server: str, mode: str) -> None:
    listed = talk(f"{study_server}/mcp", lambda client: client.list_tools(), mode)
    tools = {tool.name: tool for tool in listed.tools}
    assert set(tools) == TOOLS
    for tool in tools.values():
        assert tool.annotations.read_only_hint and tool.annotations.open_world_hint is False
        assert tool.title and len(tool.description) > 80 and tool.output_schema["type"] == "object"
    top = tools["search"].input_schema["properties"]["top"]
    assert (top["minimum"], top["maximum"], top["default"]) == (1, 50, 5)
    assert tools["search"].input_schema["required"] == ["question"]
    assert "softmax" in tools["run_demo"].description


@pytest.mark.parametrize("mode", MODES)
def test_search_finds_the_passage(study_server: str, mode: str) -> None:
    found = call(study_server, "search", mode, question="소프트맥스는 무엇을 바꾸나?", top=2)
    assert not found.is_error
    best = found.structured_content["results"][0]
    assert best["path"] == "활성화/softmax.md" and best["text"] in STUDY_NOTES["활성화/softmax.md"]
    assert len(found.structured_content["results"]) <= 2
    assert json.loads(found.content[0].text) == found.structured_content


def test_answer_cites_lines_that_get_note_reads(study_server: str) -> None:
    row = call(study_server, "answer", question="드롭아웃이 뭐야?").structured_content
    assert row["answerable"] is True and "[1]" in row["answer"] and "retrieved" not in row
    cited = row["citations"][0]
    note = call(
        study_server, "get_note", path=cited["path"], start_line=cited["start_line"], end_line=cited["end_line"]
    )
    assert cited["quote"] in note.structured_content["text"]


def test_answer_says_that_the_notes_do_not_know(study_server: str) -> None:
    row = call(study_server, "answer", question="서울에서 부산까지 기차 요금은 얼마야?").structured_content
    assert row["answerable"] is False and row["refusal_reason"] and row["citations"] == []


def test_get_note_gives_the_file_as_it_is_with_its_front_matter(study_server: str) -> None:
    row = call(study_server, "get_note", path="규제/드롭아웃.md").structured_content
    assert row["text"] == STUDY_NOTES["규제/드롭아웃.md"] and row["start_line"] == 1 and row["end_line"] == row["lines"]
    assert row["metadata"]["title"] == "드롭아웃" and row["metadata"]["date"] == "2025-03-01"


def test_a_long_note_comes_in_pieces(tmp_path: Path) -> None:
    answerer = FakeAnswerer(settings_in(tmp_path))
    text = "".join(f"{n}\n" for n in range(1, 1001)) + "\ud800\n"
    answerer.index.note = lambda path: type("Stored", (), {"path": path, "text": text, "metadata": {}})()
    with serving(create_app(answerer.settings, answerer=answerer, ui=False)) as address:  # type: ignore[arg-type]
        row = call(address, "get_note", path="a.md", start_line=101).structured_content
        assert (row["start_line"], row["end_line"], row["lines"]) == (101, 100 + MOST_LINES, 1002)
        assert row["text"].startswith("101\n") and row["text"].endswith(f"\n{100 + MOST_LINES}\n")
        assert (
            call(address, "get_note", path="a.md", start_line=1001, end_line=1001).structured_content["text"] == "?\n"
        )


def test_run_demo_runs_with_the_given_numbers(study_server: str) -> None:
    row = call(study_server, "run_demo", slug="convolution", params={"stride": 2}).structured_content
    assert row["slug"] == "convolution" and row["params"]["stride"] == 2
    assert row["numbers"] and row["text"] and row["code"] and "figure" not in row
    assert call(study_server, "run_demo", slug="합성곱").structured_content["slug"] == "convolution"


def test_run_demo_looks_inside_at_a_question(study_server: str) -> None:
    asked = "드롭아웃이 무엇인가요?"
    row = call(study_server, "run_demo", slug="rag", question=asked).structured_content
    assert row["params"]["question"] == asked and "규제/드롭아웃.md" in row["numbers"]["맨 앞의 글"]


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("search", {}, "search.question: 값이 없습니다"),
        ("search", {"question": "드롭아웃", "top": 0}, "search.top: 1 이상"),
        ("search", {"question": "드롭아웃", "top": "많이"}, "search.top: 정수"),
        ("search", {"question": "  "}, "비어 있습니다"),
        ("answer", {"question": "가" * 3000}, "너무 깁니다"),
        ("get_note", {}, "get_note.path: 값이 없습니다"),
        ("get_note", {"path": "../../etc/passwd"}, "색인에 없습니다"),
        ("get_note", {"path": "비전/합성곱.md", "start_line": 500}, "500번째 줄이 없습니다"),
        ("get_note", {"path": "비전/합성곱.md", "start_line": 3, "end_line": 2}, "앞입니다"),
        ("run_demo", {"slug": "없는개념"}, "개념이 없습니다"),
        ("run_demo", {"slug": "convolution", "params": {"stride": 10_000}}, "stride"),
        ("run_demo", {"slug": "convolution", "params": {"colour": 1}}, "바꿀 수 있는 값"),
        ("drop_table", {}, "search, answer, get_note, run_demo"),
    ],
)
def test_what_goes_wrong_is_a_tool_error_on_one_line(
    study_server: str, tool: str, arguments: dict[str, Any], said: str
) -> None:
    result = call(study_server, tool, **arguments)
    assert result.is_error and said in result.content[0].text and "\n" not in result.content[0].text


def test_a_fault_of_ours_tells_nothing_of_itself(tmp_path: Path) -> None:
    answerer = FakeAnswerer(settings_in(tmp_path), error=RuntimeError("/secret/path"))
    with serving(create_app(answerer.settings, answerer=answerer, ui=False)) as address:  # type: ignore[arg-type]
        result = call(address, "answer", question="질문")
    assert result.is_error and "예기치 못한" in result.content[0].text and "secret" not in result.content[0].text


def test_a_reader_who_leaves_stops_the_answer(tmp_path: Path) -> None:
    answerer = FakeAnswerer(settings_in(tmp_path), endless=True)
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "answer", "arguments": {"question": "질문"}},
    }
    with serving(create_app(answerer.settings, answerer=answerer, ui=False)) as address:  # type: ignore[arg-type]
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{address}/mcp", json=body, headers=BOTH, timeout=1)
        assert answerer.begun.is_set() and answerer.closed.wait(10)


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}])
def test_a_page_elsewhere_cannot_reach_the_tools(study_server: str, headers: dict[str, str]) -> None:
    assert httpx.post(f"{study_server}/mcp", json=PING, headers={**BOTH, **headers}).status_code in (403, 421)


def test_only_post_is_served(study_server: str) -> None:
    answer = httpx.get(f"{study_server}/mcp", headers={"accept": "text/event-stream"})
    assert answer.status_code == 405 and answer.headers["allow"] == "POST"


def test_the_key_of_the_other_doors_opens_this_one(study: Answerer, tmp_path: Path) -> None:
    settings = study.settings.model_copy(update={"require_key": True, "keys": tmp_path / "keys.json"})
    secret = KeyFile(settings.keys).add("tool", "read")

    async def listed(address: str) -> set[str]:
        async with httpx2.AsyncClient(headers={"authorization": f"Bearer {secret}"}) as http:  # noqa: SIM117
            async with Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client:
                return {tool.name for tool in (await client.list_tools()).tools}

    with serving(create_app(settings, answerer=study, ui=False)) as address:
        assert httpx.post(f"{address}/mcp", json=PING, headers=BOTH).status_code == 401
        assert asyncio.run(listed(address)) == TOOLS
