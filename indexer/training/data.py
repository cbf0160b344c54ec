"""What the models learn from: openly licensed documents, questions written for them, and Pilgi's own notes.

A *pair* is a question and a passage that answers it. ``group`` marks passages that would answer each other's questions:
within a batch they are never each other's negatives.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from indexer.chunker import chunk_note
from indexer.notes import read_notes
from indexer.plain import plain
from indexer.readers import reader_for
from indexer.sentences import sentences
from indexer.types import Note

_HELD_OUT = 10  # one in ten, by section and by concept


@dataclass(frozen=True)
class Passage:
    """Something that can be found. ``text``: headings and passage, readable. ``topic``: the concept it is about, where one is known."""

    group: str
    text: str
    topic: str = ""

    def may_answer_for(self, other: Passage) -> bool:
        """Whether it might answer the other's question too: of the same group, or on the same topic from elsewhere.

        Passages on one topic that were written side by side answer different questions.
        """
        elsewhere = self.group.partition("-")[0] != other.group.partition("-")[0]
        return self.group == other.group or bool(self.topic and self.topic == other.topic and elsewhere)


@dataclass(frozen=True)
class Pair:
    """A question and the passage that answers it; ``kind`` says how the pair was made."""

    question: str
    positive: Passage
    kind: str
    held_out: bool = False


def is_held_out(key: str) -> bool:
    """A tenth of all keys, always the same."""
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) % _HELD_OUT == 0


def rows(path: Path) -> Iterator[dict]:
    """JSON lines, xz or not."""
    with lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


@dataclass(frozen=True)
class Section:
    """A passage of a document, under its headings."""

    document: str
    heading: tuple[str, ...]
    text: str

    @property
    def passage(self) -> Passage:
        return Passage(f"{self.document}#{'>'.join(self.heading)}", "\n".join([*self.heading[-2:], self.text]))


def sections(data: Path, name: str, *, limit: int | None = None) -> Iterator[Section]:
    """Chunks of a document collection that hold Korean prose."""
    for count, row in enumerate(rows(data / f"{name}.jsonl.xz")):
        if limit is not None and count >= limit:
            return
        path = row["path"] if row["path"].endswith((".rst", ".md")) else row["path"] + ".md"
        read = reader_for(path)
        if read is None:
            continue
        parsed = read(row["text"].encode("utf-8", "surrogatepass"), path)
        for chunk in chunk_note(Note(path, parsed.text, parsed.blocks), max_chars=700):
            text = plain(chunk.text)
            if len(re.findall("[가-힣]", text)) >= 80:
                yield Section(row["path"], chunk.heading, text)


def weak_pairs(found: Sequence[Section], seed: int) -> Iterator[Pair]:
    """Heading -> section, a sentence -> the rest of its section, a definition -> its section."""
    chance = random.Random(seed)
    for section in found:
        passage = section.passage
        title = plain(section.heading[-1]) if section.heading else ""
        body = section.text.split("\n", 1)[1] if "\n" in section.text else section.text
        if 4 <= len(title) <= 60:
            yield Pair(_asked(title, chance), Passage(passage.group, body if chance.random() < 0.5 else passage.text), "heading")
        lines = [s.strip() for s in re.split(r"(?<=[다요음함임])[.\n]\s*", section.text) if 20 <= len(s.strip()) <= 120]
        if len(lines) >= 3:
            at = chance.randrange(len(lines))
            yield Pair(lines[at], Passage(passage.group, section.text.replace(lines[at], " ")), "sentence")


_ENDINGS = ("{}", "{}", "{}이 뭐야?", "{}란?", "{} 설명해줘", "{} 방법", "{} 하는 법", "{}는 왜 필요한가요?", "{}에 대해 알려줘", "{} 예시")


def _asked(title: str, chance: random.Random) -> str:
    text = chance.choice(_ENDINGS).format(title)
    return noisy(text, chance) if chance.random() < 0.1 else text


def noisy(text: str, chance: random.Random) -> str:
    """A slip of the keyboard: spaces lost, two letters swapped, or one left out."""
    if len(text) < 6:
        return text
    at = chance.randrange(1, len(text) - 2)
    match chance.randrange(3):
        case 0:
            return text.replace(" ", "")
        case 1:
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        case _:
            return text[:at] + text[at + 1 :]


def labelled_pairs(data: Path, seed: int, *, translations: int) -> Iterator[Pair]:
    """English -> Korean of one sentence, paraphrases of one question, entailed and equal sentences."""
    chance = random.Random(seed)
    seen = 0
    for number, row in enumerate(rows(data / "korean_labelled.jsonl.xz")):
        group = f"labelled-{number}"
        task = row["task"]
        if task == "translation" and len(row["en"]) > 25 and seen < translations:
            seen += 1
            sides = (row["en"], row["ko"]) if chance.random() < 0.5 else (row["ko"], row["en"])
            yield Pair(sides[0], Passage(group, sides[1]), "translation")
        elif task == "paraphrase_group":
            one, other = chance.sample(row["sentences"], 2)
            yield Pair(one, Passage(group, other), "paraphrase")
        elif (task == "sts" and float(row["label"]) >= 4) or (task == "nli" and row["label"] == "entailment"):
            yield Pair(row["a"], Passage(group, row["b"]), task)


def other_sentences(data: Path, seed: int, most: int) -> list[str]:
    """Sentences about daily life, news and the world: in equal parts from each set of ``korean_labelled`` but the translations."""
    found: dict[str, list[str]] = {}
    for row in rows(data / "korean_labelled.jsonl.xz"):
        if row["task"] != "translation":
            found.setdefault(row["set"], []).append(row["sentences"][0] if row["task"] == "paraphrase_group" else row["a"])
    chance = random.Random(seed)
    return [text for name in sorted(found) for text in chance.sample(sorted(set(found[name])), min(most // len(found), len(set(found[name]))))]


@cache
def own_notes() -> dict[str, list[Passage]]:
    """The passages of each concept's note (corpus/notes)."""
    out: dict[str, list[Passage]] = {}
    for note in read_notes(Path(str(files("corpus").joinpath("notes")))):
        if isinstance(note, Note) and "slug" in note.metadata:
            slug = str(note.metadata["slug"])
            out[slug] = [Passage(f"concept-{slug}", "\n".join([*chunk.heading[-2:], plain(chunk.text)]), slug) for chunk in chunk_note(note)]
    return out


