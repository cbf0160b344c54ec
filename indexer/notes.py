"""Notes of a folder: find them, read them one by one; what cannot be read says so, and the rest goes on.

``scan`` lists without reading, ``load`` gives the bytes (to hash with ``digest``), ``parse`` makes the note of them,
and ``read_notes`` does all three.
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from indexer.errors import NoteError, NotesNotFoundError
from indexer.readers import reader_for
from indexer.types import Note, Skipped

MAX_BYTES = 20_000_000
_NOT_NOTES = frozenset({"node_modules", "__pycache__", "__MACOSX", "site-packages"})

Places = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


@dataclass(frozen=True)
class FoundFile:
    """A file with a reader, not read yet. ``path`` as in Note; ``size`` in bytes; ``mtime_ns`` in nanoseconds."""

    path: str
    absolute: Path
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Scan:
    """``files``: the notes by path; ``skipped``: what could not be listed; ``others``: how many other files."""

    files: tuple[FoundFile, ...]
    skipped: tuple[Skipped, ...] = ()
    others: int = 0


def digest(raw: bytes) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    return hashlib.sha256(raw).hexdigest()


def read_notes(places: Places, *, max_bytes: int = MAX_BYTES) -> Iterator[Note | Skipped]:
    """Yield every note under ``places`` (a folder, a file, or several), in the order of their paths.

    What is broken, empty, binary, encrypted, larger than ``max_bytes`` or unreadable comes as Skipped with one Korean
    line; a PDF may come as a Note and as Skipped pages. Raises NotesNotFoundError where a place does not exist.
    """
    found = scan(places)
    yield from found.skipped
    for file in found.files:
        try:
            raw = load(file, max_bytes=max_bytes)
        except NoteError as error:
            yield Skipped(file.path, str(error))
            continue
        yield from parse(file, raw)


def scan(places: Places) -> Scan:
    """List the notes under ``places`` without reading them.

    Paths are relative to the folder given; with several places, to the folder that holds them all. Hidden files and
    folders (``.git``, ``.ipynb_checkpoints``), Word's lock files and ``node_modules`` are neither notes nor counted.
    Raises NotesNotFoundError where a place does not exist.
    """
    given = [Path(places)] if isinstance(places, (str, os.PathLike)) else [Path(place) for place in places]
    absolute = [Path(os.path.abspath(place)) for place in given]
    for place in absolute:
        if not os.path.lexists(place):
            raise NotesNotFoundError(f"노트 폴더나 파일이 없습니다: {place} — 경로를 확인하세요")
    if not absolute:
        raise NotesNotFoundError("노트 폴더나 파일이 주어지지 않았습니다 — 경로를 하나 이상 적으세요")
    walk = _Walk(_base(absolute))
    for place in absolute:
        if place.is_dir():
            walk.folder(place)
        else:
            walk.file(place, given=True)
    return walk.result()


def load(file: FoundFile, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the bytes of ``file``. Raises NoteError (one Korean line) when it is too large, empty or unreadable."""
    try:
        with open(file.absolute, "rb") as stream:
            raw = stream.read(max_bytes + 1)
    except OSError as error:
        raise NoteError(f"파일을 열 수 없습니다({_why(error)}) — 권한과 경로를 확인하세요") from error
    if len(raw) > max_bytes:
        size = max(file.size, len(raw)) / 1e6
        raise NoteError(f"파일이 너무 큽니다({size:.1f}MB, 한도 {max_bytes / 1e6:g}MB) — 나누거나 한도를 올리세요")
    if not raw.strip():
        raise NoteError("빈 파일입니다 — 내용을 적거나 지우세요")
    return raw


def parse(file: FoundFile, raw: bytes) -> tuple[Note | Skipped, ...]:
    """Return the note in ``raw`` (the bytes of ``file``) and the parts of it that were skipped; it does not raise."""
    read = reader_for(file.path)
    if read is None:
        return (Skipped(file.path, f"읽을 수 없는 형식입니다({PurePosixPath(file.path).suffix or '확장자 없음'})"),)
    try:
        parsed = read(raw, file.path)
    except NoteError as error:
        return (Skipped(file.path, str(error)),)
    except RecursionError:
        return (Skipped(file.path, "구조가 너무 깊어 읽을 수 없습니다 — 겹친 목록이나 태그를 줄이세요"),)
    if not parsed.blocks:
        return parsed.skipped or (Skipped(file.path, "읽을 내용이 없습니다 — 글이 있는지 확인하세요"),)
    return (Note(file.path, parsed.text, parsed.blocks, parsed.metadata, digest(raw)), *parsed.skipped)


