"""Language models for tests: a tiny real one, one that says what it was told to, and a server that fails in every way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

from tests.app.doors import serving

Say = Callable[[Sequence[BaseMessage]], str | Iterator[str]]
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + TEMPLATE


def tiny_model(folder: Path, *, window: int = 4096, template: str | None = TEMPLATE, safetensors: bool = True) -> Path:
    """A Llama of some thousand random weights with a byte-level tokenizer, saved as the hub's models are."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate([*letters, *special])}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|end|>", pad_token="<|end|>", additional_special_tokens=special[:3]
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=window, eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    if not safetensors:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    return folder


class Scripted(BaseChatModel):
    """Says what ``say`` returns for the messages, a few letters at a time; keeps what it was asked and what was read."""

    _say: Say = PrivateAttr()
    _asked: list[list[BaseMessage]] = PrivateAttr(default_factory=list)
    _given: list[str] = PrivateAttr(default_factory=list)
    _closed: list[bool] = PrivateAttr(default_factory=list)

    def __init__(self, *says: str | Say | Exception) -> None:
        super().__init__()
        rest = list(says)

        def say(messages: Sequence[BaseMessage]) -> str | Iterator[str]:
            now = rest.pop(0) if len(rest) > 1 else rest[0]
            if isinstance(now, Exception):
                raise now
            return now if isinstance(now, str) else now(messages)

        self._say = say

    @property
    def asked(self) -> list[list[BaseMessage]]:
        """The prompts so far."""
        return self._asked

    @property
    def given(self) -> str:
        """The text that was taken out of the model."""
        return "".join(self._given)

    @property
    def closed(self) -> bool:
        """Whether the last answer was ended, by the model or by who reads."""
        return bool(self._closed)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        text = "".join(c.message.text for c in self._stream(messages))
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any
    ) -> Iterator[ChatGenerationChunk]:
        self._asked.append(messages)
        said = self._say(messages)
        pieces = (said[i : i + 3] for i in range(0, len(said), 3)) if isinstance(said, str) else said
        try:
            for piece in pieces:
                self._given.append(piece)
                yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
        finally:
            self._closed.append(True)


@dataclass
class FakeServer:
    """An OpenAI-compatible server: each request takes the next of ``acts``, the last one for good.

    ``acts``: an answer's text; a status; "slow"; "drop" (the connection breaks at once); "tear" (it breaks midway); "long"
    (400 with OpenAI's message on the context); "missing" (404 for the model).
    """

    acts: list[Any]
    address: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    sent: int = 0


@contextmanager
def fake_server(*acts: Any) -> Iterator[FakeServer]:
    """Start one on loopback."""
    state = FakeServer(list(acts))
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> Any:
        state.requests.append(await request.json())
        state.keys.append(request.headers.get("authorization", ""))
        act = state.acts.pop(0) if len(state.acts) > 1 else state.acts[0]
        if isinstance(act, int):
            return JSONResponse({"error": {"message": f"status {act}", "type": "test", "code": None}}, act)
        if act == "long":
            message = "This model's maximum context length is 128 tokens."
            return JSONResponse({"error": {"message": message, "type": "x", "code": "context_length_exceeded"}}, 400)
        if act == "missing":
            return JSONResponse({"error": {"message": "The model does not exist.", "code": "model_not_found"}}, 404)
        if act == "slow":
            await asyncio.sleep(5)
        return StreamingResponse(_events(state, str(act)), media_type="text/event-stream")

    with serving(app) as address:
        state.address = address
        yield state


async def _events(state: FakeServer, act: str) -> AsyncIterator[bytes]:
    if act == "drop":
        raise ConnectionResetError("the test breaks the connection")
    text = act.removeprefix("tear:").removeprefix("trickle:")
    for i in range(0, len(text), 4):
        row = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
               "choices": [{"index": 0, "delta": {"role": "assistant", "content": text[i : i + 4]}, "finish_reason": None}]}
        yield b"data: " + json.dumps(row, ensure_ascii=False).encode() + b"\n\n"
        state.sent += 1
        if act.startswith("trickle:"):
            await asyncio.sleep(0.02)
    if act.startswith("tear:"):
        raise ConnectionResetError("the test breaks the connection")
    yield b"data: [DONE]\n\n"


class FixedReranker:
    """Gives every pair the same score."""

    name = "fixed"

    def __init__(self, score: float) -> None:
        self._score = score

    def scores(self, question: str, passages: Sequence[str]) -> np.ndarray:
        """As ``Reranker.scores``."""
        return np.full(len(passages), self._score, dtype=np.float32)
