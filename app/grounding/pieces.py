"""A model's answer, cut into sentences and blocks while it streams, each with the citation numbers it carries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from indexer.spans import VERBATIM

PieceKind = Literal["text", "item", "heading", "code", "formula", "table"]
MARKS = re.compile(r"\s*\[\s*\d+(?:\s*[,、]\s*\d+)*\s*\]")
_ONLY_MARKS = re.compile(r"^\s*(?:(?:근거|출처)\s*:?)?(?:\s*\[\s*\d+(?:\s*[,、]\s*\d+)*\s*\])+[\s.]*$")
_ITEM = re.compile(r"^\s*(?:[-*+•]|\d{1,2}[.)])\s+")
_HEADING = re.compile(r"^\s*(?:#{1,6}\s.*|\*\*[^*]+\*\*:?|[^.!?\[\]]{1,60}:)\s*$")
_SENTENCE_END = re.compile(
    r"(?:(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bal)[.!?。！？][\"')”’]*(?:\s*\[[\d\s,、]+\])*"
    r"|(?<=[다요음함임됨까])\s*(?:\[[\d\s,、]+\])+[.!?]?)(?=\s+[^\s\[])"
)
_MAY_END = re.compile(r"[.!?。！？\])\"'”’]\s+[^\s\[]")
_BLOCK_STARTS = re.compile(r"\s*(?:[`~|]|\$\$|\\\[)")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")


@dataclass(frozen=True)
class Piece:
    """A sentence, a list item's sentence or a block, without its citation marks.

    ``marks``: the numbers it carries. ``gap``: what stood before it: nothing, a space, a line end or a blank line.
    ``prefix``: a list item's bullet.
    """

    text: str
    marks: tuple[int, ...]
    kind: PieceKind
    gap: str
    prefix: str = ""


class Pieces:
    """Feed it text as it comes; it gives back the pieces that are complete.

    An uncited sentence takes the marks of the next cited one of its paragraph: models put one mark behind what they took
    from one passage. Whether it is supported is for others to say.
    """

    def __init__(self) -> None:
        self._text = ""
        self._block: list[str] = []
        self._closing = ""
        self._gap = ""
        self._waiting: list[Piece] = []

    def feed(self, text: str) -> list[Piece]:
        """The pieces that ended with ``text``."""
        self._text += text
        out: list[Piece] = []
        while "\n" in self._text:
            line, self._text = self._text.split("\n", 1)
            out += self._line(line.rstrip("\r"))
        if not self._block and _MAY_END.search(self._text) and not _BLOCK_STARTS.match(self._text):
            ends = _ends(self._text)
            if ends:
                out += self._sentences(self._text[: ends[-1]])
                self._text = self._text[ends[-1] :].lstrip()
        return out

    def end(self) -> list[Piece]:
        """The pieces that are left."""
        out = self._line(self._text) if self._text.strip() else []
        self._text = ""
        return [*out, *self._close_block(), *self._flush()]

    def _line(self, line: str) -> list[Piece]:
        if self._closing:
            return self._inside(line)
        if _ONLY_MARKS.match(line) and self._waiting:
            self._waiting = [replace(p, marks=p.marks or _numbers(line)) for p in self._waiting]
            return self._flush()
        opened = _FENCE.match(line)
        if opened or line.strip() in ("$$", r"\["):
            out = self._close_block()
            self._block = [line]
            self._closing = opened[1][:3] if opened else {"$$": "$$"}.get(line.strip(), r"\]")
            return out
        if line.lstrip().startswith("|"):
            self._block.append(line)
            return []
        out = self._close_block()
        if not line.strip():
            if self._gap or out or self._waiting:
                self._gap = "\n\n"
            if self._waiting and self._waiting[-1].kind in ("code", "formula", "table"):
                return out  # its marks may stand behind the blank line
            return [*out, *self._flush()]
        return [*out, *self._sentences(line, whole_line=True)]

    def _inside(self, line: str) -> list[Piece]:
        self._block.append(line)
        ends = (
            line.strip().startswith(self._closing) if self._closing in ("```", "~~~") else line.strip() == self._closing
        )
        if not ends:
            return []
        return self._close_block()

    def _close_block(self) -> list[Piece]:
        """The block that is open becomes a piece, which waits for the marks on the line behind it."""
        if not self._block:
            return []
        text = "\n".join(self._block)
        kind: PieceKind = "table" if not self._closing else "code" if self._closing in ("```", "~~~") else "formula"
        self._block, self._closing = [], ""
        marks: tuple[int, ...] = ()
        if kind == "table":
            marks, text = _numbers(text), MARKS.sub("", text)
        gap, self._gap = self._gap and "\n\n", "\n\n"
        out = self._flush() if self._waiting and self._waiting[-1].kind != "text" else []
        self._waiting.append(Piece(text, marks, kind, gap))
        return [*out, *(self._flush() if marks else [])]

    def _sentences(self, text: str, *, whole_line: bool = False) -> list[Piece]:
        out: list[Piece] = []
        prefix = _ITEM.match(text)
        body = text[prefix.end() :] if prefix else text
        starts = [0, *_ends(body)]
        for start, end in zip(starts, [*starts[1:], len(body)], strict=True):
            sentence = body[start:end].strip()
            if not sentence:
                continue
            if self._waiting and self._waiting[-1].kind not in ("text", "item", "heading"):
                out += self._flush()  # a block whose marks did not come
            bullet = prefix[0].strip() + " " if prefix and start == 0 else ""
            kind: PieceKind = "item" if bullet else "heading" if whole_line and _HEADING.match(body) else "text"
            piece = Piece(_unmarked(sentence), _numbers(sentence), kind, self._gap, bullet)
            self._gap = " "
            self._waiting.append(piece)
            if piece.marks:
                self._waiting = [replace(p, marks=p.marks or piece.marks) for p in self._waiting]
                out += self._flush()
        if whole_line:
            self._gap = "\n"
        return out

    def _flush(self) -> list[Piece]:
        out, self._waiting = self._waiting, []
        return out


def _ends(text: str) -> list[int]:
    """Where sentences end for sure: something follows that is no mark. Formulas and code hide their full stops."""
    prefix = _ITEM.match(text)
    from_ = prefix.end() if prefix else 0
    masked = VERBATIM.sub(lambda match: "X" * len(match[0]), text)
    return [match.end() for match in _SENTENCE_END.finditer(masked, from_)]


def _numbers(text: str) -> tuple[int, ...]:
    found: Iterator[str] = (n for match in MARKS.finditer(text) for n in re.findall(r"\d+", match[0]))
    return tuple(dict.fromkeys(int(n) for n in found if len(n) < 9))


def _unmarked(sentence: str) -> str:
    """Without marks, and without the space they leave before a full stop."""
    return re.sub(r"\s+([.!?])", r"\1", MARKS.sub("", sentence)).strip()
