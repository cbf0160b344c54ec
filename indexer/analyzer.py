"""From text to the tokens that keyword search compares: morphemes, compounds, and the term table's tokens.

A document is analysed as it is; its compounds stand beside their parts, names beside the names within them. A query loses the
words that only ask (왜, 이유, 차이, …), and its words that stand nowhere in the notes are mended first: to the nearest word that
does ("convolutoin", "드랍아웃").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files

from rapidfuzz import process
from rapidfuzz.distance import OSA

from indexer.korean import LATIN, compounds, kiwi_tokens, morphemes, normalize, noun_runs, words
from indexer.terms import Terms, squeeze

_NEAR_LATIN = 0.78
_NEAR_HANGUL = 0.8
_TRIED = 5  # of the nearest words
_SHORTEST = 4  # letters or jamo: shorter words have too many neighbours


@dataclass(frozen=True)
class Query:
    """A question, ready for keyword search.

    ``tokens`` maps a token to its weight. ``mended`` maps a word as typed to the word it was read as.
    ``terms`` are the term tokens among the tokens.
    """

    text: str
    tokens: Mapping[str, float]
    terms: tuple[str, ...]
    mended: Mapping[str, str] = field(default_factory=dict)


@cache
def question_words() -> frozenset[str]:
    """Morphemes that ask rather than name."""
    lines = files("indexer").joinpath("data/question_words.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def tokens(text: str, terms: Terms) -> list[str]:
    """What a text says: morphemes and terms, in no particular order; repeats count."""
    return [*morphemes(text), *(match.token for match in terms.find(text))]


def passage_tokens(text: str, terms: Terms) -> list[str]:
    """What a passage is found by: its words and terms, in no particular order; repeats count."""
    return [*words(text), *passage_terms(text, terms)]


def passage_terms(text: str, terms: Terms) -> list[str]:
    """The terms that a passage is found by: who asks for attention finds self-attention, too."""
    found = terms.find(text)
    return [*(m.token for m in found), *(token for m in found for token in terms.within(text[m.start : m.end]))]


def query(text: str, terms: Terms, vocabulary: Collection[str]) -> Query:
    """Read a question against the words that the notes hold; of its compounds only those count.

    A question of nothing but question words keeps them.
    """
    mended_text, mended = mend(text, terms, vocabulary)
    found = tuple(dict.fromkeys(match.token for match in terms.find(mended_text)))
    asked = list(dict.fromkeys(morphemes(mended_text)))
    kept = [t for t in asked if t not in question_words()] or ([] if found else asked)
    joined = [c for c in compounds(mended_text) if c in vocabulary and not _only_asks(c)]
    return Query(mended_text, dict.fromkeys([*kept, *joined, *found], 1.0), found, mended)


def _only_asks(compound: str) -> bool:
    parts = set(morphemes(compound))
    return bool(parts) and parts <= question_words()


def jamo(text: str) -> str:
    """Hangul taken apart, so that one wrong vowel is one wrong letter."""
    return unicodedata.normalize("NFD", text)


def mend(text: str, terms: Terms, vocabulary: Collection[str]) -> tuple[str, dict[str, str]]:
    """Replace the words of a question that stand nowhere by the nearest word that does.

    Returns the text, and what was read as what.
    """
    text = normalize(text)
    mended: dict[str, str] = {}
    spans: list[tuple[int, int, str]] = []
    held, known_names = frozenset(vocabulary), set(terms.names())
    covered = [(m.start, m.end) for m in terms.find(text)]

    def is_covered(start: int, end: int) -> bool:
        return any(s <= start and end <= e for s, e in covered)

    for match in LATIN.finditer(text):
        word = match[0].lower()
        names_within = any(match.start() <= s and e <= match.end() for s, e in covered)  # BatchNorm1d
        if names_within or is_covered(*match.span()) or len(word) < _SHORTEST or any(t in vocabulary for t in morphemes(match[0])):
            continue
        alike = [w for w in _latin_words(held, terms) if w[0] == word[0]]  # a first letter is rarely wrong
        near = process.extractOne(word, alike, scorer=OSA.normalized_similarity, score_cutoff=_NEAR_LATIN)
        if near:
            mended[match[0]] = near[0]
            spans.append((*match.span(), near[0]))
    for start, end in _hangul_runs(text):
        word = text[start:end]
        if is_covered(start, end) or word in vocabulary or squeeze(word) in known_names:
            continue
        parts = [t for t in morphemes(word) if t not in question_words()]
        if not parts or len(jamo(word)) < 2 * _SHORTEST or all(p in vocabulary and len(p) > 1 for p in parts):
            continue
        candidates = process.extract(jamo(word), _hangul_words(held, terms), scorer=OSA.normalized_similarity,
                                     score_cutoff=_NEAR_HANGUL, limit=_TRIED)
        for read in (unicodedata.normalize("NFC", found[0]) for found in candidates):
            if read in morphemes(read) or squeeze(read) in known_names:  # a compound a letter away is another thing: 표본분석, 표본분산
                mended[word] = read
                spans.append((start, end, read))
                break
    for start, end, read in sorted(spans, reverse=True):
        text = text[:start] + read + text[end:]
    return text, mended


# Sorted, so that of two words equally near the same one is always taken.


@lru_cache(maxsize=4)
def _latin_words(vocabulary: frozenset[str], terms: Terms) -> tuple[str, ...]:
    return tuple(sorted(w for w in {*vocabulary, *terms.names()} if len(w) >= _SHORTEST and w.isascii() and w.isalpha()))


@lru_cache(maxsize=4)
def _hangul_words(vocabulary: frozenset[str], terms: Terms) -> tuple[str, ...]:
    known = {*vocabulary, *terms.names()}
    return tuple(sorted(jamo(w) for w in known if len(w) >= 2 and re.fullmatch(r"[가-힣]+", w) and not w.endswith("다")))


def _hangul_runs(text: str) -> list[tuple[int, int]]:
    """Noun phrases written without a space: where an unknown loanword may have been taken apart."""
    runs = [(run[0].start, run[-1].end) for run in noun_runs(kiwi_tokens(text))]
    return [(start, end) for start, end in runs if end - start >= 2]