def own_sentences() -> Iterator[tuple[str, str]]:
    """(concept, sentence) of every sentence of prose in the concepts' notes."""
    for slug, passages in own_notes().items():
        for passage in passages:
            for sentence in sentences(passage.text):
                text = passage.text[sentence.start : sentence.end].strip()
                if sentence.kind in ("paragraph", "list") and len(re.findall("[가-힣]", text)) >= 8:
                    yield slug, text


def concept_terms() -> dict[str, list[str]]:
    """Each concept's Korean and English terms."""
    return json.loads(files("corpus").joinpath("asked/concept_terms.json").read_text("utf-8"))


def asked_questions() -> list[tuple[str, str]]:
    """(concept, question) of every question written for a concept."""
    text = files("corpus").joinpath("asked/asked_questions.jsonl").read_text("utf-8")
    return [(row["concept"], row["question"]) for row in map(json.loads, text.splitlines())]


def asked_pairs(seed: int) -> Iterator[Pair]:
    """A learner's question -> a passage of its concept's note that shares most with it, its terms, or another question."""
    chance = random.Random(seed)
    terms, notes = concept_terms(), own_notes()
    by_concept: dict[str, list[str]] = {}
    for concept, question in asked_questions():
        by_concept.setdefault(concept, []).append(question)
    for concept, questions in by_concept.items():
        for question in questions:
            group = f"concept-{concept}"
            choice = chance.random()
            if choice < 0.6 and notes.get(concept):
                positive = _nearest(question, notes[concept], chance)
            elif choice < 0.75:
                positive = Passage(group, ", ".join(chance.sample(terms[concept], len(terms[concept]))), concept)
            else:
                positive = Passage(group, chance.choice([q for q in questions if q != question]), concept)
            yield Pair(question, positive, "asked", is_held_out(concept))


def _nearest(question: str, passages: Sequence[Passage], chance: random.Random) -> Passage:
    """One of the two passages of a note that share most letter pairs with the question."""
    grams = {question[i : i + 2] for i in range(len(question) - 1)}
    ranked = sorted(passages, key=lambda p: -sum(g in p.text for g in grams) / (200 + len(p.text)))
    return chance.choice(ranked[:2])


def section_questions(data: Path) -> Iterator[Pair]:
    """Questions written by hand for sections of the documents (corpus/asked), with the section's text.

    The sections stay in ``data``; a question names the document and the heading path it was written for.
    """
    wanted: dict[str, list[dict]] = {}
    for line in files("corpus").joinpath("asked/section_questions.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        wanted.setdefault(row["section"], []).append(row)
    for section_id, heading, text in _markdown_sections(data):
        for row in wanted.pop(section_id, ()):
            passage = Passage(section_id, "\n".join([*heading[-2:], plain(text)]))
            yield Pair(row["question"], passage, "section-" + row["kind"], is_held_out(section_id))


def _markdown_sections(data: Path) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """(id, heading path, text) of every headed section of korean_ml_docs, cut by headings alone."""
    for row in rows(data / "korean_ml_docs.jsonl.xz"):
        for heading, body in _by_heading(row["text"].split("\n")):
            text = re.sub(r"<img[^>]*>|!\[[^\]]*\]\([^)]*\)|data:image[^)\s\"]*", "", body)
            text = re.sub(r"\n{3,}", "\n\n", text).strip()
            key = row["path"] + "|".join(heading) + text[:80]
            yield hashlib.sha1(key.encode()).hexdigest()[:10], heading, text


def _by_heading(lines: Sequence[str]) -> Iterator[tuple[tuple[str, ...], str]]:
    path: list[tuple[int, str]] = []
    body: list[str] = []
    fence = False
    at = 0
    while at < len(lines):
        line = lines[at]
        fence ^= bool(re.match(r"\s*(```|~~~)", line))
        atx = None if fence else re.match(r"(#{1,6})\s+(.*)", line)
        below = lines[at + 1] if at + 1 < len(lines) else ""
        underlined = not fence and line.strip() and re.match(r'^([=\-~^"*+#])\1{3,}\s*$', below) \
            and len(below.strip()) >= min(len(line.strip()), 4)
        if atx or underlined:
            if "\n".join(body).strip():
                yield tuple(title for _, title in path), "\n".join(body).strip()
            body = []
            level = len(atx[1]) if atx else '=-~^"*+#'.index(below.strip()[0]) + 1
            title = re.sub(r"<[^>]+>|\{#.*?\}", "", atx[2]).strip() if atx else line.strip()
            while path and path[-1][0] >= level:
                path.pop()
            path.append((level, title))
            at += 0 if atx else 1
        else:
            body.append(line)
        at += 1
    if "\n".join(body).strip():
        yield tuple(title for _, title in path), "\n".join(body).strip()
