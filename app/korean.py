"""Particles that fit the word before them."""

from __future__ import annotations

import unicodedata

_PAIRS = (
    ("은", "는"),
    ("이", "가"),
    ("을", "를"),
    ("과", "와"),
    ("이란", "란"),
    ("이랑", "랑"),
    ("이나", "나"),
    ("으로", "로"),
)
_FORMS = {form: pair for pair in _PAIRS for form in pair}
_NAMED_WITH_CONSONANT = "LMNR"  # 엘, 엠, 엔, 알
_DIGITS_WITH_CONSONANT = "013678"  # 영, 일, 삼, 육, 칠, 팔


def closed(word: str) -> bool:
    """Whether a word ends in a consonant, as it is read aloud."""
    last = next((c for c in reversed(unicodedata.normalize("NFC", word)) if c.isalnum()), "")
    if "가" <= last <= "힣":
        return (ord(last) - ord("가")) % 28 != 0
    if last.isdigit():
        return last in _DIGITS_WITH_CONSONANT
    return last in _NAMED_WITH_CONSONANT if last.isupper() else last in "lmnbkpt"


def with_particle(word: str, particle: str) -> str:
    """``word`` with a particle in the form that fits: ("LSTM", "는") -> "LSTM은"."""
    pair = _FORMS.get(particle)
    if pair is None:
        return word + particle
    if pair == ("으로", "로") and word.endswith(("ㄹ", "L", "R", "l")):
        return word + "로"
    if pair == ("으로", "로") and "가" <= word[-1] <= "힣" and (ord(word[-1]) - ord("가")) % 28 == 8:
        return word + "로"
    return word + pair[0 if closed(word) else 1]


def joined(words: list[str]) -> str:
    """Words in a row: "A와 B"."""
    return words[0] if len(words) == 1 else f"{with_particle(words[0], '와')} {joined(words[1:])}" if words else ""


PARTICLES = tuple(_FORMS)
