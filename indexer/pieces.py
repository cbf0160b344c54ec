"""A block that is longer than a chunk may be, cut where its kind permits.

A formula and a heading never; a table between rows; a list between items; code between top-level statements and only
when it is several times too long; text at the ends of sentences.
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
_PARENTS = 3  # of the items around a piece, the nearest lead it
_MAX_DEPTH = 20  # lists in lists beyond this are no outline
_STATEMENT = re.compile(r"(?:\r\n|\n|\r)[ \t]*(?:\r\n|\n|\r)+(?=[^\s\])}])")
_TRIPLE_QUOTE = re.compile(r"\"{3}|'{3}")
_ROW_TAG = re.compile(r"<(/?)(table|tr)\b", re.IGNORECASE)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_HEADER_RULE = re.compile(r"[|:+=\- \t]*[-=][|:+=\- \t]*")
_CUT_MARKS = ("\n", ", ", " ")


@dataclass(frozen=True)
class Piece:
    """Offsets into the note, and the text that has to be read before it: header row, parent items."""

    start: int
    end: int
    lead: str = ""


def pieces(text: str, block: Block, limit: int, size: Size) -> list[Piece]:
    """Return ``block`` as one piece, or in pieces of at most ``limit`` where its kind allows; in order, trimmed.

    ``size(start, end)``: how long ``text[start:end]`` counts, in characters.
    """
    if size(block.start, block.end) <= limit or block.kind not in _CUTTERS:
        return [Piece(block.start, block.end)]
    return list(_CUTTERS[block.kind](text, block.start, block.end, limit, size))


def trimmed(text: str, start: int, end: int) -> Span:
    """Return ``start, end`` without the white space at both ends."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _pack(units: list[Piece], limit: int, size: Size) -> list[Piece]:
    """Join neighbouring units while they fit, aiming at pieces of about the same size."""
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
    units: list[Piece] = []
    for first, last in split_paragraph(text[start:end]):
        units += _cut_hard(text, start + first, start + last, limit, size)
    return _pack(units, limit, size)


def _cut_hard(text: str, start: int, end: int, limit: int, size: Size) -> Iterator[Piece]:
    """A sentence longer than the limit: at a line end, else at a comma, else at a space, else between characters."""
    whole = [(start + first, start + last) for first, last in whole_spans(text[start:end])]
    while size(start, end) > limit:
        far = _reach(start, end, limit, size)
        cut = next((place for mark in _CUT_MARKS if (place := _last(text, mark, start, far, whole))), far)
        while cut < end and _torn(text, whole, cut):
            cut += 1
        if cut >= end:
            break
        yield Piece(*trimmed(text, start, cut))
        start = cut
    if text[start:end].strip():
        yield Piece(*trimmed(text, start, end))


def _last(text: str, mark: str, start: int, far: int, whole: list[Span]) -> int:
    """The last place after a ``mark`` to cut at, in the later three quarters of ``text[start:far]``; 0: none."""
    near = start + (far - start) // 4
    cut = text.rfind(mark, near, far)
    while cut >= 0 and _torn(text, whole, cut + len(mark)):
        cut = text.rfind(mark, near, cut)
    return cut + len(mark) if cut >= 0 and text[start:cut].strip() else 0


def _torn(text: str, whole: list[Span], cut: int) -> bool:
    return inside(whole, cut) is not None or splits_character(text, cut)


def _reach(start: int, end: int, limit: int, size: Size) -> int:
    """Return the largest offset with ``size(start, offset) <= limit``, by bisection; past ``start`` in any case."""
    low, high = start + 1, end
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if size(start, middle) <= limit else (low, middle - 1)
    return low


def _cut_list(text: str, start: int, end: int, limit: int, size: Size) -> list[Piece]:
    """Between the outermost items; a too long item between the items in it, which are led by its first line."""
    items = [(start + offset, depth) for offset, depth in item_starts(text[start:end])]
    return _pack(list(_items(text, start, end, items, (), limit, size)), limit, size)


def _items(
    text: str, start: int, end: int, items: list[tuple[int, int]], parents: tuple[str, ...], limit: int, size: Size
) -> Iterator[Piece]:
    lead = "\n".join(parents[-_PARENTS:])
    if size(start, end) <= limit:
        if text[start:end].strip():
            yield Piece(*trimmed(text, start, end), lead)
        return
    if not items or len(parents) > _MAX_DEPTH:
        yield from (Piece(piece.start, piece.end, lead) for piece in _cut_text(text, start, end, limit, size))
        return
    outer = min(depth for _, depth in items)
    edges = [number for number, (_, depth) in enumerate(items) if depth == outer]
    yield from _items(text, start, items[edges[0]][0], [], parents, limit, size)  # what the parent item says itself
    for number, following in pairwise([*edges, len(items)]):
        first, last = items[number][0], items[following][0] if following < len(items) else end
        inner = items[number + 1 : following]
        if size(first, last) <= limit or not inner:
            yield from _items(text, first, last, [], parents, limit, size)
            continue
        head, *rest = _items(text, first, last, inner, (*parents, _first_line(text, first, last)), limit, size)
        yield Piece(head.start, head.end, lead)
        yield from rest


def _first_line(text: str, start: int, end: int) -> str:
    return text[start : min(end, start + 200)].strip().splitlines()[0].strip()[:120]


def _cut_table(text: str, start: int, end: int, limit: int, size: Size) -> list[Piece]:
    """Between rows; every piece after the first is led by the header row."""
    rows = _html_rows(text, start, end) if text.startswith("<", start) else _line_rows(text, start, end)
    if len(rows) < 3:
        return [Piece(start, end)]
    units = [Piece(*trimmed(text, *row)) for row in rows]
    header = text[units[0].start : units[0].end]
    units[:2] = [Piece(units[0].start, units[1].end)]  # a header alone says nothing
    first, *rest = _pack(units, limit, size)
    return [first, *(Piece(piece.start, piece.end, header) for piece in rest)]


def _line_rows(text: str, start: int, end: int) -> list[Span]:
    """A row is a line; the header's rule goes with it, and so do the lines between two rules of a grid table."""
    lines = [match.span() for match in _LINE.finditer(text, start, end) if match[0].strip()]
    if text.startswith("+", start):
        edges = [first for first, last in lines if text[first:last].lstrip().startswith("+")]
        return list(pairwise([*edges[:-1], end]))
    rows: list[Span] = []
    for first, last in lines:
        if len(rows) == 1 and _HEADER_RULE.fullmatch(text[first:last].strip()):
            rows[0] = (rows[0][0], last)
        else:
            rows.append((first, last))
    return rows


def _html_rows(text: str, start: int, end: int) -> list[Span]:
    """Spans from one <tr> of the outer table to the next; what stands before the first belongs to it."""
    edges: list[int] = []
    depth = 0
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
    edges: list[int] = []
    quotes, seen = 0, start
    for match in _STATEMENT.finditer(text, start, end):
        quotes += len(_TRIPLE_QUOTE.findall(text, seen, match.end()))
        seen = match.end()
        if quotes % 2 == 0:  # not within a docstring
            edges.append(match.end())
    units = [Piece(first, first + len(text[first:last].rstrip())) for first, last in pairwise([start, *edges, end])]
    return _pack(units, limit, size)


_CUTTERS: dict[str, Callable[[str, int, int, int, Size], list[Piece]]] = {
    "paragraph": _cut_text,
    "quote": _cut_text,
    "list": _cut_list,
    "table": _cut_table,
    "code": _cut_code,
}
