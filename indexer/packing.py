"""Which neighbours make a chunk: as many as fit, cut where it parts least.

A formula stays with the sentence that introduces it rather than two paragraphs with each other, and a heading with what
follows it before all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from indexer.pieces import Size
from indexer.types import BlockKind

INTRODUCTION = 200  # the longest sentence that is pulled along with what it introduces
_MAX_GAP = 80  # characters of the file between two blocks that belong to none (HTML's scripts, menus)


class Bond(IntEnum):
    """How much a cut before an atom would part: the smaller, the better a place to cut."""

    SECTION = 0
    FREE = 1
    TOUCHING = 2
    INTRODUCED = 3
    HEADED = 4


@dataclass(frozen=True)
class Atom:
    """What packing does not cut; ``bond``: how much a cut before it would part."""

    start: int
    end: int
    kind: BlockKind
    path: tuple[str, ...]
    bond: Bond
    lead: str = ""


def packed(atoms: list[Atom], limit: int, minimum: int, size: Size) -> Iterator[list[Atom]]:
    """Yield the atoms of each chunk, in order.

    A chunk counts at most ``limit``, more only where one atom does or what belongs together is a little longer; none is
    shorter than ``minimum`` where another cut avoids it.
    """
    start = 0
    while start < len(atoms):
        stop = start + 1
        while stop < len(atoms) and _fits(atoms, start, stop, limit, minimum, size):
            stop += 1
        if stop < len(atoms):
            stop = _best_cut(atoms, start, stop, limit, minimum, size)
        yield atoms[start:stop]
        start = stop


def _fits(atoms: list[Atom], start: int, new: int, limit: int, minimum: int, size: Size) -> bool:
    """Whether ``atoms[new]`` goes into the chunk from ``start``: by size, or because all of it belongs together."""
    if _gap(atoms[new - 1], atoms[new], size) > _MAX_GAP:
        return False
    total = size(atoms[start].start, atoms[new].end)
    if total <= limit:
        return True
    first = new  # of those that belong to the new one
    while first > start and atoms[first].bond >= Bond.INTRODUCED:
        first -= 1
    if first == new or (first > start and size(atoms[start].start, atoms[first - 1].end) >= minimum):
        return False
    return total <= max(limit, size(atoms[new].start, atoms[new].end)) + max(INTRODUCTION, limit // 4)


def _gap(before: Atom, after: Atom, size: Size) -> int:
    return size(before.end, after.start)


def _best_cut(atoms: list[Atom], start: int, full: int, limit: int, minimum: int, size: Size) -> int:
    """Return where to end the chunk: the weakest bond; of equals the last. Neither side of the cut is to be a scrap."""
    rest = size(atoms[full].start, atoms[-1].end)
    if rest < minimum:  # cut earlier, if that makes a last chunk of a fair size
        for cut in range(full - 1, start, -1):
            head, tail = size(atoms[start].start, atoms[cut - 1].end), size(atoms[cut].start, atoms[-1].end)
            if head < minimum or tail > limit:
                break
            if tail >= minimum and atoms[cut].bond < Bond.INTRODUCED:
                return cut
    best = full
    for cut in range(full - 1, start, -1):
        if size(atoms[start].start, atoms[cut - 1].end) < minimum:
            break
        weaker = atoms[cut].bond < atoms[best].bond
        if weaker and (atoms[best].bond >= Bond.INTRODUCED or _late(atoms, start, cut, full, size)):
            best = cut
    return best


def _late(atoms: list[Atom], start: int, cut: int, full: int, size: Size) -> bool:
    return 2 * size(atoms[start].start, atoms[cut - 1].end) >= size(atoms[start].start, atoms[full - 1].end)
