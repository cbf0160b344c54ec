"""YAML front matter: the ``---`` lines at the top of a note."""

from __future__ import annotations

import logging
import re
from typing import Any

import yaml

_FRONT_MATTER = re.compile(r"\A---[ \t]*(?:\r\n|\n|\r)(.*?)(?:\r\n|\n|\r)(?:---|\.\.\.)[ \t]*(?=\r|\n|\Z)", re.DOTALL)
_EMPTY = re.compile(r"\A---[ \t]*(?:\r\n|\n|\r)---[ \t]*(?=\r|\n|\Z)")
_FIELD = re.compile(r"^([A-Za-z_가-힣][\w -]*):[ \t]*(.*)$", re.MULTILINE)
_MAX_CHARS = 20_000

_log = logging.getLogger(__name__)


def front_matter(text: str) -> tuple[dict[str, Any], int]:
    """Return (fields, offset at which the note's own text begins).

    A note may also begin with a rule (``---``) that is no front matter: then there are no fields and the offset is 0.
    YAML that does not parse is read line by line as ``name: value``; the note itself is never lost by it.
    """
    if match := _EMPTY.match(text):
        return {}, match.end()
    match = _FRONT_MATTER.match(text)
    if match is None or len(match[1]) > _MAX_CHARS:
        return {}, 0
    try:
        # BaseLoader makes strings, lists and mappings only: no dates to store, and 2024-13-45 is no error
        loaded = yaml.load(match[1], Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        lines = [line for line in match[1].splitlines() if line.strip()]
        fields = {name.strip(): _unquoted(value.strip()) for name, value in _FIELD.findall(match[1])}
        if not fields or len(fields) * 2 < len(lines):  # prose between two rules, not fields
            return {}, 0
        _log.info("front matter is not YAML, read line by line: %s", str(error).splitlines()[0])
        return fields, match.end()
    if not loaded:
        return {}, match.end()
    if not isinstance(loaded, dict):
        return {}, 0
    return {str(name): value for name, value in loaded.items()}, match.end()


def _unquoted(value: str) -> str:
    """Without the quotes around it; a quote that only ends it belongs to it (``Kim, "A Title"``)."""
    return value.strip("'\"") if value.startswith(("'", '"')) else value
