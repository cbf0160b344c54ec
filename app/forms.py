"""A passage in the form that was asked for: a formula where one is asked for, a definition where one is, as many things as were."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from app.composer.asked import asked
from indexer.index import Found
from indexer.plain import plain
from indexer.types import SearchResult

# Parts of the best score; measured on development questions.
SHOWN = 0.1
DEFINED = 0.1
REASONED = 0.08
LISTED = 0.2
DEFINED_BESIDE = 0.03  # for questions that ask for something else, a passage that defines the term is still nearer

_SIGNS = {
    "formula": re.compile(r"\$\$|\\frac|\\sum|\\begin\{|\$[^$\n]*=[^$\n]*\$|\b[A-Za-z]\([a-z]\)\s*="),
    "code": re.compile(r"```|~~~|\bimport \w|^ {4}\w+.*[=(]", re.MULTILINE),
}
_ITEM = re.compile(r"([ \t]*)(?!(?:[-*+][ \t]*){3,}$)(?:([-*+•·])|\d+[.)])[ \t]+\S")
_FENCED = re.compile(r"^[ \t]*(```|~~~).*?^[ \t]*\1", re.DOTALL | re.MULTILINE)
_GIVES_REASONS = re.compile(r"왜(?![곡도])|이유|까닭|필요|목적|동기|배경|효과|\bwhy\b", re.IGNORECASE)  # a heading


def fitted(found: Found, results: Sequence[SearchResult]) -> tuple[SearchResult, ...]:
    """The results in order again, those in the asked form raised a little."""
    if not results:
        return ()
    form = asked(found.query.text)
    kind = form.kind
    sign, defines = _SIGNS.get(kind), _definition(found)
    best = max(r.score for r in results)
    raised = []
    for result in results:
        bonus = SHOWN if sign and sign.search(result.chunk.text) else 0.0
        if form.count and form.count in list_lengths(result.chunk.text):
            bonus += LISTED
        match = defines.search(plain(result.chunk.text)) if defines else None
        if match:
            bonus += (DEFINED if kind == "definition" else DEFINED_BESIDE) * (1.0 if match.start() < 150 else 0.5)
        if kind == "reason" and result.chunk.heading and _GIVES_REASONS.search(result.chunk.heading[-1]):
            bonus += REASONED
        parts = {**result.parts, "form": round(bonus, 3)} if bonus else result.parts
        raised.append(replace(result, score=(result.score + bonus * best) / (1 + SHOWN + DEFINED + LISTED), parts=parts))
    return tuple(sorted(raised, key=lambda r: -r.score))


def list_lengths(text: str) -> set[int]:
    """How many items each list of a Markdown text has; a list within an item counts by itself."""
    done: set[int] = set()
    open_: dict[tuple[int, str], int] = {}  # depth and mark ("" for numbers): items so far
    for line in _FENCED.sub("", text).splitlines():
        item = _ITEM.match(line)
        if item:
            depth = len(item[1].expandtabs(4))
            done.update(open_.pop(key) for key in list(open_) if key[0] > depth)
            open_[depth, item[2] or ""] = open_.get((depth, item[2] or ""), 0) + 1
        elif line.strip() and not line[0].isspace():
            done.update(open_.values())
            open_.clear()
    return done | set(open_.values())


def _definition(found: Found) -> re.Pattern[str] | None:
    """What a passage says that defines one of the question's terms: "배치 정규화(Batch Normalization)는 …"."""
    if "각각" in found.query.text:  # asks for several parts, which one definition does not give
        return None
    names = sorted({re.escape(name) for token in found.query.terms for name in found.terms.row(token)}, key=len, reverse=True)
    if not names:
        return None
    return re.compile(rf"(?:{'|'.join(names)})(?:\s*\([^)]*\))?\s*(?:은|는|이란|란)\s", re.IGNORECASE)
