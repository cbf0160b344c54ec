"""Word files: paragraphs and tables in their order, written as the Markdown they stand for."""

from __future__ import annotations

import io
import re
import zipfile
from itertools import groupby
from typing import TYPE_CHECKING

from indexer.errors import NoteError
from indexer.readers.parsed import Parsed
from indexer.types import Block, BlockKind

if TYPE_CHECKING:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

SUFFIXES = (".docx",)

_HEADING = re.compile(r"(?:heading|제목)\s*(\d)", re.IGNORECASE)
_LIST = re.compile(r"^(?:list|목록)", re.IGNORECASE)
_CODE = re.compile(r"code|코드|preformatted", re.IGNORECASE)
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_OLE = b"\xd0\xcf\x11\xe0"


def read(raw: bytes, path: str) -> Parsed:
    """Return the text of a Word file: headings as ``#``, list items as ``-``, tables between pipes; no pictures.

    Raises NoteError when it is locked, an old ``.doc`` or broken.
    """
    from docx import Document  # only Word files need it
    from docx.table import Table

    if raw.startswith(_OLE):
        raise NoteError("암호가 걸렸거나 옛 형식(.doc)인 워드 파일입니다 — 암호를 풀고 .docx로 다시 저장하세요")
    try:
        document = Document(io.BytesIO(raw))
        parts = [
            _table(item) if isinstance(item, Table) else _paragraph(item) for item in document.iter_inner_content()
        ]
        title = str(document.core_properties.title or "").strip()
    except zipfile.BadZipFile as error:
        raise NoteError("워드 파일이 깨졌습니다 — 워드에서 열어 다시 저장하세요") from error
    except Exception as error:  # python-docx raises whatever the broken part leads to: KeyError, XMLSyntaxError, …
        raise NoteError(f"워드 파일이 깨졌습니다({type(error).__name__}) — 워드에서 열어 다시 저장하세요") from error
    return _assembled([part for part in parts if part[1].strip()], title)


def _assembled(parts: list[tuple[BlockKind, str, int]], title: str) -> Parsed:
    text = ""
    blocks: list[Block] = []
    for kind, run in groupby(parts, key=lambda part: part[0]):
        group = list(run)
        if kind == "list":
            group = [(kind, "\n".join(source for _, source, _ in group), 0)]
        elif kind == "code":
            group = [(kind, "```\n" + "\n".join(source for _, source, _ in group) + "\n```", 0)]
        for _, source, level in group:
            blocks.append(Block(kind, len(text), len(text) + len(source), level, source.lstrip("# ") if level else ""))
            text += source + "\n\n"
    return Parsed(text, tuple(blocks), {"title": title} if title else {})


def _paragraph(paragraph: Paragraph) -> tuple[BlockKind, str, int]:
    text = _text(paragraph).strip("\n")
    style = paragraph.style.name or "" if paragraph.style is not None else ""
    line = " ".join(text.split())
    if style in ("Title", "제목") and line:
        return "heading", f"# {line}", 1
    if (match := _HEADING.match(style)) and line:
        level = min(6, max(1, int(match[1])))
        return "heading", f"{'#' * level} {line}", level
    if _CODE.search(style):
        return "code", text, 0
    depth = _list_depth(paragraph, style)
    if depth is not None and line:
        return "list", f"{'  ' * depth}- {line}", 0
    return "paragraph", text.strip(), 0


def _text(paragraph: Paragraph) -> str:
    """Runs, links, line breaks, and the letters of equations, which python-docx leaves out."""
    pieces = []
    for node in paragraph._p.iter():  # python-docx's public API skips equations and nested runs
        if node.tag in (f"{_W}t", f"{_M}t"):
            pieces.append(node.text or "")
        elif node.tag == f"{_W}tab" and node.getparent().tag == f"{_W}r":
            pieces.append("\t")
        elif node.tag in (f"{_W}br", f"{_W}cr"):
            pieces.append("\n")
    return "".join(pieces)


def _list_depth(paragraph: Paragraph, style: str) -> int | None:
    numbering = paragraph._p.find(f"{_W}pPr/{_W}numPr")
    if numbering is None:
        return 0 if _LIST.match(style) else None
    depth = numbering.find(f"{_W}ilvl")
    return int(depth.get(f"{_W}val", "0")) if depth is not None else 0


def _table(table: Table) -> tuple[BlockKind, str, int]:
    rows = [[cell.text.strip().replace("|", "\\|").replace("\n", "<br>") for cell in row.cells] for row in table.rows]
    rows = [row for row in rows if any(row)]
    if not rows:
        return "table", "", 0
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "table", "\n".join(lines), 0
