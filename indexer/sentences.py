"""Sentences of a passage, with exact offsets: what an answer quotes.

Structure comes first: a heading, a list item, a table's row, a formula and a code fence are one unit each. Only running
text is split by Kiwi, which knows that Korean notes end sentences without a full stop (~함, ~임, ~다).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from indexer.readers.blocks import markdown_blocks
from indexer.spans import TAG, VERBATIM, Span, inside, whole_spans
from indexer.types import BlockKind

_LINE = re.compile(r"[^\r\n]+")
_LINE_END = re.compile(r"\r\n|\n|\r")
_BLANK_AHEAD = re.compile(r"[ \t>]*(?:[\r\n]|\Z)")
_LIST_LINE = re.compile(r"^[ \t>]*(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$)", re.MULTILINE)
_HTML_LIST = re.compile(r"<(/?)(ul|ol|dl|li|dt)\b", re.IGNORECASE)
_TABLE_RULE = re.compile(r"[|:+=\- \t]+")
_ROW = re.compile(r"<tr\b", re.IGNORECASE)
_HTML_START = re.compile(r"<[A-Za-z!/]")
_HTML_EDGE = re.compile(
    r"</?(?:p|div|li|ul|ol|dl|dt|dd|h[1-6]|tr|table|thead|tbody|blockquote|section|article|figure|figcaption|details"
    r"|summary|pre|br|hr|center|main|aside|header|footer|body|html)\b[^<>]*>",
    re.IGNORECASE,
)
_MARKS = re.compile(r"\*{1,3}|~~|==|__|^[ \t]*>+|!?\[|\]\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)", re.MULTILINE)
_NEW_LINE_STARTS = re.compile(r"[ \t>]*(?:[-=]+>|→|⇒|[-*+•·○▪※★☞◦■□▶◆]|\d{1,3}[.,)]|ex[).: ]|예[):])")
_UNFINISHED = re.compile(
    r"(?:[,·:(\[+=/&]|[은는을를의에와과며면진한된던린할될질]|이나|[하되이]고|하여|해서|으로|에서|지만|는데|므로|으나|및|또는|그리고"
    r"|\b(?:the|a|an|of|to|in|and|or|with|for|is|are))$"
)
# The widest line an editor wraps to, and the narrowest that it may have wrapped; in columns, Hangul taking two.
_MAX_WRAPPED, _MIN_WRAPPED = 100, 56
_LONG_ITEM = 200  # an item beyond this is running text behind a bullet
_KIWI_CHARS = 4000  # Kiwi's time grows faster than its input
_WORD = re.compile(r"\w")
_HANGUL = re.compile(r"[가-힣]")
_STOP = re.compile(r"[.!?]+[\"')\]]*(?=\s+[A-Z\"'(])")
_JAMO = re.compile(r"[\u1160-\u11ff]")


@dataclass(frozen=True)
class Sentence:
    """``text[start:end]`` of the text it was found in; ``kind`` is that of the block it stands in."""

    start: int
    end: int
    kind: BlockKind


def sentences(text: str) -> list[Sentence]:
    """Return the sentences of ``text`` in order, not overlapping; every character but white space is in one."""
    found: list[Sentence] = []
    for block in markdown_blocks(text):
        spans = _UNITS.get(block.kind, _whole)(text[block.start : block.end])
        found += [Sentence(block.start + start, block.start + end, block.kind) for start, end in spans]
    return found


def split_paragraph(text: str) -> list[Span]:
    """Return the (start, end) of each sentence of running text; marks, links and formulas in it are never torn."""
    return list(_split(text))


@lru_cache(maxsize=4096)
def _split(text: str) -> tuple[Span, ...]:
    whole = whole_spans(text)
    masked, offsets = _composed(_masked(text))
    cuts = {offsets[cut] for cut in _sentence_ends(masked)} | set(_line_cuts(text))
    return tuple(_spans(text, sorted(cut for cut in cuts if not inside(whole, cut))))


def _masked(text: str) -> str:
    """Same length, marks blanked and formulas made words, so that they neither end sentences nor hide their ends."""
    masked = VERBATIM.sub(lambda match: "X" * len(match[0]), text)
    return _MARKS.sub(lambda match: " " * len(match[0]), TAG.sub(lambda match: " " * len(match[0]), masked))


def _composed(text: str) -> tuple[str, list[int]]:
    """NFC of ``text``, and for every offset into it the offset it came from."""
    if unicodedata.is_normalized("NFC", text):
        return text, list(range(len(text) + 1))
    parts: list[str] = []
    offsets: list[int] = []
    start = 0
    for position in range(1, len(text) + 1):
        if position < len(text) and (unicodedata.combining(text[position]) or _JAMO.match(text[position])):
            continue
        composed = unicodedata.normalize("NFC", text[start:position])
        parts.append(composed)
        offsets += [start] * len(composed)
        start = position
    return "".join(parts), [*offsets, len(text)]


def _sentence_ends(text: str) -> Iterator[int]:
    if not _HANGUL.search(text):
        yield from (match.end() for match in _STOP.finditer(text))
        return
    from indexer.korean import kiwi  # takes seconds to load: only when there is Korean to split

    start = 0
    while start < len(text):
        found = [
            (start + one.start, start + one.end) for one in kiwi().split_into_sents(text[start : start + _KIWI_CHARS])
        ]
        if start + _KIWI_CHARS < len(text) and len(found) > 1:
            start = found.pop()[0]  # it may go on behind the window: read again from its start
        else:
            start += _KIWI_CHARS
        yield from (end for _, end in found)


def _line_cuts(text: str) -> Iterator[int]:
    """Line ends that also end a sentence: notes put one thought on a line, without a mark.

    A line break is an editor's where the next word would not have fit; then the sentence may go on.
    """
    breaks = list(_LINE_END.finditer(text))
    if not breaks:
        return
    starts = [0, *(match.end() for match in breaks)]
    ends = [*(match.start() for match in breaks), len(text)]
    lines = [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]
    widest = max(map(_columns, lines))
    for number, match in enumerate(breaks):
        line, following = lines[number], lines[number + 1]
        if not following or _BLANK_AHEAD.match(text, match.end()) or _NEW_LINE_STARTS.match(text, match.end()):
            yield match.start()
        elif not _UNFINISHED.search(line):
            width = _columns(line)
            fits = width + 1 + _columns(following.split(maxsplit=1)[0]) <= widest
            if fits or widest > _MAX_WRAPPED or width < _MIN_WRAPPED:
                yield match.start()


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _spans(text: str, cuts: list[int]) -> Iterator[Span]:
    """Trimmed spans between cuts; marks, emoji and brackets that a cut left behind go with the sentence they end."""
    span: Span | None = None
    start = 0
    for cut in [*cuts, len(text)]:
        while start < cut < len(text) and text[cut] in "*_~`)\"'”’]」』>" and not text[cut - 1].isspace():
            cut += 1
        piece = text[start:cut]
        if piece.strip():
            first, last = start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
            if span and not _WORD.search(piece) and not _LINE_END.search(text, span[1], first):
                span = (span[0], last)
            else:
                if span:
                    yield span
                span = (first, last)
        start = max(start, cut)
    if span:
        yield span


def _whole(source: str) -> list[Span]:
    return [(0, len(source))]


def _paragraph(source: str) -> list[Span]:
    if not _HTML_START.match(source):
        return split_paragraph(source)
    spans: list[Span] = []
    opened: int | None = None  # tags before the text they open
    for start, end in _between(source, [match.start() for match in _HTML_EDGE.finditer(source)]):
        if TAG.sub("", source[start:end]).strip():
            begin = start if opened is None else opened
            spans += [(begin + first, begin + last) for first, last in split_paragraph(source[begin:end])]
            opened = None
        elif spans and opened is None and source.startswith("</", start):
            spans[-1] = (spans[-1][0], end)
        elif opened is None:
            opened = start
    if opened is not None:
        spans[-1:] = [(spans[-1][0] if spans else opened, len(source))]
    return spans


def _between(source: str, cuts: list[int]) -> Iterator[Span]:
    for start, end in zip([0, *cuts], [*cuts, len(source)], strict=True):
        piece = source[start:end]
        if piece.strip():
            yield start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def item_starts(source: str) -> list[tuple[int, int]]:
    """Return (offset, depth) of every item of a list, Markdown or HTML; the deeper, the larger the depth.

    A line in a fence or formula that looks like an item is none.
    """
    if _HTML_START.match(source):
        items, depth = [], 0
        for tag in _HTML_LIST.finditer(source):
            if tag[2].lower() in ("ul", "ol", "dl"):
                depth += -1 if tag[1] else 1
            elif not tag[1]:
                items.append((tag.start(), depth))
        return items
    whole = whole_spans(source)
    marks = (match for match in _LIST_LINE.finditer(source) if not inside(whole, match.start()))
    return [(match.start(), len(match[0].expandtabs(4)) - len(match[0].lstrip(" \t>"))) for match in marks]


def _items(source: str) -> list[Span]:
    if _HTML_START.match(source):
        return _paragraph(source)
    spans: list[Span] = []
    for start, end in _between(source, [offset for offset, _ in item_starts(source)]):
        item = source[start:end]
        lazy = re.search(r"[\r\n][^\s>]", item)  # the next lines are not indented: text that follows an item at once
        if (lazy or end - start > _LONG_ITEM) and not VERBATIM.search(item):
            spans += [(start + first, start + last) for first, last in split_paragraph(item)]
        else:
            spans.append((start, end))
    return spans


def _rows(source: str) -> list[Span]:
    if "<t" in source[:2000].lower():
        return list(_between(source, [match.start() for match in _ROW.finditer(source)][1:]))
    spans: list[Span] = []
    for match in _LINE.finditer(source):
        row = match[0].strip()
        if row and spans and _TABLE_RULE.fullmatch(row):
            spans[-1] = (spans[-1][0], match.end())  # the header and its rule
        elif row:
            start = match.start() + len(match[0]) - len(match[0].lstrip())
            spans.append((start, start + len(row)))
    return spans


_UNITS = {"paragraph": _paragraph, "quote": _paragraph, "list": _items, "table": _rows}
