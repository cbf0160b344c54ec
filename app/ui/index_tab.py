"""Looking after the index: what is there, building it anew with progress, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from app.access import require
from app.errors import AccessError
from app.indexing import IndexJobs, Job, JobRunningError, index_status
from app.settings import Settings
from app.ui.panels import progress_html
from app.ui.text import escaped
from indexer.errors import PilgiError

_EVERY = 0.3  # seconds between two looks at a build


def index_tab(settings: Settings, jobs: IndexJobs, page: gr.Blocks) -> None:
    """The tab; a build that is at work when the page opens is followed, too."""
    status = gr.HTML(elem_id="index-status")
    with gr.Row():
        rebuild = gr.Checkbox(label="처음부터 다시 만들기", value=False)
        start = gr.Button("색인 갱신", variant="primary", elem_id="build")
    progress = gr.HTML(elem_id="index-progress")
    skipped = gr.Dataframe(headers=["건너뛴 파일", "까닭"], datatype="str", interactive=False, visible=False, wrap=True)

    def follow(job: Job) -> Iterator[dict[Any, Any]]:
        while not job.finished.wait(_EVERY):
            yield {progress: progress_html(job)}
        left_out = [[one.path, one.reason] for one in job.summary.skipped] if job.summary else []
        yield {
            progress: progress_html(job),
            status: _status(settings),
            skipped: gr.Dataframe(left_out, visible=bool(left_out)),
        }

    def build(anew: bool, request: gr.Request) -> Iterator[dict[Any, Any]]:
        try:
            assert request.request is not None
            require(request.request, "index")
            job = jobs.start(settings.notes, rebuild=anew)
        except AccessError as error:
            yield {progress: f'<p role="alert">{escaped(str(error))}</p>'}
            return
        except JobRunningError as error:
            job = error.job
        yield from follow(job)

    def opened() -> Iterator[dict[Any, Any]]:
        yield {status: _status(settings)}
        at_work = jobs.running
        if at_work:
            yield from follow(at_work)

    shown = [status, progress, skipped]
    start.click(build, rebuild, shown, show_progress="hidden", api_visibility="private", concurrency_limit=None)
    page.load(opened, None, shown, show_progress="hidden", api_visibility="private", concurrency_limit=None)


def _status(settings: Settings) -> str:
    try:
        found = index_status(settings)
    except PilgiError as error:
        return f"<p>{escaped(str(error))}</p>"
    notes, chunks = found.counts.get("notes", 0), found.counts.get("chunks", 0)
    return (
        f"<p>{escaped(found.notes_root)}: 노트 {notes:,}개, 구절 {chunks:,}개<br>"
        f"<small>{escaped(found.generation)} · {escaped(found.created)}</small></p>"
    )
