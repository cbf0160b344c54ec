"""From passages to a checked answer in a model's words, streamed; whatever the model does, the reader gets something true."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from app.answer import Answerer, Event
from app.prompts import REFUSAL
from app.settings import Settings
from app.types import Answer, Turn
from tests.app.doors import free_port
from tests.app.language_models import FixedReranker, Say, Scripted, fake_server, tiny_model

QUESTION = "드롭아웃이 뭐야?"
NOTES = {
    "dropout.md": (
        "# 드롭아웃\n\n드롭아웃은 학습하는 동안 뉴런의 출력을 확률 $p$로 0으로 만드는 규제 기법이다. 과적합을 줄인다.\n\n"
        "## 계산\n\n살아남은 드롭아웃 값을 $1/(1-p)$배 한다. $p=0.5$이면 2배가 된다.\n\n"
        "## 코드\n\n드롭아웃 코드는 다음과 같다.\n\n```python\nlayer = nn.Dropout(p=0.5)\n```\n"
    ),
    "norm.md": "# 배치 정규화\n\n배치 정규화는 미니배치의 평균과 분산으로 층의 입력을 고르게 한다. 학습이 빨라진다.\n",
    "attention.md": "# 어텐션\n\n어텐션은 질의와 키의 유사도로 값을 섞는다.\n",
    **{f"log/{n}.md": f"# 실험 {n}\n\n" + "드롭아웃 실험의 기록을 날마다 조금씩 적어 둔다. " * 5 for n in "가나다라마바"},
}
GOOD = "드롭아웃은 뉴런의 출력을 0으로 만드는 규제 기법이다. [{d}] 드롭아웃은 과적합을 줄인다. [{d}]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("generation")
    for name, text in NOTES.items():
        (root / "notes" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "notes" / name).write_text(text, "utf-8")
    Answerer(settings_in(root)).build()
    return root


def settings_in(root: Path, **given: Any) -> Settings:
    return Settings(**{"notes": root / "notes", "index": root / "index", "encoder": "none", "reranker": "none", "chunk_chars": 200,
                       "llm": "http://127.0.0.1:1/v1#scripted", **given})


def numbered(messages: Sequence[BaseMessage], path: str) -> int:
    """The number under which a prompt gives a note's first passage."""
    found = re.search(rf"<구절 (\d+) [0-9a-f]+> {re.escape(path)}", str(messages[-1].text))
    assert found is not None
    return int(found[1])


def saying(text: str) -> Say:
    """Say a text with the passages of dropout.md and norm.md under {d} and {n}."""
    def say(messages: Sequence[BaseMessage]) -> str:
        return text.replace("{d}", str(numbered(messages, "dropout.md"))).replace(
            "{n}", str(numbered(messages, "norm.md")) if "{n}" in text else "")

    return say


def asked(root: Path, *says: Any, question: str = QUESTION, history: Sequence[Turn] = (), **given: Any) -> Answer:
    """The answer; what was streamed is the answer, sources came first, and every quote stands in its file."""
    model = Scripted(*(saying(s) if isinstance(s, str) else s for s in says))
    events = list(Answerer(settings_in(root, **given), llm=model).stream(question, history))
    return sound(root, events)


def sound(root: Path, events: Sequence[Event]) -> Answer:
    answer = events[-1].answer
    assert events[0].kind == "sources" and answer is not None
    assert "".join(e.token for e in events) == answer.answer
    assert {int(n) for n in re.findall(r"(?<!\w)\[(\d+)\]", answer.answer)} == {c.n for c in answer.citations}
    for citation in answer.citations:
        lines = (root / "notes" / citation.path).read_text("utf-8").split("\n")
        assert citation.quote in "\n".join(lines[citation.start_line - 1 : citation.end_line])
    return answer


def composed(answer: Answer) -> bool:
    return answer.model == "embedded" and answer.answerable and answer.notices[-1].endswith("내장 답변기로 답했습니다.")


@pytest.mark.parametrize("style", ["zero_shot", "few_shot", "chain_of_thought"])
def test_a_checked_answer_comes_in_the_models_words(folder: Path, style: str) -> None:
    answer = asked(folder, GOOD, prompt=style)
    assert answer.answer == GOOD.replace("[{d}]", "[1]", 1).replace("[{d}]", "[2]")
    assert answer.answerable and answer.model == "http://127.0.0.1:1/v1#scripted" and not answer.notices
    assert "generate" in answer.timing_ms


def test_the_first_sentence_is_streamed_before_the_last_is_written(folder: Path) -> None:
    read = threading.Event()

    def waiting(messages: Sequence[BaseMessage]) -> Iterator[str]:
        first, rest = str(saying(GOOD)(messages)).split(" 드롭아웃은 과적합")
        yield first + " 드롭"
        assert read.wait(10)
        yield "아웃은 과적합" + rest

    steps = Answerer(settings_in(folder), llm=Scripted(waiting)).stream(QUESTION)
    first = next(e for e in steps if e.kind == "token")
    assert first.token == "드롭아웃은 뉴런의 출력을 0으로 만드는 규제 기법이다. [1]"
    read.set()
    assert [e.token for e in steps if e.kind == "token"] == [" 드롭아웃은 과적합을 줄인다. [2]"]


