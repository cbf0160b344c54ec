"""Building the index and looking at it, for every door: is one needed, what is there, builds in the background."""

from __future__ import annotations

import logging
import secrets
import threading
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from app.errors import InputError
from app.settings import Settings
from indexer.build import BuildSummary
from indexer.errors import IndexBrokenError, IndexLockedError, IndexMismatchError, IndexMissingError, PilgiError
from indexer.generation import current, read_manifest

log = logging.getLogger(__name__)

STAGES = {"read": "노트 읽기", "embed": "벡터 만들기", "keywords": "키워드 색인", "write": "저장"}
"""What a build does, in order: stage and its Korean name."""


class Builder(Protocol):
    """What ``Answerer`` offers for building."""

    def build(
        self,
        notes: Path | Sequence[Path] | None = None,
        *,
        rebuild: bool = False,
        progress: Callable[[str, int, int], Any] = ...,
    ) -> BuildSummary: ...


@dataclass(frozen=True)
class IndexStatus:
    """The current generation and what it was made from and with."""

    index: str
    generation: str
    created: str
    notes_root: str
    counts: Mapping[str, int]
    fingerprints: Mapping[str, str]
    settings: Mapping[str, Any]


def index_status(settings: Settings) -> IndexStatus:
    """The current generation, with its files checked against their checksums.

    Raises:
        IndexMissingError, IndexBrokenError
    """
    manifest = read_manifest(current(settings.index))
    return IndexStatus(
        str(settings.index),
        manifest.generation,
        manifest.created,
        manifest.notes_root,
        dict(manifest.counts),
        dict(manifest.fingerprints),
        dict(manifest.settings),
    )


def needs_first_build(settings: Settings) -> bool:
    """Whether there is no index yet and the notes are those that ship: then it is built without being asked for."""
    try:
        current(settings.index)
    except IndexMissingError:
        return settings.default_corpus
    return False


def notes_inside(settings: Settings, notes: str | None) -> Path:
    """The folder or file to index, which must lie in the configured notes folder; any Unicode normal form.

    Raises:
        InputError: it lies elsewhere or does not exist.
    """
    root = settings.notes.resolve()
    if not notes:
        return root
    for form in ("NFC", "NFD"):
        try:
            place = (root / unicodedata.normalize(form, notes)).resolve()
            inside, there = place.is_relative_to(root), place.exists()
        except (OSError, ValueError) as error:
            raise InputError(f"notes={notes!r}: 경로로 읽을 수 없습니다.") from error
        if not inside:
            raise InputError(f"notes={notes!r}: 설정된 노트 폴더 안에 있어야 합니다.")
        if there:
            return place
    raise InputError(f"notes={notes!r}: 노트 폴더에 그런 폴더나 파일이 없습니다.")


@dataclass
class Job:
    """A build in the background. ``stages`` maps a stage to (done, total)."""

    id: str
    notes: str
    rebuild: bool
    stages: dict[str, tuple[int, int]] = field(default_factory=dict)
    summary: BuildSummary | None = None
    error: Exception | None = None
    finished: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def state(self) -> str:
        """``"running"``, ``"done"`` or ``"failed"``."""
        if not self.finished.is_set():
            return "running"
        return "failed" if self.error else "done"

    @property
    def message(self) -> str:
        """One line on where it stands."""
        if self.error:
            known = isinstance(self.error, PilgiError)
            return str(self.error) if known else "색인을 만들다가 예기치 못한 오류가 났습니다: 서버 기록을 보세요."
        if self.summary:
            return summary_line(self.summary)
        stage, (done, total) = next(reversed(self.stages.items()), ("read", (0, 0)))
        return f"{STAGES.get(stage, stage)} {done}/{total}"

    def as_row(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "id": self.id,
            "state": self.state,
            "message": self.message,
            "notes": self.notes,
            "rebuild": self.rebuild,
            "stages": [{"stage": s, "done": done, "total": total} for s, (done, total) in list(self.stages.items())],
            "summary": asdict(self.summary) if self.summary else None,
            "error": {"type": type(self.error).__name__, "message": self.message} if self.error else None,
        }


def summary_line(summary: BuildSummary) -> str:
    """What a build did, in one line."""
    did = (
        f"추가 {len(summary.added)} · 변경 {len(summary.changed)} · 삭제 {len(summary.removed)} · "
        f"유지 {summary.kept} · 구절 {summary.chunks} · 새 벡터 {summary.embedded} · {summary.seconds:.1f}초"
    )
    return did + (f" · 건너뜀 {len(summary.skipped)}" if summary.skipped else "")


class JobRunningError(IndexLockedError):
    """A build is at work already; ``job`` is that one."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"색인 작업 {job.id}이(가) 진행 중입니다({job.message}): 끝난 뒤에 다시 해 주세요.")
        self.job = job


class IndexJobs:
    """Builds in the background, one at a time; the last few stay readable."""

    kept = 20

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}

    @property
    def running(self) -> Job | None:
        """The build at work, if any."""
        return next((job for job in list(self._jobs.values()) if not job.finished.is_set()), None)

    def why(self, error: PilgiError) -> str:
        """Why there is no answer: a build that is at work says more than a missing index."""
        at_work = self.running
        missing = isinstance(error, (IndexMissingError, IndexMismatchError, IndexBrokenError))
        return f"색인을 만들고 있습니다({at_work.message}): 곧 답할 수 있습니다." if at_work and missing else str(error)

    def get(self, job_id: str) -> Job | None:
        """A job by its id."""
        return self._jobs.get(job_id)

    def start(self, notes: Path, *, rebuild: bool = False) -> Job:
        """Start a build.

        Raises:
            JobRunningError: one is at work.
        """
        with self._lock:
            if self.running:
                raise JobRunningError(self.running)
            job = Job(secrets.token_hex(6), str(notes), rebuild)
            self._jobs[job.id] = job
            for old in list(self._jobs)[: -self.kept]:
                del self._jobs[old]
        threading.Thread(target=self._run, args=(job, notes), name=f"index-{job.id}", daemon=True).start()
        return job

    def _run(self, job: Job, notes: Path) -> None:
        def progress(stage: str, done: int, total: int) -> None:
            job.stages[stage] = (done, total)

        try:
            job.summary = self._builder.build(notes, rebuild=job.rebuild, progress=progress)
        except PilgiError as error:
            job.error = error
        except Exception as error:  # a thread has no caller: the job carries the error to whoever asks
            log.exception("index job %s failed", job.id)
            job.error = error
        finally:
            job.finished.set()
