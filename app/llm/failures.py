"""What went wrong in a model, said in Korean: one reading of every client's errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from langchain_core.exceptions import ContextOverflowError

from app.errors import ContextTooLongError, LLMError

_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|window|size)|maximum context|too (?:long|many tokens)|exceeds? .{0,40}(?:context|tokens)",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"refused|no address|name or service|nodename|unreachable|failed to connect", re.IGNORECASE)
_CONNECTION = re.compile(r"Connect|Network|ReadError|WriteError|Protocol|Reset|BrokenPipe|IncompleteRead")


def explained(error: BaseException, name: str) -> LLMError:
    """``error`` as one Korean line that says what to do; ``name`` is the model as set."""
    if isinstance(error, LLMError):
        return error
    status = status_of(error)
    text = str(error)
    if isinstance(error, ContextOverflowError) or (status in (None, 400, 413, 422, 500) and _TOO_LONG.search(text)):
        return ContextTooLongError(f"{name}: 질문과 구절이 모델의 문맥보다 깁니다. PILGI_CONTEXT_CHARS를 줄여 주세요.")
    if out_of_memory(error):
        return LLMError(
            f"{name}: 메모리가 모자랍니다. 더 작은 모델을 쓰거나 '#4bit'를 붙이거나 PILGI_CONTEXT_CHARS를 줄여 주세요."
        )
    if status in (401, 403):
        return LLMError(f"{name}: 열쇠가 없거나 맞지 않습니다({status}). PILGI_LLM_API_KEY를 확인해 주세요.")
    if status == 404:
        return LLMError(f"{name}: 서버에 그런 모델이나 주소가 없습니다(404). PILGI_LLM의 이름을 확인해 주세요.")
    if status == 429:
        return LLMError(f"{name}: 서버가 요청이 너무 많다고 합니다(429). 잠시 뒤에 다시 물어 주세요.")
    if status is not None and status >= 500:
        return LLMError(f"{name}: 서버에 오류가 났습니다({status}). 서버의 기록을 확인해 주세요.")
    if status is not None:
        return LLMError(f"{name}: 서버가 요청을 받지 않았습니다({status}): {_short(text)}")
    if timed_out(error):
        return LLMError(f"{name}: 서버가 제때 답하지 않았습니다. PILGI_LLM_TIMEOUT을 늘리거나 서버를 확인해 주세요.")
    if refused(error):
        return LLMError(f"{name}: 서버에 연결할 수 없습니다. 서버가 켜져 있는지, 주소가 맞는지 확인해 주세요.")
    if disconnected(error):
        return LLMError(f"{name}: 서버와의 연결이 끊겼습니다. 서버가 살아 있는지 확인해 주세요.")
    return LLMError(f"{name}: 모델이 답을 내지 못했습니다({type(error).__name__}: {_short(text)}).")


def worth_retrying(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later: 429, 5xx, a connection that broke (not one refused)."""
    if isinstance(error, LLMError) or out_of_memory(error):
        return False
    status = status_of(error)
    if status is not None:
        return status == 429 or (status >= 500 and not _TOO_LONG.search(str(error)))
    return disconnected(error) and not timed_out(error) and not refused(error)


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error carries, however its client names it."""
    for one in _causes(error):
        status = getattr(one, "status_code", None)
        if isinstance(status, int) and status >= 400:
            return status
    return None


def timed_out(error: BaseException) -> bool:
    """Whether time ran out."""
    return any(isinstance(one, TimeoutError) or "Timeout" in type(one).__name__ for one in _causes(error))


def refused(error: BaseException) -> bool:
    """Whether nobody listens at the address."""
    return any(
        isinstance(one, ConnectionRefusedError)
        or (_CONNECTION.search(type(one).__name__) and _REFUSED.search(str(one)))
        for one in _causes(error)
    )


def disconnected(error: BaseException) -> bool:
    """Whether it is the connection that failed."""
    return any(isinstance(one, ConnectionError) or _CONNECTION.search(type(one).__name__) for one in _causes(error))


def out_of_memory(error: BaseException) -> bool:
    """Whether memory did not suffice, of the machine or of the GPU."""
    return any(
        isinstance(one, MemoryError)
        or type(one).__name__ == "OutOfMemoryError"
        or re.search(r"out of memory|can't allocate memory", str(one), re.IGNORECASE)
        for one in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    now: BaseException | None = error
    while now is not None and id(now) not in seen:
        seen.add(id(now))
        yield now
        now = now.__cause__ or now.__context__


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else line[:159] + "…"
