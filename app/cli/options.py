"""Options that several commands share, and the one way from options to settings and an answerer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from app.answer import Answerer
    from app.settings import Settings

index_option = click.option(
    "--index",
    "index",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="색인 폴더. [기본: PILGI_INDEX 또는 .pilgi/index]",
)
notes_option = click.option(
    "--notes",
    "notes",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="노트 폴더. [기본: PILGI_NOTES 또는 함께 온 노트]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON으로 출력한다.")


def settings_of(**given: Any) -> Settings:
    """Settings from the environment and the command's options."""
    from app.settings import load_settings

    return load_settings(**given)


def answerer_of(settings: Settings) -> Answerer:
    """An answerer; the index over the notes that ship is made on the spot where there is none yet."""
    from app.answer import Answerer
    from app.indexing import needs_first_build

    answerer = Answerer(settings)
    if needs_first_build(settings):
        from app.cli.printing import remark
        from app.cli.progress import build_progress

        remark(f"처음이므로 함께 온 노트의 색인을 만듭니다: {settings.index}")
        with build_progress() as progress:
            answerer.build(progress=progress)
    return answerer


@contextlib.contextmanager
def waiting(text: str) -> Iterator[None]:
    """A spinner on stderr while something takes its time; nothing where stderr is no terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield
