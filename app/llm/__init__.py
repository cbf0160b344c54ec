"""The language model behind one setting: LangChain's ``BaseChatModel``, wherever it runs.

embedded                  no language model: the composer answers
hf:NAME[#4bit|#8bit]      a causal LM of transformers, from a folder or the hub, on the GPU where there is one
openai:NAME               OpenAI
ollama:NAME               Ollama on this machine (or where OLLAMA_HOST points)
http(s)://…/v1#NAME       any server that speaks OpenAI's chat API: vLLM, llama.cpp, transformers serve
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.errors import SettingError
from app.settings import Settings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

EMBEDDED = "embedded"


def load_llm(settings: Settings) -> BaseChatModel | None:
    """The model that ``settings.llm`` names; None for ``embedded``.

    Servers are not contacted here; a local model is loaded.

    Raises:
        SettingError: the setting names nothing of the above.
        LLMError: the model, a package or a key is missing, or memory does not suffice.
    """
    setting = settings.llm.strip()
    if setting == EMBEDDED:
        return None
    scheme, _, name = setting.partition(":")
    load = _SCHEMES.get(scheme.lower())
    if load is None or not name.strip():
        raise SettingError(
            f"PILGI_LLM={setting!r}: 쓸 수 없는 값입니다. embedded, hf:이름, openai:이름, ollama:이름, "
            "http(s)://…/v1#이름 가운데 하나로 적어 주세요."
        )
    return load(setting, settings)


def shown(setting: str) -> str:
    """The setting as an answer row names it: without a user or password in an address."""
    address = urlsplit(setting) if "://" in setting else None
    if address is None or "@" not in address.netloc:
        return setting
    return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()


def _hugging_face(setting: str, settings: Settings) -> BaseChatModel:
    from app.llm.hugging_face import load

    return load(setting.partition(":")[2].strip())


def _openai(setting: str, settings: Settings) -> BaseChatModel:
    from app.llm.servers import openai

    return openai(setting.partition(":")[2].strip(), settings)


def _ollama(setting: str, settings: Settings) -> BaseChatModel:
    from app.llm.servers import ollama

    return ollama(setting.partition(":")[2].strip(), settings)


def _compatible(setting: str, settings: Settings) -> BaseChatModel:
    from app.llm.servers import compatible

    return compatible(setting, settings)


_SCHEMES: Mapping[str, Callable[[str, Settings], BaseChatModel]] = {
    "hf": _hugging_face,
    "openai": _openai,
    "ollama": _ollama,
    "http": _compatible,
    "https": _compatible,
}
