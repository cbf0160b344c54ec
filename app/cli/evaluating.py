"""``pilgi eval``: how well are questions answered?"""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.korean import Command
from app.cli.options import index_option, json_option, settings_of


@click.command("eval", cls=Command)
@click.option(
    "--questions",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="질문과 정답이 든 파일.",
)
@click.option("--notes", required=True, type=click.Path(path_type=Path, exists=True), metavar="DIR", help="노트 폴더.")
@index_option
@json_option
def evaluate(questions: Path, notes: Path, index: Path | None, as_json: bool) -> None:
    """질문 파일로 검색과 답의 질을 잰다."""
    from app.cli.printing import say, say_json
    from app.cli.progress import build_progress
    from app.evaluation import format_report, run

    with build_progress() as progress:
        report = run(
            questions,
            notes,
            settings_of(notes=notes, index=index),
            progress=lambda done, total: progress("질문", done, total),
        )
    if as_json:
        say_json(report)
    else:
        say(format_report(report))
