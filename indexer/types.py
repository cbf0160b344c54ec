"""The values that pass from a file to a search result, and the parts that can be replaced.

All values are frozen. Offsets count characters of ``Note.text`` (Python ``str`` indices), lines count from 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

BlockKind = Literal["heading", "paragraph", "list", "code", "formula", "table", "quote"]


@dataclass(frozen=True)
class Block:
    """One piece of a note's structure: ``note.text[start:end]``.

    ``level`` is a heading's depth (1 is the top) and 0 elsewhere. ``title`` is a heading's plain text.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    title: str = ""


@dataclass(frozen=True)
class Note:
    """A file that was read.

    ``path``: relative to the notes folder, POSIX, NFC. ``text``: for text formats exactly the decoded file (line ends,
    normalization form and all, without a byte order mark), so that a slice of it is a substring of the file; for
    notebooks, PDFs and Word files the extracted text. ``blocks``: in order, not overlapping; what lies between
    blocks is white space or front matter. ``metadata``: front matter and what the format itself says (title, …).
    ``digest``: SHA-256 (hex) of the file's bytes.
    """

    path: str
    text: str
    blocks: tuple[Block, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""


@dataclass(frozen=True)
class Skipped:
    """A file, or a part of one, that was left out, and why (one Korean line)."""

    path: str
    reason: str


@dataclass(frozen=True)
class Chunk:
    """A passage: ``text == note.text[start:end]``, with where it stands.

    ``heading``: the path of headings above it, outermost first. ``lead``: text to be searched with the passage that
    does not stand at these offsets (the header row of a continued table). ``id``: stable over rebuilds while path,
    heading and text stay the same.
    """

    id: str
    path: str
    heading: tuple[str, ...]
    text: str
    start: int
    end: int
    start_line: int
    end_line: int
    lead: str = ""

    @property
    def searched(self) -> str:
        """What is indexed: headings, lead, passage."""
        return "\n".join([" > ".join(self.heading), self.lead, self.text]).strip()


@dataclass(frozen=True)
class SearchResult:
    """A chunk with its score (larger is better, 0 to 1) and the part of each leg in it."""

    chunk: Chunk
    score: float
    parts: Mapping[str, float] = field(default_factory=dict)


class Encoder(Protocol):
    """Texts to unit vectors. ``fingerprint`` changes whenever the vectors would."""

    @property
    def dim(self) -> int: ...

    @property
    def fingerprint(self) -> str: ...

    def encode(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> np.ndarray:
        """Return float32 (len(texts), dim), every row of length 1."""
        ...


class VectorStore(Protocol):
    """Nearest neighbours by inner product, over vectors numbered 0, 1, … in the order given."""

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """``queries``: float32 (q, dim) -> (scores (q, k), numbers (q, k)); -1 where there is none."""
        ...
