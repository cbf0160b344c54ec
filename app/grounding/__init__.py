"""Is it so? Every sentence of a model's answer is held against the passages it cites before a reader sees it.

A sentence stays where a passage that was given supports it: enough of its words stand there (morphemes; a reranker may
vouch for a paraphrase), its numbers, formulas and code stand there exactly, and what stands there is no order to a
model. It leaves with a citation of the lines that support it best.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from app.composer.units import Unit, units_of
from app.grounding.exact import contradicts, lines_missing, missing, negated
from app.grounding.pieces import Piece
from app.grounding.script import foreign
from app.prompts.untrusted import commands, gives_orders, orders
from app.reranker import Reranker
from app.types import Citation, heading_line
from indexer import analyzer
from indexer.plain import plain
from indexer.terms import Terms
from indexer.types import SearchResult

Reason = Literal["uncited", "unknown", "script", "inexact", "contradicted", "unsupported", "order", "repeated"]
_COVERED = 0.5  # of a sentence's words, in the passages cited
_VOUCHED = 0.3  # …where the reranker is sure of it
_SURE = 0.5
_QUOTED = 0.34  # of its words, in the lines quoted
_PART = 0.25  # a second citation that holds less adds nothing
_WORTH = 0.15  # what a neighbouring sentence must add to be quoted with the best one
_COPIED = 0.6  # of its words: it says the same, or its opposite
_MUCH_LONGER = 1.8


@dataclass(frozen=True)
class Kept:
    """A sentence as the reader sees it, with its marks, and the citations that are new with it."""

    text: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True)
class Dropped:
    """A sentence that the reader does not see, and why."""

    text: str
    reason: Reason


@dataclass(frozen=True)
class _Evidence:
    """Lines of a passage (a unit, or two that follow each other), and the share of the sentence's words in them.

    ``core``: of two units, the one that holds more.
    """

    unit: Unit
    share: float
    core: Unit


class Grounder:
    """Checks the pieces of one answer, in order; citations are numbered as they come.

    ``passages``: those the model was given, in its numbering (the first is [1]).
    """

    def __init__(
        self, question: str, passages: Sequence[SearchResult], terms: Terms, reranker: Reranker | None = None
    ) -> None:
        self._question = question
        self._terms = terms
        self._reranker = reranker
        self._asked = self._words(question)
        self._passages = [_Passage(result, terms, self._asked) for result in passages]
        lines = Counter(w for p in self._passages for held in p.lines for w in held)
        self._common = self._asked.union(*(p.headed for p in self._passages), (w for w, n in lines.items() if n > 1))
        self._numbers: dict[tuple[str, int, int], int] = {}
        self._said: set[str] = set()

    def check(self, piece: Piece) -> Kept | Dropped:
        """Keep a piece with its citations, or drop it with the reason."""
        cited = [self._passages[n - 1] for n in piece.marks if 1 <= n <= len(self._passages)]
        if not cited:
            return Dropped(piece.text, "unknown" if piece.marks else "uncited")
        whole = "\n".join(p.trusted for p in cited)
        reason = self._objection(piece, whole)
        if reason is not None:
            return Dropped(piece.text, reason)
        if piece.kind in ("code", "formula", "table"):
            found = [e for p in cited if (e := p.holding(piece.text)) is not None]
        else:
            found = self._supporting(piece, cited)
        if not found:
            return Dropped(piece.text, "unsupported")
        if any(contradicts(piece.text, e.unit.quote) or _turned(piece.text, e) for e in found[:1]):
            return Dropped(piece.text, "contradicted")
        self._said.add(_key(piece.text))
        return self._cited(piece, found)

    def _objection(self, piece: Piece, whole: str) -> Reason | None:
        if _key(piece.text) in self._said:
            return "repeated"
        if gives_orders(piece.text, code=piece.kind == "code"):
            return "order"
        if piece.kind in ("code", "formula", "table"):
            return "inexact" if lines_missing(piece.text, whole) else None
        if foreign(piece.text, self._question, whole):
            return "script"
        return "inexact" if missing(piece.text, whole) else None

    def _supporting(self, piece: Piece, cited: Sequence[_Passage]) -> list[_Evidence]:
        """The lines that support a sentence, best first; none where the passages cited do not, or one line alone speaks of
        all it says: what has nothing to do with question, headings and the other lines does not belong in an answer.
        """
        text = piece.text
        words = self._words(text)
        told = words - self._asked or words
        if not told or (piece.kind == "text" and not self._belongs(words)):
            return []
        ranked = sorted((e for p in cited if (e := p.best(told, words)) is not None), key=lambda e: -e.share)
        if not ranked:
            return []
        covered = len(told & set().union(*(p.words for p in cited))) / len(told)
        best = ranked[0]
        if covered < _COVERED or best.share < _QUOTED:
            if covered < _VOUCHED or self._reranker is None:
                return []
            if float(self._reranker.scores(text, [plain(best.unit.quote)])[0]) < _SURE:
                return []
        return [best, *(e for e in ranked[1:] if e.share >= _PART)]

    def _belongs(self, words: frozenset[str]) -> bool:
        """Whether a sentence has to do with the question, the headings, more than one line, or the field at all."""
        return any(w.startswith("§") or w in self._common for w in words)

    def _cited(self, piece: Piece, found: Sequence[_Evidence]) -> Kept:
        marks: list[int] = []
        new: list[Citation] = []
        for unit in (e.unit for e in found):
            place = (unit.chunk.id, unit.start, unit.end)
            if place not in self._numbers:
                self._numbers[place] = len(self._numbers) + 1
                start, end = unit.lines()
                new.append(
                    Citation(self._numbers[place], unit.chunk.path, heading_line(unit.chunk), start, end, unit.quote)
                )
            if self._numbers[place] not in marks:
                marks.append(self._numbers[place])
        shown = "".join(f"[{n}]" for n in marks)
        gap = "\n" if piece.kind in ("code", "formula", "table") else " "
        return Kept(f"{piece.prefix}{piece.text}{gap}{shown}", tuple(new))

    def _words(self, text: str) -> frozenset[str]:
        found = frozenset(analyzer.tokens(plain(text), self._terms))
        return frozenset(w for w in found if w not in analyzer.question_words()) or found


class _Passage:
    """A passage with its lines; those that give orders to a model count for nothing.

    Nor does a command that names no term of its passage's headings or of the question: it belongs to another matter.
    """

    def __init__(self, result: SearchResult, terms: Terms, asked: frozenset[str]) -> None:
        chunk = result.chunk
        tainted = orders(chunk.text)
        trusted = [u for u in units_of([result]) if not any(s < u.end and u.start < e for s, e in tainted)]
        above = "\n".join([*chunk.heading, chunk.lead, *(u.text for u in trusted if u.kind == "heading")])
        words = [(u, frozenset(analyzer.tokens(u.text, terms))) for u in trusted if u.kind != "heading"]
        self.headed = frozenset(analyzer.tokens(above, terms))
        common = {w for w in (*self.headed, *asked) if w.startswith("§")}
        common |= {w for w, n in Counter(w for _, held in words for w in held).items() if n > 1 and w.startswith("§")}
        kept = [(u, held) for u, held in words if u.kind == "code" or held & common or not commands(u.text)]
        self.units = [u for u, _ in kept]
        self.lines = [held for _, held in kept]
        self.words = self.headed.union(*self.lines)
        self.trusted = "\n".join([above, *(u.quote for u in self.units)])

    def best(self, told: frozenset[str], words: frozenset[str]) -> _Evidence | None:
        """The lines that hold most of ``told`` (of ``words``, where equal): a unit, or two in a row where that adds much."""
        if not self.units:
            return None
        prose = [
            held if unit.kind != "code" else frozenset() for unit, held in zip(self.units, self.lines, strict=True)
        ]
        shares = [len(told & held) / len(told) for held in prose]
        at = max(range(len(shares)), key=lambda i: (shares[i], len(words & self.lines[i]), -i))
        best = _Evidence(self.units[at], shares[at], self.units[at])
        for first, second in ((at - 1, at), (at, at + 1)):
            if first < 0 or second >= len(self.units) or self.units[second].order != self.units[first].order + 1:
                continue
            share = len(told & (prose[first] | prose[second])) / len(told)
            if share >= shares[at] + _WORTH and share > best.share:
                best = _Evidence(replace(self.units[first], end=self.units[second].end), share, self.units[at])
        return best

    def holding(self, block: str) -> _Evidence | None:
        """The unit that holds a block to the letter, or the units it runs over."""
        for size in (1, 2, 3):
            for i in range(len(self.units) - size + 1):
                span = replace(self.units[i], end=self.units[i + size - 1].end)
                if not lines_missing(block, span.quote):
                    return _Evidence(span, 1.0, span)
        return None


def _turned(text: str, evidence: _Evidence) -> bool:
    """Whether a sentence copies its evidence but for a negation."""
    quote = plain(evidence.core.quote)
    return evidence.share >= _COPIED and len(quote) < _MUCH_LONGER * len(text) and negated(text) != negated(quote)


def _key(text: str) -> str:
    return re.sub(r"\W+", "", text)
