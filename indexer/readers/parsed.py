"""What a reader hands back: the text of a file, its structure, and the parts it had to leave out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from indexer.types import Block, Skipped


@dataclass(frozen=True)
class Parsed:
    """``text``, ``blocks``, ``metadata`` as in :class:`indexer.types.Note`; ``skipped``: parts not read (pages)."""

    text: str
    blocks: tuple[Block, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()
