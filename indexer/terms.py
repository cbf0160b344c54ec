"""The term table: Korean and English names of one thing find each other.

A row of ``data/terms.tsv`` lists the names of one thing, separated by ``|``, the name to show first. Wherever one of
them stands in a text, the row's token is added, so that 배치정규화, batch normalization and BatchNorm2d meet. A row's
token is its first name with the spaces taken out and ``§`` before it.

Names are matched with white space, hyphens and case ignored. A Latin name must stand between non-letters (a digit may
follow: ``conv2d``), and a Korean name of two syllables or fewer must not start inside a word.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from indexer.errors import NoteError

_DROPPED = re.compile(r"[\s\-_·]+")


@dataclass(frozen=True)
class Match:
    """A name found in a text: ``text[start:end]``, of the row with ``token``."""

    token: str
    start: int
    end: int


def squeeze(name: str) -> str:
    """How names are compared: NFKC, lower case, without spaces, hyphens and underscores."""
    return _DROPPED.sub("", unicodedata.normalize("NFKC", name).lower())


def is_latin(char: str) -> bool:
    return "a" <= char <= "z" or "A" <= char <= "Z"


def is_hangul(char: str) -> bool:
    return "가" <= char <= "힣"


@dataclass(frozen=True)
class Terms:
    """Rows of names; every row has at least one."""

    rows: tuple[tuple[str, ...], ...]
    _names: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _trie: dict = field(init=False, repr=False, compare=False)
    _rows_by_token: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names: dict[str, list[str]] = {}
        by_token: dict[str, tuple[str, ...]] = {}
        for row in self.rows:
            token = "§" + squeeze(row[0])
            by_token[token] = tuple(dict.fromkeys([*by_token.get(token, ()), *row]))
            for name in row:
                key = squeeze(name)
                if key and token not in names.setdefault(key, []):
                    names[key].append(token)
        trie: dict = {}
        for key, tokens in names.items():
            node = trie
            for char in key:
                node = node.setdefault(char, {})
            node[""] = tuple(tokens)
        object.__setattr__(self, "_names", {k: tuple(v) for k, v in names.items()})
        object.__setattr__(self, "_trie", trie)
        object.__setattr__(self, "_rows_by_token", by_token)

    @property
    def fingerprint(self) -> str:
        """Changes with every change of a row."""
        return hashlib.sha256("\n".join("|".join(r) for r in self.rows).encode()).hexdigest()[:12]

    def korean_words(self) -> list[str]:
        """Korean names written as one word: Kiwi's user dictionary."""
        return sorted({n for row in self.rows for n in row if re.fullmatch(r"[가-힣]{2,}", n)})

    def names(self) -> list[str]:
        """Every name, squeezed."""
        return list(self._names)

    def tokens(self) -> Collection[str]:
        """The token of every row."""
        return self._rows_by_token.keys()

    def tokens_of(self, name: str) -> tuple[str, ...]:
        """The tokens of the rows that hold ``name``; none where it is unknown."""
        return self._names.get(squeeze(name), ())

    def row(self, token: str) -> tuple[str, ...]:
        """The names behind a token."""
        return self._rows_by_token.get(token, ())

    def joined(self, rows: Iterable[Sequence[str]], *, trusted: bool = True) -> Terms:
        """These terms and more; a row that shares a name with one of these is merged into it.

        With ``trusted=False`` (names learned from text) a row may add a name to one of these rows, but never makes two
        of them one.
        """
        merged = [list(r) for r in self.rows]
        where: dict[str, int] = {}
        for at, names in enumerate(merged):
            for name in names:
                where.setdefault(squeeze(name), at)
        for row in rows:
            homes = {where[squeeze(n)] for n in row if squeeze(n) in where}
            if not trusted and (len(homes) > 1 or all(squeeze(n) in where for n in row)):
                continue
            if homes:
                home = min(homes)
                merged[home] += [n for n in row if squeeze(n) not in {squeeze(m) for m in merged[home]}]
            else:
                merged.append(list(row))
                home = len(merged) - 1
            if trusted or not homes:
                for n in row:
                    where.setdefault(squeeze(n), home)
        return Terms(tuple(tuple(r) for r in merged))

    def find(self, text: str) -> list[Match]:
        """The names in ``text``, longest first at each place, not overlapping."""
        chars: list[str] = []
        at: list[int] = []
        for i, char in enumerate(text):
            if _DROPPED.match(char):
                continue
            for c in unicodedata.normalize("NFKC", char).lower():
                chars.append(c)
                at.append(i)
        out: list[Match] = []
        i, n = 0, len(chars)
        while i < n:
            node, best, j = self._trie, None, i
            while j < n and chars[j] in node:
                node = node[chars[j]]
                j += 1
                if "" in node and self._stands(text, at[i], at[j - 1] + 1, j - i):
                    best = (j, node[""])
            if best is None:
                i += 1
                continue
            end, tokens = best
            out += [Match(token, at[i], at[end - 1] + 1) for token in tokens]
            i = end
        return out

    def within(self, name: str) -> list[str]:
        """The tokens of the names that are a part of ``name``, between its spaces and hyphens: attention in "self-attention"."""
        words = re.split(r"[\s\-]+", name.strip())
        whole = self.tokens_of(name)
        parts = (" ".join(words[i:j]) for i in range(len(words)) for j in range(i + 1, len(words) + 1) if j - i < len(words))
        return [token for token in dict.fromkeys(t for part in parts for t in self.tokens_of(part)) if token not in whole]

    def side_by_side(self, name: str) -> list[tuple[str, ...]]:
        """The tokens of the longest names that are a part of ``name``, one after the other: dot product, attention."""
        words = re.split(r"[\s\-]+", name.strip())
        found: list[tuple[str, ...]] = []
        at = 0
        while at < len(words):
            ends = (end for end in range(len(words), at, -1) if end - at < len(words) and self.tokens_of(" ".join(words[at:end])))
            end = next(ends, None)
            if end is not None:
                found.append(self.tokens_of(" ".join(words[at:end])))
            at = end or at + 1
        return found

    def _stands(self, text: str, start: int, end: int, length: int) -> bool:
        """Whether ``text[start:end]`` stands on its own, as the module says."""
        before = text[start - 1] if start else " "
        after = text[end] if end < len(text) else " "
        first, last = text[start], text[end - 1]
        if is_latin(first) and (is_latin(before) and not (first.isupper() and before.islower())):
            return False
        if is_latin(last) and is_latin(after):
            plural = after in "sS" and not (end + 1 < len(text) and is_latin(text[end + 1]))
            if not plural and not (last.islower() and after.isupper()):
                return False
        return not (is_hangul(first) and is_hangul(before) and length <= 2)


def parse_terms(text: str, name: str) -> tuple[tuple[str, ...], ...]:
    """Rows of a term file: names separated by ``|``; ``#`` starts a comment line.

    Raises:
        NoteError: a row without a name.
    """
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        row = tuple(dict.fromkeys(n.strip() for n in line.split("|") if n.strip()))
        if not row:
            raise NoteError(f"{name} {number}번째 줄에 이름이 없습니다: '이름 | 다른 이름'처럼 적어 주세요.")
        rows.append(row)
    return tuple(rows)


@cache
def builtin_terms() -> Terms:
    """The table that ships."""
    return Terms(parse_terms(files("indexer").joinpath("data/terms.tsv").read_text("utf-8"), "terms.tsv"))


def load_terms(extra: Path | None = None) -> Terms:
    """The table that ships, and a reader's own rows on top.

    Raises:
        NoteError: the file cannot be read or has a row without a name.
    """
    if extra is None:
        return builtin_terms()
    try:
        text = extra.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise NoteError(f"용어 파일 {extra}을(를) 읽을 수 없습니다: {error}") from error
    return builtin_terms().joined(parse_terms(text, extra.name))
