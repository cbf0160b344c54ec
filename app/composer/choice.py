"""Which units make the answer, and in which order: the best one with what belongs to it, then the next best."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from app.composer.asked import Asked
from app.composer.prose import cut_in, cut_off
from app.composer.units import Unit

LENGTH = 620  # characters of an answer, marks and all; one that needs no scrolling
_ENOUGH = 0.9  # of the length
_WORTH = 0.6  # of the best score
_MARK = 5
_COSTS: Mapping[str, int] = {"code": 8, "formula": 2, "table": 6, "list": 3}
_WHOLE_LIST = 420  # characters
_ROWS = 9
_PROSE = ("paragraph", "quote")
_INTRODUCES = re.compile(r"다음과\s?같|아래와\s?같|아래의|다음은|아래는|:\s*$|이다음|가지")
_LEANS = re.compile(r"(?:이는|이를|이때|이것|이런|이러한|이와|즉|따라서|그래서|그러면|하지만|그러나|반면|또한|다만|대신|여기서|그\s)")
_EXPLAINS = re.compile(r"여기서|이때|\$[^$]+\$\s*(?:은|는|이|가|을|를)|[A-Za-z]\s?(?:은|는|:)")


def chosen(units: Sequence[Unit], scores: Sequence[float], form: Asked, shown: Sequence[int] = ()) -> list[list[Unit]]:
    """Runs of units that stand together in a passage, the best first. ``shown``: units that the answer holds already."""
    order = sorted((i for i in range(len(units)) if not _only_leads(units, i)), key=lambda i: -scores[i])
    taken: dict[int, Unit] = {i: units[i] for i in shown}
    seen: set[str] = {_key(units[i]) for i in shown}
    length = sum(_cost(units[i]) for i in shown)
    for at in order:
        if taken and (length >= LENGTH * _ENOUGH or scores[at] < _WORTH * scores[order[0]]):
            break
        for i in (at, *_belonging(units, at, form)):
            unit = units[i]
            key, cost = _key(unit), _cost(unit)
            if i in taken or key in seen or (taken and length + cost > LENGTH):
                if i == at:
                    break  # what belongs to it says nothing alone
                continue
            seen.add(key)
            taken[i] = unit
            length += cost
    return _runs(units, scores, sorted(taken.keys() - set(shown)))


def _key(unit: Unit) -> str:
    """The same for sentences that differ in marks and spaces only."""
    return re.sub(r"\W+", "", unit.text)


def _cost(unit: Unit) -> int:
    return len(unit.shown) + _MARK + _COSTS.get(unit.kind, 0)


def _only_leads(units: Sequence[Unit], at: int) -> bool:
    """Whether a unit is a heading or a table's header: no answer by itself."""
    if units[at].kind != "table":
        return units[at].kind == "heading"
    return not _same(units, at, at - 1) and _same(units, at, at + 1)


def _same(units: Sequence[Unit], at: int, other: int) -> bool:
    """Whether ``other`` stands in the same passage and is of the same kind."""
    return 0 <= other < len(units) and (units[other].rank, units[other].kind) == (units[at].rank, units[at].kind)


def _runs(units: Sequence[Unit], scores: Sequence[float], taken: Sequence[int]) -> list[list[Unit]]:
    """Passages by their best unit; in a passage, the run with that unit first, the others as they are read."""
    runs: list[list[int]] = []
    for i in taken:
        if runs and units[runs[-1][-1]].rank == units[i].rank and i - runs[-1][-1] <= 2:
            runs[-1].append(i)
        else:
            runs.append([i])
    best = {id(run): max(scores[i] for i in run) for run in runs}
    passages: dict[int, float] = {}
    for run in runs:
        rank = units[run[0]].rank
        passages[rank] = max(passages.get(rank, -9.0), best[id(run)])
    runs.sort(key=lambda run: (-passages[units[run[0]].rank], units[run[0]].rank, best[id(run)] < passages[units[run[0]].rank], run[0]))
    return [[units[i] for i in run] for run in runs]


def _belonging(units: Sequence[Unit], at: int, form: Asked) -> Iterator[int]:
    """The neighbours without which a unit says little, nearest first."""
    unit = units[at]

    def kind(i: int) -> str:
        return units[i].kind if 0 <= i < len(units) and units[i].rank == unit.rank else ""

    before, after = kind(at - 1), kind(at + 1)
    if unit.kind in ("formula", "code"):
        if before in (*_PROSE, "list"):
            yield at - 1
        if after in _PROSE and unit.kind == "formula" and _EXPLAINS.search(units[at + 1].text):
            yield at + 1
        return
    if unit.kind in ("list", "table"):
        yield from _block(units, at, form)
        return
    if before in _PROSE and (_LEANS.match(unit.text) or cut_in(unit.shown) or cut_off(units[at - 1].shown)):
        yield at - 1
    if _INTRODUCES.search(unit.text) and after not in _PROSE and after != "heading":
        yield from _following(units, at)
    elif after in _PROSE:
        yield at + 1
        if _INTRODUCES.search(units[at + 1].text) and kind(at + 2) in ("formula", "list", "table"):
            yield from _following(units, at + 1)


def _following(units: Sequence[Unit], at: int) -> Iterator[int]:
    step = at + 1
    while step <= at + 8 and step < len(units) and units[step].rank == units[at].rank and _same(units, at + 1, step):
        yield step
        step += 1


def _block(units: Sequence[Unit], at: int, form: Asked) -> Iterator[int]:
    """A table with its header; a list with the sentence before it, whole where it is short or was asked for."""
    unit = units[at]
    first = last = at
    while _same(units, at, first - 1):
        first -= 1
    while _same(units, at, last + 1):
        last += 1
    length = sum(len(units[i].text) for i in range(first, last + 1))
    if unit.kind == "table":
        yield first
        yield from range(first + 1, last + 1) if length <= _WHOLE_LIST and last - first <= _ROWS else (at + 1,) if at < last else ()
        return
    if first > 0 and units[first - 1].rank == unit.rank and units[first - 1].kind in _PROSE and _INTRODUCES.search(units[first - 1].text):
        yield first - 1
    if length <= _WHOLE_LIST or form.kind in ("list", "procedure"):
        yield from sorted((i for i in range(first, last + 1) if i != at), key=lambda i: abs(i - at))
    elif at < last:
        yield at + 1
