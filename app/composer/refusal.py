"""When the notes do not say: a small model of the evidence decides, and the refusal says why.

There are two: where a question names something, its words should stand in the notes; where it says all in everyday words, the words
that the primer lends to it should, and what the primer takes it to be about. ``python -m tests.benchmarks.refusal`` fitted them so
that a few of the answerable are refused.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.types import heading_line
from indexer.index import Found
from indexer.korean import LATIN, split_latin
from indexer.terms import builtin_terms
from indexer.types import SearchResult

NOTHING = "노트에서 이 질문과 관련된 내용을 찾지 못했습니다."
DOES_NOT_SAY = "관련된 노트는 있지만, 이 질문의 답은 적혀 있지 않습니다."
UNKNOWN = "노트에 '{names}'에 관한 내용이 없습니다."
UNTREATED = "'{name}'에 관한 질문으로 보이는데, 노트에는 그 내용이 없습니다."


@dataclass(frozen=True)
class LogisticModel:
    """Logistic regression: ``bias``, and the weights of some of the evidence by name."""

    bias: float
    weights: Mapping[str, float]

    def score(self, seen: Evidence) -> float:
        """The log-odds of an answer."""
        return self.bias + sum(weight * getattr(seen, name) for name, weight in self.weights.items())


_USUAL = 0.6  # the likeness of a question and a passage that answers it
_CHANCE = 0.4  # coverage by words that any passage might hold
_CLEAR = 0.4  # from this probability on
_SURE = 0.25  # the share of one term in what a question is about, from which on it is named
_COMMON, _COMPOSED = 0.5, 0.25  # how much it says that a common word, or a name made of several known ones, is missing
_FIRST = 10  # of the words that the primer lends

# For a question that names something, and for one in everyday words; a score of 0 parts answers from refusals.
_NAMED = LogisticModel(1.26, {"coverage": 3.47, "known": -1.54, "likeness": 10.93, "heard": 0.36, "lent": -0.46, "familiar": 1.16,
                              "strange": -1.72, "missing": -2.15, "absent": -3.23})
_EVERYDAY = LogisticModel(0.43, {"held": 6.85, "lent": 0.82, "familiar": 1.50, "strange": -5.96, "absent": -4.43})


@dataclass(frozen=True)
class Refusal:
    """Why there is no answer, and the headings nearest to the question."""

    reason: str
    near: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """What speaks for an answer; every number in 0 … 1 unless it says otherwise.

    ``coverage``: the part of the question's words, by importance, that the best passage holds. ``held``: what of it is more than any
    passage might hold. ``known``: the part that the notes hold at all. ``likeness``: late interaction of question and best passage,
    less what is usual (0 without an encoder that can tell). ``heard``: the probability of the clearest concept. ``lent``: the part of
    the primer's words, by weight, that the best passage holds. ``familiar``: the part of the first of them that the notes hold at
    all: where the notes do not treat a topic, its words are missing too. ``strange``: how clearly it is about none of the concepts,
    by the words that the best passage lacks. ``missing``: 1 where the question names something that stands nowhere in the notes,
    less for a common word and for a name made of several that do. ``absent``: the part of what the primer takes the question to be
    about that the notes never mention; the more they treat, the more this says. ``named``: whether it names anything.
    """

    coverage: float
    held: float
    known: float
    likeness: float
    heard: float
    lent: float
    familiar: float
    strange: float
    missing: float
    absent: float
    named: bool


def evidence(found: Found, results: Sequence[SearchResult]) -> Evidence:
    """Measure a search."""
    held = [found.held[r.chunk.id] for r in results[:3]]
    first = dict(list(found.lent.words.items())[:_FIRST])
    coverage = max((passage.asked for passage in held), default=0.0)
    return Evidence(
        coverage=coverage,
        held=max(0.0, coverage - _CHANCE),
        known=_share(found.importance, found.vocabulary),
        likeness=0.0 if found.likeness is None else found.likeness - _USUAL,
        heard=max((h.score for h in found.heard), default=0.0),
        lent=max((passage.lent for passage in held), default=0.0),
        familiar=_share(first, found.vocabulary),
        strange=max(0.0, found.other - _CLEAR) * (1 - coverage),
        missing=max((_missed(name, found) for name in missing_names(found)), default=0.0),
        absent=_breadth(found) * (1 - found.other) * sum(share for _, share in untreated(found)),
        named=bool(found.query.terms or LATIN.search(found.query.text)),
    )


def _breadth(found: Found) -> float:
    """The part of the term table that ships which the notes mention."""
    tokens = builtin_terms().tokens()
    return sum(token in found.vocabulary for token in tokens) / len(tokens)


def _share(weights: Mapping[str, float], held: Collection[str]) -> float:
    """The part of the tokens, by weight, that are held."""
    return sum(w for token, w in weights.items() if token in held) / (sum(weights.values()) or 1.0)


def _missed(name: str, found: Found) -> float:
    """How much it says that a name stands nowhere: little where the several names it is made of do ("scaled dot-product attention")."""
    parts = found.terms.side_by_side(name)
    if len(parts) > 1 and all(not found.vocabulary.isdisjoint(part) for part in parts):
        return _COMPOSED
    return 1.0 if name != name.lower() or not name.isascii() else _COMMON


def missing_names(found: Found) -> tuple[str, ...]:
    """Terms and Latin words of the question that stand nowhere in the notes, under none of their names."""
    text = found.query.text
    matches = found.terms.find(text)
    absent = [text[m.start : m.end] for m in matches if m.token not in found.vocabulary]
    for word in LATIN.finditer(text):
        inside = any(m.start <= word.start() and word.end() <= m.end for m in matches)
        size = text[: word.start()][-1:].isdigit()  # the x of 32x32
        if not inside and not size and len(word[0]) > 1 and not any(t in found.vocabulary for t in split_latin(word[0])):
            absent.append(word[0])
    return tuple(dict.fromkeys(absent))


def untreated(found: Found) -> list[tuple[str, float]]:
    """What the primer takes the question to be about and the notes never mention: a term's token and its share, the largest first."""
    absent = ((token, share) for token, share in found.lent.about.items() if token not in found.vocabulary and found.terms.row(token))
    return sorted(absent, key=lambda pair: -pair[1])


def confidence(found: Found, results: Sequence[SearchResult]) -> float:
    """How sure it is that the notes hold the answer, 0 … 1: what ``refused`` decides by, for the risk-coverage curve."""
    return 1 / (1 + math.exp(-_score(evidence(found, results)))) if results else 0.0


def _score(seen: Evidence) -> float:
    return (_NAMED if seen.named else _EVERYDAY).score(seen)


def refused(found: Found, results: Sequence[SearchResult]) -> Refusal | None:
    """The refusal, where the evidence is too thin; None where there is an answer."""
    if not results:
        return Refusal(NOTHING, ())
    seen = evidence(found, results)
    if _score(seen) >= 0:
        return None
    near = tuple(dict.fromkeys(f"{heading_line(r.chunk) or r.chunk.path} ({r.chunk.path})" for r in results[:3]))
    absent = missing_names(found)
    if absent:
        return Refusal(UNKNOWN.format(names="', '".join(absent)), near)
    about = untreated(found)
    if about and about[0][1] * (1 - found.other) >= _SURE:
        return Refusal(UNTREATED.format(name=found.terms.row(about[0][0])[0]), near)
    return Refusal(DOES_NOT_SAY if seen.known > 0.5 else NOTHING, near)
