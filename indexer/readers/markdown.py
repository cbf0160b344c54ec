"""Markdown, and plain text: ``.txt`` study notes are mostly Markdown that lost its suffix."""

from __future__ import annotations

from indexer.readers.blocks import markdown_blocks
from indexer.readers.decode import decode
from indexer.readers.front_matter import front_matter
from indexer.readers.parsed import Parsed

SUFFIXES = (".md", ".markdown", ".txt")


def read(raw: bytes, path: str) -> Parsed:
    """Return the decoded file as it is; blocks are offsets into it, front matter is metadata and not a block."""
    decoded = decode(raw)
    fields, start = front_matter(decoded.text)
    return Parsed(decoded.text, markdown_blocks(decoded.text, start), {**fields, "encoding": decoded.encoding})
