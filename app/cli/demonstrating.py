"""``pilgi demo``: run a concept."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.korean import Command
from app.cli.options import index_option, json_option, settings_of, waiting

if TYPE_CHECKING:
    from app.demos import Ran
    from models.concept import Concept


@click.command(cls=Command)
@click.argument("slug", required=False)
@click.option("--list", "listed", is_flag=True, help="모든 개념의 목록을 보여준다.")
@json_option
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="바꿀 값. 여러 번 쓸 수 있다.")
@click.option("--question", metavar="Q", help="이 시스템을 들여다보는 개념(rag, bert, …)을 이 질문으로 돌린다.")
@index_option
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="그림을 .html이나 .json 파일로 쓴다."
)
@click.pass_context
def demo(
    ctx: click.Context,
    slug: str | None,
    listed: bool,
    as_json: bool,
    given: tuple[str, ...],
    question: str | None,
    index: Path | None,
    out: Path | None,
) -> None:
    """개념을 돌려 본다: 그림, 숫자, 베껴 쓸 수 있는 코드.

    SLUG는 목록의 이름이나 한국어·영어 이름이다 (예: convolution, 배치정규화).
    """
    params = dict(_pair(text, ctx) for text in given)
    if out and out.suffix.lower() not in _WRITERS:
        raise click.UsageError(f"--out {out}: {' 또는 '.join(_WRITERS)} 파일이어야 합니다.", ctx)
    if listed or slug is None:
        _list(as_json)
        return
    from app.cli.printing import remark, say_json
    from app.demos import run_demo
    from app.rows import demo_row

    if question is None:
        ran = run_demo(slug, params)
    else:
        from app.answer import Answerer
        from app.rows import read_question

        asked = read_question({"question": question}).question
        with waiting("돌리는 중…"):
            ran = run_demo(slug, params, question=asked, answerer=Answerer(settings_of(index=index)))
    row = demo_row(ran)
    if out:
        out.write_text(_WRITERS[out.suffix.lower()](ran, row), "utf-8")
        remark(f"{out}에 썼습니다.")
    if as_json:
        say_json(row)
    elif not out:
        _say(ran.concept, row)


def _pair(text: str, ctx: click.Context) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.UsageError(f"--set {text}: NAME=VALUE 꼴로 적어 주세요.", ctx)
    return name.strip(), value


def _list(as_json: bool) -> None:
    from app.cli.printing import say, say_json
    from app.rows import concept_row
    from models import catalogue

    rows = [concept_row(c, catalogue.room(c.slug)) for c in catalogue.concepts().values()]
    if as_json:
        say_json(rows)
        return
    room = ""
    for row in rows:
        if row["room"] != room:
            room = row["room"]
            say(f"\n{room}", bold=True)
        say(f"  {row['slug']:<26} {row['title']}")


def _say(concept: Concept, row: dict[str, Any]) -> None:
    from app.cli.printing import say

    say(concept.title, bold=True)
    say(row["text"])
    say("\n숫자", bold=True)
    for name, value in row["numbers"].items():
        say(f"  {name}: {value}")
    say("\n바꿀 수 있는 값", bold=True)
    for control in concept.controls:
        bounds = f"{control.low:g}…{control.high:g}" if control.kind == "number" else ", ".join(control.choices)
        say(f"  --set {control.name}={row['params'][control.name]}  {control.label} {bounds}".rstrip())
    say("\n코드", bold=True)
    say(row["code"].rstrip())
    say(f"\n그림은 'pilgi demo {concept.slug} --out {concept.slug}.html'로 볼 수 있습니다.", dim=True)


def _json(ran: Ran, row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)


def _html(ran: Ran, row: dict[str, Any]) -> str:
    """One file that works without a network: plotly is written into it."""
    concept, shown = ran.concept, ran.demo
    figures = [shown.figure.to_html(include_plotlyjs=True, full_html=False)]
    if shown.detail:
        figures.append(shown.detail.to_html(include_plotlyjs=False, full_html=False))
    numbers = "".join(
        f"<tr><th>{html.escape(str(k))}</th><td>{html.escape(str(v))}</td></tr>" for k, v in row["numbers"].items()
    )
    return (
        f'<!doctype html><html lang="ko"><meta charset="utf-8"><title>{html.escape(concept.title)}</title>'
        "<style>body{font-family:system-ui,sans-serif;max-width:60rem;margin:2rem auto}"
        "th{text-align:left;padding-right:1rem}"
        f"pre{{background:#f6f6f6;padding:1rem;overflow:auto}}</style><h1>{html.escape(concept.title)}</h1>"
        f"<p>{html.escape(row['text'])}</p>{''.join(figures)}<table>{numbers}</table><pre>{html.escape(row['code'])}</pre></html>"
    )


_WRITERS = {".html": _html, ".json": _json}
