"""How long a search takes: ``python -m tests.benchmarks.search_speed --notes DIR [--questions F]``.

Indexes the notes, asks questions one after the other, and prints the milliseconds of a search (p50, p95) with late interaction and
without, and of the whole answer, in one run. Ratios count; the milliseconds are this machine's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import click

from app.answer import Answerer
from app.evaluation.measures import percentile
from app.settings import load_settings
from indexer.index import Weights

PATH = click.Path(path_type=Path)


def _times(questions: list[str], ask: Callable[[str], object]) -> list[float]:
    for question in questions[:5]:
        ask(question)
    out = []
    for question in questions:
        began = time.perf_counter()
        ask(question)
        out.append((time.perf_counter() - began) * 1000)
    return out


@click.command()
@click.option("--notes", type=PATH, required=True)
@click.option("--index", type=PATH, required=True)
@click.option("--questions", type=PATH, default=Path(str(files("corpus").joinpath("questions.jsonl"))))
@click.option("--limit", type=int, default=200, show_default=True)
def main(notes: Path, index: Path, questions: Path, limit: int) -> None:
    answerer = Answerer(load_settings(notes=notes, index=index))
    done = answerer.build()
    asked = [json.loads(line)["question"] for line in questions.read_text("utf-8").splitlines()]
    asked = asked[:: max(1, len(asked) // limit)]
    print(f"{done.chunks} passages, {len(asked)} questions")
    ways: dict[str, Callable[[str], object]] = {
        "hybrid": lambda q: answerer.index.search(q, 10, weights=Weights().without("tokens")),
        "reranked": lambda q: answerer.search(q),
        "answer": lambda q: answerer.answer(q),
    }
    for name, ask in ways.items():
        times = _times(asked, ask)
        print(f"{name:<10} p50 {percentile(times, 0.5):6.1f} ms  p95 {percentile(times, 0.95):6.1f} ms", flush=True)


if __name__ == "__main__":
    main()
