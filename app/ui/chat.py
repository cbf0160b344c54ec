"""The tab where one asks: the conversation on the left, what the answer stands on and the live demo on the right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.answer import Answerer
from app.indexing import IndexJobs
from app.settings import Settings
from app.types import Answer, Turn
from app.ui.demo_panel import LATEX, Shown, demo_panel
from app.ui.examples import example_questions
from app.ui.panels import chips_html, citations_html, note_html, passages_html
from app.ui.text import chat_markdown, escaped
from indexer.errors import PilgiError
from models import catalogue

_MOST_TURNS = 50
_DEMO, _NOTE, _PASSAGES = "demo", "note", "passages"


@dataclass(frozen=True, eq=False)  # the page keeps it by identity
class Asked:
    """A question that was asked here: with its answer, or with what went wrong."""

    question: str
    answer: Answer | None = None
    trouble: str = ""


def messages(turns: list[Asked]) -> list[dict[str, Any]]:
    """The conversation as the chat shows it; a model's thoughts are folded."""
    out: list[dict[str, Any]] = []
    for number, turn in enumerate(turns):
        out.append({"role": "user", "content": chat_markdown(turn.question, number, ())})
        if turn.answer is None:
            out.append({"role": "assistant", "content": f"⚠️ {chat_markdown(turn.trouble, number, ())}"})
            continue
        if turn.answer.thoughts:
            out.append(
                {
                    "role": "assistant",
                    "content": chat_markdown(turn.answer.thoughts, number, ()),
                    "metadata": {"title": "생각 과정", "status": "done"},
                }
            )
        out.append({"role": "assistant", "content": _answer(turn.answer, number)})
    return out


def _answer(answer: Answer, number: int) -> str:
    parts = [f"‘{chat_markdown(answer.rewritten, number, ())}’(으)로 찾았습니다."] if answer.rewritten else []
    if not answer.answerable:
        parts.append("**노트에서 답을 찾지 못했습니다.**")
    parts.append(chat_markdown(answer.answer, number, {c.n for c in answer.citations}))
    parts += [f"> {chat_markdown(notice, number, ())}" for notice in answer.notices]
    return "\n\n".join(parts)


