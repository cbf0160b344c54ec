"""Questions that were written by hand for Pilgi (corpus/asked), with the passages that answer them.

``passage_questions``: for the passages of the notes that ship. ``facets``: passages in the style of students' notes, each with its
questions. ``terms``: for every term of the table everyday words, questions and a definition.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from importlib.resources import files

from indexer.training.data import Pair, Passage, is_held_out, own_notes
from models.catalogue import find


def rows(name: str) -> list[dict]:
    """The rows of a file in corpus/asked."""
    text = files("corpus").joinpath(f"asked/{name}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def note_passages() -> dict[str, list[Passage]]:
    """The passages of each concept's note, each a group of its own."""
    return {slug: [Passage(f"note-{slug}-{at}", p.text, slug) for at, p in enumerate(passages)] for slug, passages in own_notes().items()}


def passage_pairs() -> Iterator[Pair]:
    """A question -> the passage of a note that it was written for.

    Raises:
        ValueError: the passage is no longer there.
    """
    notes = note_passages()
    for row in rows("passage_questions"):
        found = [p for p in notes[row["note"]] if row["begins"] in p.text]
        if not found:
            raise ValueError(f"no passage of {row['note']} begins with {row['begins']!r}: write its questions anew")
        yield Pair(row["question"], found[0], f"passage-{row['kind']}", is_held_out(row["note"]))


def facet_passages() -> dict[str, list[Passage]]:
    """The passages of each concept's facets."""
    out: dict[str, list[Passage]] = {}
    for number, row in enumerate(rows("facets")):
        out.setdefault(row["concept"], []).append(Passage(f"facet-{number}", f"{row['heading']}\n{row['passage']}", row["concept"]))
    return out


def facet_pairs() -> Iterator[Pair]:
    """A question -> the facet that it was written for."""
    passages = {p.group: p for found in facet_passages().values() for p in found}
    for number, row in enumerate(rows("facets")):
        for kind, key in (("lay", "questions"), ("term", "term_questions")):
            for question in row[key]:
                yield Pair(question, passages[f"facet-{number}"], f"facet-{kind}", is_held_out(row["concept"]))


def term_pairs(seed: int) -> Iterator[Pair]:
    """A question in everyday words, or a few such words -> the term's definition; its topic is the concept of that name, if one is."""
    chance = random.Random(seed)
    for row in rows("terms"):
        topic = next((concept.slug for concept in find(row["term"])), "")
        passage = Passage(f"term-{row['term']}", f"{row['term']}\n{row['says']}", topic)
        for question in row["questions"]:
            yield Pair(question, passage, "term", is_held_out(topic or row["term"]))
        yield Pair(", ".join(chance.sample(row["words"], min(3, len(row["words"])))), passage, "words", is_held_out(topic or row["term"]))
