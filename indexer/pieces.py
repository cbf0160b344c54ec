"""A block that is longer than a chunk may be, cut where its kind permits.

A formula and a heading never; a table between rows; a list between items; code between top-level statements and only when it
is several times too long; text at the ends of sentences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from indexer.sentences import item_starts, split_paragraph
from indexer.spans import Span, inside, splits_character, whole_spans
from indexer.types import Block

Size = Callable[[int, int], int]

_CODE_FACTOR = 4
_INDENT = re.compile(r"[ \t>]*")
_STATEMENT = re.compile(r"(?:\r\n|\n|\r)[ \t]*(?:\r\n|\n|\r)+(?=[^\s\])}#]|#)")
_ROW_TAG = re.compile(r"<(/?)(table|tr)\b", re.IGNORECASE)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_HEADER_RULE = re.compile(r"[|:\- \t]*-[|:\- \t]*")


@dataclass(frozen=True)
class Piece:
    """Offsets into the note, and the text that has to be read before it: header row, parent items."""

    start: int
    end: int
    lead: str = ""


def pieces(text: str, block: Block, limit: int, size: Size) -> list[Piece]:
    """Return ``block`` as one piece, or cut into pieces of at most ``limit`` where its kind allows; in order, trimmed.

    ``size(start, end)``: how long ``text[start:end]`` counts, in characters.
    """
    if size(block.start, block.end) <= limit or block.kind not in _CUTTERS:
        return [Piece(block.start, block.end)]
    cut = _CUTTERS[block.kind](text, block.start, block.end, limit, size)
    return [piece for piece in cut if piece.end > piece.start]


def trimmed(text: str, start: int, end: int) -> Span:
    """Return ``start, end`` without the white space at both ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _pack(text: str, units: list[Piece], limit: int, size: Size) -> list[Piece]:
    """Join neighbouring units while they fit, aiming at pieces of about the same size."""
    if not units:
        return []
    total = size(units[0].start, units[-1].end)
    target = min(limit, int(total / -(-total // limit) * 1.15) + 1)
    packed = [units[0]]
    for unit in units[1:]:
        if size(packed[-1].start, unit.end) <= target:
            packed[-1] = Piece(packed[-1].start, unit.end, packed[-1].lead)
        else:
            packed.append(unit)
    return packed


def _cut_text(text: str, start: int, end: int, limit: int, size: Size) -> list[Piece]:
    units = []
    for first, last in split_paragraph(text[start:end]):
        units += list(_cut_hard(text, start + first, start + last, limit, size))
    return _pack(text, units, limit, size)


def _cut_hard(text: str, start: int, end: int, limit: int, size: Size) -> Iterator[Piece]:
    """A sentence longer than the limit: at a line end, else at a comma, else at a space, else between characters."""
    whole = whole_spans(text[start:end])
    while size(start, end) > limit:
        base = end - len(text[start:end])
        far = _reach(start, end, limit, size)
        cut = 0
        for mark in ("\n", ", ", " "):
            cut = text.rfind(mark, start + 1, far) + 1
            while cut > start + 1 and _torn(text, whole, base, end, cut):
                cut = text.rfind(mark, start + 1, cut - 1) + 1
            if cut > start + (far - start) // 4:
                break
        if cut <= start + (far - start) // 4:
            cut = far
            while cut < end and _torn(text, whole, base, end, cut):
                cut += 1
        if cut >= end:
            break
        yield Piece(*trimmed(text, start, cut))
        whole = [(first - (cut - start), last - (cut - start)) for first, last in whole]
        start = cut
    yield Piece(*trimmed(text, start, end))


def _torn(text: str, whole: list[Span], base: int, end: int, cut: int) -> bool:
    return inside(whole, cut - base) is not None or splits_character(text, cut)


def _reach(start: int, end: int, limit: int, size: Size) -> int:
    """Return the largest offset with ``size(start, offset) <= limit``, by bisection; past ``start`` in any case."""
    low, high = start + 1, end
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(start, middle) <= limit else (low, middle - 1)
    return low


def _cut_list(text: str, start: int, end: int, limit: int, size: Size) -> list[Piece]:
    """Between the outermost items; an item that is too long between the items in it, which are led by its first line."""
    starts = [start + offset for offset in item_starts(text[start:end])]
    return _pack(text, list(_items(text, start, end, starts, "", limit, size)), limit, size)


def _items(text: str, start: int, end: int, starts: list[int], lead: str, limit: int, size: Size) -> Iterator[Piece]:
    if size(start, end) <= limit:
        yield Piece(*trimmed(text, start, end), lead)
        return
    if not starts:
        yield from (Piece(piece.start, piece.end, lead) for piece in _cut_text(text, start, end, limit, size))
        return
    outer = min(_indent(text, offset) for offset in starts)
    edges = [offset for offset in starts if _indent(text, offset) == outer]
    if edges[0] > start and text[start : edges[0]].strip():  # the text of the parent item
        yield from _items(text, start, edges[0], [], lead, limit, size)
    for first, last in pairwise([*edges, end]):
        inner = [offset for offset in starts if first < offset < last]
        if size(first, last) <= limit or inner:
            below = "\n".join(part for part in (lead, _first_line(text, first, last)) if part)
            if size(first, last) <= limit:
                yield Piece(*trimmed(text, first, last), lead)
            else:
                head, *rest = _items(text, first, last, inner, below, limit, size)
                yield Piece(head.start, head.end, lead)
                yield from rest
        else:
            yield from _items(text, first, last, [], lead, limit, size)


def _indent(text: str, offset: int) -> int:
    match = _INDENT.match(text, offset)
    return len(match[0].expandtabs(4)) if match else 0


def _first_line(text: str, start: int, end: int) -> str:
    return text[start:end].strip().splitlines()[0].strip()[:120]


def _cut_table(text: str, start: int, end: int, limit: int, size: Size) -> list[Piece]:
    """Between rows; every piece after the first is led by the header row."""
    rows = _html_rows(text, start, end) if text[start:end].lstrip().startswith("<") else _line_rows(text, start, end)
    if len(rows) < 3:
        return [Piece(start, end)]
    header = text[slice(*trimmed(text, *rows[0]))]
    units = [Piece(*trimmed(text, *row)) for row in rows]
    units[:2] = [Piece(units[0].start, units[1].end)]  # a header alone says nothing
    packed = _pack(text, units, limit, size)
    return [packed[0], *(Piece(piece.start, piece.end, header) for piece in packed[1:])]


def _line_rows(text: str, start: int, end: int) -> list[Span]:
    rows: list[Span] = []
    for match in _LINE.finditer(text, start, end):
        if not match[0].strip():
            continue
        if len(rows) == 1 and _HEADER_RULE.fullmatch(match[0].strip()):
            rows[0] = (rows[0][0], match.end())
        else:
            rows.append(match.span())
    return rows


def _html_rows(text: str, start: int, end: int) -> list[Span]:
    """Spans from one <tr> of the outer table to the next; what stands before the first belongs to it."""
    edges, depth = [], 0
    for tag in _ROW_TAG.finditer(text, start, end):
        if tag[2].lower() == "table":
            depth += -1 if tag[1] else 1
        elif not tag[1] and depth == 1:
            edges.append(tag.start())
    return list(pairwise([start, *edges[1:], end]))


def _cut_code(text: str, start: int, end: int, limit: int, size: Size) -> list[Piece]:
    """Only far too long code, and only after a blank line before a line that is not indented."""
    if size(start, end) <= _CODE_FACTOR * limit:
        return [Piece(start, end)]
    edges = [match.end() for match in _STATEMENT.finditer(text, start, end) if not _in_string(text[start : match.end()])]
    units = [Piece(first, first + len(text[first:last].rstrip())) for first, last in pairwise([start, *edges, end])]
    return _pack(text, units, limit, size)


def _in_string(before: str) -> bool:
    return before.count('"""') % 2 == 1 or before.count("'''") % 2 == 1


_CUTTERS = {"paragraph": _cut_text, "quote": _cut_text, "list": _cut_list, "table": _cut_table, "code": _cut_code}
