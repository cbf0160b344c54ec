"""What the tests of the doors share: tiny notes, settings over them, an answerer that says what it is told."""

from __future__ import annotations

import socket
import threading
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvicorn

from app.answer import Answerer, Event
from app.settings import Settings
from app.types import Answer, Citation, DemoLink, Retrieved, Turn
from indexer.build import StoredNote
from indexer.errors import IndexMissingError

EVIL = "<script>window.ran=1</script><img src=x onerror='window.ran=1'>${window.ran=1}{{constructor}}"
NOTES = {
    "규제/드롭아웃.md": "# 드롭아웃\n\n드롭아웃은 뉴런을 확률 p로 끄는 규제 기법이다.\n과적합을 줄인다.\n",
    "softmax.md": "---\ntitle: 소프트맥스\ndate: 2024-01-02\n---\n# 소프트맥스\n\n소프트맥스는 점수를 확률로 바꾼다.\n",
    "evil.md": f"# 공격\n\n스크립트 주입은 노트에 {EVIL} 같은 글을 숨기는 공격이다.\n",
    "empty.md": "",
}
NFD = unicodedata.normalize("NFD", "합성곱.md")


def make_notes(folder: Path) -> Path:
    """Write the notes, one of them under an NFD name as macOS writes it, and one that cannot be read."""
    for name, text in NOTES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (folder / NFD).write_text("# 합성곱\n\n합성곱은 커널을 옮기며 곱해 더하는 연산이다.\n", "utf-8")
    return folder


def settings_in(folder: Path, **given: Any) -> Settings:
    """Settings over tiny notes, without models."""
    notes = folder / "notes"
    if not notes.is_dir():
        make_notes(notes)
    return Settings(
        **{
            "notes": notes,
            "index": folder / "index",
            "encoder": "none",
            "reranker": "none",
            "keys": folder / "keys.json",
            **given,
        }
    )


def built(folder: Path, **given: Any) -> Settings:
    """The same, with the index made."""
    settings = settings_in(folder, **given)
    Answerer(settings).build()
    return settings


class FakeAnswerer:
    """Answers with what it is given; ``endless`` never stops, ``gate`` holds a build until it is set."""

    def __init__(
        self,
        settings: Settings,
        *,
        answer: str = "답이다. [1]",
        error: Exception | None = None,
        endless: bool = False,
        thoughts: str = "",
    ) -> None:
        self.settings = settings
        self.said = answer
        self.error = error
        self.endless = endless
        self.thoughts = thoughts
        self.closed = threading.Event()
        self.begun = threading.Event()
        self.gate = threading.Event()
        self.histories: list[Sequence[Turn]] = []
        text = "첫 줄\n" + EVIL + "\n셋째 줄\n"
        note = StoredNote("a.md", "", text)
        self.index = SimpleNamespace(generation="g-fake", note=lambda path: note if path == "a.md" else None)

    def row(self, question: str, id: str = "") -> Answer:
        """The answer to everything."""
        return Answer(
            id,
            question,
            self.said,
            True,
            "",
            (Citation(1, "a.md", f"제목 {EVIL}", 2, 2, EVIL),),
            (Retrieved("a.md", "제목", 1, 3, EVIL, 0.5, {"keyword": 0.5, "vector": 0.25}),),
            (DemoLink("dropout", "드롭아웃", {}),),
            "fake",
            "g-fake",
            {"total": 1.0},
            ("dropout",),
            "",
            ("알림이다",),
            self.thoughts,
        )

    def answer(self, question: str, history: Sequence[Turn] = (), *, id: str = "") -> Answer:
        """As ``Answerer.answer``."""
        *_, last = self.stream(question, history, id=id)
        assert last.answer is not None
        return last.answer

    def stream(self, question: str, history: Sequence[Turn] = (), *, id: str = "") -> Iterator[Event]:
        """As ``Answerer.stream``."""
        self.histories.append(history)
        if self.error:
            raise self.error
        row = self.row(question, id)
        try:
            yield Event("sources", sources=row.retrieved)
            self.begun.set()
            while self.endless:
                yield Event("token", token="끝없는 말 ")
                time.sleep(0.05)
            yield Event("token", token=row.answer)
            yield Event("done", answer=row)
        finally:
            self.closed.set()

    def search(self, question: str, top: int = 10) -> Any:
        """There is nothing to warm up."""
        raise IndexMissingError("색인이 없습니다")

    def build(self, notes: Any = None, *, rebuild: bool = False, progress: Any = None) -> Any:
        """Wait for the gate, then fail."""
        progress("embed", 1, 4)
        self.gate.wait(30)
        raise RuntimeError("무엇인가 잘못됨: /secret/path")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The application behind a real server on loopback; yields its address."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 60
    while not server.started and time.monotonic() < until:
        time.sleep(0.05)
    assert server.started
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
