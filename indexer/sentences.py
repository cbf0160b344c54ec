"""Sentences of a passage, with exact offsets: what an answer quotes.

Structure comes first: a heading, a list item, a table's row, a formula and a code fence are one unit each. Only the text of
paragraphs and quotes is split by Kiwi, which knows that Korean notes end sentences without a full stop (~함, ~임, ~다).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from indexer.readers.blocks import markdown_blocks
from indexer.spans import VERBATIM, Span, inside, whole_spans
from indexer.types import BlockKind

_LINE = re.compile(r"[^\r\n]+")
_ITEM = re.compile(r"^[ \t>]*(?:[-*+•·○▪]|\d{1,9}[.)]|[가-하][.)])[ \t]+(?=\S)", re.MULTILINE)
_LIST_LINE = re.compile(r"^[ \t>]*(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$)", re.MULTILINE)
_TABLE_RULE = re.compile(r"[|:\- \t]+")
_ROW = re.compile(r"<tr\b.*?(?:</tr\s*>|(?=<tr\b|</table|</tbody|\Z))", re.DOTALL | re.IGNORECASE)
_HTML_START = re.compile(r"<[A-Za-z!/]")
_HTML_EDGE = re.compile(
    r"</?(?:p|div|li|ul|ol|dl|dt|dd|h[1-6]|tr|table|thead|tbody|blockquote|section|article|figure|figcaption|details|summary"
    r"|pre|br|hr|center|main|aside|header|footer|body|html)\b[^<>]*>",
    re.IGNORECASE,
)
_BLANKED = re.compile(r"</?[A-Za-z][^<>]*>|\*{1,3}|~~|==|__|^[ \t]*>+|!?\[|\]\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)", re.MULTILINE)
_NEW_LINE_STARTS = re.compile(r"[ \t>]*(?:[-=]+>|→|⇒|[-*+•·○▪※★☞]|\d{1,3}[.,)]|ex[).: ]|예[):])")
_UNFINISHED = re.compile(
    r"(?:[,·:(\[+=/&]|[은는을를의에와과며면]|이나|[하되이]고|하여|해서|으로|에서|지만|는데|므로|으나|및|또는|그리고|있는|하는|되는|된|위한|대한|같은"
    r"|\b(?:the|a|an|of|to|in|and|or|with|for|is|are))$"
)
_WRAPPED_COLUMNS = 56  # a line at least this wide was broken by an editor rather than by its writer
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
        source = text[block.start : block.end]
        spans = _UNITS.get(block.kind, _whole)(source)
        found += [Sentence(block.start + start, block.start + end, block.kind) for start, end in spans]
    return found


def split_paragraph(text: str) -> list[Span]:
    """Return the (start, end) of each sentence of running text; marks, links and formulas in it are never torn."""
    return list(_split(text))


@lru_cache(maxsize=4096)
def _split(text: str) -> tuple[Span, ...]:
    from indexer.korean import kiwi  # takes seconds to load: only when there is text to split

    whole = whole_spans(text)
    masked, offsets = _composed(_masked(text))
    cuts: set[int] = set()
    for sentence in kiwi().split_into_sents(masked):
        cuts.add(offsets[sentence.end])
    cuts |= set(_line_cuts(text))
    return tuple(_spans(text, sorted(cut for cut in cuts if not inside(whole, cut))))


def _masked(text: str) -> str:
    """Same length, marks blanked and formulas made words, so that they neither end sentences nor hide their ends."""
    masked = VERBATIM.sub(lambda match: "X" * len(match[0]), text)
    return _BLANKED.sub(lambda match: " " * len(match[0]), masked)


def _composed(text: str) -> tuple[str, list[int]]:
    """NFC of ``text``, and for every offset into it the offset it came from."""
    if unicodedata.is_normalized("NFC", text):
        return text, list(range(len(text) + 1))
    parts, offsets, start = [], [], 0
    for position in range(1, len(text) + 1):
        if position < len(text) and (unicodedata.combining(text[position]) or _JAMO.match(text[position])):
            continue
        composed = unicodedata.normalize("NFC", text[start:position])
        parts.append(composed)
        offsets += [start] * len(composed)
        start = position
    return "".join(parts), [*offsets, len(text)]


def _line_cuts(text: str) -> Iterator[int]:
    """Line ends that also end a sentence: notes put one thought on a line, without a mark."""
    for match in re.finditer(r"\r\n|\n|\r", text):
        before = text[: match.start()].rsplit("\n", 1)[-1].strip()
        blank = re.match(r"[ \t>]*(?:[\r\n]|\Z)", text[match.end() :])
        width = sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in before)
        if blank or _NEW_LINE_STARTS.match(text, match.end()) or (width < _WRAPPED_COLUMNS and not _UNFINISHED.search(before)):
            yield match.start()


def _spans(text: str, cuts: list[int]) -> Iterator[Span]:
    """Trimmed spans between cuts; closing marks that a cut left behind go with the sentence they close."""
    start = 0
    for cut in [*cuts, len(text)]:
        while start < cut < len(text) and text[cut] in "*_~`)\"'”’]」』>":
            cut += 1
        piece = text[start:cut]
        if piece.strip():
            left = len(piece) - len(piece.lstrip())
            yield start + left, start + len(piece.rstrip())
        start = max(start, cut)


def _whole(source: str) -> list[Span]:
    return [(0, len(source))]


def _paragraph(source: str) -> list[Span]:
    if not _HTML_START.match(source):
        return split_paragraph(source)
    spans: list[Span] = []
    start = 0
    for start, end in _between(source, [match.start() for match in _HTML_EDGE.finditer(source)]):
        if _HTML_EDGE.sub("", source[start:end]).strip():
            spans += [(start + first, start + last) for first, last in split_paragraph(source[start:end])]
        elif spans:
            spans[-1] = (spans[-1][0], end)  # a closing tag
        else:
            spans.append((start, end))
    return spans


def _between(source: str, cuts: list[int]) -> Iterator[Span]:
    for start, end in zip([0, *cuts], [*cuts, len(source)], strict=True):
        piece = source[start:end]
        if piece.strip():
            yield start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def item_starts(source: str) -> list[int]:
    """Return the offsets of the lines that begin an item of a Markdown list, at any depth; lines of fences do not."""
    whole = whole_spans(source)
    return [match.start() for match in _LIST_LINE.finditer(source) if not _covered(whole, match.start())]


def _covered(spans: list[Span], position: int) -> bool:
    return inside(spans, position) is not None


def _items(source: str) -> list[Span]:
    if _HTML_START.match(source):
        return _paragraph(source)
    return list(_between(source, item_starts(source)))


def _rows(source: str) -> list[Span]:
    if "<t" in source[:2000].lower():
        rows = [match.span() for match in _ROW.finditer(source)]
        return list(_between(source, [start for start, _ in rows][1:])) or _whole(source)
    spans: list[Span] = []
    for match in _LINE.finditer(source):
        if not match[0].strip():
            continue
        if spans and _TABLE_RULE.fullmatch(match[0].strip()):
            spans[-1] = (spans[-1][0], match.end())  # the header and its rule
        else:
            spans.append((match.start() + len(match[0]) - len(match[0].lstrip()), match.start() + len(match[0].rstrip())))
    return spans


_UNITS = {"paragraph": _paragraph, "quote": _paragraph, "list": _items, "table": _rows}
