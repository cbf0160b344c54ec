"""In which script a text is written: small models drift from Korean into Chinese, Japanese or English."""

from __future__ import annotations

import re
import unicodedata

from indexer.spans import VERBATIM

_NOT_PROSE = re.compile(r"\[\d[\d,\s]*\]|https?://\S+|`[^`]*`")
_FEWEST = 12  # letters: below, a name or two decide
_HANGUL_SHARE = 0.3  # Korean notes on AI are full of English names
_ENDING_SHARE = 0.1  # …and a sentence that ends in Korean is Korean
_FOREIGN_SHARE = 0.12


def foreign(text: str, question: str, known: str = "") -> bool:
    """Whether ``text`` is in another script than an answer to ``question`` should be.

    ``known``: a text whose words may be repeated as they are (the passage cited). To a question without Hangul, English is
    as good as Korean.
    """
    if known and _squeezed(text) and _squeezed(text) in _squeezed(known):
        return False
    prose = _NOT_PROSE.sub(" ", VERBATIM.sub(" ", unicodedata.normalize("NFC", text)))
    letters = [c for c in prose if c.isalpha()]
    other = [c for c in letters if not _hangul(c) and not _western(c) and c not in known]
    if len(other) >= 2 and len(other) > _FOREIGN_SHARE * len(letters):
        return True
    if len(letters) < _FEWEST or not any(map(_hangul, question)):
        return False
    needed = _ENDING_SHARE if _hangul(letters[-1]) else _HANGUL_SHARE
    return sum(map(_hangul, letters)) < needed * len(letters)


def _hangul(char: str) -> bool:
    return "가" <= char <= "힣" or "\u1100" <= char <= "\u11ff" or "\u3130" <= char <= "\u318f"


def _western(char: str) -> bool:
    return char < "\u0250" or "\u0370" <= char <= "\u03ff" or "\u2100" <= char <= "\u214f"  # Latin, Greek, letterlike


def _squeezed(text: str) -> str:
    return re.sub(r"\W+", "", unicodedata.normalize("NFC", text).lower())
