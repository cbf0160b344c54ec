"""Pieces of the notes put together as an answer in Markdown, each with its citation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from app.composer.prose import cut_in
from app.composer.units import Unit
from app.types import Citation, heading_line

_FENCE = re.compile(r"[ \t>]*(?:`{3,}|~{3,})[ \t]*([\w+#-]*)")
_NUMBER = re.compile(r"\s*(\d{1,2})[.)]\s")
_PARAGRAPH_END = re.compile(r"\n[ \t>]*\r?\n")
_PARAGRAPH = 150  # characters; notes leave a blank line behind every sentence, a reader wants less air


@dataclass(frozen=True)
class Draft:
    """An answer before it becomes a row."""

    answer: str
    answerable: bool
    refusal_reason: str
    citations: tuple[Citation, ...]


class Page:
    """An answer being written: blocks of Markdown, and the citations that their marks point to."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self.citations: list[Citation] = []

    def draft(self) -> Draft:
        """What was written so far."""
        return Draft("\n\n".join(self.blocks), True, "", tuple(self.citations))

    def label(self, text: str) -> None:
        """A heading over what comes next, unless it is empty or stands there already."""
        line = f"**{text}**"
        if text and line not in self.blocks:
            self.blocks.append(line)

    def add(self, run: Sequence[Unit]) -> None:
        """Units that stand together: prose in paragraphs; formulas, code, lists and tables as blocks."""
        for kind, members in groupby(run, key=lambda unit: unit.kind):
            units = list(members)
            match kind:
                case "code":
                    self.blocks += [f"{_fenced(unit)}\n{self.mark(unit)}" for unit in units]
                case "formula":
                    self.blocks += [f"{unit.shown}\n{self.mark(unit)}" for unit in units]
                case "list":
                    self.bullets(units)
                case "table":
                    self._table(units)
                case "heading":
                    self.blocks += [f"**{unit.shown}** {self.mark(unit)}" for unit in units]
                case _:
                    self._paragraphs(units)

    def bullets(self, units: Sequence[Unit]) -> None:
        """A list; numbered where the note numbers all of it."""
        numbers = [_NUMBER.match(unit.quote) for unit in units]
        ordered = len(units) > 1 and all(numbers)
        lines = [f"{f'{number[1]}.' if ordered and number else '-'} {unit.shown} {self.mark(unit)}"
                 for number, unit in zip(numbers, units, strict=True)]
        self.blocks.append("\n".join(lines))

    def mark(self, unit: Unit) -> str:
        """Cite ``unit``: "[3]"."""
        start, end = unit.lines()
        number = len(self.citations) + 1
        self.citations.append(Citation(number, unit.chunk.path, heading_line(unit.chunk), start, end, unit.quote))
        return f"[{number}]"

    def _paragraphs(self, units: Sequence[Unit]) -> None:
        text, previous = "", None
        for unit in units:
            torn = cut_in(unit.shown)
            if previous is not None and len(text) >= _PARAGRAPH and not torn and _PARAGRAPH_END.search(unit.chunk.text, previous.end, unit.start):
                self.blocks.append(text)
                text = ""
            follows = previous is not None and unit.order - previous.order == 1
            text += f"{' ' if text else ''}{'… ' if torn and not follows else ''}{unit.shown} {self.mark(unit)}"
            previous = unit
        self.blocks.append(text)

    def _table(self, units: Sequence[Unit]) -> None:
        rows = [[cell.strip().replace("|", "\\|") for cell in f" {' '.join(unit.text.split())} ".split(" · ")] for unit in units]
        if len(rows) < 2 or len({len(row) for row in rows}) > 1:
            self.blocks.append("\n".join(f"- {unit.shown} {self.mark(unit)}" for unit in units))
            return
        lines = [f"| {' | '.join(row)} {self.mark(unit)} |" for row, unit in zip(rows, units, strict=True)]
        self.blocks.append("\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]]))


def written(runs: Sequence[Sequence[Unit]]) -> Draft:
    """The runs one after the other."""
    page = Page()
    for run in runs:
        page.add(run)
    return page.draft()


def _fenced(unit: Unit) -> str:
    language = _FENCE.match(unit.quote)
    return f"```{language[1] if language else ''}\n{unit.text}\n```"
