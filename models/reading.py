"""Numbers out of a question: the one place that knows how people write them.

``named_numbers("입력 64, 커널 3, stride=2", {"size": ("입력",), "kernel": ("커널", "k")})`` gives
``{"size": 64.0, "kernel": 3.0}``. Concept files use it in ``Computation.parse``; the catalogue uses it to prefill
controls.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from models.concept import ConceptError

NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?"
_LINK = r"\s*(?:의|이|가|은|는|을|를|로|으로)?\s*(?:크기|값|수|개수|size|=|:|＝)?\s*(?:가|이|은|는|을|를)?\s*[=:]?\s*"
COUNT_WORDS = ("몇", "개수", "수는", "수를", "수가", "얼마", "계산", "구해")  # a question that asks how many
# ... or that asks for a value
VALUE_WORDS = ("얼마", "결과", "계산", "구해", "구하", "값은", "값이", "몇", "하면?", "되나", "되지", "돼?",
               "은?", "는?")
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
    """The numbers that stand right after (``커널 3``, ``kernel_size=3``, ``k5``) or before (``3x3 커널``) a name.

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


_COUNTED = ("첫", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열")


def ordinal(text: str) -> int | None:
    """The position that a question names, counted from 0: ``세 번째``, ``3번째`` and ``인덱스 2`` are all 2."""
    if match := re.search(rf"({'|'.join(_COUNTED)})\s*번?\s*째", text):
        return _COUNTED.index(match[1])
    if match := re.search(r"(\d+)\s*번\s*째", text):
        return int(match[1]) - 1
    match = re.search(r"(?:인덱스|index|레이블|라벨|label)\s*(?:가|이|는|은|=|:)?\s*(\d+)|(0)번", text, re.IGNORECASE)
    return int(match[1] or match[2]) if match else None


def typed(text: str, label: str, least: int = 1, most: int = 12) -> list[float]:
    """The numbers that a reader typed into a text control, ``"2, 1, 0.1"`` (brackets and semicolons allowed).

    Raises:
        ConceptError: something is not a finite number, or there are fewer than ``least`` or more than ``most``.
    """
    words = re.sub(r"[\[\]();,]", " ", text).split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        raise ConceptError(f"{label}={text!r}: 쉼표로 나눈 숫자여야 합니다. 예: 2, 1, 0.1") from None
    if not all(math.isfinite(n) for n in numbers) or not least <= len(numbers) <= most:
        raise ConceptError(f"{label}={text!r}: 유한한 수 {least}개 이상 {most}개 이하여야 합니다.")
    return numbers


def written(value: float) -> str:
    """A number as an answer writes it: ``1026`` -> "1,026", ``1/6`` -> "0.1667", ``1e-7`` -> "1e-07"."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) < 1e-3:
        return f"{value:.4g}"
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def written_list(values: Iterable[float]) -> str:
    """Numbers as an answer lists them, four places each: "[0.0900, 0.2447, 0.6652]"."""
    return "[" + ", ".join(f"{value:.4f}" for value in values) + "]"


def typed_shape(text: str, label: str, most: int = 6) -> tuple[int, ...]:
    """The shape that a reader typed into a text control: ``"4, 240"``, ``"(5,)"``, ``"32x32"``; ``"()"`` is a scalar.

    Raises:
        ConceptError: something is not a whole number of at least 1, or there are more than ``most`` axes.
    """
    words = re.sub(r"[\[\](),x×*]", " ", text).split()
    if not all(word.isdecimal() and 1 <= int(word) <= 10**9 for word in words) or (not words and text.strip() != "()"):
        raise ConceptError(f"{label}={text!r}: 쉼표로 나눈 1 이상의 정수여야 합니다. 예: 2, 3, 4")
    if len(words) > most:
        raise ConceptError(f"{label}={text!r}: 축은 {most}개까지입니다(지금 {len(words)}개).")
    return tuple(int(word) for word in words)


def typed_matrix(text: str, label: str, most: int = 6) -> list[list[float]]:
    """The matrix that a reader typed: ``"1 2; 3 4"`` or ``"[[1, 2], [3, 4]]"``, at most ``most`` rows and columns.

    Raises:
        ConceptError: not numbers, rows of unequal length, or too many.
    """
    rows = [typed(row, label, 1, most) for row in re.split(r"\]\s*,?\s*\[|;|\n", text.strip().strip(";"))]
    if len(rows) > most or len({len(row) for row in rows}) != 1:
        raise ConceptError(f"{label}={text!r}: 길이가 같은 행이 {most}개까지여야 합니다. 예: 1 2; 3 4")
    return rows


def matrices(text: str) -> list[list[list[float]]]:
    """Every nested list of numbers with rows of one length, in order: ``[[1, 2], [3, 4]]``."""
    found = [lists(m[0][1:-1]) for m in re.finditer(r"\[\s*(?:\[[^\[\]]*\]\s*,?\s*)+\]", text)]
    return [rows for rows in found if rows and len({len(row) for row in rows}) == 1]


def axis(text: str) -> int | None:
    """The axis a question names: ``dim=1``, ``axis=-1``, ``1번 축``, ``squeeze(0)``; None where it names none."""
    match = (re.search(r"(?<![a-z])(?:dim|axis)\s*(?:=|이|가|은|는)?\s*(-?\d+)", text, re.IGNORECASE)
             or re.search(r"(-?\d+)\s*번\s*(?:째\s*)?(?:축|차원)", text)
             or re.search(r"(?:축|차원)\s*(?:=|이|은|는)?\s*(-?\d+)", text)
             or re.search(r"(?:squeeze|sum|mean|max|argmax|flatten)\(\s*(-?\d+)\s*[,)]", text))
    return int(match[1]) if match else None


def shown(shape: Iterable[int]) -> str:
    """A shape as Python writes it: ``(5,)``, ``(5, 4)``, ``()``."""
    return str(tuple(shape))
