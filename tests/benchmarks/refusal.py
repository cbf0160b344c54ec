"""Fit when to refuse: ``python -m tests.benchmarks.refusal --index DIR --data DIR``.

Five worlds of notes, in each questions that its notes answer and questions that they do not. *shipped*: the notes that ship, with
the questions of corpus/questions.jsonl; not answerable are those it marks so, those written near the notes' topics for this purpose
(corpus/asked/unanswerable_questions.jsonl), and questions written for sections of other documents. *notes* and *facets*: a dozen
concepts, drawn eight times, of which the notes, or the facets, are all there is; half of the questions are about other concepts.
The primer then lacks the passages that are the notes. *wide*: the notes that ship, which the primer lacks, and questions in everyday
words: for their passages, and for terms that they never mention (the primer knows the terms, but not that question). *documents*:
half of the sections that the encoder has not learned from are the notes, the questions are those written for both halves. To each
world but *wide* come questions about daily life. Two logistic regressions are fitted, for questions that name something and for
those in everyday words, each world and each kind counting alike, and their bias is moved so that of the answerable only ``LOST``
are refused. Prints the weights for ``app.composer.refusal``, and what they refuse when fitted to the other four fifths.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import click
import numpy as np
from sklearn.linear_model import LogisticRegression

from app.answer import Answerer
from app.composer.refusal import Evidence, evidence
from app.settings import load_settings
from indexer import analyzer
from indexer.training import data as source
from indexer.training import written
from indexer.training.data import concept_terms

FOREIGN = 250  # questions for sections of other documents
DRAWN, CONCEPTS, ASKED = 8, 12, 32
WIDE = 300
DAILY = 64  # questions about daily life in each world but wide
READ = {  # the evidence that each regression reads
    "named": ("coverage", "known", "likeness", "heard", "lent", "familiar", "strange", "missing", "absent"),
    "everyday": ("held", "lent", "familiar", "strange", "absent"),  # questions written for a passage share more of its words than others do
}
LOST = {"named": 0.04, "everyday": 0.06}
Row = tuple[str, bool, Evidence]


def _rows(name: str) -> list[dict]:
    return [json.loads(line) for line in files("corpus").joinpath(name).read_text("utf-8").splitlines()]


def _measured(answerer: Answerer, world: str, questions: list[tuple[str, bool]]) -> Iterator[Row]:
    for question, answerable in questions:
        found, ranked = answerer.search(question)
        yield world, answerable, evidence(found, ranked.results)


@cache
def daily(data: Path) -> list[str]:
    """Questions about daily life."""
    groups = [row["sentences"] for row in source.rows(data / "korean_labelled.jsonl.xz") if row["task"] == "paraphrase_group"]
    return [sentence for group in groups for sentence in group[1:2] if sentence.endswith("?")]


def shipped(index: Path, data: Path) -> Iterator[Row]:
    """Questions over the notes that ship."""
    answerer = Answerer(load_settings(index=index))
    answerer.build()
    own = [(r["question"], r["kind"] != "unanswerable") for r in _rows("questions.jsonl") if r["kind"] != "computed"]
    near = [(r["question"], False) for r in _rows("asked/unanswerable_questions.jsonl")]
    other = [(r["question"], False) for r in random.Random(0).sample(_rows("asked/section_questions.jsonl"), FOREIGN)]
    life = [(q, False) for q in random.Random(0).sample(daily(data), DAILY)]
    yield from _measured(answerer, "shipped", [*own, *near, *other, *life])


def drawn(place: Path, data: Path, world: str, number: int) -> Iterator[Row]:
    """Questions over the notes, or the facets, of a dozen concepts."""
    chance = random.Random(number)
    concepts = set(chance.sample(sorted(concept_terms()), CONCEPTS))
    folder = place / f"{world}-{number}"
    folder.mkdir(parents=True)
    facets = written.rows("facets")
    if world == "notes":
        for concept in concepts:
            (folder / f"{concept}.md").write_bytes(files("corpus").joinpath(f"notes/{concept}.md").read_bytes())
        questions = [(row["question"], row["note"] in concepts) for row in written.rows("passage_questions")]
    else:
        for row in facets:
            if row["concept"] in concepts:
                with (folder / f"{row['concept']}.md").open("a", encoding="utf-8") as file:
                    file.write(f"## {row['heading']}\n\n{row['passage']}\n\n")
        questions = [(q, row["concept"] in concepts) for row in facets
                     for q in (*chance.sample(row["questions"], min(2, len(row["questions"]))), row["term_questions"][0])]
    answerer = Answerer(load_settings(notes=folder, index=place / f"{world}-{number}-index"))
    answerer.build()
    primer = answerer.index.primer
    keyed = [i for i, passage in enumerate(primer.passages) if passage.key]
    rest = [i for i, passage in enumerate(primer.passages) if not passage.key]  # the facets, then the terms
    answerer.index.__dict__["primer"] = primer.only(rest if world == "notes" else [*keyed, *rest[len(facets) :]])
    for answerable in (True, False):
        some = chance.sample([q for q in questions if q[1] == answerable], ASKED)
        yield from _measured(answerer, world, some)
    yield from _measured(answerer, world, [(q, False) for q in chance.sample(daily(data), DAILY // DRAWN)])


def wide(index: Path) -> Iterator[Row]:
    """Questions in everyday words over the notes that ship, for what stands there and for terms that stand nowhere."""
    answerer = Answerer(load_settings(index=index))
    answerer.build()
    found, primer = answerer.search("용어")[0], answerer.index.primer
    defined = written.rows("terms")
    first = len(primer.passages) - len(defined)
    assert not any(passage.key for passage in primer.passages[first:]), "the terms are the last of the primer"
    chance = random.Random(0)
    absent = [n for n, row in enumerate(defined) if not found.vocabulary.intersection(found.terms.tokens_of(row["term"]))]
    untold = {first + n: chance.choice(defined[n]["questions"]) for n in chance.sample(absent, WIDE)}
    unasked = {at: tuple(analyzer.query(question, found.terms, ()).tokens) for at, question in untold.items()}
    answerer.index.__dict__["primer"] = primer.only([i for i, p in enumerate(primer.passages) if not p.key], unasked=unasked)
    told = chance.sample([row["question"] for row in written.rows("passage_questions") if row["kind"] == "lay"], WIDE)
    yield from _measured(answerer, "wide", [*((question, True) for question in told), *((question, False) for question in untold.values())])


def documents(place: Path, data: Path) -> Iterator[Row]:
    """Questions over sections of other documents."""
    pairs = [p for p in source.section_questions(data) if p.held_out]
    sections = list(dict.fromkeys(p.positive for p in pairs))
    random.Random(0).shuffle(sections)
    for half in (0, 1):
        held = set(sections[half::2])
        folder = place / f"documents-{half}"
        folder.mkdir()
        for number, section in enumerate(sorted(held, key=lambda s: s.group)):
            title, _, text = section.text.partition("\n")
            with (folder / f"{number // 8}.md").open("a", encoding="utf-8") as file:
                file.write(f"# {title}\n\n{text}\n\n")
        answerer = Answerer(load_settings(notes=folder, index=place / f"documents-{half}-index"))
        answerer.build()
        chance = random.Random(half)
        asked = chance.sample([(p.question, p.positive in held) for p in pairs], min(len(pairs), 8 * ASKED))
        life = [(q, False) for q in chance.sample(daily(data), DAILY // 2)]
        yield from _measured(answerer, "documents", [*asked, *life])


def fitted(rows: list[Row], names: tuple[str, ...], lost: float) -> tuple[dict[str, float], float]:
    """Weights by name, and the bias."""
    x = np.array([[getattr(seen, name) for name in names] for _, _, seen in rows])
    kinds = [(world, answerable) for world, answerable, _ in rows]
    y = np.array([answerable for _, answerable in kinds])
    weight = np.array([1 / max(20, kinds.count(kind)) for kind in kinds])
    model = LogisticRegression(C=3.0, max_iter=5000).fit(x, y, sample_weight=weight / weight.mean())
    odds = x[y] @ model.coef_[0]
    order = np.argsort(odds)
    at = np.searchsorted(np.cumsum(weight[y][order]) / weight[y].sum(), lost)
    return dict(zip(names, model.coef_[0].tolist(), strict=True)), -float(odds[order][at])


@click.command()
@click.option("--index", type=click.Path(path_type=Path), required=True, help="an index of corpus/notes")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="as for indexer.training")
def main(index: Path, data: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        rows = [*shipped(index, data), *wide(index), *documents(Path(place), data)]
        for world in ("notes", "facets"):
            rows += [row for number in range(DRAWN) for row in drawn(Path(place), data, world, number)]
    folds = np.random.default_rng(0).integers(0, 5, len(rows)).tolist()
    answered: dict[tuple[str, str, bool], list[bool]] = {}
    for kind, names in READ.items():
        part = [(row, fold) for row, fold in zip(rows, folds, strict=True) if row[2].named == (kind == "named")]
        for fold in range(5):
            weights, bias = fitted([row for row, f in part if f != fold], names, LOST[kind])
            for (world, answerable, seen), f in part:
                if f == fold:
                    said = bias + sum(weight * getattr(seen, name) for name, weight in weights.items()) >= 0
                    answered.setdefault((world, kind, answerable), []).append(said)
        weights, bias = fitted([row for row, _ in part], names, LOST[kind])
        print(f"{kind}: bias {bias:.2f}", {name: round(weight, 2) for name, weight in weights.items()})
    for world, kind in dict.fromkeys((w, k) for w, k, _ in answered):
        yes, no = answered[world, kind, True], answered[world, kind, False]
        print(f"{world}, {kind}: answered {np.mean(yes):.3f} of {len(yes)}, refused {1 - np.mean(no):.3f} of {len(no)}")


if __name__ == "__main__":
    main()
