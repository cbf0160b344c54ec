"""Questions to begin with."""

from __future__ import annotations

import json
import logging
from importlib.resources import files

from app.settings import Settings

log = logging.getLogger(__name__)


def example_questions(settings: Settings, most: int = 6) -> list[str]:
    """Plainly asked questions that the notes that ship answer, from all over them; none over other notes."""
    if not settings.default_corpus:
        return []
    try:
        lines = files("corpus").joinpath("questions.jsonl").read_text("utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        log.warning("no example questions: %s", error)
        return []
    plain = [str(r["question"]) for r in rows if r.get("kind") == "plain" and r.get("gold") and r.get("question")]
    step = max(1, len(plain) // most)
    return plain[step // 2 :: step][:most]
