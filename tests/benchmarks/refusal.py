"""Fit when to refuse: ``python -m tests.benchmarks.refusal --index DIR``.

Answerable: the questions of corpus/questions.jsonl. Not answerable: those it marks so, and questions written for sections of
other documents (corpus/asked) whose every term the notes lack or that no concept of the notes claims. Prints the weights for
``app.composer.refusal``, and what several thresholds would refuse, on a third that was not fitted.
"""

from __future__ import annotations

import json
import random
from dataclasses import astuple, fields
from importlib.resources import files
from pathlib import Path

import click
import numpy as np
from sklearn.linear_model import LogisticRegression

from app.answer import Answerer
from app.composer.refusal import Evidence, evidence
from app.settings import load_settings

FOREIGN = 350


def questions() -> list[tuple[str, bool]]:
    """(question, answerable)."""
    rows = [json.loads(line) for line in files("corpus").joinpath("questions.jsonl").read_text("utf-8").splitlines()]
    own = [(r["question"], r["kind"] != "unanswerable") for r in rows if r["kind"] != "computed"]
    text = files("corpus").joinpath("asked/section_questions.jsonl").read_text("utf-8")
    foreign = [json.loads(line)["question"] for line in text.splitlines()]
    return [*own, *((q, False) for q in random.Random(0).sample(foreign, FOREIGN))]


@click.command()
@click.option("--index", type=click.Path(path_type=Path), required=True, help="an index of corpus/notes")
def main(index: Path) -> None:
    answerer = Answerer(load_settings(index=index))
    answerer.build()
    asked = questions()
    features, labels = [], []
    for question, answerable in asked:
        found, ranked = answerer.search(question)
        features.append(astuple(evidence(found, ranked.results)))
        labels.append(answerable)
    x, y = np.array(features), np.array(labels)
    held = np.random.default_rng(0).random(len(y)) < 0.34
    model = LogisticRegression(C=3.0, max_iter=1000).fit(x[~held], y[~held])
    names = [f.name for f in fields(Evidence)]
    print("bias", round(float(model.intercept_[0]), 2), dict(zip(names, model.coef_[0].round(2).tolist(), strict=True)))
    probability = model.predict_proba(x[held])[:, 1]
    for threshold in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7):
        answered = (probability[y[held]] >= threshold).mean()
        refused = (probability[~y[held]] < threshold).mean()
        print(f"threshold {threshold}: answered {answered:.3f} of the answerable, refused {refused:.3f} of the rest")


if __name__ == "__main__":
    main()