def test_a_reader_who_leaves_stops_the_model(folder: Path) -> None:
    def endless(messages: Sequence[BaseMessage]) -> Iterator[str]:
        yield saying(GOOD)(messages)  # type: ignore[misc]
        while True:
            time.sleep(0.01)
            yield "말 "

    model = Scripted(endless)
    steps = Answerer(settings_in(folder), llm=model).stream(QUESTION)
    next(e for e in steps if e.kind == "token")
    steps.close()  # type: ignore[attr-defined]
    until = time.monotonic() + 5
    while not model.closed and time.monotonic() < until:
        time.sleep(0.02)
    assert model.closed


def test_unsupported_sentences_are_dropped_and_counted(folder: Path) -> None:
    answer = asked(folder, GOOD + " 드롭아웃은 1999년에 나왔다. [{d}] 비타민이 많다.")
    assert "1999" not in answer.answer and "비타민" not in answer.answer
    assert any("4개 가운데 2개" in notice for notice in answer.notices)


@pytest.mark.parametrize(
    "text",
    ["드롭아웃은 규제 기법이다. [99]", "드롭아웃은 규제 기법이다.", "드롭아웃의 확률은 0.7이다. [{d}]", "드롭아웃은 건강에 좋은 비타민이다. [{d}]",
     "", "   \n\n ", "[1][2][3]", "!!!", "<생각>끝나지 않는 생각", "```python\nwhile True: pass"],
)
def test_where_nothing_is_supported_the_composer_answers_and_it_is_said(folder: Path, text: str) -> None:
    answer = asked(folder, text)
    assert composed(answer) and "[99]" not in answer.answer


@pytest.mark.parametrize(
    "text",
    ["辍学是一种正则化技术，在训练期间以一定概率随机将神经元的输出设置为零，从而减少过拟合现象的发生。 [{d}]",
     "ドロップアウトは学習中にニューロンの出力を確率的にゼロにする正則化手法です。過学習を減らします。 [{d}]",
     "Dropout is a regularization technique that sets the outputs of neurons to zero during training. [{d}]"],
)
def test_another_script_is_asked_again_once_and_then_the_composer_answers(folder: Path, text: str) -> None:
    again = asked(folder, text, GOOD)
    assert again.model != "embedded" and again.answer.startswith("드롭아웃은 뉴런의 출력을")
    model = Scripted(saying(text))
    events = list(Answerer(settings_in(folder), llm=model).stream(QUESTION))
    answer = sound(folder, events)
    assert composed(answer) and "한국어로 답하지 않았습니다" in answer.notices[-1]
    assert len(model.asked) == 2 and "반드시 한국어" in str(model.asked[1][-1].text)
    assert "반드시 한국어" not in str(model.asked[0][-1].text)


def test_a_model_that_drifts_keeps_what_it_said_in_korean(folder: Path) -> None:
    answer = asked(folder, GOOD + " 这是一种正则化技术，可以减少过拟合。 [{d}]")
    assert answer.model != "embedded" and "正" not in answer.answer and answer.notices


@pytest.mark.parametrize("unit", ["말 ", "드롭아웃은 과적합을 줄인다. [{d}] ", "비타민이 많다. ", "가", "\n", "[1]"])
def test_an_endless_model_is_cut(folder: Path, unit: str) -> None:
    def endless(messages: Sequence[BaseMessage]) -> Iterator[str]:
        piece = saying(unit)(messages)
        while True:
            yield str(piece)

    began = time.monotonic()
    answer = asked(folder, endless)
    assert time.monotonic() - began < 10
    assert len(answer.answer) < 2000 and answer.answer.count("줄인다") <= 2
    assert answer.answerable


def test_the_refusal_phrase_is_a_refusal_with_its_reason_and_the_nearest_headings(folder: Path) -> None:
    answer = asked(folder, REFUSAL)
    assert not answer.answerable and answer.refusal_reason and answer.refusal_reason in answer.answer
    assert "dropout.md" in answer.answer and not answer.citations and answer.model != "embedded"


def test_a_model_is_not_asked_where_the_notes_say_nothing(folder: Path) -> None:
    model = Scripted("답이다. [1]")
    answer = sound(folder, list(Answerer(settings_in(folder), llm=model).stream("오늘 서울 날씨 알려줘")))
    assert not answer.answerable and not model.asked and answer.model == "embedded"


def test_reasoning_is_kept_apart(folder: Path) -> None:
    answer = asked(folder, "<생각>\n1번이 정의를 말한다. 드롭아웃은 과적합을 줄인다 [{d}].\n</생각>\n드롭아웃은 규제 기법이다. [{d}]",
                   prompt="chain_of_thought")
    assert answer.answer == "드롭아웃은 규제 기법이다. [1]"
    assert answer.thoughts.startswith("1번이 정의를 말한다.") and "생각>" not in answer.thoughts


