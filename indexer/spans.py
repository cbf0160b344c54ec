"""Spans of a text that stay whole: code, formulas, links, tags; and places inside a character that are no places to cut."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence

Span = tuple[int, int]

# Code and formulas: marks inside them are not Markdown's.
VERBATIM = re.compile(
    r"(?P<fence>^[ \t>]*(?P<mark>`{3,}|~{3,})[^\n]*\n(?:.*?\n)??[ \t>]*(?P=mark)[`~]*[ \t\r]*$)"
    r"|(?P<display>\$\$.+?\$\$|\\\[.+?\\\]|\\begin\{(?P<env>[A-Za-z]+\*?)\}.+?\\end\{(?P=env)\})"
    r"|(?P<code>(?<!`)(?P<ticks>`{1,3})(?!`)(?:(?!\n[ \t]*\r?\n)[^`]|(?!(?P=ticks))`)+?(?P=ticks)(?!`))"
    r"|(?P<inline>\\\([^\n]+?\\\)|(?<![\\$\w])\$(?![\s$])[^$\n]{1,300}?(?<![\s\\])\$(?![\d$]))",
    re.DOTALL | re.MULTILINE,
)
_WHOLE = re.compile(
    r"!?\[(?:[^\[\]\n]|\[[^\[\]\n]*\])*\]\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)"
    r"|</?[A-Za-z][^<>]{0,500}>|<!--.*?-->|https?://[^\s<>()]+",
    re.DOTALL,
)
_UNWEIGHTY = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=]+|</?[A-Za-z][^<>]*>|<!--.*?-->", re.DOTALL)


def verbatim_spans(text: str) -> list[Span]:
    """Return the spans of code and formulas, in order."""
    return [match.span() for match in VERBATIM.finditer(text)]


def whole_spans(text: str) -> list[Span]:
    """Return the spans that no cut may fall into: code, formulas, links, images, tags, addresses. In order, disjoint."""
    spans = verbatim_spans(text)
    starts = [start for start, _ in spans]
    for match in _WHOLE.finditer(text):
        before = bisect_right(starts, match.start()) - 1
        if before < 0 or spans[before][1] <= match.start():
            spans.append(match.span())
    return _merged(sorted(spans))


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def unweighty_spans(text: str) -> list[Span]:
    """Return the spans that are in the file and not in what is read: tags, comments, pictures written out in base64."""
    return [match.span() for match in _UNWEIGHTY.finditer(text)]


def inside(spans: Sequence[Span], position: int) -> Span | None:
    """Return the span that ``position`` lies strictly within, if any. ``spans``: in order, disjoint."""
    number = bisect_right(spans, (position, -1)) - 1
    if number >= 0 and spans[number][0] < position < spans[number][1]:
        return spans[number]
    return None


def splits_character(text: str, position: int) -> bool:
    """Whether a cut before ``text[position]`` would tear a character: jamo, accents, joined or coloured emoji, CRLF."""
    if not 0 < position < len(text):
        return False
    before, after = text[position - 1], text[position]
    return (
        unicodedata.combining(after) != 0
        or unicodedata.category(after) in ("Mn", "Mc", "Me")
        or "\u1160" <= after <= "\u11ff"  # vowels and final consonants of decomposed Hangul
        or after == "\u200d"
        or before == "\u200d"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or "\udc00" <= after <= "\udfff"
        or (before == "\r" and after == "\n")
    )
