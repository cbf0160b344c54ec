"""All demos, room by room."""

from __future__ import annotations

import gradio as gr

from app.ui.demo_panel import Shown, demo_panel
from app.ui.panels import rooms_html
from models import catalogue
from models.concept import Concept

ROOMS = {
    "tensors": "텐서",
    "learning": "학습",
    "vision": "비전",
    "sequence": "순서",
    "attention": "어텐션",
    "generative": "생성",
    "language": "언어",
}


def lab_tab(chosen: gr.Button) -> None:
    """Choose a concept, and run it."""
    rooms: dict[str, list[Concept]] = {}
    for slug, concept in catalogue.concepts().items():
        room = catalogue.room(slug)
        rooms.setdefault(ROOMS.get(room, room), []).append(concept)
    gr.HTML(rooms_html(rooms), elem_id="rooms")
    shown = gr.State(None)

    def choose(ref: str) -> Shown | dict[str, object]:
        kind, _, slug = ref.partition("-")
        return Shown(slug) if kind == "lab" and slug in catalogue.concepts() else gr.skip()

    name = gr.JSON(visible="hidden")
    chosen.click(choose, name, shown, js="() => [window.pilgiChosen]", show_progress="hidden", api_visibility="private")
    demo_panel(shown, "위에서 개념을 고르면 여기에서 돌아갑니다.")
