"""Notes to chunks: passages along the structure of the note, each under its headings, with exact offsets and lines.

A section's blocks are packed up to a limit; where a cut is needed, it falls where it parts least: rather between
paragraphs than between a formula and the sentence that introduces it. Sections of a line or two join the one after.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, groupby

from indexer.lines import line_of, line_starts
from indexer.packing import INTRODUCTION, Atom, Bond, packed
from indexer.pieces import Piece, Size, pieces
from indexer.plain import plain_line
from indexer.sentences import split_paragraph
from indexer.spans import unweighty_spans
from indexer.types import Block, BlockKind, Chunk, Note

_DRAWN = re.compile(r"[\s#\-=*_~+<>|.·─—]+")
_NUMBERING = re.compile(r"^(?:part\s+)?(?:[\dIVX]+[.)]?)+\s+", re.IGNORECASE)
_CONTINUES = re.compile(r"\s*(?:여기서|여기에서|이때|이 때|단,|즉,|where\b|위 식|위의 식)")
_SHOWN: tuple[BlockKind, ...] = ("formula", "code", "table")


@dataclass(frozen=True)
class _Section:
    """The blocks under one heading. ``path``: titles, outermost first; ``level``: the heading's, 0 before the first."""

    path: tuple[str, ...]
    level: int
    blocks: tuple[Block, ...]


def chunk_note(note: Note, *, max_chars: int = 700, min_chars: int = 120) -> list[Chunk]:
    """Return the chunks of ``note``, in order and not overlapping; ``chunk.text == note.text[chunk.start:chunk.end]``.

    A chunk holds at most ``max_chars`` characters of text (HTML tags and base64 pictures do not count), except what is
    not cut: a formula, a table's row, a code fence up to four times that, each with the sentence that introduces it.
    Rules drawn between sections (``---``) make no chunk. Sections shorter than ``min_chars`` are joined with the one
    after them. Raises ValueError unless 0 <= min_chars < max_chars.
    """
    if not 0 <= min_chars < max_chars:
        raise ValueError(f"min_chars {min_chars} must be less than max_chars {max_chars}")
    size = _sizer(note.text)
    starts = line_starts(note.text)
    seen: dict[str, int] = {}
    chunks = []
    for group in _joined(_sections(note), size, max_chars, min_chars):
        atoms = list(_atoms(note.text, group, max_chars, size))
        for pack in packed(atoms, max_chars, min_chars, size):
            if spoken := _without_rules(note.text, pack):
                chunks.append(_chunk(note, spoken, starts, seen))
    return chunks


def _sizer(text: str) -> Size:
    spans = unweighty_spans(text)
    if not spans:
        return lambda start, end: end - start
    begins = [start for start, _ in spans]
    totals = [0, *accumulate(end - start for start, end in spans)]

    def unweighty_before(offset: int) -> int:
        number = bisect_right(begins, offset)
        if number == 0:
            return 0
        start, end = spans[number - 1]
        return totals[number - 1] + min(offset, end) - start

    return lambda start, end: end - start - unweighty_before(end) + unweighty_before(start)


def _sections(note: Note) -> list[_Section]:
    """Split at headings. A path has no two neighbours that say the same ("1. ML > 1.1. ML")."""
    title = plain_line(str(note.metadata.get("title") or ""))
    first = next((block.title for block in note.blocks if block.kind == "heading"), "")
    outer: tuple[str, ...] = (title,) if title and _bare(title) != _bare(first) else ()
    open_headings: list[tuple[int, str]] = []
    sections: list[_Section] = []
    current: list[Block] = []
    path, level = outer, 0
    for block in note.blocks:
        if block.kind == "heading":
            if current:
                sections.append(_Section(path, level, tuple(current)))
            while open_headings and open_headings[-1][0] >= block.level:
                open_headings.pop()
            open_headings.append((block.level, block.title))
            path, level, current = _path(outer, open_headings), block.level, []
        current.append(block)
    if current:
        sections.append(_Section(path, level, tuple(current)))
    return sections


def _bare(title: str) -> str:
    return _NUMBERING.sub("", title).strip().casefold()


def _path(outer: tuple[str, ...], headings: list[tuple[int, str]]) -> tuple[str, ...]:
    path = list(outer)
    for _, title in headings:
        if not path or _bare(path[-1]) != _bare(title):
            path.append(title)
    return tuple(path)


def _says_something(section: _Section) -> bool:
    return any(block.kind != "heading" for block in section.blocks)


