"""The official ``openai`` client, unchanged, against the started server; the rerank route by plain HTTP."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from app.answer import Answerer, Event
from app.api import create_app
from app.errors import LLMError
from app.keys import KeyFile
from tests.app.conftest import STUDY_NOTES, study_settings
from tests.app.doors import FakeAnswerer, serving, settings_in

ASK = [{"role": "user", "content": "드롭아웃이 뭐야?"}]


def client_of(address: str, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0, timeout=60)


@pytest.fixture(scope="module")
def client(study_server: str) -> Iterator[openai.OpenAI]:
    with client_of(study_server) as made:
        yield made


@contextmanager
def fake(folder: Path, **told: Any) -> Iterator[tuple[FakeAnswerer, openai.OpenAI]]:
    answerer = FakeAnswerer(settings_in(folder), **told)
    with serving(create_app(answerer.settings, answerer=answerer, ui=False)) as address, client_of(address) as made:  # type: ignore[arg-type]
        yield answerer, made


class TestChat:
    def test_an_answer_comes_with_citations_that_stand_in_the_note(self, client: openai.OpenAI) -> None:
        done = client.chat.completions.create(model="pilgi", messages=ASK)
        (choice,) = done.choices
        message: Any = choice.message
        assert (done.object, done.model, choice.finish_reason, message.role) == (
            "chat.completion",
            "pilgi",
            "stop",
            "assistant",
        )
        assert message.answerable is True and message.refusal_reason == ""
        assert "뉴런을 확률 p로 끄는" in message.content and "[1]" in message.content
        cited = message.citations[0]
        assert cited["path"] == "규제/드롭아웃.md" and cited["quote"] in STUDY_NOTES["규제/드롭아웃.md"]
        assert message.retrieved[0]["path"] == "규제/드롭아웃.md"
        assert any("drop" in demo["slug"] or demo["title"] for demo in message.demos)
        assert done.usage is not None and done.usage.total_tokens == 0

    def test_what_the_notes_do_not_say_is_refused_and_still_a_completion(self, client: openai.OpenAI) -> None:
        done = client.chat.completions.create(
            model="pilgi", messages=[{"role": "user", "content": "서울에서 부산까지 기차 요금은 얼마야?"}]
        )
        message: Any = done.choices[0].message
        assert message.answerable is False and message.refusal_reason and message.content
        assert message.citations == [] and done.choices[0].finish_reason == "stop"

    def test_a_stream_gives_sources_then_tokens_then_the_grounds(self, client: openai.OpenAI) -> None:
        chunks: list[Any] = list(
            client.chat.completions.create(
                model="pilgi", messages=ASK, stream=True, stream_options={"include_usage": True}
            )
        )
        first, *middle, last, counted = chunks
        assert (
            first.choices[0].delta.role == "assistant" and first.choices[0].retrieved[0]["path"] == "규제/드롭아웃.md"
        )
        assert middle and all(c.choices[0].finish_reason is None for c in middle)
        assert last.choices[0].finish_reason == "stop"
        assert last.choices[0].delta.answerable is True and last.choices[0].delta.citations[0]["n"] == 1
        assert counted.choices == [] and counted.usage.total_tokens == 0
        assert len({c.id for c in chunks}) == 1
        whole = client.chat.completions.create(model="pilgi", messages=ASK).choices[0].message
        assert "".join(c.choices[0].delta.content or "" for c in middle) == whole.content

    def test_the_clients_own_adding_up_gives_the_whole_message(self, client: openai.OpenAI) -> None:
        with client.chat.completions.stream(model="pilgi", messages=ASK) as stream:
            added: Any = stream.get_final_completion().choices[0].message
        whole: Any = client.chat.completions.create(model="pilgi", messages=ASK).choices[0].message
        for name in ("content", "citations", "demos", "answerable", "refusal_reason", "retrieved"):
            assert getattr(added, name) == getattr(whole, name)

    def test_parts_and_earlier_messages_are_read(self, tmp_path: Path) -> None:
        with fake(tmp_path) as (answerer, client):
            client.chat.completions.create(
                model="pilgi",
                messages=[
                    {"role": "system", "content": "영어로만 답해"},
                    {"role": "assistant", "content": "안녕하세요"},
                    {"role": "user", "content": "LSTM이 뭐야?"},
                    {"role": "assistant", "content": "순환 신경망이다. [1]"},
                    {
                        "role": "user",
                        "content": [{"type": "text", "text": "그럼"}, {"type": "text", "text": "단점은?"}],
                    },
                ],
            )
            (turn,) = answerer.histories[0]
            assert (turn.question, turn.answer) == ("LSTM이 뭐야?", "순환 신경망이다. [1]")

    def test_the_reasoning_of_a_model_stays_out_of_the_answer(self, tmp_path: Path) -> None:
        with fake(tmp_path, thoughts="먼저 정의를 찾는다") as (_, client):
            message: Any = client.chat.completions.create(model="pilgi", messages=ASK).choices[0].message
            assert message.reasoning_content == "먼저 정의를 찾는다" and "먼저" not in message.content
            assert message.answered_by == "fake" and message.notices == ["알림이다"]

    def test_an_answer_that_was_checked_after_it_was_streamed_comes_whole_at_the_end(self, tmp_path: Path) -> None:
        with fake(tmp_path, answer="답이다. [1]") as (answerer, client):

            def stream(question: str, history: Sequence[Any] = (), *, id: str = "") -> Iterator[Event]:
                row = answerer.row(question)
                yield Event("sources", sources=row.retrieved)
                yield Event("token", token="지어낸 말. ")
                yield Event("done", answer=row)

            answerer.stream = stream  # type: ignore[method-assign]
            *_, last = client.chat.completions.create(model="pilgi", messages=ASK, stream=True)
            assert last.choices[0].delta.final_content == "답이다. [1]"  # type: ignore[attr-defined]

    def test_a_reader_who_leaves_stops_the_stream(self, tmp_path: Path) -> None:
        with fake(tmp_path, endless=True) as (answerer, client):
            stream = client.chat.completions.create(model="pilgi", messages=ASK, stream=True)
            next(iter(stream))
            stream.close()
            assert answerer.closed.wait(10)

    def test_a_reader_who_does_not_wait_for_the_whole_answer_stops_it(self, tmp_path: Path) -> None:
        with fake(tmp_path, endless=True) as (answerer, client):
            with pytest.raises(openai.APITimeoutError):
                client.with_options(timeout=0.5).chat.completions.create(model="pilgi", messages=ASK)
            assert answerer.begun.is_set() and answerer.closed.wait(10)


class TestErrors:
    def test_an_unknown_model_is_not_found(self, client: openai.OpenAI) -> None:
        for ask in (
            lambda: client.chat.completions.create(model="gpt-9", messages=ASK),
            lambda: client.chat.completions.create(model="pilgi-embedding", messages=ASK),
            lambda: client.embeddings.create(model="pilgi", input="글"),
            lambda: client.models.retrieve("gpt-9"),
        ):
            with pytest.raises(openai.NotFoundError) as caught:
                ask()
            assert caught.value.code == "model_not_found" and caught.value.param == "model"
            assert "pilgi" in caught.value.message

    @pytest.mark.parametrize(
        ("sent", "param", "said"),
        [
            ({"messages": []}, "messages", "user인 메시지"),
            ({"messages": [{"role": "assistant", "content": "답"}]}, "messages", "user인 메시지"),
            ({"messages": "질문"}, "messages", "목록"),
            ({"messages": [{"role": "king", "content": "질문"}]}, "messages[0].role", "가운데 하나"),
            (
                {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
                "messages[0].content",
                "글만",
            ),
            ({"messages": ASK, "n": 2}, "n", "1만"),
            ({"messages": ASK, "response_format": {"type": "json_object"}}, "response_format", "text"),
            ({"messages": ASK, "tool_choice": "required"}, "tool_choice", "auto"),
        ],
    )
    def test_what_cannot_be_read_is_a_bad_request_that_names_the_field(
        self, client: openai.OpenAI, sent: dict[str, Any], param: str, said: str
    ) -> None:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model="pilgi", **sent)
        error = caught.value
        assert error.type == "invalid_request_error" and error.param == param and said in error.message
        assert "\n" not in error.message and set(error.body) == {"message", "type", "param", "code"}  # type: ignore[arg-type]

    def test_a_missing_field_broken_json_and_an_empty_question(self, client: openai.OpenAI, study_server: str) -> None:
        missing = httpx.post(f"{study_server}/v1/chat/completions", json={"messages": ASK})
        assert missing.status_code == 400
        assert (
            missing.json()["error"]["code"] == "missing_required_parameter"
            and missing.json()["error"]["param"] == "model"
        )
        broken = httpx.post(
            f"{study_server}/v1/chat/completions", content=b"{", headers={"content-type": "application/json"}
        )
        assert broken.status_code == 400 and broken.json()["error"]["type"] == "invalid_request_error"
        for stream in (False, True):
            with pytest.raises(openai.BadRequestError, match="비어 있습니다"):
                client.chat.completions.create(
                    model="pilgi", messages=[{"role": "user", "content": " "}], stream=stream
                )

    def test_a_missing_index_is_said_before_anything_is_streamed(self, tmp_path: Path) -> None:
        settings = settings_in(tmp_path)
        with (
            serving(create_app(settings, answerer=Answerer(settings), ui=False)) as address,
            client_of(address) as client,
        ):
            with pytest.raises(openai.InternalServerError) as caught:
                client.chat.completions.create(model="pilgi", messages=ASK, stream=True)
            assert caught.value.status_code == 503 and caught.value.code == "IndexMissingError"

    def test_what_fails_midway_ends_the_stream_with_an_error(self, tmp_path: Path) -> None:
        with fake(tmp_path) as (answerer, client):

            def stream(question: str, history: Sequence[Any] = (), *, id: str = "") -> Iterator[Event]:
                yield Event("sources", sources=answerer.row(question).retrieved)
                raise LLMError("서버가 꺼졌습니다")

            answerer.stream = stream  # type: ignore[method-assign]
            with pytest.raises(openai.APIError, match="서버가 꺼졌습니다"):
                list(client.chat.completions.create(model="pilgi", messages=ASK, stream=True))

    def test_a_guarded_server_takes_the_clients_key(self, study: Answerer, tmp_path: Path) -> None:
        settings = study.settings.model_copy(update={"require_key": True, "keys": tmp_path / "keys.json"})
        secret = KeyFile(settings.keys).add("tool", "read")
        with serving(create_app(settings, answerer=study, ui=False)) as address:
            with pytest.raises(openai.AuthenticationError):
                client_of(address, "pilgi-wrong").models.list()
            assert client_of(address, secret).models.list().data


class TestModels:
    def test_the_list_names_what_each_route_takes(self, client: openai.OpenAI) -> None:
        rows: dict[str, Any] = {row.id: row for row in client.models.list()}
        assert {name: row.kind for name, row in rows.items()} == {
            "pilgi": "chat",
            "pilgi-embedding": "embedding",
            "pilgi-rerank": "rerank",
        }
        assert client.models.retrieve("pilgi").owned_by == "pilgi"

    def test_without_an_encoder_there_is_nothing_to_embed_with(self, tmp_path: Path) -> None:
        with fake(tmp_path) as (_, client):
            assert [row.id for row in client.models.list()] == ["pilgi"]
            with pytest.raises(openai.NotFoundError, match="PILGI_ENCODER"):
                client.embeddings.create(model="pilgi-embedding", input="글")


class TestEmbeddings:
    def test_vectors_are_those_of_the_index_in_the_order_of_the_texts(
        self, client: openai.OpenAI, study: Answerer
    ) -> None:
        texts = ["드롭아웃은 뉴런을 끈다", "합성곱", "소프트맥스는 점수를 확률로 바꾼다"] * 12
        made = client.embeddings.create(model="pilgi-embedding", input=texts)
        assert study.encoder is not None
        expected = study.encoder.encode(texts, kind="passage")
        got = np.array([row.embedding for row in made.data])
        assert [row.index for row in made.data] == list(range(36)) and got.shape == expected.shape
        np.testing.assert_allclose(got, expected, atol=1e-5)
        assert made.usage.prompt_tokens > 36 and made.fingerprint == study.encoder.fingerprint  # type: ignore[attr-defined]

    def test_numbers_and_base64_are_the_same_vector(self, client: openai.OpenAI) -> None:
        numbers = (
            client.embeddings.create(model="pilgi-embedding", input="과적합", encoding_format="float").data[0].embedding
        )
        packed: Any = (
            client.embeddings.create(model="pilgi-embedding", input="과적합", encoding_format="base64")
            .data[0]
            .embedding
        )
        np.testing.assert_array_equal(np.frombuffer(base64.b64decode(packed), "<f4"), np.float32(numbers))

    def test_fewer_dimensions_are_the_first_ones_of_length_one(self, client: openai.OpenAI) -> None:
        whole = np.array(client.embeddings.create(model="pilgi-embedding", input="과적합").data[0].embedding)
        short = np.array(
            client.embeddings.create(model="pilgi-embedding", input="과적합", dimensions=64).data[0].embedding
        )
        assert short.shape == (64,) and np.linalg.norm(short) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(short, whole[:64] / np.linalg.norm(whole[:64]), atol=1e-5)

    def test_a_question_can_be_told_from_a_passage(self, client: openai.OpenAI, study: Answerer) -> None:
        made = client.embeddings.create(
            model="pilgi-embedding", input="과적합이란?", extra_body={"input_type": "query"}
        )
        assert study.encoder is not None
        np.testing.assert_allclose(
            made.data[0].embedding, study.encoder.encode(["과적합이란?"], kind="query")[0], atol=1e-5
        )

    @pytest.mark.parametrize(
        ("sent", "said"),
        [
            ({"input": ""}, "빈 글"),
            ({"input": []}, "목록"),
            ({"input": [1, 2, 3]}, "토큰"),
            ({"input": ["글", " "]}, "빈 글"),
            ({"input": "글", "dimensions": 100_000}, "이하"),
            ({"input": "글", "dimensions": 0}, "1 이상"),
            ({"input": "글", "encoding_format": "hex"}, "가운데 하나"),
            ({"input": "글", "extra_body": {"input_type": "image"}}, "가운데 하나"),
        ],
    )
    def test_what_cannot_be_embedded_is_a_bad_request(
        self, client: openai.OpenAI, sent: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(openai.BadRequestError, match=said):
            client.embeddings.create(model="pilgi-embedding", **sent)


class TestRerank:
    DOCUMENTS = ("합성곱은 커널을 옮기며 곱해 더한다.", "드롭아웃은 과적합을 줄인다.", "LSTM은 순환 신경망이다.")

    def test_the_tokens_of_the_encoder_that_ships_order_by_default(self, study_server: str) -> None:
        sent = {
            "query": "드롭아웃은 과적합을 줄이나?",
            "documents": list(self.DOCUMENTS),
            "top_n": 2,
            "return_documents": True,
        }
        row = httpx.post(f"{study_server}/v1/rerank", json=sent, timeout=60).json()
        assert (
            row["scored_by"] == "reranker" and row["model"] == "pilgi-rerank" and row["scorer"].startswith("embedded-")
        )
        assert len(row["results"]) == 2 and row["results"][0]["index"] == 1
        assert row["results"][0]["document"] == {"text": self.DOCUMENTS[1]}
        assert row["results"][0]["relevance_score"] >= row["results"][1]["relevance_score"]

    def test_without_a_reranker_the_vectors_order_and_the_search_does_not_look_at_tokens(self, tmp_path: Path) -> None:
        answerer = Answerer(study_settings(tmp_path, reranker="none"))
        answerer.build()
        assert "tokens" not in answerer.search("드롭아웃은 과적합을 줄이나?")[0].results[0].parts
        with serving(create_app(answerer.settings, answerer=answerer, ui=False)) as address:
            sent = {"query": "드롭아웃은 과적합을 줄이나?", "documents": list(self.DOCUMENTS)}
            row = httpx.post(f"{address}/v1/rerank", json=sent, timeout=60).json()
        assert row["scored_by"] == "encoder" and row["results"][0]["index"] == 1

    def test_a_reranker_orders_where_one_is_set(self, tmp_path: Path) -> None:
        class ByLength:
            name = "by-length"

            def scores(self, question: str, passages: Sequence[str]) -> np.ndarray:
                return np.array([1 / len(p) for p in passages], dtype=np.float32)

        answerer = Answerer(study_settings(tmp_path))
        answerer.__dict__["reranker"] = ByLength()
        documents: list[Any] = [*({"text": "가" * n} for n in range(20, 1, -1)), "가"]
        with serving(create_app(answerer.settings, answerer=answerer, ui=False)) as address:
            row = httpx.post(f"{address}/v1/rerank", json={"query": "질문", "documents": documents}).json()
        assert (row["scored_by"], row["scorer"]) == ("reranker", "by-length")
        assert [r["index"] for r in row["results"]] == list(range(19, -1, -1)) and "document" not in row["results"][0]

    @pytest.mark.parametrize(
        ("sent", "status", "said"),
        [
            ({"query": "질문", "documents": []}, 400, "1개 이상"),
            ({"query": " ", "documents": ["글"]}, 400, "비어"),
            ({"documents": ["글"]}, 400, "query"),
            ({"query": "질문", "documents": [{"title": "글"}]}, 400, "documents"),
            ({"query": "질문", "documents": ["글"], "top_n": 0}, 400, "top_n"),
            ({"query": "질문", "documents": ["글"], "model": "rerank-v9"}, 404, "pilgi-rerank"),
        ],
    )
    def test_what_cannot_be_ordered_is_said(
        self, study_server: str, sent: dict[str, Any], status: int, said: str
    ) -> None:
        answer = httpx.post(f"{study_server}/v1/rerank", json=sent)
        assert answer.status_code == status and said in answer.json()["error"]["message"]

    def test_a_reader_who_leaves_stops_the_work(self, tmp_path: Path) -> None:
        class Slow:
            name = "slow"
            calls = 0

            def scores(self, question: str, passages: Sequence[str]) -> np.ndarray:
                Slow.calls += 1
                time.sleep(0.2)
                return np.zeros(len(passages), dtype=np.float32)

        answerer = Answerer(study_settings(tmp_path))
        answerer.__dict__["reranker"] = Slow()
        with serving(create_app(answerer.settings, answerer=answerer, ui=False)) as address:
            with pytest.raises(httpx.ReadTimeout):
                httpx.post(f"{address}/v1/rerank", json={"query": "질문", "documents": ["글"] * 800}, timeout=0.5)
            time.sleep(1)
            assert Slow.calls < 10
