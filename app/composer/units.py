"""The sentences, lists, formulas, code and tables of the passages found, and how well each answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.composer.asked import Asked
from indexer import analyzer
from indexer.lines import line_of, line_starts
from indexer.plain import plain
from indexer.sentences import Sentence, sentences
from indexer.terms import Terms
from indexer.types import Chunk, SearchResult

_KIND_FITS: Mapping[str, Mapping[str, float]] = {
    "formula": {"formula": 0.5, "code": -0.3},
    "code": {"code": 0.6, "formula": -0.1},
    "list": {"list": 0.2, "table": 0.1, "code": -0.3},
    "comparison": {"table": 0.2, "list": 0.05, "code": -0.3},
    "number": {"table": 0.1},
}
_PHRASES: Mapping[str, str] = {
    "reason": r"때문|위해|위하|방지|므로|이유|따라서|덕분|막기|줄이|않도록|하려고|그래서|왜냐",
    "definition": r"(?:은|는|란|이란)\s.*(?:이다|임|것|말한다|말함|뜻|의미|기법|방법|함수|모델|구조|알고리즘|층)|라고\s?(?:함|한다|부르|불)|정의",
    "comparison": r"반면|하지만|달리|비해|보다|차이|반대로|각각|한편",
    "procedure": r"먼저|다음|그\s?뒤|단계|순서|하면|한다|하여|해서|통해",
    "number": r"\d",
    "list": r"첫째|둘째|가지|종류|[①②③]|\b1[.)]|있다|있음",
}
_OTHER_KINDS: Mapping[str, float] = {"code": -0.25, "heading": -0.25, "table": -0.05}


@dataclass(frozen=True)
class Unit:
    """A piece of a passage that can stand in an answer: ``chunk.text[start:end]``."""

    chunk: Chunk
    rank: int
    order: int
    start: int
    end: int
    kind: str
    text: str

    @property
    def quote(self) -> str:
        """The piece as it stands in the file."""
        return self.chunk.text[self.start : self.end]

    def lines(self) -> tuple[int, int]:
        """First and last line in the file."""
        starts = line_starts(self.chunk.text)
        last = max(self.start, self.end - 1)
        return (self.chunk.start_line + line_of(starts, self.start) - 1, self.chunk.start_line + line_of(starts, last) - 1)


def units_of(results: Sequence[SearchResult]) -> list[Unit]:
    """The units of the passages, in reading order."""
    out = []
    for rank, result in enumerate(results):
        chunk = result.chunk
        for order, sentence in enumerate(sentences(chunk.text)):
            start, end = _trimmed(chunk.text, sentence)
            text = plain(chunk.text[start:end])
            if re.search(r"\w", text):
                out.append(Unit(chunk, rank, order, start, end, sentence.kind, text))
    return out


def _trimmed(text: str, sentence: Sentence) -> tuple[int, int]:
    start, end = sentence.start, sentence.end
    while end > start and text[end - 1].isspace():
        end -= 1
    if sentence.kind != "code":
        while start < end and text[start].isspace():
            start += 1
    return start, end


def scored(units: Sequence[Unit], results: Sequence[SearchResult], weights: Mapping[str, float], asked: Asked,
           terms: Terms) -> list[float]:
    """How well each unit answers: the question's words in it, the passage's score, and the form that was asked for.

    ``weights``: the question's tokens with their importance (idf).
    """
    total = sum(weights.values()) or 1.0
    best = max((r.score for r in results), default=1.0) or 1.0
    pattern = re.compile(_PHRASES[asked.kind]) if asked.kind in _PHRASES else None
    out = []
    for unit in units:
        present = set(analyzer.tokens(unit.text, terms))
        share = sum(w for t, w in weights.items() if t in present) / total
        score = 0.55 * share + 0.9 * results[unit.rank].score / best
        score += _KIND_FITS.get(asked.kind, {}).get(unit.kind, _OTHER_KINDS.get(unit.kind, 0.0))
        if pattern and pattern.search(unit.text):
            score += 0.15
        if unit.order <= 1:
            score += 0.05  # a section says what it is about first
        if len(unit.text) < 12 and unit.kind != "formula":
            score -= 0.2
        out.append(score)
    return out