def chat_tab(settings: Settings, answerer: Answerer, jobs: IndexJobs, chosen: gr.Button) -> None:
    """Ask, watch the answer come, look at its sources, run its concept."""
    turns = gr.State([])
    shown = gr.State(None)
    with gr.Row(equal_height=False):
        with gr.Column(scale=5, elem_id="asking"):
            chat = gr.Chatbot(
                show_label=False,
                height="65vh",
                latex_delimiters=LATEX,
                buttons=["copy"],
                feedback_options=None,
                allow_tags=False,
                autoscroll=False,  # page.js shows an answer from its question on
                elem_id="chat",
                placeholder="### 무엇이 궁금한가요?\n노트에 있는 말로 답합니다.",
                examples=[{"text": q} for q in example_questions(settings)],
            )
            with gr.Row():
                box = gr.Textbox(
                    placeholder="질문을 적고 Enter를 누르세요",
                    show_label=False,
                    scale=8,
                    min_width=320,
                    elem_id="ask",
                    autofocus=True,
                    max_length=4000,
                )
                send = gr.Button("묻기", variant="primary", scale=1, min_width=90, elem_id="send")
                stop = gr.Button("멈추기", scale=1, min_width=90, elem_id="stop")
        with gr.Column(scale=4):
            chips = gr.HTML(elem_id="chips", padding=False)
            with gr.Tabs(selected=_DEMO) as side:
                with gr.Tab("직접 해 보기", id=_DEMO):
                    demo_panel(shown, "질문하면 그 개념이 여기에서 돌아갑니다.", answerer)
                with gr.Tab("근거와 노트", id=_NOTE):
                    note = gr.HTML(elem_id="note", padding=False)
                    citations = gr.HTML(elem_id="citations", padding=False)
                with gr.Tab("찾은 구절", id=_PASSAGES):
                    passages = gr.HTML(elem_id="passages", padding=False)

    def ask(question: str, before: list[Asked]) -> Iterator[dict[Any, Any]]:
        question = question.strip()
        if not question:
            return
        past = messages(before)
        asking = {"role": "user", "content": chat_markdown(question, len(before), ())}
        yield {chat: [*past, asking, {"role": "assistant", "content": "찾는 중…"}], box: ""}
        history = [Turn(t.question, t.answer.answer) for t in before if t.answer]
        said = ""
        done = Asked(question, trouble="답이 끝나기 전에 멈췄습니다.")
        try:
            with closing(answerer.stream(question, history)) as steps:  # type: ignore[type-var]
                for event in steps:
                    if event.kind == "sources":
                        yield {passages: passages_html(event.sources, len(before))}
                    elif event.kind == "token":
                        said += event.token
                        yield {
                            chat: [
                                *past,
                                asking,
                                {"role": "assistant", "content": chat_markdown(said, len(before), ())},
                            ]
                        }
                    elif event.answer is not None:
                        done = Asked(question, event.answer)
        except PilgiError as error:
            done = Asked(question, trouble=jobs.why(error))
        now = [*before, done][-_MOST_TURNS:]
        yield {chat: messages(now), turns: now, **_beside(done.answer, len(now) - 1)}

    def _beside(answer: Answer | None, number: int) -> dict[Any, Any]:
        """What belongs beside an answer: its concepts, citations, the first cited note, and its best demo.

        Where the notes do not answer, the concepts that the question names, and what was found.
        """
        if answer is None:
            return {}
        first = next(iter(answer.citations), None)
        slugs = list(dict.fromkeys([*(d.slug for d in answer.demos), *answer.concepts]))
        if not answer.answerable:
            slugs = [c.slug for c in catalogue.find(_searched(answer)) if c.slug in slugs]
        best = next((d for d in answer.demos if d.slug in slugs), None)
        return {
            chips: chips_html(slugs),
            citations: citations_html(answer, number),
            passages: passages_html(answer.retrieved, number),
            note: open_note(first.path, first.start_line, first.end_line) if first else "",
            shown: Shown(best.slug, dict(best.params), _searched(answer)) if best else None,
            side: gr.Tabs(selected=_DEMO if best else _NOTE if first else _PASSAGES),
        }

    def open_note(path: str, start_line: int, end_line: int) -> str:
        try:
            found = answerer.index.note(path)
        except PilgiError as error:
            return f"<p>{escaped(jobs.why(error))}</p>"
        return (
            note_html(found, start_line, end_line) if found else f"<p>{escaped(path)}이(가) 이제 색인에 없습니다.</p>"
        )

    def choose(ref: str, asked: list[Asked]) -> dict[Any, Any]:
        kind, _, rest = ref.partition("-")
        if kind == "demo" and rest in catalogue.concepts():
            return {shown: _chosen(rest, asked), side: gr.Tabs(selected=_DEMO)}
        source = _source(kind, rest, asked)
        if source is None:
            return {note: gr.skip()}
        return {note: open_note(source.path, source.start_line, source.end_line), side: gr.Tabs(selected=_NOTE)}

    outputs = [chat, box, turns, chips, citations, passages, note, shown, side]
    quiet: Any = {"show_progress": "hidden", "api_visibility": "private"}
    asking: list[Any] = [trigger(ask, [box, turns], outputs, **quiet) for trigger in (box.submit, send.click)]

    def example(picked: gr.SelectData) -> str:
        return str(picked.value["text"])

    filled = chat.example_select(example, None, box, **quiet)
    asking.append(filled.then(ask, [box, turns], outputs, **quiet))
    stop.click(None, None, None, cancels=asking, api_visibility="private")
    chat.clear(lambda: ([], None), None, [turns, shown], **quiet)
    name = gr.JSON(visible="hidden")
    chosen.click(choose, [name, turns], [note, side, shown], js="(_, state) => [window.pilgiChosen, state]", **quiet)


def _searched(answer: Answer) -> str:
    """The question as it was searched: a follow-up made whole."""
    return answer.rewritten or answer.question


def _chosen(slug: str, asked: list[Asked]) -> Shown:
    """A concept beside the latest answer that links it, with its numbers; else beside the latest answer."""
    answers = [turn.answer for turn in reversed(asked) if turn.answer]
    for answer in answers:
        for link in answer.demos:
            if link.slug == slug:
                return Shown(slug, dict(link.params), _searched(answer))
    return Shown(slug, {}, _searched(answers[0]) if answers else "")


def _source(kind: str, rest: str, asked: list[Asked]) -> Any:
    """The citation or passage that ``cite-TURN-N`` or ``passage-TURN-N`` names; None where there is none."""
    turn, _, number = rest.partition("-")
    if not (turn.isdecimal() and number.isdecimal() and int(turn) < len(asked)):
        return None
    answer = asked[int(turn)].answer
    if answer is None:
        return None
    if kind == "cite":
        return next((c for c in answer.citations if c.n == int(number)), None)
    return answer.retrieved[int(number) - 1] if kind == "passage" and 0 < int(number) <= len(answer.retrieved) else None
