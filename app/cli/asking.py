"""``pilgi search`` and ``pilgi ask``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from app.cli.korean import Command
from app.cli.options import answerer_of, index_option, json_option, settings_of, waiting


@click.command(cls=Command)
@click.argument("question")
@click.option("--top", type=click.IntRange(1, 100), default=10, show_default=True, help="보여줄 구절의 수.")
@index_option
@json_option
def search(question: str, top: int, index: Path | None, as_json: bool) -> None:
    """질문과 가까운 구절을 찾는다."""
    from app.cli.printing import remark, say_json, say_results
    from app.rows import read_question, search_row

    asked = read_question({"question": question})
    answerer = answerer_of(settings_of(index=index))
    with waiting("찾는 중…"):
        found, ranked = answerer.search(asked.question, top)
    if as_json:
        say_json(search_row(question, found, ranked))
        return
    if not ranked.results:
        remark("맞는 구절이 없습니다.")
    say_results(ranked.results)
    for notice in ranked.notices:
        remark(f"알림: {notice}")


@click.command(cls=Command)
@click.argument("question", required=False)
@click.option(
    "--batch",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="질문 파일(JSONL: {id, question, history?}); -는 표준 입력. 한 줄에 답 한 줄을 순서대로 쓴다.",
)
@index_option
@json_option
@click.pass_context
def ask(ctx: click.Context, question: str | None, batch: Path | None, index: Path | None, as_json: bool) -> int:
    """노트에 묻고, 줄까지 짚은 답을 받는다."""
    if (question is None) == (batch is None):
        raise click.UsageError("질문과 --batch 가운데 하나를 적어 주세요.", ctx)
    if batch is not None:
        return _batch(batch, index)
    from app.cli.printing import say_answer, say_json
    from app.rows import read_question

    asked = read_question({"question": question})
    answerer = answerer_of(settings_of(index=index))
    with waiting("답을 찾는 중…"):
        answer = answerer.answer(asked.question)
    if as_json:
        say_json(answer.as_row())
    else:
        say_answer(answer)
    return 0


def _batch(source: Path, index: Path | None) -> int:
    from app.cli.printing import say_json
    from app.rows import batch_rows

    status = 0
    with click.open_file(str(source), "rb") as lines:
        answerer = answerer_of(settings_of(index=index))
        row: dict[str, Any]
        for row in batch_rows(answerer, lines):
            say_json(row, indent=None)
            if "error" in row:
                status = 3
    return status
