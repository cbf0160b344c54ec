"""The server of ``transformers serve``, started here over a tiny model, through the HTTP setting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from app.llm import load_llm
from app.llm.calling import Patience, stream_text
from app.settings import Settings
from tests.app.doors import free_port
from tests.app.language_models import tiny_model

serving = pytest.importorskip("transformers.cli.serve")
managing = pytest.importorskip("transformers.cli.serving.model_manager")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The setting that names the served model."""
    from transformers import AutoModelForCausalLM

    folder = tiny_model(tmp_path_factory.mktemp("served"))

    def load(self: Any, *_: Any, **__: Any) -> Any:
        return AutoModelForCausalLM.from_pretrained(folder)  # its own way needs accelerate, even on a CPU

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(managing.ModelManager, "_load_model", load)
        port = free_port()
        running = serving.Serve(force_model=str(folder), host="127.0.0.1", port=port, non_blocking=True)
        until = time.monotonic() + 60
        while not running.server.started and time.monotonic() < until:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/v1#{folder}"
        running.kill_server()


def test_its_text_streams_through_the_http_setting(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.llm.servers.MAX_TOKENS", 40)
    model = load_llm(Settings(llm=server))
    assert model is not None
    asked = [SystemMessage("규칙"), HumanMessage("드롭아웃이 뭐야?")]
    pieces = list(stream_text(model, asked, Patience(60), "served"))
    assert len([piece for piece in pieces if piece]) > 1
    again = "".join(stream_text(model, asked, Patience(60), "served"))
    assert "".join(pieces) == again != ""
