"""Pieces of the notes put together as an answer in Markdown, each with its citation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.composer.units import Unit
from app.types import Citation, heading_line


@dataclass(frozen=True)
class Draft:
    """An answer before it becomes a row."""

    answer: str
    answerable: bool
    refusal_reason: str
    citations: tuple[Citation, ...]


def written(chosen: Sequence[Unit]) -> Draft:
    """Prose in paragraphs; formulas, code, lists and tables as blocks; each piece with its mark."""
    citations: list[Citation] = []
    parts: list[str] = []
    previous: Unit | None = None
    for unit in chosen:
        start, end = unit.lines()
        citations.append(Citation(len(citations) + 1, unit.chunk.path, heading_line(unit.chunk), start, end, unit.quote))
        piece = _piece(unit, f"[{len(citations)}]")
        parts.append((_between(previous, unit) if parts else "") + piece)
        previous = unit
    return Draft("".join(parts), True, "", tuple(citations))


def _piece(unit: Unit, mark: str) -> str:
    match unit.kind:
        case "code":
            body = unit.text if unit.text.lstrip().startswith(("```", "~~~")) else f"```\n{unit.text}\n```"
            return f"{body}\n{mark}"
        case "formula" | "table":
            return f"{unit.text}\n{mark}"
        case "list":
            return f"- {item(unit.text)} {mark}"
        case "heading":
            return f"**{item(unit.text)}** {mark}"
        case _:
            return f"{' '.join(unit.text.split())} {mark}"


def _between(previous: Unit | None, unit: Unit) -> str:
    if previous is None:
        return ""
    if previous.kind == unit.kind == "paragraph" and previous.chunk.id == unit.chunk.id:
        return " "
    return "\n" if previous.kind == unit.kind == "list" else "\n\n"


def item(text: str) -> str:
    """A list item's text without its bullet or number."""
    return re.sub(r"^\s*(?:[-*+•·○▪]|\d{1,2}[.)])\s+", "", text).strip()
