"""How well each unit answers: the question's words in it, the passage it stands in, and the form that was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from app.composer.asked import Asked
from app.composer.prose import cut_in, cut_off
from app.composer.units import Unit
from app.composer.words import Wanted, fold, named
from indexer.index import Found
from indexer.terms import Terms
from indexer.types import SearchResult

WORDS, PASSAGE, BESIDE, SIGN, DEFINES, COUNTED, FIRST = 0.55, 0.9, 0.1, 0.15, 0.2, 0.2, 0.05
_BROKEN, _SHORT, _TRIES, _COMMANDS = -0.2, -0.2, -0.3, -1.0
_SHORTEST = 12  # characters; less says nothing by itself

_KIND_FITS: Mapping[str, Mapping[str, float]] = {
    "formula": {"formula": 0.5, "code": -0.3},
    "code": {"code": 0.6, "formula": -0.1},
    "list": {"list": 0.2, "table": 0.1, "code": -0.3},
    "comparison": {"table": 0.2, "list": 0.05, "code": -0.3},
    "number": {"table": 0.1},
    "procedure": {"list": 0.1},
}
_OTHER_KINDS: Mapping[str, float] = {"code": -0.3, "heading": -0.6, "table": -0.05, "formula": -0.1}
_SIGNS: Mapping[str, re.Pattern[str]] = {
    kind: re.compile(pattern)
    for kind, pattern in {
        "reason": r"때문|위해|위하|방지|므로|이유|따라서|덕분|막기|줄이|않도록|하려고|그래서|왜냐|이점|장점",
        "definition": r"(?:은|는|란|이란)\s.*(?:이다|임|것|말한다|말함|뜻|의미|기법|방법|함수|모델|구조|알고리즘|층)|라고\s?(?:함|한다|부르|불)|정의",
        "comparison": r"반면|하지만|달리|비해|보다|차이|반대로|각각|한편",
        "procedure": r"먼저|다음|그\s?뒤|단계|순서|하면|한다|하여|해서|통해",
        "number": r"\d",
        "list": r"첫째|둘째|가지|종류|[①②③]|\b1[.)]|있다|있음",
    }.items()
}
_HANDS_ON = re.compile(r"(?:직접\s*)?해\s*보기|실습|연습\s*문제|과제")  # a heading: what stands under it tells the reader to try, not what is so
_ITEM_KINDS = ("list", "table")
_DEFINED_KINDS = ("definition", "open", "yes_no")


def scored(units: Sequence[Unit], results: Sequence[SearchResult], found: Found, asked: Asked) -> list[float]:
    """A score for each unit, 0 to about 2. ``results``: the passages the units are from."""
    wanted = Wanted.of(found.importance, found.terms)
    shares = _shares(units, wanted)
    best = max((r.score for r in results), default=1.0) or 1.0
    sign = _SIGNS.get(asked.kind)
    defines = definition_of(found.query.terms, found.terms) if asked.kind in _DEFINED_KINDS else None
    counted = _counted(units, asked.count)
    fits = {**_OTHER_KINDS, **_KIND_FITS.get(asked.kind, {})}
    out = []
    for at, unit in enumerate(units):
        near = [shares[i] for i in (at - 1, at + 1) if 0 <= i < len(units) and units[i].rank == unit.rank]
        score = WORDS * shares[at] + BESIDE * max(near, default=0.0) + PASSAGE * results[unit.rank].score / best
        score += fits.get(unit.kind, 0.0) + SIGN * bool(sign and sign.search(unit.text)) + COUNTED * (at in counted)
        score += DEFINES * bool(defines and unit.kind in ("paragraph", "list", "quote") and defines.match(fold(unit.text)))
        score += FIRST * (unit.order <= 1)  # a section says what it is about first
        if unit.kind == "paragraph" and (cut_in(unit.shown) or cut_off(unit.shown)):
            score += _BROKEN
        if len(unit.text) < _SHORTEST and unit.kind != "formula":
            score += _SHORT
        if unit.commands:
            score += _COMMANDS
        if asked.kind not in ("code", "procedure") and unit.chunk.heading and _HANDS_ON.search(unit.chunk.heading[-1]):
            score += _TRIES
        out.append(score)
    return out


def _shares(units: Sequence[Unit], wanted: Wanted) -> list[float]:
    """How much of the question each unit holds; a table's row is read with its header."""
    out: list[float] = []
    header = ""
    for at, unit in enumerate(units):
        if unit.kind == "table" and not (at and (units[at - 1].kind, units[at - 1].rank) == (unit.kind, unit.rank)):
            header = unit.text
        out.append(wanted.share(f"{header}\n{unit.text}" if unit.kind == "table" else unit.text))
    return out


def definition_of(tokens: Sequence[str], terms: Terms) -> re.Pattern[str] | None:
    """How a folded sentence begins that defines one of the terms; None without terms."""
    names = {name for token in tokens for name in terms.row(token)}
    return definition_of_names(names) if names else None


def definition_of_names(names: Iterable[str]) -> re.Pattern[str]:
    """How a folded sentence begins that defines the thing: "배치 정규화(Batch Normalization)는 …", "ReLU : …"."""
    patterns = sorted({named(name) for name in names}, key=len, reverse=True)
    return re.compile(rf"\W{{0,6}}(?:\d+[.)]\s*)?(?:{'|'.join(patterns)})\s*(?:\([^)]*\)\s*)?(?:은|는|이란|란|:|->|→)(?:\s|$)")


def _counted(units: Sequence[Unit], count: int) -> set[int]:
    """The units of lists with exactly as many items as were asked for."""
    out: set[int] = set()
    if count:
        for key, run in groupby(range(len(units)), key=lambda i: (units[i].rank, units[i].kind)):
            members = list(run)
            if key[1] in _ITEM_KINDS and len(members) == count + (key[1] == "table"):
                out.update(members)
    return out
