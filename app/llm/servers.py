"""Models behind an address: OpenAI, Ollama, and whatever speaks OpenAI's chat API.

The clients' own retries are off: ``calling.py`` retries for all of them alike.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.errors import LLMError, SettingError
from app.llm.calling import MAX_TOKENS
from app.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_OTHER_CHARS = 6000  # rules, examples and the answer, beside the passages
_WINDOW_STEP = 2048


def openai(name: str, settings: Settings) -> BaseChatModel:
    """OpenAI's ``name``; the key from the settings or from OPENAI_API_KEY.

    Raises:
        LLMError: no key, or the package is missing.
    """
    if settings.llm_api_key is None and not os.environ.get("OPENAI_API_KEY"):
        raise LLMError(f"openai:{name}에는 열쇠가 필요합니다: PILGI_LLM_API_KEY 또는 OPENAI_API_KEY를 넣어 주세요.")
    given = {} if settings.llm_api_key is None else {"api_key": settings.llm_api_key}
    return _chat_openai(model=name, timeout=settings.llm_timeout, **given)


def compatible(setting: str, settings: Settings) -> BaseChatModel:
    """The model after ``#`` at an OpenAI-compatible address.

    Raises:
        SettingError: no model, or no host in the address.
        LLMError: the package is missing.
    """
    base, _, name = setting.partition("#")
    if not name.strip() or not urlsplit(base).hostname:
        raise SettingError(
            f"PILGI_LLM={setting!r}: 주소 뒤에 모델 이름이 필요합니다. 예: http://127.0.0.1:8000/v1#모델"
        )
    # A key is always passed on: without one the client would send OPENAI_API_KEY to whoever runs this server.
    return _chat_openai(
        model=name.strip(),
        base_url=base,
        timeout=settings.llm_timeout,
        temperature=0.0,
        api_key=settings.llm_api_key or SecretStr("none"),
        use_responses_api=False,
    )


def ollama(name: str, settings: Settings) -> BaseChatModel:
    """Ollama's ``name``, with a window that holds the prompt: its default cuts long prompts without a word.

    Raises:
        LLMError: the package is missing.
    """
    try:
        from langchain_ollama import ChatOllama
    except ImportError as error:
        raise LLMError("ollama:에는 추가 설치가 필요합니다: pip install 'pilgi[ollama]'") from error
    window = _WINDOW_STEP * math.ceil((settings.context_chars + _OTHER_CHARS) / _WINDOW_STEP)
    return ChatOllama(
        model=name,
        temperature=0.0,
        num_predict=MAX_TOKENS,
        num_ctx=window,
        client_kwargs={"timeout": settings.llm_timeout},
    )


def _chat_openai(**given: Any) -> BaseChatModel:
    try:
        from langchain_openai import ChatOpenAI
    except ImportError as error:
        raise LLMError("openai:과 http(s)://에는 추가 설치가 필요합니다: pip install 'pilgi[openai]'") from error
    return ChatOpenAI(max_retries=0, max_completion_tokens=MAX_TOKENS, **given)
