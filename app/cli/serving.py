"""``pilgi serve``: the chat and the API."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli.korean import Command
from app.cli.options import index_option, notes_option, settings_of


@click.command(cls=Command)
@click.option("--host", help="들을 주소. 루프백이 아니면 열쇠가 있어야 한다. [기본: PILGI_HOST 또는 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65535), help="들을 포트. [기본: PILGI_PORT 또는 7860]")
@index_option
@notes_option
def serve(host: str | None, port: int | None, index: Path | None, notes: Path | None) -> None:
    """채팅(/), API(/v1), 문서(/docs)를 연다."""
    from app.server import run

    run(settings_of(host=host, port=port, index=index, notes=notes))
