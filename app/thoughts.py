"""A model's reasoning, taken off its answer while it streams: nothing between the marks ever leaves as answer."""

from __future__ import annotations

import re

_OPEN = re.compile(r"<\s*(?:생각|think(?:ing)?|thoughts?|reasoning)\s*>", re.IGNORECASE)
_CLOSE = re.compile(r"<\s*/\s*(?:생각|think(?:ing)?|thoughts?|reasoning)\s*>", re.IGNORECASE)
_LONGEST = 16  # letters of a mark that may still be on its way


class ThoughtFilter:
    """Feed it text as it comes; it gives back what belongs to the answer.

    ``expected``: reasoning was asked for, so nothing is answer before a mark was seen or the text has ended. A closing mark
    without an opening one (some chat templates open the section themselves) makes all held text before it reasoning.
    """

    def __init__(self, *, expected: bool) -> None:
        self._held = ""
        self._inside = False
        self._waiting = expected
        self._thoughts: list[str] = []

    @property
    def thoughts(self) -> str:
        """The reasoning so far."""
        return "".join(self._thoughts).strip()

    def feed(self, piece: str) -> str:
        """The part of the answer that is certain now."""
        self._held += piece
        out: list[str] = []
        while True:
            mark = (_CLOSE if self._inside else _EITHER).search(self._held)
            if mark is None:
                break
            before, self._held = self._held[: mark.start()], self._held[mark.end() :]
            opens = not self._inside and bool(_OPEN.fullmatch(mark[0]))
            (out if opens and not self._waiting else self._thoughts).append(before)
            self._inside, self._waiting = opens, False
        if not self._waiting:
            sure, self._held = _split(self._held)
            (self._thoughts if self._inside else out).append(sure)
        return "".join(out)

    def end(self) -> str:
        """What is left of the answer; a section that was never closed is reasoning."""
        rest, self._held = self._held, ""
        if self._inside:
            self._thoughts.append(rest)
            return ""
        return rest


_EITHER = re.compile(f"{_OPEN.pattern}|{_CLOSE.pattern}", re.IGNORECASE)


def _split(text: str) -> tuple[str, str]:
    """What is sure not to be the start of a mark, and the rest."""
    at = text.rfind("<", max(0, len(text) - _LONGEST))
    return (text, "") if at < 0 or ">" in text[at:] else (text[:at], text[at:])
