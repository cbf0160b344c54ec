"""One build of the index on disk: written beside the old one, checksummed, made current by one atomic step.

    DIR/current                 the name of the generation that readers open
    DIR/g-…/manifest.json       fingerprints of the parts, checksums of the files, counts
    DIR/g-…/notes.jsonl         each note: path, digest, metadata, text
    DIR/g-…/chunks.jsonl        each chunk, with its morphemes and the key of its vector
    DIR/g-…/terms.tsv           names learned from the notes
    DIR/g-…/keyword/ vectors/   the two legs
    DIR/pending/                vectors of a build that was interrupted
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from indexer.errors import IndexBrokenError, IndexLockedError, IndexMissingError

FORMAT = 1
_KEPT_GENERATIONS = 2  # the one before the current stays, for readers that still have it open


@dataclass(frozen=True)
class Manifest:
    """What a generation was built from and with."""

    generation: str
    created: str
    notes_root: str
    fingerprints: Mapping[str, str]
    counts: Mapping[str, int]
    settings: Mapping[str, Any]
    files: Mapping[str, str]
    format: int = FORMAT


def new_name() -> str:
    """A name that sorts by time."""
    return f"g-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


def checksum(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(folder: Path, **facts: Any) -> Manifest:
    """Write the manifest of a finished generation."""
    files = {p.relative_to(folder).as_posix(): checksum(p) for p in sorted(folder.rglob("*")) if p.is_file()}
    manifest = Manifest(generation=folder.name, created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), files=files, **facts)
    write_atomic(folder / "manifest.json", json.dumps(asdict(manifest), ensure_ascii=False, indent=1))
    return manifest


def write_atomic(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def publish(index_dir: Path, generation: str) -> None:
    """Make a sealed generation the current one, then remove those that nobody needs."""
    write_atomic(index_dir / "current", generation)
    names = sorted(p.name for p in index_dir.glob("g-*") if p.is_dir())
    older = [n for n in names if n != generation]
    for name in older[: max(0, len(older) - _KEPT_GENERATIONS + 1)]:
        shutil.rmtree(index_dir / name, ignore_errors=True)


def current(index_dir: Path) -> Path:
    """The folder of the current generation.

    Raises:
        IndexMissingError: nothing was built there yet.
    """
    try:
        name = (index_dir / "current").read_text("utf-8").strip()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IndexMissingError(f"{index_dir}에 색인이 없습니다: 먼저 'pilgi index build 노트폴더'를 실행해 주세요.") from error
    return index_dir / name


def read_manifest(folder: Path, *, verify: bool = True) -> Manifest:
    """The manifest, with every file checked against its checksum.

    Raises:
        IndexBrokenError: a file is missing or changed, or the format is another version's.
    """
    remedy = "'pilgi index build --rebuild'로 다시 만들어 주세요."
    try:
        raw = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise IndexBrokenError(f"색인 {folder}의 manifest.json을 읽을 수 없습니다: {remedy}") from error
    if raw.get("format") != FORMAT:
        raise IndexBrokenError(f"색인 {folder}은(는) 다른 판(format {raw.get('format')})입니다: {remedy}")
    manifest = Manifest(**raw)
    if verify:
        for name, digest in manifest.files.items():
            path = folder / name
            if not path.is_file() or checksum(path) != digest:
                raise IndexBrokenError(f"색인 파일 {path}이(가) 없거나 바뀌었습니다: {remedy}")
    return manifest


@contextmanager
def locked(index_dir: Path) -> Iterator[None]:
    """Hold the index for one build.

    Raises:
        IndexLockedError: another process builds it now.
    """
    index_dir.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(index_dir / "lock", timeout=0):
            yield
    except Timeout as error:
        raise IndexLockedError(f"다른 프로세스가 {index_dir}의 색인을 만들고 있습니다: 끝난 뒤에 다시 해 주세요.") from error
