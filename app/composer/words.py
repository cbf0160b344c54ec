"""Which of a question's words a piece of text holds, without taking the text apart: one pattern for each word.

A passage has dozens of pieces, and Kiwi takes a millisecond for each. The question was taken apart already; its stems
are looked for as they are inflected.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from indexer.terms import Terms

_FIRST, _VOWELS, _TAILS = 0xAC00, 21, 28
# The vowel of a stem as it is written when an ending melts into it: 나누다 -> 나눠, 쓰다 -> 써, 하다 -> 해. Numbers of vowels.
_MELTED: Mapping[int, tuple[int, ...]] = {0: (1,), 8: (9,), 11: (10,), 13: (14,), 18: (4, 0), 20: (6,)}
_TAIL_B, _TAIL_D, _TAIL_L = 17, 7, 8
_GAP = r"[\s_\-]*"


@dataclass(frozen=True)
class Wanted:
    """The words of a question: (pattern over folded text, importance)."""

    patterns: tuple[tuple[re.Pattern[str], float], ...]

    @classmethod
    def of(cls, weights: Mapping[str, float], terms: Terms) -> Wanted:
        """``weights``: the question's tokens with their importance, a term's token standing for all its names."""
        return cls(tuple((_pattern(token, terms.row(token)), weight) for token, weight in weights.items()))

    def share(self, text: str) -> float:
        """The part of the question, by importance, that ``text`` holds: 0 … 1."""
        folded = fold(text)
        total = sum(weight for _, weight in self.patterns)
        return sum(weight for pattern, weight in self.patterns if pattern.search(folded)) / total if total else 0.0


def fold(text: str) -> str:
    """NFKC and lower case: what the patterns are made for."""
    return unicodedata.normalize("NFKC", text).lower()


@lru_cache(maxsize=4096)
def _pattern(token: str, names: tuple[str, ...]) -> re.Pattern[str]:
    if names:
        return re.compile("|".join(named(name) for name in names))
    if token.isdigit():
        return re.compile(rf"(?<!\d){token}(?!\d)")
    word = fold(token)
    if not re.search("[가-힣]", word):
        return re.compile(re.escape(word) if len(word) > 3 else rf"(?<![a-z]){re.escape(word)}(?:s?(?![a-z]))")
    if len(word) > 1 and word.endswith("다"):
        return re.compile(("(?<![가-힣])" if len(word) == 2 else "") + _inflected(word[:-1]))
    return re.compile(re.escape(word) if len(word) > 1 else rf"(?<![가-힣]){re.escape(word)}")


def named(name: str) -> str:
    """A pattern for a name in folded text: spaces, hyphens and underscores in it may be there or not."""
    letters = [re.escape(letter) for letter in fold(name) if not re.match(r"[\s_\-]", letter)]
    inner = _GAP.join(letters)
    before = "(?<![a-z])" if re.match("[a-z]", fold(name)) else "(?<![가-힣])"
    after = "(?:s?(?![a-z]))" if re.search("[a-z]$", fold(name)) else ""
    return f"{before}{inner}{after}"


def _inflected(stem: str) -> str:
    """A pattern for the forms of a verb's or an adjective's stem."""
    head, last = re.escape(stem[:-1]), stem[-1]
    code = ord(last) - _FIRST
    if not 0 <= code < 19 * _VOWELS * _TAILS:
        return re.escape(stem)
    open_syllable, tail = code - code % _TAILS, code % _TAILS
    if tail:
        forms = [last]
        bare = chr(_FIRST + open_syllable)
        if tail == _TAIL_B:
            forms.append(f"{bare}[우운울워웠와왔]")
        if tail == _TAIL_D:
            forms.append(chr(_FIRST + open_syllable + _TAIL_L))
        if tail == _TAIL_L:
            forms.append(f"[{bare}{chr(_FIRST + open_syllable + 4)}]")
        return f"{head}(?:{'|'.join(forms)})"
    lead, vowel = divmod(open_syllable // _TAILS, _VOWELS)
    starts = [(lead * _VOWELS + v) * _TAILS for v in (vowel, *_MELTED.get(vowel, ()))]
    ranges = "".join(f"{chr(_FIRST + s)}-{chr(_FIRST + s + _TAILS - 1)}" for s in starts)
    forms = [f"{head}[{ranges}]"]
    if last == "르" and len(stem) > 1:  # 흐르다 -> 흘러
        before = ord(stem[-2]) - _FIRST
        forms.append(re.escape(stem[:-2]) + chr(_FIRST + before - before % _TAILS + _TAIL_L))
    return f"(?:{'|'.join(forms)})"
