"""The chat in the browser. Read ``build_page`` first; nothing here answers anything, it shows what others give."""

from __future__ import annotations

from importlib.resources import files

import gradio as gr
from fastapi import FastAPI

from app.answer import Answerer
from app.indexing import IndexJobs
from app.settings import Settings
from app.ui.chat import chat_tab
from app.ui.index_tab import index_tab
from app.ui.lab import lab_tab

# Fonts of the reader's system: nothing is fetched.
_SANS = tuple(
    gr.themes.Font(name)
    for name in ("system-ui", "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans CJK KR", "sans-serif")
)
_MONO = tuple(gr.themes.Font(name) for name in ("ui-monospace", "D2Coding", "Noto Sans Mono CJK KR", "monospace"))


def build_page(settings: Settings, answerer: Answerer, jobs: IndexJobs) -> gr.Blocks:
    """The page: ask, try concepts, look after the index."""
    with gr.Blocks(title="필기", analytics_enabled=False, fill_width=True, delete_cache=(3600, 3600)) as page:
        gr.Markdown("# 필기\n내 노트에 묻고, 답이 선 줄을 보고, 개념을 바로 돌려 봅니다.")
        choose = gr.Button(elem_id="choose", visible="hidden")  # page.js presses it
        with gr.Tab("질문"):
            chat_tab(settings, answerer, jobs, choose)
        with gr.Tab("개념 실험실"):
            lab_tab(choose)
        with gr.Tab("색인"):
            index_tab(settings, jobs, page)
    page.queue(default_concurrency_limit=settings.concurrency, api_open=False)
    return page


def mount(app: FastAPI, settings: Settings, answerer: Answerer, jobs: IndexJobs) -> FastAPI:
    """Put the page at the root of the application."""
    here = files("app.ui")
    return gr.mount_gradio_app(
        app,
        build_page(settings, answerer, jobs),
        path="/",
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        show_error=False,
        max_file_size=1,
        theme=gr.themes.Soft(font=_SANS, font_mono=_MONO),
        css=here.joinpath("page.css").read_text("utf-8"),
        js=here.joinpath("page.js").read_text("utf-8"),
    )
