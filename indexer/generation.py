"""One build of the index on disk: written beside the old one, checksummed, made current by one atomic step.

    DIR/current                 the name of the generation that readers open
    DIR/g-…/manifest.json       fingerprints of the parts, checksums of the files, counts
    DIR/g-…/notes.jsonl         each note: path, digest, metadata, text
    DIR/g-…/chunks.jsonl        each chunk, with its words and the key of its vector
    DIR/g-…/terms.tsv           names learned from the notes
    DIR/g-…/keyword/ vectors/   the two legs
    DIR/g-…/tokens/             each passage's token vectors, where the encoder makes them
    DIR/pending/                vectors of a build that was interrupted
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from indexer.errors import IndexBrokenError, IndexLockedError, IndexMissingError

FORMAT = 4
_REMEDY = "'pilgi index build --rebuild'로 다시 만들어 주세요."


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
    """Write the manifest of a finished generation, with a checksum of its own."""
    files = {p.relative_to(folder).as_posix(): checksum(p) for p in sorted(folder.rglob("*")) if p.is_file()}
    manifest = Manifest(generation=folder.name, created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), files=files, **facts)
    facts = asdict(manifest)
    write_atomic(folder / "manifest.json", json.dumps({**facts, "self": _mark(facts)}, ensure_ascii=False, indent=1))
    return manifest


def _mark(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def write_atomic(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def publish(index_dir: Path, generation: str) -> None:
    """Make a sealed generation the current one, then remove those that nobody needs.

    The one that was current stays, for readers that still have it open.
    """
    try:
        before = current(index_dir).name
    except (IndexMissingError, IndexBrokenError):
        before = ""
    write_atomic(index_dir / "current", generation)
    _remove(p for p in index_dir.glob("g-*") if p.name not in (generation, before))


def clean(index_dir: Path) -> None:
    """Remove what a crashed build left half written; call it while the index is locked."""
    _remove(p for p in index_dir.glob("g-*") if not (p / "manifest.json").is_file())
    for partial in index_dir.glob(".current.*"):
        partial.unlink(missing_ok=True)


def _remove(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def current(index_dir: Path) -> Path:
    """The folder of the current generation.

    Raises:
        IndexMissingError: nothing was built there yet.
        IndexBrokenError: the file that names it cannot be read.
    """
    try:
        name = (index_dir / "current").read_text("utf-8").strip()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IndexMissingError(f"{index_dir}에 색인이 없습니다: 먼저 'pilgi index build 노트폴더'를 실행해 주세요.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise IndexBrokenError(f"색인 파일 {index_dir / 'current'}을(를) 읽을 수 없습니다: {_REMEDY}") from error
    return index_dir / name


def read_manifest(folder: Path, *, verify: bool = True) -> Manifest:
    """The manifest, with every file checked against its checksum.

    Raises:
        IndexBrokenError: a file is missing or changed, or the format is another version's.
    """
    try:
        raw = dict(json.loads((folder / "manifest.json").read_text("utf-8")).items())
    except (OSError, ValueError, AttributeError) as error:
        raise IndexBrokenError(f"색인 {folder}의 manifest.json을 읽을 수 없습니다: {_REMEDY}") from error
    if raw.get("format") != FORMAT:
        raise IndexBrokenError(f"색인 {folder}은(는) 다른 판(format {raw.get('format')})입니다: {_REMEDY}")
    if raw.pop("self", None) != _mark(raw):
        raise IndexBrokenError(f"색인 파일 {folder / 'manifest.json'}이(가) 바뀌었습니다: {_REMEDY}")
    manifest = Manifest(**raw)
    if verify:
        for name, digest in manifest.files.items():
            path = folder / name
            if not path.is_file() or checksum(path) != digest:
                raise IndexBrokenError(f"색인 파일 {path}이(가) 없거나 바뀌었습니다: {_REMEDY}")
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
