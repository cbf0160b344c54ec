"""``python -m indexer.training encoder|bridge|primer|average|reranker``: train what ships in models/pretrained."""

from __future__ import annotations

from pathlib import Path

import click

from indexer.encoder import embedded_folder

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def main() -> None:
    """Train the models that ship. Every run logs to OUT/run/log.jsonl and goes on from its last checkpoint."""


@main.command()
@click.option("--data", type=FOLDER, required=True, help="folder with korean_ml_docs.jsonl.xz and the rest")
@click.option("--start", type=FOLDER, default=embedded_folder, help="model to start from")
@click.option("--out", type=FOLDER, required=True)
@click.option("--steps", default=1200, show_default=True)
@click.option("--rate", default=2e-4, show_default=True, help="peak learning rate")
@click.option("--seed", default=0, show_default=True)
@click.option("--documents", default=1500, show_default=True, help="of korean_tech_docs")
@click.option("--all-concepts", is_flag=True, help="learn from the concepts that are held out, too: for the last run")
@click.option("--times", type=click.IntRange(min=1), default=1, show_default=True, help="as many questions a step, by gradient caching")
def encoder(data: Path, start: Path, out: Path, steps: int, rate: float, seed: int, documents: int, all_concepts: bool, times: int) -> None:
    """The encoder: sentence vectors, and token vectors for late interaction."""
    from indexer.training.encoder import train

    train(data, start, out, steps=steps, rate=rate, seed=seed, documents=documents, all_concepts=all_concepts,
          times=times)


@main.command()
@click.option("--data", type=FOLDER, required=True)
@click.option("--start", type=FOLDER, default=embedded_folder, help="the encoder whose trunk it starts from")
@click.option("--out", type=FOLDER, required=True)
@click.option("--steps", default=900, show_default=True)
@click.option("--rate", default=3e-4, show_default=True, help="peak learning rate")
@click.option("--seed", default=0, show_default=True)
@click.option("--questions", default=16, show_default=True, help="a step")
def reranker(data: Path, start: Path, out: Path, steps: int, rate: float, seed: int, questions: int) -> None:
    """A cross-encoder (after the encoder)."""
    from indexer.training.reranker import train

    train(data, start, out, steps=steps, rate=rate, seed=seed, questions=questions)


@main.command()
@click.option("--one", type=FOLDER, required=True)
@click.option("--other", type=FOLDER, required=True)
@click.option("--weight", default=0.5, show_default=True, help="of the other")
@click.option("--out", type=FOLDER, required=True)
def average(one: Path, other: Path, weight: float, out: Path) -> None:
    """A model between two: between the start and the end of a run, say."""
    from indexer.training.encoder import average as between

    between(one, other, out, weight=weight)


@main.command()
@click.option("--data", type=FOLDER, required=True)
@click.option("--out", type=FOLDER, required=True)
def bridge(data: Path, out: Path) -> None:
    """The concept bridge (after the encoder: it reads the encoder's vectors)."""
    from indexer.training.bridge import train

    click.echo(train(data, out))


@main.command()
@click.option("--out", type=FOLDER, required=True)
def primer(out: Path) -> None:
    """The primer: the passages that ship, embedded (after the encoder)."""
    from indexer.training.primer import train

    click.echo(train(out))


if __name__ == "__main__":
    main()
