"""``pilgi index``: build the index, or look at it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from app.cli.korean import Group
from app.cli.options import index_option, json_option, notes_option, settings_of


@click.group(cls=Group)
def index() -> None:
    """노트의 색인을 만들거나 살펴본다."""


@index.command()
@click.argument("places", metavar="[NOTES]...", nargs=-1, type=click.Path(path_type=Path))
@notes_option
@index_option
@click.option("--rebuild", is_flag=True, help="있던 색인을 쓰지 않고 처음부터 만든다.")
@json_option
@click.pass_context
def build(
    ctx: click.Context, places: tuple[Path, ...], notes: Path | None, index: Path | None, rebuild: bool, as_json: bool
) -> int:
    """색인을 만든다. 이미 있으면 달라진 노트만 다시 읽는다.

    NOTES는 노트 폴더나 파일이며 여럿도 된다. 적지 않으면 설정된 노트 폴더를 쓴다.
    """
    from app.answer import Answerer
    from app.cli.printing import remark_skipped, say, say_json
    from app.cli.progress import build_progress
    from app.indexing import summary_line

    if places and notes:
        raise click.UsageError("NOTES와 --notes는 함께 쓸 수 없습니다.", ctx)
    settings = settings_of(notes=notes, index=index)
    with build_progress() as progress:
        summary = Answerer(settings).build(
            places[0] if len(places) == 1 else places or None, rebuild=rebuild, progress=progress
        )
    if as_json:
        say_json(asdict(summary))
    else:
        say("바뀐 것이 없습니다." if summary.unchanged else f"색인을 만들었습니다: {settings.index}", bold=True)
        say(f"  {summary_line(summary)}")
        for name, paths in (("추가", summary.added), ("변경", summary.changed), ("삭제", summary.removed)):
            for path in paths[:10]:
                say(f"  {name} {path}", dim=True)
            if len(paths) > 10:
                say(f"  {name} … {len(paths) - 10}개 더", dim=True)
        if summary.other_files:
            say(f"  노트가 아닌 파일 {summary.other_files}개는 읽지 않았습니다.", dim=True)
    remark_skipped(summary.skipped)
    return 3 if summary.skipped else 0


@index.command()
@index_option
@json_option
def status(index: Path | None, as_json: bool) -> None:
    """지금 쓰는 색인이 무엇으로 만들어졌는지 보여준다."""
    from app.cli.printing import say, say_json
    from app.indexing import index_status

    found = index_status(settings_of(index=index))
    if as_json:
        say_json(asdict(found))
        return
    say(f"색인   {found.index} ({found.generation})")
    say(f"만든 때 {found.created}")
    say(f"노트   {found.notes_root}: {found.counts.get('notes', 0)}개, 구절 {found.counts.get('chunks', 0)}개")
    for part, mark in found.fingerprints.items():
        say(f"  {part}: {mark}", dim=True)
