"""The sentences, list items, formulas, code and table rows of the passages found: what an answer is put together from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from app.composer.prose import readable
from app.prompts.untrusted import orders
from indexer.lines import line_of, line_starts
from indexer.plain import plain
from indexer.sentences import Sentence, sentences
from indexer.types import Chunk, SearchResult

_VERBATIM_KINDS = ("code", "formula")
_STAR_AS_CODE = re.compile(r"`[^`\n]*\*[^`\n]*`")


@dataclass(frozen=True)
class Unit:
    """A piece of a passage that can stand in an answer: ``chunk.text[start:end]``.

    ``commands``: it reads like an order to a language model; the note says it, but it is no knowledge.
    """

    chunk: Chunk
    rank: int
    order: int
    start: int
    end: int
    kind: str
    text: str
    commands: bool = False

    @property
    def quote(self) -> str:
        """The piece as it stands in the file."""
        return self.chunk.text[self.start : self.end]

    @cached_property
    def shown(self) -> str:
        """The piece as an answer shows it."""
        return self.text if self.kind in _VERBATIM_KINDS else readable(self.text, stars=bool(_STAR_AS_CODE.search(self.quote)))

    def lines(self) -> tuple[int, int]:
        """First and last line in the file."""
        starts = line_starts(self.chunk.text)
        last = max(self.start, self.end - 1)
        return (self.chunk.start_line + line_of(starts, self.start) - 1, self.chunk.start_line + line_of(starts, last) - 1)


def units_of(results: Sequence[SearchResult]) -> list[Unit]:
    """The units of the passages, in reading order."""
    return [
        Unit(result.chunk, rank, *piece)
        for rank, result in enumerate(results)
        for piece in _pieces(result.chunk.text)
    ]


@lru_cache(maxsize=2048)
def _pieces(passage: str) -> tuple[tuple[int, int, int, str, str, bool], ...]:
    """(order, start, end, kind, plain text, commands) of every piece; kept, since the same passages answer many questions."""
    out = []
    ordered = orders(passage)
    for order, sentence in enumerate(sentences(passage)):
        start, end = _trimmed(passage, sentence)
        text = plain(passage[start:end])
        if re.search(r"\w", text):
            out.append((order, start, end, str(sentence.kind), text, any(s < end and start < e for s, e in ordered)))
    return tuple(out)


def _trimmed(text: str, sentence: Sentence) -> tuple[int, int]:
    start, end = sentence.start, sentence.end
    while end > start and text[end - 1].isspace():
        end -= 1
    if sentence.kind != "code":
        while start < end and text[start].isspace():
            start += 1
    return start, end
