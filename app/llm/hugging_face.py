"""A causal language model of transformers, in this process.

Safetensors only, no code from the hub. Text streams token by token; when the reader goes, generation stops at the next.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, SystemMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    StoppingCriteria,
    StoppingCriteriaList,
    TextIteratorStreamer,
)

from app.errors import ContextTooLongError, LLMError
from app.llm.calling import MAX_TOKENS
from app.llm.failures import out_of_memory

_BITS: dict[str, dict[str, Any]] = {"4bit": {"load_in_4bit": True, "bnb_4bit_compute_dtype": torch.bfloat16}, "8bit": {"load_in_8bit": True}}
_FOREVER = 1_000_000_000  # what tokenizers and configurations say where there is no limit is larger


class HuggingFaceChat(BaseChatModel):
    """A chat model over a loaded causal LM and its tokenizer. One answer at a time; others wait."""

    name: str | None = None
    _model: Any = PrivateAttr()
    _tokenizer: Any = PrivateAttr()
    _busy: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    def __init__(self, model: Any, tokenizer: Any, name: str) -> None:
        super().__init__(name=name)
        self._model = model
        self._tokenizer = tokenizer

    @property
    def _llm_type(self) -> str:
        return "hugging-face"

    @property
    def window(self) -> int | None:
        """Tokens that prompt and answer may have together; None where the model does not say."""
        config = getattr(self._model.config, "text_config", self._model.config)
        limit = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
        return limit if limit and limit < _FOREVER else None

    def room(self, messages: Sequence[BaseMessage]) -> int | None:
        """Tokens left for the answer after ``messages``; None where the window is not known."""
        return None if self.window is None else self.window - self.get_num_tokens_from_messages(list(messages))

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None, **kwargs: Any
    ) -> int:
        """Tokens of the whole prompt, chat template included."""
        return int(self._encoded(messages)["input_ids"].shape[1])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        inputs = self._encoded(messages).to(self._model.device)
        left = _FOREVER if self.window is None else self.window - int(inputs["input_ids"].shape[1])
        if left < 1:
            raise ContextTooLongError(
                f"hf:{self.name}: 질문과 구절이 모델의 문맥({self.window}토큰)보다 깁니다. "
                "PILGI_CONTEXT_CHARS를 줄여 주세요."
            )
        streamer = TextIteratorStreamer(self._tokenizer, skip_prompt=True, skip_special_tokens=True)
        stopped = threading.Event()
        errors: list[BaseException] = []

        def work() -> None:
            try:
                with torch.inference_mode():
                    self._model.generate(
                        **inputs,
                        streamer=streamer,
                        max_new_tokens=min(left, MAX_TOKENS),
                        do_sample=False,
                        stop_strings=stop,
                        tokenizer=self._tokenizer if stop else None,
                        stopping_criteria=StoppingCriteriaList([_Stopped(stopped)]),
                        pad_token_id=self._padding,
                    )
            except Exception as error:  # told by the thread that reads
                errors.append(error)
                streamer.end()

        with self._busy:
            thread = threading.Thread(target=work, name="generate", daemon=True)
            thread.start()
            try:
                if self._prefilled(inputs):
                    yield _chunk("<think>")
                # Empty pieces (half a word) are passed on: they are when a reader who is gone is noticed.
                for piece in streamer:
                    yield _chunk(piece)
                if errors:
                    raise errors[0]
            finally:
                stopped.set()
                thread.join()
                if errors and out_of_memory(errors[0]) and torch.cuda.is_available():
                    torch.cuda.empty_cache()

    @property
    def _padding(self) -> int | None:
        known = self._tokenizer.pad_token_id
        return known if known is not None else self._tokenizer.eos_token_id

    def _encoded(self, messages: Sequence[BaseMessage]) -> Any:
        """Input ids and mask, (1, T); special tokens that stand in a note are encoded as ordinary text."""
        rows = [{"role": _role(m), "content": str(m.text)} for m in messages]
        try:
            return self._templated(rows)
        except Exception as error:  # templates raise their own kind of error for a role they do not have
            if rows[0]["role"] != "system" or len(rows) < 2:
                raise LLMError(f"hf:{self.name}: 대화 틀(chat template)을 쓸 수 없습니다: {error}") from error
        head, first, *rest = rows
        return self._templated([{"role": "user", "content": f"{head['content']}\n\n{first['content']}"}, *rest])

    def _templated(self, rows: list[dict[str, str]]) -> Any:
        given: dict[str, Any] = {
            "add_generation_prompt": True,
            "return_tensors": "pt",
            "return_dict": True,
            "enable_thinking": False,
        }
        try:
            return self._tokenizer.apply_chat_template(rows, sanitize_control_tokens=True, **given)
        except NotImplementedError:  # a template whose special tokens cannot be told apart from text
            return self._tokenizer.apply_chat_template(self._without_special(rows), **given)

    def _without_special(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        special = [token for token in self._tokenizer.all_special_tokens if len(token) > 1]

        def cleaned(text: str) -> str:
            for token in special:
                text = text.replace(token, f"{token[0]} {token[1:]}")
            return text

        return [{**row, "content": cleaned(row["content"])} for row in rows]

    def _prefilled(self, inputs: Any) -> bool:
        """Whether the template itself opens the reasoning, so that the model only closes it."""
        tail = self._tokenizer.decode(inputs["input_ids"][0][-8:], skip_special_tokens=False)
        return tail.rstrip().endswith("<think>")


class _Stopped(StoppingCriteria):
    """Ends generation once the event is set."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped

    def __call__(self, input_ids: torch.LongTensor, scores: Any, **kwargs: Any) -> torch.BoolTensor:
        done = torch.full((input_ids.shape[0],), self._stopped.is_set(), dtype=torch.bool, device=input_ids.device)
        return done  # type: ignore[return-value]


