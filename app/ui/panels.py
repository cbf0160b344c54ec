"""The HTML beside the chat: citations, passages, a note with its lines, concepts. Everything from notes is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.indexing import STAGES, Job
from app.types import Answer, Citation, Retrieved
from app.ui.text import escaped
from indexer.build import StoredNote
from indexer.lines import line_starts
from models import catalogue

LEGS = {"keyword": "키워드", "coverage": "질문 낱말", "vector": "벡터", "concept": "개념", "primer": "이웃말", "tokens": "토큰", "form": "형식", "reranker": "재순위"}
_AROUND = 400  # lines shown before and after those that are cited


def place(path: str, start_line: int, end_line: int) -> str:
    """``path:12–15``."""
    return f"{path}:{start_line}" + (f"–{end_line}" if end_line != start_line else "")


def citations_html(answer: Answer, turn: int) -> str:
    """Numbered citations; each opens its note."""
    return "".join(_citation(c, turn) for c in answer.citations) or "<p>근거로 든 줄이 없습니다.</p>"


def _citation(citation: Citation, turn: int) -> str:
    where = place(citation.path, citation.start_line, citation.end_line)
    return (
        f'<button class="cite" data-ref="cite-{turn}-{citation.n}"><b>[{citation.n}] {escaped(where)}</b> '
        f"<small>{escaped(citation.heading)}</small><q>{escaped(citation.quote)}</q></button>"
    )


def passages_html(passages: Iterable[Retrieved], turn: int) -> str:
    """Passages, best first, with the score of each leg; each opens its note."""
    return "".join(_passage(p, turn, i) for i, p in enumerate(passages, 1)) or "<p>찾은 구절이 없습니다.</p>"


def _passage(passage: Retrieved, turn: int, rank: int) -> str:
    where = place(passage.path, passage.start_line, passage.end_line)
    legs = "".join(
        f'<span>{LEGS.get(name, escaped(name))} {value:.2f}<meter min="0" max="1" value="{value:.4f}"></meter></span>'
        for name, value in passage.parts.items()
    )
    return (
        f'<button class="cite" data-ref="passage-{turn}-{rank}"><b>{rank}. '
        f"{escaped(where)}</b> <small>{escaped(passage.heading)}</small>"
        f'<span class="legs"><span>점수 {passage.score:.3f}</span>{legs}</span><q>{escaped(passage.text)}</q></button>'
    )


def note_html(note: StoredNote, start_line: int, end_line: int) -> str:
    """A note with the lines marked that were cited."""
    starts = [*line_starts(note.text), len(note.text)]
    first, last = max(1, start_line - _AROUND), min(len(starts) - 1, end_line + _AROUND)
    rows = []
    for number in range(first, last + 1):
        mark = ' class="hit"' if start_line <= number <= end_line else ""
        line = note.text[starts[number - 1] : starts[number]].rstrip("\r\n")
        rows.append(f'<li value="{number}"{mark}>{escaped(line) or "&nbsp;"}</li>')
    head = f"<h4>{escaped(place(note.path, start_line, end_line))}</h4>"
    return f'{head}<ol class="note" start="{first}" tabindex="0">{"".join(rows)}</ol>'


def chips_html(slugs: Iterable[str]) -> str:
    """Concepts that were heard; each opens its demo."""
    known = catalogue.concepts()
    chips = "".join(
        f'<button class="chip" data-ref="demo-{s}">{escaped(known[s].title)}</button>' for s in slugs if s in known
    )
    return f'<div class="chips"><span>관련 개념</span>{chips}</div>' if chips else ""


def rooms_html(rooms: Mapping[str, Iterable[Any]]) -> str:
    """All concepts, room by room; each opens its demo."""
    out = []
    for room, concepts in rooms.items():
        chips = "".join(f'<button class="chip" data-ref="lab-{c.slug}">{escaped(c.title)}</button>' for c in concepts)
        out.append(f'<div class="chips"><span>{escaped(room)}</span>{chips}</div>')
    return "".join(out)


def numbers_html(numbers: Mapping[str, Any]) -> str:
    """The numbers worth knowing."""
    rows = "".join(
        f"<tr><th>{escaped(str(name))}</th><td>{escaped(_number(value))}</td></tr>" for name, value in numbers.items()
    )
    return f'<table class="numbers">{rows}</table>' if rows else ""


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return "예" if value else "아니요"
    if not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def progress_html(job: Job) -> str:
    """How far each stage of a build is."""
    bars = "".join(
        f"<tr><th>{STAGES.get(stage, escaped(stage))}</th>"
        f'<td><progress max="{max(total, 1)}" value="{done if total else 1}"></progress></td>'
        f"<td>{done:,} / {total:,}</td></tr>"
        for stage, (done, total) in list(job.stages.items())
    )
    return f'<p role="status">{escaped(job.message)}</p><table class="numbers">{bars}</table>'
