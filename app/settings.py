"""All settings, one typed object: from the environment (PILGI_…), a .env file, or given in code.

Passed in, never read at import.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import SettingError


def corpus_notes() -> Path:
    """The notes that ship."""
    return Path(str(files("corpus").joinpath("notes")))


class Settings(BaseSettings):
    """Every default works offline on two cores."""

    model_config = SettingsConfigDict(env_prefix="PILGI_", env_file=".env", extra="ignore")

    notes: Path = Field(default_factory=corpus_notes, description="노트 폴더")
    index: Path = Field(default=Path(".pilgi/index"), description="색인 폴더")
    encoder: str = Field("embedded", description="embedded, none, 폴더 또는 허브 모델 이름 (예: BAAI/bge-m3)")
    reranker: str = Field("embedded",
                          description="embedded, none, 폴더 또는 허브 모델 이름 (예: BAAI/bge-reranker-v2-m3)")
    rerank_budget_ms: int = Field(400, ge=0, description="재순위화에 쓸 시간(ms); 넘으면 재순위화 없이 답하고 알린다")
    llm: str = Field("embedded", description="embedded, hf:이름, openai:이름, ollama:이름, http(s)://…/v1#이름")
    llm_timeout: float = Field(60.0, gt=0, description="LLM 응답을 기다릴 시간(초)")
    llm_api_key: SecretStr | None = Field(None, description="OpenAI 호환 서버의 키")
    prompt: str = Field("few_shot", description="zero_shot, few_shot, chain_of_thought")
    context_chars: int = Field(6000, ge=500, description="LLM에 줄 구절의 길이(글자)")
    terms: Path | None = Field(None, description="내 용어 파일 (한 줄에 '이름 | 다른 이름')")
    chunk_chars: int = Field(700, ge=200, le=4000, description="구절의 길이(글자)")
    max_file_mb: float = Field(20.0, gt=0, description="읽을 파일의 최대 크기(MB)")
    host: str = Field("127.0.0.1", description="서버가 들을 주소")
    port: int = Field(7860, ge=1, le=65535, description="서버가 들을 포트, 1부터 65535까지의 정수")
    keys: Path = Field(Path(".pilgi/keys.json"), description="열쇠 파일 ('pilgi keys add'가 만든다; 해시만 담는다)")
    require_key: bool = Field(False, description="루프백에서도 열쇠를 요구한다 (앞에 프록시를 둘 때)")
    max_request_mb: float = Field(4.0, gt=0, description="받을 요청의 최대 크기(MB)")
    concurrency: int = Field(8, ge=1, description="채팅에서 동시에 답할 질문의 수")

    @property
    def default_corpus(self) -> bool:
        """Whether the notes are those that ship."""
        return self.notes.resolve() == corpus_notes().resolve()


def load_settings(**given: Any) -> Settings:
    """Settings from the environment, overridden by what was given (None means not given).

    Raises:
        SettingError: a value means nothing; one line names the setting and the value.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise SettingError("; ".join(_line(e) for e in error.errors())) from None


def _line(error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"])
    field = Settings.model_fields.get(name)
    meaning = f" ({field.description})" if field and field.description else ""
    return f"PILGI_{name.upper()}={error.get('input')!r}: 쓸 수 없는 값입니다{meaning}"