def test_the_question_is_made_whole_before_search_and_prompt(folder: Path) -> None:
    model = Scripted(saying("```python\nlayer = nn.Dropout(p=0.5)\n```\n[1]"))
    history = [Turn(QUESTION, "규제 기법이다. [1]")]
    answer = sound(folder, list(Answerer(settings_in(folder), llm=model).stream("코드로 보여줘", history)))
    assert answer.rewritten == "드롭아웃 코드로 보여줘" and answer.question == "코드로 보여줘"
    assert answer.retrieved[0].path == "dropout.md"
    assert "질문: 드롭아웃 코드로 보여줘" in str(model.asked[0][-1].text)


def test_a_long_context_is_kept_by_dropping_passages_and_it_is_said(folder: Path) -> None:
    answer = asked(folder, GOOD, context_chars=500)
    assert any("구절" in n and "모델에 주었습니다" in n for n in answer.notices) and answer.model != "embedded"


def test_a_server_that_finds_the_prompt_too_long_gets_fewer_passages(folder: Path) -> None:
    with fake_server("long", "드롭아웃은 규제 기법이다. [1]") as server:
        answer = Answerer(settings_in(folder, llm=f"{server.address}/v1#tiny")).answer(QUESTION)
    sizes = [len(re.findall("<구절 [0-9]", r["messages"][-1]["content"])) for r in server.requests]
    assert sizes[1] < sizes[0] and answer.model.endswith("#tiny")
    assert any("모델에 주었습니다" in n for n in answer.notices)
    with fake_server("long") as server:
        assert composed(Answerer(settings_in(folder, llm=f"{server.address}/v1#tiny")).answer(QUESTION))


@pytest.mark.parametrize(("act", "words"), [(401, "열쇠"), ("missing", "404"), (400, "400"), ("slow", "제때")])
def test_when_a_server_fails_the_composer_answers_and_says_why(folder: Path, act: Any, words: str) -> None:
    with fake_server(act) as server:
        answer = Answerer(settings_in(folder, llm=f"{server.address}/v1#tiny", llm_timeout=1.0)).answer(QUESTION)
    assert composed(answer) and words in answer.notices[-1]


def test_when_no_server_is_there_the_composer_answers_and_says_so(folder: Path) -> None:
    answer = Answerer(settings_in(folder, llm=f"http://127.0.0.1:{free_port()}/v1#tiny")).answer(QUESTION)
    assert composed(answer) and "연결할 수 없습니다" in answer.notices[-1]


def test_a_connection_that_breaks_midway_keeps_what_was_checked(folder: Path) -> None:
    with fake_server("tear:드롭아웃은 규제 기법이다. [1] 드롭아웃은 과적합을 줄인다. [1] 그리고 또") as server:
        answer = Answerer(settings_in(folder, llm=f"{server.address}/v1#tiny")).answer(QUESTION)
    assert answer.answer.startswith("드롭아웃은 규제 기법이다.") and "그리고 또" not in answer.answer
    assert any("끝맺지 못했습니다" in n and "끊겼습니다" in n for n in answer.notices)


def test_a_model_that_cannot_be_loaded_is_tried_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answerer = Answerer(settings_in(folder, llm=f"hf:{folder}/nowhere"))
    assert composed(answerer.answer(QUESTION))
    monkeypatch.setattr("app.generation.load_llm", lambda _: pytest.fail("loaded again"))
    assert composed(answerer.answer(QUESTION))


def test_a_real_model_with_random_weights_does_no_harm(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.llm.hugging_face.MAX_TOKENS", 64)
    setting = f"hf:{tiny_model(tmp_path, window=16384)}"
    answer = sound(folder, list(Answerer(settings_in(folder, llm=setting)).stream(QUESTION)))
    assert composed(answer) and setting in answer.notices[-1]


def test_a_small_window_gets_what_fits_into_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.llm.hugging_face.MAX_TOKENS", 16)
    small = f"hf:{tiny_model(tmp_path / 'small', window=3600)}"
    answer = Answerer(settings_in(folder, llm=small, prompt="zero_shot")).answer(QUESTION)
    assert composed(answer) and any("모델에 주었습니다" in n for n in answer.notices)
    least = f"hf:{tiny_model(tmp_path / 'least', window=512)}"
    answer = Answerer(settings_in(folder, llm=least)).answer(QUESTION)
    assert composed(answer) and "들어가지 않습니다" in answer.notices[-1]


def test_a_reranker_that_is_set_is_asked_about_doubtful_sentences(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "드롭아웃은 외우는 버릇을 덜어 주는 규제이다. [{d}]"
    for score, kept in ((0.9, True), (0.1, False)):
        answerer = Answerer(settings_in(folder, rerank_budget_ms=60_000), llm=Scripted(saying(said)))
        answerer.reranker = FixedReranker(score)
        assert (answerer.answer(QUESTION).model != "embedded") is kept


def test_what_can_be_calculated_is_not_left_to_a_model(folder: Path) -> None:
    model = Scripted("4개이다. [1]")
    answer = Answerer(settings_in(folder), llm=model).answer("입력 3, 출력 2인 선형층의 파라미터는 몇 개인가?")
    assert answer.model == "embedded" and not model.asked and "8" in answer.answer
