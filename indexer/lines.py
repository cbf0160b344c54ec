"""Where lines start: the one rule by which line numbers are counted everywhere.

A line ends at ``\\r\\n``, ``\\n`` or a lone ``\\r``, as editors and Python's universal newlines count them; a form feed
or U+2028 does not end one (``str.splitlines`` would say otherwise).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

_LINE_END = re.compile(r"\r\n|\n|\r")


def line_starts(text: str) -> list[int]:
    """Return the offset at which each line of ``text`` begins; the first is 0."""
    return [0, *(match.end() for match in _LINE_END.finditer(text))]


def line_of(starts: Sequence[int], offset: int) -> int:
    """Return the number (from 1) of the line that ``offset`` lies on, given ``line_starts`` of the text."""
    return bisect_right(starts, offset)
