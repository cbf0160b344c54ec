"""Fit when to refuse: ``python -m tests.benchmarks.refusal --index DIR``.

Two sets of notes. *The notes that ship*: answerable are the questions of corpus/questions.jsonl; not answerable those it marks so,
those written near the notes' topics for this purpose (corpus/asked/unanswerable_questions.jsonl), and questions written for
sections of other documents. *Foreign notes*, made of the facets: the encoder has not learned from the questions of the concepts
that are held out; half of these concepts are left out of the notes, and their questions cannot be answered there; then the other
half. Prints the weights for ``app.composer.refusal``, and what several thresholds would refuse, on a third that was not fitted.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from dataclasses import astuple, fields
from importlib.resources import files
from pathlib import Path

import click
import numpy as np
from sklearn.linear_model import LogisticRegression

from app.answer import Answerer
from app.composer.refusal import Evidence, evidence
from app.settings import load_settings
from indexer.training import written
from indexer.training.data import is_held_out

FOREIGN = 250
Row = tuple[str, bool, tuple[float, ...]]


def _rows(name: str) -> list[dict]:
    return [json.loads(line) for line in files("corpus").joinpath(name).read_text("utf-8").splitlines()]


def _measured(answerer: Answerer, world: str, questions: list[tuple[str, bool]]) -> Iterator[Row]:
    for question, answerable in questions:
        found, ranked = answerer.search(question)
        yield world, answerable, astuple(evidence(found, ranked.results))


def shipped(index: Path) -> Iterator[Row]:
    """Questions over the notes that ship."""
    answerer = Answerer(load_settings(index=index))
    answerer.build()
    own = [(r["question"], r["kind"] != "unanswerable") for r in _rows("questions.jsonl") if r["kind"] != "computed"]
    near = [(r["question"], False) for r in _rows("asked/unanswerable_questions.jsonl")]
    other = [(r["question"], False) for r in random.Random(0).sample(_rows("asked/section_questions.jsonl"), FOREIGN)]
    yield from _measured(answerer, "shipped", [*own, *near, *other])


def foreign(place: Path) -> Iterator[Row]:
    """Questions over notes in other words than those that ship."""
    chance = random.Random(0)
    facets = written.rows("facets")
    held = sorted({row["concept"] for row in facets if is_held_out(row["concept"])})
    chance.shuffle(held)
    for fold in (0, 1):
        left_out = set(held[fold::2])
        folder = place / f"notes-{fold}"
        folder.mkdir(parents=True)
        for row in facets:
            if row["concept"] not in left_out:
                with (folder / f"{row['concept']}.md").open("a", encoding="utf-8") as file:
                    file.write(f"## {row['heading']}\n\n{row['passage']}\n\n")
        answerer = Answerer(load_settings(notes=folder, index=place / f"index-{fold}"))
        answerer.build()
        whole = answerer.index.primer
        keyed = [i for i, p in enumerate(whole.passages) if p.key]  # without the facets, which are the notes here
        answerer.index.__dict__["primer"] = whole.only(keyed)
        questions = [(q, row["concept"] not in left_out) for row in facets if row["concept"] in held
                     for q in (*chance.sample(row["questions"], min(2, len(row["questions"]))), row["term_questions"][0])]
        yield from _measured(answerer, "foreign", questions)


@click.command()
@click.option("--index", type=click.Path(path_type=Path), required=True, help="an index of corpus/notes")
def main(index: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        rows = [*shipped(index), *foreign(Path(place))]
    x, y = np.array([r[2] for r in rows]), np.array([r[1] for r in rows])
    worlds = np.array([r[0] for r in rows])
    held = np.random.default_rng(0).random(len(y)) < 0.34
    # Every world and every kind counts alike.
    weight = np.ones(len(y))
    for world in set(worlds):
        for kind in (True, False):
            part = (worlds == world) & (y == kind)
            weight[part] = len(y) / part.sum()
    model = LogisticRegression(C=3.0, max_iter=2000).fit(x[~held], y[~held], sample_weight=weight[~held] / weight.mean())
    names = [f.name for f in fields(Evidence)]
    print(f"{len(y)} questions, {int(y.sum())} answerable")
    print("bias", round(float(model.intercept_[0]), 2), dict(zip(names, model.coef_[0].round(2).tolist(), strict=True)))
    probability = model.predict_proba(x)[:, 1]
    for threshold in (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5):
        line = f"threshold {threshold}:"
        for world in ("shipped", "foreign"):
            part = held & (worlds == world)
            line += f"  {world} answered {(probability[part & y] >= threshold).mean():.3f} refused {(probability[part & ~y] < threshold).mean():.3f}"
        print(line)


if __name__ == "__main__":
    main()
