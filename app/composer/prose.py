"""The words of a note made readable: what scanning, note tools and Markdown left behind is taken off; nothing is reworded.

Only what is shown is changed. A citation quotes the note as it stands.
"""

from __future__ import annotations

import re

from indexer.spans import VERBATIM

_STEPS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), put)
    for pattern, put in (
        (r"</?(?:b|i|br|em|strong|span|div|font|sup|sub|center|small)\b[^<>]*/?>", " "),
        (r"!\[[^\]\n]*\](?:\([^)\n]*\)?)?|\]\((?:https?:|\.{0,2}/)[^)\s]*\)", " "),
        (r"^\s*#{1,6}\s*(?=\S)", ""),
        (r"\\(?=[\[\]()*_](?![^$]*\$))", ""),
        (r"\s*(?:-{1,2}>|=>|⇒|➔|➡️?|→)\s*", " → "),
        (r"\.{4,}|…+", "…"),
        (r"(?<=[가-힣a-z])\s?(?:,,+|\.\.)(?=\s|$)", "."),
        (r"(?<=\S)\s+(?=[,.!?](?:\s|$))", ""),
    )
)
_STRAY_STARS = re.compile(r"(?<!\S)\*{1,3}(?=[가-힣A-Z(])|(?<=[가-힣A-Za-z)])\*{1,3}(?=\s|$|[.,:)])|(?<=[가-힣])\*+(?=[가-힣])")
_LEADING = re.compile(r"^\s*(?:(?:[-*+•·▪■□▶◆※★☞➤✔]|→|○(?!\s때)|\d{1,2}[.)](?!\d)|[①-⑳]|\(\d{1,2}\))\s+|→\s*|[-•·▪](?=[가-힣]))+")
_TRAILING = re.compile(r"(?:\s*→|\s+[-*#|]+)\s*$")
_WORDS_AS_MATH = re.compile(r"\$\s*([A-Za-z]{3,}(?: [A-Za-z]{2,})*)\s*\$")
_NUMBERED_TITLE = re.compile(r"^\s*(?:#+\s*)?(?:\(?\d+(?:[.\-]\d+)*[.)\]]?|[IVX]+\.|[가-하]\.|[①-⑳])\s+")
_CUT_OFF = re.compile(r"(?:,|[가-힣A-Za-z)](?:은|는|을|를|의|와|과)|및|또는|그리고|\()$")
_CUT_IN = re.compile(r"^(?:(?:에|을|를|은|는|의|와|과|도|로|으로|에서|에는|이며|이고|하며|하고)\s|등\))")


def readable(text: str, *, stars: bool = False) -> str:
    """``text`` (plain, of a sentence or a list's item) on one line, without its bullet and without debris.

    ``stars``: they mean something in it (code), and stay.
    """
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\ue000{len(kept) - 1}\ue001"

    text = VERBATIM.sub(keep, _WORDS_AS_MATH.sub(r"\1", text))
    if not stars:
        text = _STRAY_STARS.sub("", text)
    for pattern, put in _STEPS:
        text = pattern.sub(put, text)
    text = _TRAILING.sub("", _LEADING.sub("", " ".join(text.split()))).strip()
    return re.sub("\ue000(\\d+)\ue001", lambda match: kept[int(match[1])], text)


def title(text: str) -> str:
    """A heading without its numbering and debris."""
    return readable(_NUMBERED_TITLE.sub("", text)).strip(" :·-")


def cut_off(text: str) -> bool:
    """Whether a sentence breaks off: the next one goes on with it."""
    return bool(_CUT_OFF.search(text.rstrip()))


def cut_in(text: str) -> bool:
    """Whether a sentence begins in its middle."""
    return bool(_CUT_IN.match(text))
