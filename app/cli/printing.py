"""What a reader sees in a terminal. Notes are not to be trusted: their control characters never reach the terminal."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from app.types import Answer, Citation, DemoLink
    from indexer.types import SearchResult, Skipped

_QUOTE_LINES = 8
_CONTROL = {
    c: None
    for c in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if c not in (0x09, 0x0A)
}


def safe(text: str) -> str:
    """``text`` without control characters (escape sequences, carriage returns, text direction overrides)."""
    return text.translate(_CONTROL)


def say(text: str = "", **style: Any) -> None:
    """To stdout."""
    click.echo(click.style(safe(text), **style) if style else safe(text))


def remark(text: str) -> None:
    """To stderr: what is not part of the output."""
    click.echo(safe(text), err=True)


def say_json(value: Any, *, indent: int | None = 2) -> None:
    """To stdout as JSON; one line where ``indent`` is None."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=indent, default=str))
    sys.stdout.flush()


def place(path: str, start_line: int, end_line: int) -> str:
    """``path:12-15``."""
    return f"{path}:{start_line}" + (f"-{end_line}" if end_line != start_line else "")


def say_answer(answer: Answer) -> None:
    """The answer, its citations with their quotes, demos that fit, and what to know about it."""
    if answer.rewritten:
        say(f"({answer.rewritten})", dim=True)
    if not answer.answerable:
        say("노트에서 답을 찾지 못했습니다.", fg="yellow")
    say(answer.answer.strip())
    if answer.citations:
        say("\n근거", bold=True)
        for citation in answer.citations:
            _say_citation(citation)
    if answer.demos:
        say("\n직접 해 보기", bold=True)
        for demo in answer.demos:
            say(f"  {demo.title}: {demo_command(demo)}")
    for notice in answer.notices:
        remark(f"알림: {notice}")


def _say_citation(citation: Citation) -> None:
    say(
        f"  [{citation.n}] {place(citation.path, citation.start_line, citation.end_line)}  {citation.heading}",
        fg="cyan",
    )
    lines = citation.quote.strip("\n").splitlines()
    for line in lines[:_QUOTE_LINES]:
        say(f"      │ {line}", dim=True)
    if len(lines) > _QUOTE_LINES:
        say(f"      │ … {len(lines) - _QUOTE_LINES}줄 더", dim=True)


def demo_command(demo: DemoLink) -> str:
    """The command that opens a demo with the same numbers."""
    return " ".join(["pilgi demo", demo.slug, *(f"--set {shlex.quote(f'{k}={v}')}" for k, v in demo.params.items())])


def say_results(results: Iterable[SearchResult]) -> None:
    """Passages, best first, with the part of each leg in the score."""
    for rank, result in enumerate(results, 1):
        chunk = result.chunk
        parts = "  ".join(f"{name} {value:.2f}" for name, value in result.parts.items())
        say(f"{rank:2}. {place(chunk.path, chunk.start_line, chunk.end_line)}  {' > '.join(chunk.heading)}", fg="cyan")
        say(f"    {result.score:.3f}  {parts}", dim=True)
        text = " ".join(chunk.text.split())
        say(f"    {text[:200]}{'…' if len(text) > 200 else ''}")


def remark_skipped(skipped: Iterable[Skipped]) -> None:
    """Files that were left out, and why."""
    for one in skipped:
        remark(f"  건너뜀 {one.path}: {one.reason}")
