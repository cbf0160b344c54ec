"""Numbers out of a question: the one place that knows how people write them.

``named_numbers("입력 64, 커널 3, stride=2", {"size": ("입력",), "kernel": ("커널", "k")})`` gives
``{"size": 64.0, "kernel": 3.0}``. Concept files use it in ``Computation.parse``; the catalogue uses it to prefill
controls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?"
_LINK = r"\s*(?:의|이|가|은|는|을|를|로|으로)?\s*(?:크기|값|수|개수|size|=|:|＝)?\s*(?:가|이|은|는|을|를)?\s*[=:]?\s*"
_UNIT = r"\s*(?:짜리|개의|개|층|차원|%)?\s*(?:인|의|짜리)?\s*"


def to_number(text: str) -> float:
    """``"1,327,104"`` -> 1327104.0."""
    return float(text.replace(",", ""))


def _word(word: str) -> str:
    """A regular expression for ``word``; a Latin word must stand alone (``k`` is not in ``kernel``)."""
    pattern = re.escape(word)
    if re.fullmatch(r"[A-Za-z_]+", word):
        return rf"(?<![A-Za-z]){pattern}(?![A-Za-z])"
    return pattern


def named_numbers(text: str, words: Mapping[str, Iterable[str]]) -> dict[str, float]:
    """The numbers that stand right after (``커널 3``, ``kernel_size=3``, ``k5``) or before (``3x3 커널``, ``5층``) a name.

    After the name is looked for first, longest names first; a number is used once.
    """
    found: dict[str, float] = {}
    taken: set[int] = set()
    names = sorted(((w, key) for key, ws in words.items() for w in ws), key=lambda pair: -len(pair[0]))
    for before in (False, True):
        for word, key in names:
            if key in found:
                continue
            if before:
                pattern = rf"({NUMBER})(?:\s*[x×]\s*\d+)?{_UNIT}{_word(word)}"
            else:
                pattern = rf"{_word(word)}{_LINK}({NUMBER})"
            for match in re.finditer(pattern, text, re.IGNORECASE):
                if match.start(1) not in taken:
                    taken.add(match.start(1))
                    found[key] = to_number(match[1])
                    break
    return found


def shapes(text: str) -> list[tuple[int, ...]]:
    """Every shape in the text: ``(5,1)``, ``(4,)``, ``[2, 3]``, ``1920x1080``, in order."""
    out = []
    pattern = r"[(\[]\s*(\d+(?:\s*,\s*\d+)*)\s*,?\s*[)\]]|(?<![\d.])(\d+(?:\s*[x×*]\s*\d+)+)"
    for match in re.finditer(pattern, text):
        inner = match[1] if match[1] is not None else match[2]
        out.append(tuple(int(n) for n in re.findall(r"\d+", inner)))
    return out


def lists(text: str) -> list[list[float]]:
    """Every bracketed list of numbers, in order: ``[0.7, 0.2, 0.1]``."""
    return [[to_number(n) for n in re.findall(NUMBER.replace(r"\d{1,3}(?:,\d{3})+|", ""), m[1])]
            for m in re.finditer(r"[\[(]([^\[\]()]*\d[^\[\]()]*)[\])]", text)]


def has(text: str, *groups: Iterable[str]) -> bool:
    """Whether the text (spaces ignored, lower case) has at least one word of every group."""
    flat = re.sub(r"\s+", "", text).lower()
    return all(any(re.sub(r"\s+", "", w).lower() in flat for w in group) for group in groups)
