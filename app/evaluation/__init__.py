"""``pilgi eval``: ask a set of questions, measure retrieval, answers, citations, refusals and latency."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.answer import Answerer
from app.composer.refusal import confidence
from app.evaluation.measures import (
    facts_present,
    hit,
    mean_reciprocal_rank,
    ndcg,
    percentile,
    risk_coverage,
    within,
)
from app.evaluation.questions import EvalQuestion, read_questions
from app.settings import Settings
from app.types import Answer
from indexer.types import Chunk

KS = (1, 3, 5, 10)
CHARACTERS = (700, 1500, 4000)


@dataclass(frozen=True)
class Outcome:
    """What came of one question. ``rank``: of the first right passage, from 1; ``relevant``: right or not, by rank."""

    question: EvalQuestion
    answer: Answer
    rank: int | None
    relevant: tuple[bool, ...]
    confidence: float
    exact: bool


def run(questions: Path, notes: Path, settings: Settings, *, progress: Callable[[int, int], Any] = lambda *_: None,
        limit: int | None = None) -> dict[str, Any]:
    """Index ``notes`` (in a folder of its own beside the index) and ask every question of the file.

    Returns a report of plain values: counts, measures, and a row for each question that failed.

    Raises:
        InputError: the file of questions cannot be read.
    """
    answerer, asked = evaluated_index(questions, notes, settings)
    chosen = asked[:limit] if limit else asked
    outcomes = []
    for done, question in enumerate(chosen):
        progress(done, len(chosen))
        outcomes.append(_outcome(answerer, question))
    progress(len(chosen), len(chosen))
    return report(outcomes, answerer.index.chunks, settings) | {"questions": questions.name, "generation": answerer.index.generation}


def evaluated_index(questions: Path, notes: Path, settings: Settings) -> tuple[Answerer, list[EvalQuestion]]:
    """An answerer over ``notes`` with an index of its own beside the set one, and the questions of the file.

    Raises:
        InputError: the file of questions cannot be read.
    """
    place = settings.index.parent / "eval" / hashlib.sha256(str(notes.resolve()).encode()).hexdigest()[:12]
    if questions.suffix == ".json":
        notes = place / "notes"
    asked, notes = read_questions(questions, notes)
    answerer = Answerer(settings.model_copy(update={"notes": notes, "index": place / "index"}))
    answerer.build()
    return answerer, asked


def _outcome(answerer: Answerer, question: EvalQuestion) -> Outcome:
    answer = answerer.answer(question.question, id=question.id)
    chunks = [Chunk("", r.path, (), r.text, 0, 0, r.start_line, r.end_line) for r in answer.retrieved]
    relevant = tuple(question.is_gold(c) for c in chunks)
    rank = next((i + 1 for i, ok in enumerate(relevant) if ok), None)
    exact = all(_exact(answerer, c.path, c.quote, c.start_line, c.end_line) for c in answer.citations)
    found, ranked = answerer.search(question.question)
    return Outcome(question, answer, rank, relevant, confidence(found, ranked.results), exact)


def _exact(answerer: Answerer, path: str, quote: str, start: int, end: int) -> bool:
    """Whether the quote stands in the note at exactly those lines."""
    note = answerer.index.note(path)
    if note is None or quote not in note.text:
        return False
    lines = note.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[start - 1 : end]
    return quote.replace("\r\n", "\n").replace("\r", "\n") in "\n".join(lines)


def report(outcomes: Sequence[Outcome], chunks: Sequence[Chunk], settings: Settings) -> dict[str, Any]:
    """Measures of the outcomes, as plain values."""
    ranked = [o for o in outcomes if o.question.has_gold]
    answerable = [o for o in outcomes if o.question.answerable]
    unanswerable = [o for o in outcomes if not o.question.answerable]
    with_facts = [o for o in answerable if o.question.facts]
    computed = [o for o in answerable if o.question.value]
    retrieval = {}
    if ranked:
        ranks = [o.rank for o in ranked]
        retrieval = {
            **{f"hit@{k}": round(hit(ranks, k), 4) for k in KS},
            "mrr@10": round(mean_reciprocal_rank(ranks), 4),
            "ndcg@10": round(ndcg([o.relevant for o in ranked], [sum(map(o.question.is_gold, chunks)) for o in ranked]), 4),
            **{f"gold_in_{n}": round(sum(within([r.text for r in o.answer.retrieved], o.relevant, n) for o in ranked) / len(ranked), 4)
               for n in CHARACTERS},
        }
    answers: dict[str, Any] = {"exact_citations": round(sum(o.exact for o in outcomes) / len(outcomes), 4)}
    if answerable:
        answers["answered"] = round(sum(o.answer.answerable for o in answerable) / len(answerable), 4)
    if with_facts:
        right = [o.answer.answerable and facts_present(o.answer.answer, o.question.facts) for o in with_facts]
        answers["facts_in_600"] = round(sum(right) / len(right), 4)
    if computed:
        answers["computed_right"] = round(sum(o.question.value in o.answer.answer for o in computed) / len(computed), 4)
    if unanswerable:
        answers["refused"] = round(sum(not o.answer.answerable for o in unanswerable) / len(unanswerable), 4)
        known = [o.question.answerable and (not o.question.facts or facts_present(o.answer.answer, o.question.facts)) for o in outcomes]
        answers["risk_coverage"] = risk_coverage([o.confidence for o in outcomes], known)
    steps = sorted({step for o in outcomes for step in o.answer.timing_ms})
    latency = {step: {"p50": round(percentile([o.answer.timing_ms.get(step, 0.0) for o in outcomes], 0.5), 1),
                      "p95": round(percentile([o.answer.timing_ms.get(step, 0.0) for o in outcomes], 0.95), 1)} for step in steps}
    return {"asked": len(outcomes), "chunks": len(chunks), "encoder": settings.encoder, "reranker": settings.reranker, "llm": settings.llm,
            "retrieval": retrieval, "answers": answers, "latency_ms": latency, "failures": [_failure(o) for o in outcomes if _failed(o)]}


def _failed(outcome: Outcome) -> bool:
    if not outcome.question.answerable:
        return outcome.answer.answerable
    wrong_fact = bool(outcome.question.facts) and not facts_present(outcome.answer.answer, outcome.question.facts)
    return not outcome.answer.answerable or wrong_fact or (outcome.question.has_gold and outcome.rank != 1) or not outcome.exact


def _failure(outcome: Outcome) -> dict[str, Any]:
    answer = outcome.answer
    return {"id": outcome.question.id, "question": outcome.question.question, "kind": outcome.question.kind, "rank": outcome.rank,
            "answerable": answer.answerable, "facts": facts_present(answer.answer, outcome.question.facts), "exact": outcome.exact,
            "first": f"{answer.retrieved[0].path}:{answer.retrieved[0].start_line}" if answer.retrieved else ""}


def format_report(found: Mapping[str, Any]) -> str:
    """The measures for people, without the single failures."""
    lines = [f"질문 {found['asked']}개, 구절 {found['chunks']}개 (인코더 {found['encoder']}, 재순위 {found['reranker']}, LLM {found['llm']})"]
    for part, title in (("retrieval", "검색"), ("answers", "답변")):
        lines += [f"  {title} {name:<16} {value:.3f}" for name, value in found[part].items() if isinstance(value, float)]
    lines += [f"  시간 {step:<16} p50 {t['p50']:.0f}ms  p95 {t['p95']:.0f}ms" for step, t in found["latency_ms"].items()]
    return "\n".join(lines)


def save(found: Mapping[str, Any], folder: Path) -> Path:
    """Keep a report under the commit it was measured on, in ``folder``."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    commit = done.stdout.strip() or "no-commit"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{commit}-{Path(found['questions']).stem}.json"
    path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return path
