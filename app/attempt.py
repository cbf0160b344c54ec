"""One attempt at an answer: a model's text comes in, checked sentences go out, and what happened is told."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

from app.errors import ContextTooLongError, LLMError
from app.grounding import Grounder, Kept
from app.grounding.pieces import Piece, Pieces
from app.grounding.script import foreign
from app.prompts import REFUSAL
from app.thoughts import ThoughtFilter
from app.types import Citation

MAX_CHARS = 6000  # of a model's text, its reasoning included; beyond, it goes in circles
_LONGEST_THOUGHT = 4000
_SUPPORTED = 1 / 3  # of the sentences: below, the rest is not trusted either
_IN_A_ROW = 4  # sentences dropped after which a model is not listened to any more
_ENOUGH_TO_TELL = 60  # characters after which the script is judged, and again when there are twice as many


@dataclass(frozen=True)
class Outcome:
    """What an attempt gave. ``text`` is empty where nothing was good enough to be shown."""

    text: str = ""
    citations: tuple[Citation, ...] = ()
    thoughts: str = ""
    kept: int = 0
    dropped: tuple[str, ...] = ()
    refused: bool = False
    foreign: bool = False
    cut: bool = False
    error: str = ""

    def notices(self) -> tuple[str, ...]:
        """What the reader of the shown text should know."""
        out = []
        unsaid = [reason for reason in self.dropped if reason != "repeated"]
        if unsaid:
            out.append(
                f"모델이 쓴 문장 {self.kept + len(unsaid)}개 가운데 {len(unsaid)}개는 노트에서 확인되지 않아 뺐습니다."
            )
        if self.cut:
            out.append("모델의 답이 끝나지 않아 중간에서 끊었습니다.")
        if self.error:
            out.append(f"모델이 답을 끝맺지 못했습니다: {self.error}")
        return tuple(out)

    def why_nothing(self, name: str) -> str:
        """Why no text is shown."""
        if self.error:
            return self.error
        if self.foreign:
            return f"{name}이(가) 한국어로 답하지 않았습니다."
        if self.refused:
            return f"{name}이(가) 답하지 않았습니다."
        if self.dropped:
            counted = ", ".join(f"{_REASONS[reason]} {count}개" for reason, count in Counter(self.dropped).items())
            return f"{name}이(가) 쓴 문장을 노트에서 확인할 수 없었습니다({counted})."
        return f"{name}이(가) 답을 쓰지 않았습니다."


_REASONS = {
    "uncited": "근거 번호 없음",
    "unknown": "없는 번호",
    "script": "다른 언어",
    "inexact": "노트에 없는 숫자나 수식",
    "contradicted": "노트와 반대",
    "unsupported": "근거와 다름",
    "order": "지시문",
    "repeated": "되풀이",
}


class Attempt:
    """Reads a model's text and yields the sentences that may be shown.

    The first ones are held back until enough of them are supported, so that an answer that has to be given up was never
    begun.
    """

    def __init__(self, grounder: Grounder, question: str, *, thinks: bool) -> None:
        self._grounder = grounder
        self._question = question
        self._filter = ThoughtFilter(expected=thinks)
        self._pieces = Pieces()
        self._held: list[str] = []
        self._shown: list[str] = []
        self._citations: list[Citation] = []
        self._kept = 0
        self._dropped: list[str] = []
        self._in_a_row = 0
        self._answer = ""
        self._judge_at = _ENOUGH_TO_TELL

    def run(self, said: Iterable[str]) -> Generator[str, None, Outcome]:
        """Yield the checked text; return what happened.

        Raises:
            ContextTooLongError: the prompt was too long; nothing was yielded.
            LLMError: the model failed before anything was shown.
        """
        error, cut, length = "", False, 0
        try:
            for piece in said:
                length += len(piece)
                yield from self._read(self._filter.feed(piece))
                if self._off_course():
                    break
                if length > MAX_CHARS:
                    cut = True
                    break
            else:
                yield from self._read(self._filter.end(), last=True)
        except ContextTooLongError:
            raise
        except LLMError as failed:
            if not self._shown:
                raise
            error = " ".join(str(failed).split())
        if cut or error:
            yield from self._checked(self._pieces.end()[:-1])  # the last one is torn
        if self._trusted():
            yield from self._show()
        refused = _squeezed(REFUSAL.rstrip(".")) in _squeezed(self._answer)
        text = "".join(self._shown)
        return Outcome(
            text,
            tuple(c for c in self._citations if f"[{c.n}]" in text),
            self._filter.thoughts[:_LONGEST_THOUGHT],
            self._kept,
            tuple(self._dropped),
            refused,
            foreign(self._answer, self._question) and not self._shown,
            cut,
            error,
        )

    def _read(self, text: str, *, last: bool = False) -> Iterator[str]:
        self._answer += text
        yield from self._checked([*self._pieces.feed(text), *(self._pieces.end() if last else ())])

    def _checked(self, pieces: Iterable[Piece]) -> Iterator[str]:
        for piece in pieces:
            if _squeezed(REFUSAL.rstrip(".")) in _squeezed(piece.text):
                continue
            result = self._grounder.check(piece)
            if isinstance(result, Kept):
                self._kept += 1
                self._in_a_row = 0
                self._citations += result.citations
                self._held.append((piece.gap if self._shown or self._held else "") + result.text)
            elif piece.kind != "heading":  # a heading without support says nothing that is missed
                self._dropped.append(result.reason)
                self._in_a_row += 1
        if self._trusted():
            yield from self._show()

    def _show(self) -> Iterator[str]:
        shown, self._held = self._held, []
        self._shown += shown
        yield from shown

    def _trusted(self) -> bool:
        judged = self._kept + len([reason for reason in self._dropped if reason != "repeated"])
        return self._kept > 0 and self._kept >= _SUPPORTED * judged

    def _off_course(self) -> bool:
        """Whether listening on is of no use: another script, nothing but unsupported sentences, the refusal."""
        if self._in_a_row >= _IN_A_ROW:
            return True
        if self._kept:
            return False
        if len(self._answer) >= self._judge_at:
            self._judge_at = 2 * len(self._answer)
            if foreign(self._answer, self._question):
                return True
        return _squeezed(self._answer[:200]).startswith(_squeezed(REFUSAL))


def _squeezed(text: str) -> str:
    return re.sub(r"\W+", "", text)
