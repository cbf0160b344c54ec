"""Every concept there is, found by walking the rooms: a new file with a ``CONCEPT`` is in the catalogue, nothing else to do."""

from __future__ import annotations

import importlib
import pkgutil
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

import models
from models.concept import Concept, ConceptError, Control, Value
from models.reading import named_numbers, to_number

ROOMS = ("tensors", "learning", "vision", "sequence", "attention", "generative", "language")


@cache
def concepts() -> Mapping[str, Concept]:
    """All concepts by slug, room by room.

    Raises:
        ValueError: two files claim one slug.
    """
    found: dict[str, Concept] = {}
    for room in ROOMS:
        package = importlib.import_module(f"{models.__name__}.{room}")
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
            concept = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "CONCEPT", None)
            if isinstance(concept, Concept):
                if concept.slug in found:
                    raise ValueError(f"two concepts have the slug {concept.slug!r}")
                found[concept.slug] = concept
    return MappingProxyType(found)


def room(slug: str) -> str:
    """The room a concept lives in."""
    return get(slug).demo.__module__.split(".")[-2]


def get(name: str) -> Concept:
    """A concept by slug or by any of its names, Korean or English.

    Raises:
        ConceptError: there is none; the message names near ones.
    """
    known = concepts()
    if name in known:
        return known[name]
    squeezed = _squeeze(name)
    for concept in known.values():
        if squeezed in {_squeeze(n) for n in _names(concept)}:
            return concept
    near = ", ".join(c.slug for c in find(name)[:3])
    raise ConceptError(f"{name!r} 개념이 없습니다: " + (f"혹시 {near}?" if near else "'pilgi demo --list'로 목록을 볼 수 있습니다."))


def find(text: str) -> list[Concept]:
    """The concepts that a text names, the most specific name first (a longer name says more)."""
    hits = _hits(text)
    return [concepts()[slug] for slug in sorted(hits, key=lambda s: (-hits[s], s))]


def ranked(question: str, cited: Iterable[str] = (), heard: Mapping[str, float] | None = None, *, most: int = 3) -> list[Concept]:
    """The concepts of a question and of the passages cited for it, at most ``most``, best first.

    ``heard``: concepts that the question means without naming them, with their probability.
    """
    scores: dict[str, float] = {}
    for slug, length in _hits(question).items():
        scores[slug] = scores.get(slug, 0.0) + 10.0 + 0.1 * length
    for slug, probability in (heard or {}).items():
        if slug in concepts():
            scores[slug] = scores.get(slug, 0.0) + 8.0 * probability
    for weight, passage in zip((2.0, 1.0, 0.5), cited, strict=False):
        hits = _hits(passage)
        most_named = max(hits.values(), default=1)
        for slug, length in hits.items():
            scores[slug] = scores.get(slug, 0.0) + weight * length / most_named
    return [concepts()[slug] for slug in sorted(scores, key=lambda s: (-scores[s], s))[:most]]


def prefilled(concept: Concept, *texts: str) -> dict[str, Value]:
    """The controls whose values stand in the texts (the question first, then the cited note); out-of-bounds values are left."""
    values: dict[str, Value] = {}
    for text in texts:
        numbers = named_numbers(text, {c.name: c.words for c in concept.controls if c.kind == "number" and c.words})
        for control in concept.controls:
            if control.name in values:
                continue
            raw: float | str | None = numbers.get(control.name)
            if raw is None and control.pattern and (match := re.search(control.pattern, text)):
                raw = to_number(match[1]) if control.kind == "number" else match[1]
            if raw is not None:
                value = _allowed(control, raw)
                if value is not None:
                    values[control.name] = value
    return values


def _allowed(control: Control, raw: float | str) -> Value | None:
    try:
        return control.check(raw)
    except ConceptError:
        return None


def _names(concept: Concept) -> tuple[str, ...]:
    return (concept.title, concept.slug.replace("_", " "), *concept.aliases)


def _squeeze(text: str) -> str:
    return re.sub(r"[\s\-_]+", "", unicodedata.normalize("NFKC", text).lower())


@cache
def _patterns() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    """(slug, name, pattern) longest name first; Latin names stand alone, short Korean ones do not start inside a word."""
    out = []
    for concept in concepts().values():
        for name in dict.fromkeys(_names(concept)):
            letters = [re.escape(c) for c in _squeeze(name)]
            body = r"[\s\-_]*".join(letters)
            before = r"(?<![a-z])" if name[0].isascii() else (r"(?<![가-힣])" if len(letters) <= 2 else "")
            after = r"s?(?![a-z])" if name[-1].isascii() and name[-1].isalpha() else ""
            out.append((concept.slug, name, re.compile(before + body + after)))
    return tuple(sorted(out, key=lambda row: -len(_squeeze(row[1]))))


def _hits(text: str) -> dict[str, float]:
    """Slug -> length of the longest name found; a name inside a longer one that was found does not count."""
    text = unicodedata.normalize("NFKC", text).lower()
    taken: list[tuple[int, int]] = []
    hits: dict[str, float] = {}
    for slug, name, pattern in _patterns():
        for match in pattern.finditer(text):
            if any(s <= match.start() and match.end() <= e and (s, e) != match.span() for s, e in taken):
                continue
            taken.append(match.span())
            hits[slug] = max(hits.get(slug, 0.0), float(len(_squeeze(name))))
    return hits
