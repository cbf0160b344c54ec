"""What must stand in the cited passage to the letter: numbers, formulas, code, addresses. And what must not be turned round."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from indexer.spans import VERBATIM

_NUMBER = re.compile(r"(?<![\w.])[-+−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?")
_NAME_WITH_NUMBER = re.compile(r"[A-Za-z][A-Za-z_]*-?\d[A-Za-z0-9_.]*")
_EQUATION = re.compile(r"[A-Za-zα-ωΑ-Ω][\w()\[\]]*\s*=\s*[^\s,.가-힣][^가-힣\n,]*")
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>()\"'“”]+|[\w.+-]+@[\w-]+\.[\w.]+|\b[\w-]+\.(?:com|net|org|io|kr|example|test|xyz|top)\b"
)
_COUNTS = {
    "한": "1",
    "하나": "1",
    "두": "2",
    "둘": "2",
    "세": "3",
    "셋": "3",
    "네": "4",
    "넷": "4",
    "다섯": "5",
    "여섯": "6",
    "일곱": "7",
    "여덟": "8",
    "아홉": "9",
    "열": "10",
}
_COUNTED = re.compile(
    rf"(?:^|[^가-힣])({'|'.join(_COUNTS)})(?=\s*(?:가지|개|번|층|단계|종류|축|명|배|곳|쪽|차례|[은는이가을를로의]|[\s,.]|$))"
)

# Pairs of stems that say opposite things of the same matter.
_OPPOSITES = tuple(
    (re.compile(a), re.compile(b))
    for a, b in (
        (
            r"늘(?:어|리|린|인|었)|증가|커[지진]|키[우운]|높[아이인]|올[라린]",
            r"줄(?:어|이|인|였)|감소|작아|낮[아추춘]|내[려린]|떨어",
        ),
        (r"빠르|빨[라리]", r"느[리린려]"),
        (r"쉽|쉬[운워]", r"어[렵려]"),
        (r"많[아은이]", r"적[어은]"),
        (r"깊[어은]", r"얕[아은]"),
        (r"넓[어은]", r"좁[아은]"),
        (r"켜[지진고]|켠다", r"꺼[지진]|끄[고는]|끈다|끔"),
        (r"(?<![가-힣])가능", r"불가능"),
        (r"과대적합|과적합", r"과소적합"),
        (r"최대", r"최소"),
        (r"(?<![비가-힣])지도\s?학습", r"비지도"),
    )
)
_NEGATION = re.compile(r"(?<![가-힣])(?:안|못)\s|[가-힣]지\s?(?:않|못|마)|아니|없[다는이어고음을]|금물")


def missing(text: str, passage: str) -> str:
    """The first number, formula, code name or address of ``text`` that ``passage`` does not hold; "" where all stand."""
    text, held = _normal(text), _normal(passage)
    squeezed = _squeezed(held)
    for address in _ADDRESS.findall(text):
        if address.rstrip(".,)") not in held:
            return address
    for formula in _formulas(text):
        if _squeezed(formula) not in squeezed:
            return formula
    plain_text = VERBATIM.sub(" ", text)
    for equation in _EQUATION.findall(plain_text):
        if _squeezed(equation.rstrip(" .")) not in squeezed:
            return equation
    for name in _NAME_WITH_NUMBER.findall(plain_text):
        if _named(name.rstrip(".")) not in _named(held):
            return name
    numbers = numbers_of(held) | {_COUNTS[m] for m in _COUNTED.findall(held)}
    for number in _NUMBER.findall(_NAME_WITH_NUMBER.sub(" ", plain_text)):
        if _number(number) not in numbers:
            return number
    return ""


def numbers_of(text: str) -> set[str]:
    """Every number in ``text``, those inside names and formulas too, without thousands' commas."""
    return {_number(n) for n in re.findall(r"[-+−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?", text)} | {
        _number(n) for n in re.findall(r"\d+(?:\.\d+)?", text.replace(",", ""))
    }


def lines_missing(block: str, passage: str) -> str:
    """The first line of a code block, formula or table that ``passage`` does not hold; "" where all stand."""
    squeezed = _squeezed(_normal(passage))
    for line in _normal(block).splitlines():
        if re.match(r"^\s*(?:`{3,}|~{3,})|^[\s|:\-+]*$", line) or line.strip() in ("$$", r"\[", r"\]"):
            continue
        if _squeezed(line) not in squeezed:
            return line.strip()
    return ""


def contradicts(text: str, evidence: str) -> bool:
    """Whether ``text`` says the opposite of ``evidence``: one of two opposite words where the other stands alone."""
    if negated(text) != negated(evidence):
        return False
    for one, other in _OPPOSITES:
        for mine, theirs in ((one, other), (other, one)):
            if mine.search(text) and not theirs.search(text) and theirs.search(evidence) and not mine.search(evidence):
                return True
    return False


def negated(text: str) -> bool:
    """Whether a sentence is negative: an odd number of negations."""
    return len(_NEGATION.findall(text)) % 2 == 1


def _formulas(text: str) -> Iterable[str]:
    for match in VERBATIM.finditer(text):
        inner = match[0].strip("`$").strip()
        yield re.sub(r"^\\[(\[]|\\[)\]]$", "", inner).strip()


def _number(text: str) -> str:
    digits = text.replace(",", "").replace("−", "-").lstrip("+")
    if "." in digits and "e" not in digits:
        digits = digits.rstrip("0").rstrip(".")
    return digits or "0"


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _named(text: str) -> str:
    return re.sub(r"[\s\-_`$]+", "", text).lower()


def _squeezed(text: str) -> str:
    return re.sub(r"[\s$`\\{}]+", "", text)