def _joined(sections: list[_Section], size: Size, limit: int, minimum: int) -> list[list[_Section]]:
    """Group sections: one that is tiny goes with the next (or, at an end, the one before); no heading stands alone."""
    groups: list[list[_Section]] = []
    spoken = True  # whether the last group holds more than headings
    for section in sections:
        speaks = _says_something(section)
        if groups and (not spoken or (speaks and _joins(groups[-1], section, size, limit, minimum))):
            groups[-1].append(section)
            spoken = spoken or speaks
        else:
            groups.append([section])
            spoken = speaks
    if len(groups) > 1 and not spoken:  # bare headings with nothing after them
        silent = groups.pop()
        groups[-1] += silent
    return groups


def _joins(group: list[_Section], section: _Section, size: Size, limit: int, minimum: int) -> bool:
    """Whether a section goes with those before it, because one of them is tiny."""
    start, end = group[0].blocks[0].start, section.blocks[-1].end
    if size(start, end) > limit:
        return False
    before, own = size(start, group[-1].blocks[-1].end), size(section.blocks[0].start, end)
    below = section.level >= group[-1].level
    scrap = before < minimum // 2  # a line before a section whose level jumped up: better there than alone
    return scrap or (below and (before < minimum or own < minimum // 2))


def _atoms(text: str, sections: list[_Section], limit: int, size: Size) -> Iterator[Atom]:
    previous: Block | None = None
    for section in sections:
        for block, following in zip(section.blocks, [*section.blocks[1:], None], strict=True):
            bond = _bond(text, previous, block)
            for number, piece in enumerate(_cut(text, block, following, limit, size)):
                inner = Bond.TOUCHING if block.kind in ("paragraph", "quote") else Bond.FREE
                yield Atom(piece.start, piece.end, block.kind, section.path, inner if number else bond, piece.lead)
            previous = block


def _bond(text: str, previous: Block | None, block: Block) -> Bond:
    if previous is None or block.kind == "heading":
        return Bond.HEADED if previous is not None and previous.kind == "heading" else Bond.SECTION
    if previous.kind == "heading":
        return Bond.HEADED
    if block.kind in _SHOWN and previous.kind in ("paragraph", "list", "quote"):
        return Bond.INTRODUCED
    if previous.kind == "formula" and _CONTINUES.match(text, block.start):
        return Bond.INTRODUCED
    if block.kind == "list" and previous.kind == "paragraph":
        return Bond.TOUCHING
    between = text[previous.end : block.start]
    return Bond.FREE if between.count("\n") + between.count("\r") - between.count("\r\n") > 1 else Bond.TOUCHING


def _cut(text: str, block: Block, following: Block | None, limit: int, size: Size) -> list[Piece]:
    """The pieces of a block; the last sentence of a text is one of its own where what it introduces would not fit."""
    cut = pieces(text, block, limit, size)
    shown = following is not None and following.kind in _SHOWN
    last = cut[-1]
    if not shown or following is None or block.kind != "paragraph" or size(last.start, following.end) <= limit:
        return cut
    if size(last.start, last.end) <= INTRODUCTION:
        return cut
    spans = split_paragraph(text[last.start : last.end])
    if len(spans) < 2 or spans[-1][1] - spans[-1][0] > INTRODUCTION:
        return cut
    head, sentence = last.start + spans[-2][1], last.start + spans[-1][0]
    return [*cut[:-1], Piece(last.start, head, last.lead), Piece(sentence, last.end)]


def _without_rules(text: str, atoms: list[Atom]) -> list[Atom]:
    """Drop rules and stray marks from both ends: they say nothing, and alone they are no passage."""
    spoken = [number for number, atom in enumerate(atoms) if not _DRAWN.fullmatch(text, atom.start, atom.end)]
    return atoms[spoken[0] : spoken[-1] + 1] if spoken else []


def _chunk(note: Note, atoms: list[Atom], starts: list[int], seen: dict[str, int]) -> Chunk:
    start, end = atoms[0].start, atoms[-1].end
    paths = [path for path, _ in groupby(atom.path for atom in atoms if atom.kind != "heading")]
    heading = _common(paths) if paths else atoms[-1].path
    text = note.text[start:end]
    key = "\0".join((note.path, *heading, "", text))
    seen[key] = seen.get(key, 0) + 1
    name = key if seen[key] == 1 else f"{key}\0{seen[key]}"
    return Chunk(
        id=hashlib.sha1(name.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()[:16],
        path=note.path,
        heading=heading,
        text=text,
        start=start,
        end=end,
        start_line=line_of(starts, start),
        end_line=line_of(starts, max(start, end - 1)),
        lead=atoms[0].lead,
    )


def _common(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The headings that all of a chunk stands under; those of its first part where there are none."""
    shared = []
    for titles in zip(*paths, strict=False):
        if len(set(titles)) > 1:
            break
        shared.append(titles[0])
    return tuple(shared) or paths[0]
