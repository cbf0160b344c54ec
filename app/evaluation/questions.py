"""Sets of questions, in the formats that are read: how each says what a right passage is.

- JSON lines with ``gold``: substrings, one of which stands in a right passage; ``facts``: groups of alternatives, one of
  each group stands in a right answer; ``kind`` "unanswerable" where the notes do not say; ``value`` of a computed answer.
- JSON lines with ``gold_files``: paths of the notes that answer.
- JSON lines with ``gold_lines``: [path, first line, last line] of the places that answer.
- KorQuAD 1.0 JSON: each paragraph becomes a note, each question asks for its paragraph.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import InputError
from indexer.types import Chunk

KORQUAD_QUESTIONS = 1500


@dataclass(frozen=True)
class EvalQuestion:
    """A question, and how to tell a right passage and a right answer."""

    id: str
    question: str
    kind: str
    is_gold: Callable[[Chunk], bool]
    has_gold: bool
    facts: tuple[tuple[str, ...], ...] = ()
    value: str = ""

    @property
    def answerable(self) -> bool:
        """Whether the notes hold the answer."""
        return self.kind != "unanswerable"


def read_questions(path: Path, notes: Path) -> tuple[list[EvalQuestion], Path]:
    """The questions of a file, and the folder of notes that they are asked of.

    Raises:
        InputError: the file is in no known format; the message names the line.
    """
    if path.suffix == ".json":
        return _korquad(path, notes)
    out = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            out.append(_question(row, str(row.get("id", number))))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path.name} {number}번째 줄을 읽을 수 없습니다({error}): question과 gold, gold_files 또는 gold_lines가 필요합니다.") from error
    if not out:
        raise InputError(f"{path}에 질문이 없습니다.")
    return out, notes


def _question(row: dict[str, Any], id: str) -> EvalQuestion:
    facts = tuple(tuple(group) for group in row.get("facts", ()))
    kind = row.get("kind", "plain")
    if "gold_files" in row:
        wanted = frozenset(row["gold_files"])
        return EvalQuestion(id, row["question"], kind, lambda c: c.path in wanted, bool(wanted), facts)
    if "gold_lines" in row:
        places = [(p, int(a), int(b)) for p, a, b in row["gold_lines"]]
        return EvalQuestion(id, row["question"], kind, lambda c: any(c.path == p and c.start_line <= b and a <= c.end_line for p, a, b in places),
                            bool(places), facts)
    gold = tuple(row["gold"])
    return EvalQuestion(id, row["question"], kind, lambda c: any(g in c.text for g in gold), bool(gold), facts, str(row.get("value", "")))


def _in_note(name: str) -> Callable[[Chunk], bool]:
    return lambda c: c.path == name


def _korquad(path: Path, notes: Path) -> tuple[list[EvalQuestion], Path]:
    """Write each paragraph as a note into ``notes`` (made if need be) and ask for it."""
    try:
        data = json.loads(path.read_text("utf-8"))["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path.name}은(는) KorQuAD 1.0 형식이 아닙니다({error}).") from error
    notes.mkdir(parents=True, exist_ok=True)
    out: list[EvalQuestion] = []
    paragraphs = [(f"{a:03d}_{p:02d}.txt", paragraph) for a, article in enumerate(data) for p, paragraph in enumerate(article["paragraphs"])]
    for name, paragraph in paragraphs:
        (notes / name).write_text(paragraph["context"], "utf-8")
        for qa in paragraph["qas"]:
            answers = tuple(dict.fromkeys(a["text"] for a in qa["answers"]))
            out.append(EvalQuestion(qa["id"], qa["question"], "plain", _in_note(name), True, (answers,)))
    return out[:KORQUAD_QUESTIONS], notes
