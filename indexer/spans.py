"""Spans of a text that stay whole (code, formulas, links, tags), and places that are inside a character."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence

Span = tuple[int, int]

# Code and formulas: marks inside them are not Markdown's. A fence that is not closed runs to the end.
VERBATIM = re.compile(
    r"(?P<fence>^[ \t>]*(?:(?P<mark>`{3,})[^`\n]*(?:\n.*?)??(?:\n[ \t>]*(?P=mark)`*[ \t\r]*$|\Z)"
    r"|(?P<tildes>~{3,5})(?!~)[^\n]*(?:\n.*?)??\n[ \t>]*(?P=tildes)~*[ \t\r]*$))"
    r"|(?P<display>\$\$.+?\$\$|\\\[.+?\\\]|\\begin\{(?P<env>[A-Za-z]+\*?)\}.{1,5000}?\\end\{(?P=env)\})"
    r"|(?P<code>(?<!`)(?P<ticks>`{1,3})(?!`)(?:(?!\n[ \t]*\r?\n)[^`]|(?!(?P=ticks))`)+?(?P=ticks)(?!`))"
    r"|(?P<inline>\\\([^\n]+?\\\)|(?<![\\$\w])\$(?![\s$])[^$\n]{1,300}?(?<![\s\\])\$(?![\d$]))",
    re.DOTALL | re.MULTILINE,
)
# Known tags only: <EOS>, <pad> and <s> in notes on language models are words.
_TAGS = (
    "abbr|article|aside|audio|b|big|blockquote|body|br|caption|center|cite|code|col|colgroup|dd|del|details|dfn|div|dl|dt"
    "|em|figcaption|figure|font|footer|h[1-6]|head|header|hr|html|i|iframe|img|ins|kbd|li|link|main|mark|math|meta|nav"
    "|noscript|ol|p|picture|pre|q|rp|rt|ruby|samp|script|section|small|source|span|strike|strong|style|sub|summary|sup|svg"
    "|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var|video|wbr"
)
_TAGS_WITH_ATTRIBUTES = (
    "a|annotation|button|data|embed|form|g|input|label|mask|mi|mn|mo|mrow|object|path|s|select|time|use"
)
_SWITCHES = "allowfullscreen|async|autoplay|border|compact|controls|defer|hidden|loop|muted|nowrap|open|reversed"
TAG = re.compile(
    rf"</?(?:{_TAGS})(?:\s+(?:[\w:-]+\s*=|(?:{_SWITCHES})\b)[^<>]*|\s*/?)>"
    rf"|<(?:{_TAGS_WITH_ATTRIBUTES})\s+[\w:-]+\s*=[^<>]*>"
    r"|</(?:a|annotation|button|form|label|semantics|m[a-z]+)\s*>|<(?:semantics|m(?:row|i|n|o|sup|sub|frac|text|style))\s*/?>"
    r"|<!(?:doctype|\[CDATA\[)[^<>]*>|<\?xml[^<>]*\?>",
    re.IGNORECASE,
)
COMMENT = re.compile(r"<!--.{0,20000}?-->", re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\[\]\n]|\[[^\[\]\n]*\])*\]\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|https?://[^\s<>()]+")
_PICTURE = re.compile(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=]+")


def verbatim_spans(text: str) -> list[Span]:
    """Return the spans of code and formulas, in order."""
    return [match.span() for match in VERBATIM.finditer(text)]


def whole_spans(text: str) -> list[Span]:
    """Return the spans no cut may fall into: code, formulas, links, images, tags, addresses. In order, disjoint."""
    spans = verbatim_spans(text)
    starts = [start for start, _ in spans]
    for pattern in (_LINK, TAG, COMMENT) if "-->" in text else (_LINK, TAG):
        for match in pattern.finditer(text):
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
    patterns = (TAG, COMMENT, _PICTURE) if "-->" in text else (TAG, _PICTURE)
    found = [match.span() for pattern in patterns for match in pattern.finditer(text)]
    return _merged(sorted(found))


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
