"""A live demo: controls made from the concept's own, figure, numbers, text, a second level of detail, code to copy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from app.answer import Answerer
from app.demos import Ran, run_demo
from app.ui.panels import numbers_html
from app.ui.text import escaped
from indexer.errors import PilgiError
from models import catalogue
from models.concept import ConceptError, Control


@dataclass(frozen=True, eq=False)  # the page keeps it by identity
class Shown:
    """Which demo is open, with what values to begin, and beside the answer to which question."""

    slug: str
    params: Mapping[str, Any] = field(default_factory=dict)
    question: str = ""


def demo_panel(shown: gr.State, empty: str, answerer: Answerer | None = None) -> None:
    """Show the demo that the state names; ``empty`` where it names none. ``answerer``: what demos that look inside look into."""

    @gr.render(inputs=shown)
    def panel(now: Shown | None) -> None:
        if now is None:
            gr.Markdown(empty)
            return
        concept = catalogue.get(now.slug)
        first, said = _run(now, now.params, answerer)
        gr.Markdown(f"### {concept.title}\n{concept.summary}")
        if first and first.live and concept.live:
            gr.HTML(f'<p class="live">{LIVE[concept.live].format(escaped(now.question))}</p>', padding=False)
        values = {**concept.defaults(), **now.params, **(first.params if first else {})}
        figure = gr.Plot(first.demo.figure if first else None, show_label=False)
        trouble = gr.HTML(said, visible=bool(said))
        with gr.Row(elem_classes="controls"):
            inputs = [_component(c, values[c.name]) for c in concept.controls]
        text = gr.Markdown(first.demo.text if first else "", latex_delimiters=LATEX)
        numbers = gr.HTML(numbers_html(first.demo.numbers) if first else "", padding=False)
        with gr.Accordion("더 깊이", open=False, visible=bool(first and first.demo.detail)):
            detail = gr.Plot(first.demo.detail if first else None, show_label=False)
        with gr.Accordion("코드", open=False):
            code = gr.Code(first.demo.code if first else "", language="python", interactive=False, show_label=False)

        def run(*given: Any) -> tuple[Any, ...]:
            ran, said = _run(now, dict(zip(values, given, strict=True)), answerer)
            if ran is None:
                return gr.HTML(said, visible=True), *[gr.skip()] * 5
            demo = ran.demo
            return gr.HTML("", visible=False), demo.figure, demo.text, numbers_html(demo.numbers), demo.detail, demo.code

        if inputs:
            gr.on(
                [i.change for i in inputs],
                run,
                inputs,
                [trouble, figure, text, numbers, detail, code],
                trigger_mode="always_last",
                show_progress="hidden",
                api_visibility="private",
            )


LIVE = {
    "attention": "이 시스템의 인코더가 질문 ‘{}’을(를) 읽은 모습입니다. 문장을 바꾸면 그 문장을 봅니다.",
    "search": "이 시스템이 질문 ‘{}’에서 답의 근거까지 실제로 간 길입니다. 질문을 바꾸면 다시 찾습니다.",
    "prompts": "질문 ‘{}’과(와) 찾은 구절로 이 시스템이 짓는 프롬프트입니다. 질문을 바꾸면 다시 짓습니다.",
    "grounding": "질문 ‘{}’을(를) 언어 모델에게 노트 없이, 그리고 노트와 함께 물었습니다.",
}
"""What is shown where a demo shows the running system."""

LATEX: list[dict[str, str | bool]] = [
    {"left": "$$", "right": "$$", "display": True},
    {"left": "$", "right": "$", "display": False},
]
"""How formulas are marked in notes."""


def _run(shown: Shown, values: Mapping[str, Any], answerer: Answerer | None) -> tuple[Ran | None, str]:
    """The demo, or why it does not run."""
    try:
        return run_demo(shown.slug, values, question=shown.question, answerer=answerer), ""
    except (ConceptError, PilgiError) as error:
        return None, f'<p role="alert">{escaped(str(error))}</p>'


def _component(control: Control, value: Any) -> Any:
    match control.kind:
        case "choice":
            return gr.Dropdown(list(control.choices), value=value, label=control.label, interactive=True, min_width=200)
        case "switch":
            return gr.Checkbox(value=bool(value), label=control.label, interactive=True, min_width=200)
        case "number":
            assert control.low is not None and control.high is not None
            step = control.step or (1 if control.integer else (control.high - control.low) / 100)
            return gr.Slider(
                control.low, control.high, value=value, step=step, label=control.label, interactive=True, min_width=200
            )
        case _:
            return gr.Textbox(
                value=str(value), label=control.label, max_length=control.max_length, interactive=True, min_width=200
            )
