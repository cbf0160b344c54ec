"""Names learned from the notes themselves: "배치 정규화(Batch Normalization)", "RBM(Restricted Boltzmann Machine)".

One side is Korean and the other Latin, or one is the initials of the other. A name that goes with several others ("값",
"데이터") explains something else each time, and is left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from indexer.korean import kiwi_tokens
from indexer.terms import squeeze

_PAIR = re.compile(r"([가-힣A-Za-z][가-힣A-Za-z0-9 \-]{0,40}?)\s?\(\s*([A-Za-z][A-Za-z0-9 ,\-]{1,60}|[가-힣][가-힣 ]{1,20})\s*\)")
_NOT_NAMES = {"e.g", "i.e", "ex", "etc", "cf", "optional", "default", "true", "false", "none", "yes", "no", "ko", "en", "kr"}
_MOST_WORDS = 5
_LATIN_END = re.compile(r"[A-Za-z][A-Za-z0-9\-]*(?: [A-Za-z][A-Za-z0-9\-]*)*$")


def learn(texts: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Rows of names that the texts put beside each other, sorted.

    ``texts``: readable text (``indexer.plain``), one a passage.
    """
    rows: dict[frozenset[str], tuple[str, ...]] = {}
    for text in texts:
        for match in _PAIR.finditer(text):
            for others in _together([part.strip() for part in match[2].split(",")]):
                name = _name_before(match[1], others[0])
                row = (name, *others)
                if name and all(map(_usable, row)) and squeeze(name) not in map(squeeze, others):
                    rows.setdefault(frozenset(map(squeeze, row)), row)
    partners: dict[str, set[str]] = defaultdict(set)
    for names in rows:
        for name in names:
            partners[name] |= names
    return tuple(sorted(row for names, row in rows.items() if all(partners[name] == names for name in names)))


def _together(names: list[str]) -> list[tuple[str, ...]]:
    """The names in one bracket: two that are long form and initials of each other (GD, Gradient Descent) are one thing."""
    match names:
        case [a, b] if _initials(a) == b.lower() or _initials(b) == a.lower():
            return [(a, b) if len(a) > len(b) else (b, a)]
        case _:
            return [(name,) for name in names]


def _usable(name: str) -> bool:
    letters = re.sub(r"[^A-Za-z가-힣]", "", name)
    if name.lower() in _NOT_NAMES or len(name.split()) > _MOST_WORDS:
        return False
    if re.search("[가-힣]", name):
        return len(letters) >= 3 and len(name.split()[0]) > 1  # "과 정확도": the tail of a longer name
    return len(letters) >= (2 if name.isupper() else 4)


def _initials(name: str) -> str:
    return "".join(word[0] for word in re.split(r"[\s\-]+", name) if word).lower()


def _name_before(text: str, other: str) -> str:
    """The name at the end of ``text`` that a bracket with ``other`` explains; "" where there is none."""
    latin = _LATIN_END.search(text)
    if latin:
        if not other.isascii():
            return latin[0] if len(latin[0].split()) <= _MOST_WORDS else ""
        last = latin[0].split()[-1]
        return last if _initials(other) == last.lower().rstrip("s") else ""
    if not other.isascii():
        return ""
    start, described = len(text), False
    for token in reversed(kiwi_tokens(text)):
        if not token.tag.startswith(("NN", "XR", "XSN", "XPN", "SL", "SN")) or token.tag == "NNB":
            described = token.tag == "ETM"
            break
        start = token.start
    phrase = text[start:].split()
    if described and len(phrase) < (len(other) if other.isupper() else len(other.split())):
        return ""  # "제한된 볼츠만 머신(Restricted Boltzmann Machine)": the name begins before the nouns
    return " ".join(phrase[-max(2, len(other.split()) + 1):])