def _base(places: list[Path]) -> Path:
    if len(places) == 1:
        return places[0] if places[0].is_dir() else places[0].parent
    return Path(os.path.commonpath([place if place.is_dir() else place.parent for place in places]))


def _why(error: OSError) -> str:
    reasons = {PermissionError: "권한 없음", FileNotFoundError: "없음", IsADirectoryError: "폴더임"}
    return reasons.get(type(error)) or (error.strerror or type(error).__name__)


def _name(path: PurePosixPath) -> str | None:
    """NFC path; names that an old archive left in CP949 are read as such; None where they are neither."""
    text = path.as_posix()
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        try:
            text = os.fsencode(text).decode("cp949")
        except UnicodeDecodeError:
            return None
    return unicodedata.normalize("NFC", text)


class _Walk:
    """One walk over folders: each real folder once, so that links cannot lead in circles."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._files: dict[str, FoundFile] = {}
        self._taken: dict[str, Path] = {}
        self._skipped: list[Skipped] = []
        self._others = 0
        self._folders: set[tuple[int, int]] = set()

    def result(self) -> Scan:
        files = tuple(self._files[path] for path in sorted(self._files))
        return Scan(files, tuple(sorted(self._skipped, key=lambda part: part.path)), self._others)

    def folder(self, folder: Path) -> None:
        waiting = [folder]
        while waiting:
            current = waiting.pop(0)
            try:
                status = current.stat()
                entries = sorted(os.scandir(current), key=lambda entry: (entry.is_symlink(), entry.name))
            except OSError as error:
                self._skip(current, f"폴더를 열 수 없습니다({_why(error)}) — 권한을 확인하세요")
                continue
            if (status.st_dev, status.st_ino) in self._folders:
                if current != folder:
                    self._skip(current, "이미 읽은 폴더를 가리키는 링크입니다 — 되풀이하지 않으려고 건너뜁니다")
                continue
            self._folders.add((status.st_dev, status.st_ino))
            inner = []
            for entry in entries:
                if entry.name.startswith((".", "~$")) or entry.name in _NOT_NOTES:
                    continue
                if os.path.isdir(entry.path):  # entry.is_dir() raises on a link to itself
                    inner.append(Path(entry.path))
                else:
                    self.file(Path(entry.path))
            # real folders before links to them, so that a note keeps its own path
            links = [path for path in inner if path.is_symlink()]
            waiting = [path for path in inner if not path.is_symlink()] + waiting + links

    def file(self, absolute: Path, *, given: bool = False) -> None:
        if reader_for(absolute.name) is None:
            if given:
                self._skip(absolute, f"읽을 수 없는 형식입니다({absolute.suffix or '확장자 없음'}) — 변환해서 넣으세요")
            else:
                self._others += 1
            return
        try:
            status = absolute.stat()
        except OSError as error:
            broken = "끊어진 링크" if absolute.is_symlink() else _why(error)
            self._skip(absolute, f"파일을 열 수 없습니다({broken}) — 권한과 경로를 확인하세요")
            return
        if not stat.S_ISREG(status.st_mode):
            self._skip(absolute, "보통 파일이 아닙니다(파이프·소켓·장치) — 노트 폴더에서 빼세요")
            return
        path = _name(PurePosixPath(absolute.relative_to(self._base).as_posix()))
        if path is None:
            self._skip(absolute, "파일 이름의 글자를 알 수 없습니다 — 이름을 바꾸세요")
        elif path in self._taken:
            if self._taken[path] != absolute:
                self._skip(absolute, "같은 이름의 노트가 이미 있습니다(한글 자모 표기만 다름) — 하나의 이름을 바꾸세요")
        else:
            self._taken[path] = absolute
            self._files[path] = FoundFile(path, absolute, status.st_size, status.st_mtime_ns)

    def _skip(self, absolute: Path, reason: str) -> None:
        path = PurePosixPath(os.path.relpath(absolute, self._base))
        name = _name(path) or os.fsencode(path).decode("utf-8", "replace")
        self._skipped.append(Skipped(name, reason))
