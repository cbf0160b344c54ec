"""reStructuredText, line by line: docutils tells no offsets, and a note with one bad directive must still be read."""

from __future__ import annotations

import re

from indexer.lines import line_starts
from indexer.plain import plain_line
from indexer.readers.decode import decode
from indexer.readers.parsed import Parsed
from indexer.types import Block, BlockKind

SUFFIXES = (".rst",)

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1{2,}$")
_GRID = re.compile(r"\+(?:[-=]+\+)+$")
_SIMPLE_TABLE = re.compile(r"=+(?:[ \t]+=+)+$")
_ITEM = re.compile(r"(?:[-*+•]|\(?(?:\d+|#|[a-zA-Z])[.)])[ \t]+\S")
_DIRECTIVE = re.compile(r"\.\.[ \t]+([\w:+-]+)::")
_EXPLICIT = re.compile(r"\.\.(?:[ \t]|$)|__[ \t]")
_DIRECTIVES: dict[str, BlockKind] = {
    **dict.fromkeys(("code", "code-block", "sourcecode", "highlight", "ipython", "parsed-literal"), "code"),
    "math": "formula",
    **dict.fromkeys(("table", "list-table", "csv-table"), "table"),
    **dict.fromkeys(("note", "tip", "warning", "important", "hint", "caution", "admonition", "epigraph"), "quote"),
}


def read(raw: bytes, path: str) -> Parsed:
    """Return the decoded file as it is, with blocks as offsets into it."""
    decoded = decode(raw)
    return Parsed(decoded.text, rst_blocks(decoded.text), {"encoding": decoded.encoding})


def rst_blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks of ``text``, in order, covering every character but white space.

    A heading's level is the order in which its adornment first appears, as docutils has it.
    """
    return _Scanner(text).blocks()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = line_starts(text)
        ends = [*self._starts[1:], len(text)]
        self._lines = [text[start:end].rstrip() for start, end in zip(self._starts, ends, strict=True)]
        self._styles: list[str] = []
        self._literal = False

    def blocks(self) -> tuple[Block, ...]:
        found: list[Block] = []
        number = 0
        while number < len(self._lines):
            if not self._lines[number].strip():
                number += 1
                continue
            kind, end, level, title = self._block(number)
            found.append(self._made(kind, number, end, level, title))
            self._literal = kind == "paragraph" and self._lines[end - 1].endswith("::")
            number = end
        return tuple(found)

    def _line(self, number: int) -> str:
        return self._lines[number] if number < len(self._lines) else ""

    def _block(self, number: int) -> tuple[BlockKind, int, int, str]:
        """Return (kind, line after the block, level, title) of the block that begins on line ``number``."""
        line, following, third = (self._line(number + ahead) for ahead in range(3))
        if line[0] in " \t":
            end = self._indented(number)
            code = self._literal or line.lstrip().startswith(">>>")
            return ("code" if code else "quote"), end, 0, ""
        if _ADORNMENT.match(line) and following.strip() and line == third and not _ADORNMENT.match(following):
            return "heading", number + 3, self._level(line[0] * 2), following
        if _SIMPLE_TABLE.match(line):
            return "table", self._simple_table(number), 0, ""
        if _GRID.match(line):
            end = number + 1
            while self._line(end).startswith(("+", "|")):
                end += 1
            return "table", end, 0, ""
        if _ADORNMENT.match(line):
            return "paragraph", number + 1, 0, ""  # a transition
        if _ADORNMENT.match(following) and (len(following) >= 4 or len(following) >= len(line)):
            return "heading", number + 2, self._level(following[0]), line
        if _EXPLICIT.match(line):
            directive = _DIRECTIVE.match(line)
            kind = _DIRECTIVES.get(directive[1], "paragraph") if directive else "paragraph"
            return kind, self._indented(number + 1), 0, ""
        if line.startswith(">>>"):
            return "code", self._until_blank(number), 0, ""
        if _ITEM.match(line):
            return "list", self._list(number), 0, ""
        return "paragraph", self._until_blank(number), 0, ""

    def _level(self, style: str) -> int:
        if style not in self._styles:
            self._styles.append(style)
        return self._styles.index(style) + 1

    def _indented(self, number: int) -> int:
        """The line after the indented ones from ``number`` on, without the blank lines at their end."""
        end = last = number
        while end < len(self._lines) and (not self._lines[end].strip() or self._lines[end][0] in " \t"):
            end += 1
            if self._lines[end - 1].strip():
                last = end
        return last

    def _until_blank(self, number: int) -> int:
        end = number + 1
        while self._line(end).strip():
            underlined = _ADORNMENT.match(self._line(end + 1)) and len(self._line(end + 1)) >= 4
            if underlined or _EXPLICIT.match(self._line(end)):
                break
            end += 1
        return end

    def _list(self, number: int) -> int:
        end = number + 1
        while end < len(self._lines):
            line = self._lines[end]
            if not line.strip():
                after = self._indented(end)
                if after > end:  # more of the item
                    end = after
                    continue
                ahead = end
                while ahead < len(self._lines) and not self._lines[ahead].strip():
                    ahead += 1
                if not _ITEM.match(self._line(ahead)):
                    return end
                end = ahead
            elif line[0] in " \t" or _ITEM.match(line) or self._lines[end - 1].strip():
                end += 1
            else:
                return end
        return end

    def _simple_table(self, number: int) -> int:
        """To the border that a blank line follows."""
        for end in range(number + 1, len(self._lines)):
            if _SIMPLE_TABLE.match(self._lines[end]) and not self._line(end + 1).strip():
                return end + 1
        return self._until_blank(number)

    def _made(self, kind: BlockKind, first: int, end: int, level: int, title: str) -> Block:
        start = self._starts[first]
        stop = self._starts[end - 1] + len(self._lines[end - 1])
        if kind not in ("code", "quote"):
            start += len(self._lines[first]) - len(self._lines[first].lstrip())
        return Block(kind, start, stop, level, plain_line(title))
