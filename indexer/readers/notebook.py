"""Jupyter notebooks: Markdown cells as Markdown, code cells as fences, what they printed in short, no pictures."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from indexer.errors import NoteError
from indexer.readers.blocks import markdown_blocks
from indexer.readers.decode import decode
from indexer.readers.front_matter import front_matter
from indexer.readers.parsed import Parsed
from indexer.types import Block

SUFFIXES = (".ipynb",)

# A printed shape or loss is worth finding; a training log is not.
_OUTPUT_LINES = 8
_OUTPUT_CHARS = 400
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[^\n]*\r(?!\n)")  # colours, and progress bars that were overwritten
_FENCE = re.compile(r"`{3,}")

_log = logging.getLogger(__name__)


def read(raw: bytes, path: str) -> Parsed:
    """Return the cells' text, blank lines between them; cells are parsed one by one, so none can leak into the next.

    Of the outputs, text is kept up to 8 lines or 400 characters, an error as its last line; pictures, HTML and widgets
    are dropped.
    """
    import nbformat  # only notebooks need it

    text = decode(raw).text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # missing cell ids and the like: the text is there all the same
            notebook = nbformat.reads(text, as_version=4)
    except Exception as error:  # nbformat raises whatever the broken part leads to: KeyError, ValidationError, …
        _log.info("%s: %s", path, error)
        raise NoteError("주피터 노트북 형식이 깨졌습니다 — 주피터에서 열어 다시 저장하세요") from error
    metadata = {"title": notebook.metadata.title} if notebook.metadata.get("title") else {}
    language = str(notebook.metadata.get("kernelspec", {}).get("language") or "python")
    parts: list[str] = []
    blocks: list[Block] = []
    length = 0
    for number, cell in enumerate(notebook.cells):
        for kind, source in _texts(cell, language):
            start = 0
            if kind != "fence" and number == 0:
                fields, start = front_matter(source)
                metadata = {**metadata, **fields}
            found = markdown_blocks(source, start) if kind != "fence" else (Block("code", 0, len(source)),)
            blocks += [replace(block, start=block.start + length, end=block.end + length) for block in found]
            parts.append(source + "\n\n")
            length += len(parts[-1])
    return Parsed("".join(parts), tuple(blocks), metadata)


def _texts(cell: Mapping[str, Any], language: str) -> Iterator[tuple[str, str]]:
    source = str(cell.get("source", "")).strip("\r\n")
    if not source.strip():
        return
    if cell.get("cell_type") != "code":
        yield "text", source
        return
    yield "fence", _fenced(source, language)
    printed = _shortened("\n".join(filter(None, (_printed(output) for output in cell.get("outputs", [])))))
    if printed:
        yield "fence", _fenced(printed, "text")


def _printed(output: Mapping[str, Any]) -> str:
    kind = output.get("output_type")
    if kind == "error":
        return f"{output.get('ename', '')}: {output.get('evalue', '')}"
    if kind == "stream":
        return str(output.get("text", "")) if output.get("name") != "stderr" else ""
    data = output.get("data", {})
    if any(name.startswith("image/") for name in data):
        return ""  # its text says <Figure size 640x480>
    return str(data.get("text/plain", ""))


def _shortened(text: str) -> str:
    lines = [line.rstrip() for line in _ANSI.sub("", text).strip("\n").split("\n")]
    short = "\n".join(lines[:_OUTPUT_LINES])[:_OUTPUT_CHARS].strip("\n")
    return short + "\n…" if short and (len(lines) > _OUTPUT_LINES or len(short) == _OUTPUT_CHARS) else short


def _fenced(source: str, language: str) -> str:
    longest = max((len(mark) for mark in _FENCE.findall(source)), default=2)
    marks = "`" * (longest + 1)
    return f"{marks}{language}\n{source}\n{marks}"
