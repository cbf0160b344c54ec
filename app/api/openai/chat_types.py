"""What a chat completion takes and gives, as OpenAI has it, with our own fields beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.rows import Question, read_question
from app.types import Answer, Citation, DemoLink, Retrieved

_HISTORY = 100  # exchanges; a client resends the whole conversation, however long


class TextPart(BaseModel):
    """A piece of a message; only text is read."""

    type: Literal["text"]
    text: str


def _text(content: Any) -> Any:
    """Parts as one text."""
    if not isinstance(content, list):
        return "" if content is None else content
    if not all(isinstance(p, dict) and p.get("type") == "text" and isinstance(p.get("text"), str) for p in content):
        raise PydanticCustomError("text_only", "글만 읽을 수 있습니다: 그림이나 소리는 빼 주세요")
    return "\n".join(p["text"] for p in content)


class ChatMessage(BaseModel):
    """One message. Of a conversation, what ``user`` and ``assistant`` said counts; the rules of answering are Pilgi's own."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[str, BeforeValidator(_text, json_schema_input_type=str | list[TextPart] | None)] = ""


class StreamOptions(BaseModel):
    """With ``include_usage``, one more chunk comes at the end."""

    include_usage: bool | None = None


_TAKEN: dict[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "logprobs": (None, False),
    "tool_choice": (None, "none", "auto"),
    "response_format": (None, {"type": "text"}),
}
"""Fields that would change what an answer is: only these values mean what Pilgi does."""


class ChatRequest(BaseModel):
    """A conversation whose last user message is the question. Sampling fields (temperature, …) have no effect."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": "pilgi", "messages": [{"role": "user", "content": "배치 정규화를 왜 쓰나요?"}]}]
        }
    )

    model: str
    messages: list[ChatMessage]
    stream: bool | None = Field(False, description="참이면 Server-sent events로 조각조각")
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, description="1만")
    logprobs: bool | None = Field(None, description="거짓만")
    tool_choice: str | dict[str, Any] | None = Field(None, description="none 또는 auto만: 도구를 부르지 않는다")
    response_format: dict[str, Any] | None = Field(None, description='{"type": "text"}만')

    @field_validator(*_TAKEN)
    @classmethod
    def _can(cls, value: Any, info: ValidationInfo) -> Any:
        taken = _TAKEN[str(info.field_name)]
        if value not in taken:
            raise PydanticCustomError("unsupported", "{can}만 쓸 수 있습니다", {"can": ", ".join(map(str, taken[1:]))})
        return value

    @field_validator("messages")
    @classmethod
    def _asks(cls, messages: list[ChatMessage]) -> list[ChatMessage]:
        if not any(m.role == "user" for m in messages):
            raise PydanticCustomError("no_question", "role이 user인 메시지가 있어야 합니다")
        return messages

    def question(self) -> Question:
        """The last user message, with the exchanges before it.

        Raises:
            InputError: it is no readable text.
        """
        last = max(i for i, m in enumerate(self.messages) if m.role == "user")
        history = turns(self.messages[:last])
        return read_question({"question": self.messages[last].content, "history": history[-_HISTORY:]})


def turns(messages: Sequence[ChatMessage]) -> list[dict[str, str]]:
    """Question and answer by turns; a greeting before the first question is neither."""
    out: list[dict[str, str]] = []
    for message in messages:
        if message.role == "user":
            out.append({"question": message.content, "answer": ""})
        elif message.role == "assistant" and out:
            out[-1]["answer"] = "\n".join(filter(None, (out[-1]["answer"], message.content)))
    return out


class Grounds(BaseModel):
    """What Pilgi adds to a message: where the answer stands, or why there is none."""

    citations: list[Citation] = Field(description="[1] 같은 표시가 가리키는 곳")
    demos: list[DemoLink]
    answerable: bool = Field(description="노트가 답하는가")
    refusal_reason: str
    retrieved: list[Retrieved]
    notices: list[str]
    rewritten: str = Field(description="앞선 대화를 넣어 고쳐 읽은 질문")
    answered_by: str = Field(description="답을 쓴 모델, 또는 embedded")
    index_generation: str
    reasoning_content: str | None = Field(description="모델의 생각 과정")

    @classmethod
    def of(cls, answer: Answer) -> Grounds:
        """Those of an answer."""
        return cls(
            citations=list(answer.citations),
            demos=list(answer.demos),
            answerable=answer.answerable,
            refusal_reason=answer.refusal_reason,
            retrieved=list(answer.retrieved),
            notices=list(answer.notices),
            rewritten=answer.rewritten,
            answered_by=answer.model,
            index_generation=answer.index_generation,
            reasoning_content=answer.thoughts or None,
        )


class AssistantMessage(Grounds):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(BaseModel):
    """There is always one."""

    index: Literal[0] = 0
    message: AssistantMessage
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None


class ChatUsage(BaseModel):
    """Always 0: the embedded composer has no tokens, and those of a language model are counted by its own server."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class ChatCompletion(BaseModel):
    """The whole answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage = ChatUsage()