def load(setting: str) -> HuggingFaceChat:
    """``NAME``, ``NAME#4bit`` or ``NAME#8bit``: a folder or a hub's model, on the GPU where there is one.

    Raises:
        LLMError: it cannot be loaded.
    """
    name, _, bits = setting.partition("#")
    given: dict[str, Any] = {"use_safetensors": True, "trust_remote_code": False, "dtype": "auto"}
    if bits:
        given["quantization_config"] = _quantized(name, bits)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        model: Any = AutoModelForCausalLM.from_pretrained(name, **given)
        if not bits:
            model = model.to("cuda" if torch.cuda.is_available() else "cpu")
    except Exception as error:  # whatever the loaders raise: no folder, another format, another architecture, …
        if out_of_memory(error):
            raise LLMError(
                f"hf:{name}: 메모리가 모자라 불러올 수 없습니다. 더 작은 모델을 쓰거나 '#4bit'를 붙여 주세요."
            ) from error
        raise LLMError(
            f"hf:{name}: 모델을 불러올 수 없습니다({type(error).__name__}). "
            "폴더나 이름이 맞는지, safetensors 파일이 있는지 확인해 주세요."
        ) from error
    if not tokenizer.chat_template:
        raise LLMError(f"hf:{name}: 대화 틀(chat template)이 없습니다. 이름에 Instruct나 Chat이 붙은 모델을 써 주세요.")
    return HuggingFaceChat(model.eval(), tokenizer, name)


def _quantized(name: str, bits: str) -> BitsAndBytesConfig:
    if bits not in _BITS:
        raise LLMError(f"hf:{name}#{bits}: '#{bits}'는 쓸 수 없습니다. #4bit나 #8bit로 적어 주세요.")
    missing = [package for package in ("bitsandbytes", "accelerate") if importlib.util.find_spec(package) is None]
    if missing:
        raise LLMError(f"hf:{name}#{bits}에는 {', '.join(missing)}이(가) 필요합니다: pip install 'pilgi[quantized]'")
    return BitsAndBytesConfig(**_BITS[bits])


def _role(message: BaseMessage) -> str:
    if isinstance(message, SystemMessage):
        return "system"
    return "assistant" if isinstance(message, AIMessage) else "user"


def _chunk(text: str) -> ChatGenerationChunk:
    return ChatGenerationChunk(message=AIMessageChunk(content=text))
