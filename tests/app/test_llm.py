"""One setting names the model; what goes wrong with it is said in Korean, and tried again only where that helps."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage, HumanMessage

from app.errors import ContextTooLongError, LLMError, SettingError
from app.llm import load_llm, shown
from app.llm.calling import Patience, stream_text
from app.llm.failures import explained, worth_retrying
from app.settings import Settings
from tests.app.doors import free_port
from tests.app.language_models import Scripted, fake_server

ASKED = [HumanMessage("드롭아웃이 뭐야?")]
QUICK = Patience(20, wait=0.01)


def said_by(setting: str, patience: Patience = QUICK, **given: Any) -> str:
    model = load_llm(Settings(llm=setting, **given))
    assert model is not None
    return "".join(stream_text(model, ASKED, patience, setting))


def test_embedded_is_no_model() -> None:
    assert load_llm(Settings(llm="embedded")) is None


@pytest.mark.parametrize("setting", ["gpt-4", "hf:", "openai: ", "magic:x", "http://127.0.0.1:1/v1", "http://#m", ""])
def test_a_setting_that_names_nothing_is_refused_with_the_ways_to_write_it(setting: str) -> None:
    with pytest.raises(SettingError, match=r"PILGI_LLM=|모델 이름"):
        load_llm(Settings(llm=setting))


def test_a_password_in_an_address_is_not_shown() -> None:
    assert shown("http://me:secret@127.0.0.1:8000/v1#m") == "http://127.0.0.1:8000/v1#m"
    assert shown("hf:/models/a@b") == "hf:/models/a@b"


def test_openai_without_a_key_says_which_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(LLMError, match="PILGI_LLM_API_KEY"):
        load_llm(Settings(llm="openai:gpt-4o"))


@pytest.mark.parametrize(
    ("setting", "package", "extra"), [("ollama:x", "langchain_ollama", "ollama"),
                                      ("http://127.0.0.1:1/v1#x", "langchain_openai", "openai")]
)
def test_a_missing_package_is_named_with_its_extra(
    setting: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(LLMError, match=rf"pilgi\[{extra}\]"):
        load_llm(Settings(llm=setting))


def test_a_compatible_server_streams_its_answer() -> None:
    with fake_server("드롭아웃은 뉴런을 끈다. [1]") as server:
        assert said_by(f"{server.address}/v1#tiny") == "드롭아웃은 뉴런을 끈다. [1]"
    request = server.requests[0]
    assert request["model"] == "tiny" and request["stream"] is True and request["temperature"] == 0
    assert request["messages"] == [{"role": "user", "content": ASKED[0].content}]


def test_openais_key_is_not_sent_to_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-belongs-to-openai")
    with fake_server("답") as server:
        said_by(f"{server.address}/v1#tiny")
        said_by(f"{server.address}/v1#tiny", llm_api_key="mine")
    assert server.keys == ["Bearer none", "Bearer mine"]


@pytest.mark.parametrize("acts", [(429, "답"), (500, 503, "답"), ("drop", "답")])
def test_what_may_pass_is_tried_again(acts: tuple[Any, ...]) -> None:
    with fake_server(*acts) as server:
        assert said_by(f"{server.address}/v1#tiny") == "답"
    assert len(server.requests) == len(acts)


@pytest.mark.parametrize(
    ("act", "message", "tries"),
    [(400, "받지 않았습니다", 1), (401, "열쇠", 1), (403, "열쇠", 1), ("missing", "모델이나 주소가 없습니다", 1),
     (422, "받지 않았습니다", 1), (429, "요청이 너무 많다", 3), (500, "오류", 3), (503, "오류", 3), ("drop", "끊겼습니다", 3)],
)
def test_every_failure_has_its_message(act: Any, message: str, tries: int) -> None:
    with fake_server(act) as server, pytest.raises(LLMError, match=message):
        said_by(f"{server.address}/v1#tiny")
    assert len(server.requests) == tries


def test_a_prompt_that_is_too_long_is_an_error_of_its_own() -> None:
    with fake_server("long") as server, pytest.raises(ContextTooLongError, match="PILGI_CONTEXT_CHARS"):
        said_by(f"{server.address}/v1#tiny")
    assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_said_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(LLMError, match="연결할 수 없습니다"):
        said_by(f"http://127.0.0.1:{free_port()}/v1#tiny", Patience(20, wait=5))
    assert time.monotonic() - began < 5


def test_ollama_that_is_not_running_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{free_port()}")
    with pytest.raises(LLMError, match="연결할 수 없습니다"):
        said_by("ollama:tiny", Patience(20, wait=5))


def test_a_slow_server_is_not_waited_for_past_the_deadline() -> None:
    with fake_server("slow") as server:
        began = time.monotonic()
        with pytest.raises(LLMError, match="제때"):
            said_by(f"{server.address}/v1#tiny", Patience(0.5), llm_timeout=0.5)
        assert time.monotonic() - began < 3


def test_what_was_said_before_a_break_is_kept_and_not_said_again() -> None:
    with fake_server("tear:드롭아웃은 뉴런을 끈다.") as server:
        model = load_llm(Settings(llm=f"{server.address}/v1#tiny"))
        assert model is not None
        got = []
        with pytest.raises(LLMError, match="끊겼습니다"):
            for piece in stream_text(model, ASKED, QUICK, "tiny"):
                got.append(piece)
    assert "".join(got) == "드롭아웃은 뉴런을 끈다." and len(server.requests) == 1


def test_a_reader_who_leaves_stops_the_server() -> None:
    with fake_server("trickle:" + "가나다라" * 200) as server:
        model = load_llm(Settings(llm=f"{server.address}/v1#tiny"))
        assert model is not None
        stream = stream_text(model, ASKED, QUICK, "tiny")
        next(stream)
        stream.close()
        time.sleep(1)
        sent = server.sent
        time.sleep(0.3)
        assert server.sent == sent < 200


def test_a_reader_who_leaves_stops_a_model_in_the_process() -> None:
    def endless(_: Sequence[BaseMessage]) -> Iterator[str]:
        while True:
            time.sleep(0.005)
            yield "말 "

    model = Scripted(endless)
    stream = stream_text(model, ASKED, QUICK, "fake")
    next(stream)
    stream.close()
    until = time.monotonic() + 5
    while not model.closed and time.monotonic() < until:
        time.sleep(0.01)
    assert model.closed


def test_an_endless_model_ends_at_the_deadline() -> None:
    def endless(_: Sequence[BaseMessage]) -> Iterator[str]:
        while True:
            time.sleep(0.01)
            yield "말 "

    with pytest.raises(LLMError, match="제때"):
        for _ in stream_text(Scripted(endless), ASKED, Patience(0.3), "fake"):
            pass


def test_an_empty_answer_is_no_error() -> None:
    assert "".join(stream_text(Scripted(""), ASKED, QUICK, "fake")) == ""


def test_waits_grow_and_end_before_the_deadline() -> None:
    waits: list[float] = []

    class Busy(Exception):
        status_code = 429

    with pytest.raises(LLMError, match="429"):
        list(stream_text(Scripted(Busy()), ASKED, Patience(60, attempts=4, wait=1), "fake", sleep=waits.append))
    assert waits == [1, 2, 4]
    waits.clear()
    with pytest.raises(LLMError):
        list(stream_text(Scripted(Busy()), ASKED, Patience(1.5, attempts=4, wait=1), "fake", sleep=waits.append))
    assert waits == [1]


def test_memory_that_does_not_suffice_is_said_and_not_tried_again() -> None:
    for error in (MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")):
        assert "메모리" in str(explained(error, "hf:x")) and not worth_retrying(error)


def test_no_thread_outlives_its_answer() -> None:
    before = threading.active_count()
    for _ in range(5):
        "".join(stream_text(Scripted("답"), ASKED, QUICK, "fake"))
    time.sleep(0.1)
    assert threading.active_count() <= before
