"""What each part of the search gives: ``python -m tests.benchmarks.ablation --row hybrid --questions F --notes DIR``.

Rows: keywords (BM25 with the term table), vectors (sentence vectors), feedback (moved towards the
primer's), tokens (of the hundred nearest sentence vectors, late
interaction alone), hybrid (keywords and vectors), bridge (and the concept bridge), primer (and the words and vectors that it lends), reranked
(and late interaction), full (and the form of answer asked for, and the cross-encoder where one is set).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from app.answer import Answerer
from app.evaluation import evaluated_index
from app.evaluation.measures import hit, mean_reciprocal_rank
from app.evaluation.questions import EvalQuestion
from app.settings import load_settings
from indexer.index import Weights
from indexer.types import SearchResult

Rank = Callable[[Answerer, str], tuple[SearchResult, ...]]
PATH = click.Path(path_type=Path)


def _searched(weights: Weights) -> Rank:
    return lambda answerer, question: answerer.index.search(question, 10, weights=weights).results


ROWS: dict[str, Rank] = {
    "keywords": _searched(Weights.only("keyword", "coverage")),
    "vectors": _searched(Weights.only("vector")),
    "feedback": _searched(Weights.only("vector", "feedback")),
    "tokens": _searched(replace(Weights.only("vector"), tokens=1e6, tokens_unnamed=1e6)),
    "hybrid": _searched(Weights.only("keyword", "coverage", "vector")),
    "bridge": _searched(Weights.only("keyword", "coverage", "vector", "concept")),
    "primer": _searched(Weights().without("tokens")),
    "reranked": _searched(Weights()),
    "full": lambda answerer, question: answerer.search(question)[1].results,
}


def ranks(answerer: Answerer, questions: list[EvalQuestion], row: str) -> list[int | None]:
    """The rank of the first right passage for each question that has one."""
    out: list[int | None] = []
    for question in questions:
        if question.has_gold:
            results = ROWS[row](answerer, question.question)
            out.append(next((i + 1 for i, r in enumerate(results) if question.is_gold(r.chunk)), None))
    return out


@click.command()
@click.option("--row", type=click.Choice(list(ROWS)), multiple=True, default=list(ROWS))
@click.option("--questions", type=PATH, required=True)
@click.option("--notes", type=PATH, required=True)
@click.option("--limit", type=int, help="only the first questions")
def main(row: tuple[str, ...], questions: Path, notes: Path, limit: int | None) -> None:
    answerer, asked = evaluated_index(questions, notes, load_settings())
    for name in row:
        found = ranks(answerer, asked[:limit], name)
        print(f"{questions.stem:<18}{name:<10} hit@1 {hit(found, 1):.3f}  hit@5 {hit(found, 5):.3f}  hit@10 {hit(found, 10):.3f}  "
              f"mrr@10 {mean_reciprocal_rank(found):.3f}  ({len(found)} questions)", flush=True)


if __name__ == "__main__":
    main()
