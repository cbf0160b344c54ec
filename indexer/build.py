"""Build the index, or bring it up to date: what did not change is not read, cut, analysed or embedded again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from indexer import analyzer, generation, korean
from indexer.aliases import learn
from indexer.chunker import chunk_note
from indexer.errors import IndexMissingError, NoteError, NotesNotFoundError, PilgiError
from indexer.keyword import K1, B, KeywordIndex
from indexer.korean import words
from indexer.notes import MAX_BYTES, FoundFile, digest, load, parse, scan
from indexer.plain import plain
from indexer.primer import Primer
from indexer.stores.faiss_store import FaissStore
from indexer.terms import Terms, load_terms
from indexer.tokens import TokenStore, token_encoder
from indexer.types import Chunk, Encoder, Note, Skipped

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with the stage ("read", "embed", "keywords", "write"), how much is done, and of how much."""

MAX_CHARS = 700  # measured: tests/benchmarks
_EMBED_BATCH = 64
_PENDING_EVERY = 512  # vectors are put aside this often, so that an interrupted build resumes


@dataclass(frozen=True)
class BuildSummary:
    """What a build did; paths, and counts of chunks."""

    generation: str
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    kept: int
    skipped: tuple[Skipped, ...]
    other_files: int
    chunks: int
    embedded: int
    seconds: float
    unchanged: bool


@dataclass(frozen=True)
class Entry:
    """A chunk as it is stored: with its words (morphemes and compounds) and the key of its vector."""

    chunk: Chunk
    words: tuple[str, ...]

    @property
    def key(self) -> str:
        """What the vector depends on."""
        return hashlib.sha256(self.chunk.searched.encode("utf-8", "surrogatepass")).hexdigest()[:24]


@dataclass(frozen=True)
class StoredNote:
    """A note as it is stored."""

    path: str
    digest: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class Contents:
    """Notes and chunks of one generation, in order of path."""

    notes: tuple[StoredNote, ...]
    entries: tuple[Entry, ...]


_CHUNK_SOURCES = ("chunker.py", "packing.py", "pieces.py", "spans.py", "lines.py", "sentences.py", "plain.py", "readers/")
_MORPHEME_SOURCES = ("korean.py", "plain.py")
_TOKEN_SOURCES = ("analyzer.py", "aliases.py", "korean.py", "terms.py", "plain.py")


@cache
def _sources(names: tuple[str, ...]) -> str:
    """A hash of the modules that decide what is stored; nobody has to remember to count a version up."""
    hashed = hashlib.sha256()
    root = files("indexer")
    for name in names:
        folder = root.joinpath(name)
        sources = sorted(folder.iterdir(), key=lambda p: p.name) if folder.is_dir() else [folder]
        for source in sources:
            if source.name.endswith(".py"):
                hashed.update(source.name.encode() + source.read_bytes())
    return hashed.hexdigest()[:12]


def fingerprints(encoder: Encoder | None, terms: Terms, max_chars: int) -> dict[str, str]:
    """What each part would change: an index built by others is not mixed with these."""
    return {
        "chunker": f"{_sources(_CHUNK_SOURCES)}-{max_chars}",
        "tokenizer": f"{korean.fingerprint()}-{_sources(_MORPHEME_SOURCES)}",
        "keyword": f"bm25s-lucene-{K1}-{B}-{_sources(_TOKEN_SOURCES)}",
        "terms": terms.fingerprint,
        "encoder": encoder.fingerprint if encoder else "none",
    }


def build(notes: Path | Sequence[Path], index_dir: Path, *, encoder: Encoder | None, terms_file: Path | None = None,
          max_chars: int = MAX_CHARS, max_bytes: int = MAX_BYTES, rebuild: bool = False,
          progress: Progress = lambda *_: None) -> BuildSummary:
    """Index the notes under ``notes`` (a folder, a file, or several) into ``index_dir``.

    Raises:
        NotesNotFoundError: nothing there can be read.
        IndexLockedError: another build is at work.
    """
    began = time.monotonic()
    terms = load_terms(terms_file)
    places = [notes] if isinstance(notes, Path) else list(notes)
    found = scan(places)
    root = os.pathsep.join(str(place.resolve()) for place in places)
    with generation.locked(index_dir):
        generation.clean(index_dir)
        marks = fingerprints(encoder, terms, max_chars)
        old, old_marks, old_root = (None, {}, "") if rebuild else _previous(index_dir)
        alike = old is not None and all(marks[k] == old_marks.get(k) for k in ("chunker", "tokenizer"))  # the rest is made anew from these
        contents, fresh, skipped = _read(found.files, old.contents if old and alike else None, max_chars, max_bytes, progress)
        skipped = (*found.skipped, *skipped)
        before = {n.path: n.digest for n in old.contents.notes} if old else {}
        after = {n.path: n.digest for n in contents.notes}
        added = tuple(p for p in after if p not in before)
        changed = tuple(p for p in after if p in before and (before[p] != after[p]))
        removed = tuple(p for p in before if p not in after)
        same = old is not None and marks == old_marks and not (added or changed or removed or fresh) \
            and root == old_root
        if not contents.entries:
            why = f" 건너뛴 파일 {len(skipped)}개: {skipped[0].path}: {skipped[0].reason}" if skipped else ""
            raise NotesNotFoundError(f"{root}에 읽을 수 있는 노트가 없습니다.{why}")
        embedded = 0
        name = old.name if old else ""
        if not same:
            name = generation.new_name()
            folder = index_dir / name
            made, embedded = _embedded(contents.entries, old, encoder, index_dir, progress)
            try:
                _write(folder, contents, terms, made, progress)
                generation.seal(folder, notes_root=root, fingerprints=marks,
                                counts={"notes": len(contents.notes), "chunks": len(contents.entries)},
                                settings={"max_chars": max_chars, "terms_file": str(terms_file.resolve()) if terms_file else None,
                                          "dim": encoder.dim if encoder else 0})
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            generation.publish(index_dir, name)
            shutil.rmtree(index_dir / "pending", ignore_errors=True)
        return BuildSummary(name, added, changed, removed, len(after) - len(added) - len(changed), skipped, found.others,
                            len(contents.entries), embedded, time.monotonic() - began, same)


@dataclass(frozen=True)
class Embedded:
    """What the encoder made of a passage: its vector (dim,), and int8 (tokens, token_dim) or None."""

    vector: np.ndarray
    tokens: np.ndarray | None = None


@dataclass(frozen=True)
class _Previous:
    name: str
    contents: Contents
    embedded: Mapping[str, Embedded]
    encoder: str


def _previous(index_dir: Path) -> tuple[_Previous | None, Mapping[str, str], str]:
    """The current generation, as far as it can be used again; a broken one is built anew, with a log line."""
    try:
        folder = generation.current(index_dir)
        manifest = generation.read_manifest(folder)
    except IndexMissingError:
        return None, {}, ""
    except PilgiError as error:
        log.warning("%s", error)
        return None, {}, ""
    contents = read_contents(folder)
    embedded: dict[str, Embedded] = {}
    if (folder / "vectors" / "vectors.npy").is_file():
        stored = np.load(folder / "vectors" / "vectors.npy", mmap_mode="r", allow_pickle=False)
        tokens = TokenStore.load(folder / "tokens") if (folder / "tokens").is_dir() else None
        embedded = {entry.key: Embedded(stored[i], tokens.passage(i) if tokens else None) for i, entry in enumerate(contents.entries)}
    return _Previous(folder.name, contents, embedded, manifest.fingerprints["encoder"]), manifest.fingerprints, manifest.notes_root


def _read(found: Sequence[FoundFile], old: Contents | None, max_chars: int, max_bytes: int,
          progress: Progress) -> tuple[Contents, bool, tuple[Skipped, ...]]:
    """Notes and chunks, taken from ``old`` where the file's digest is the same.

    The second value says whether anything was cut anew.
    """
    known = {n.path: n for n in old.notes} if old else {}
    cut: dict[str, list[Entry]] = {}
    cached: dict[str, Entry] = {}
    for entry in old.entries if old else ():
        cut.setdefault(entry.chunk.path, []).append(entry)
        cached[entry.key] = entry
    notes: list[StoredNote] = []
    entries: list[Entry] = []
    skipped: list[Skipped] = []
    fresh = False
    for done, file in enumerate(found):
        progress("read", done, len(found))
        try:
            raw = load(file, max_bytes=max_bytes)
        except NoteError as error:
            skipped.append(Skipped(file.path, str(error)))
            continue
        stored = known.get(file.path)
        if stored and stored.digest == digest(raw):
            notes.append(stored)
            skipped += stored.skipped
            entries += cut.get(file.path, [])
            continue
        results = parse(file, raw)
        left_out = [r for r in results if isinstance(r, Skipped)]
        skipped += left_out
        for note in (r for r in results if isinstance(r, Note)):
            fresh = True
            notes.append(StoredNote(note.path, note.digest, note.text, note.metadata, tuple(left_out)))
            entries += _entries(note, cached, max_chars)
    progress("read", len(found), len(found))
    return Contents(tuple(notes), tuple(entries)), fresh, tuple(skipped)


def _entries(note: Note, cached: Mapping[str, Entry], max_chars: int) -> Iterator[Entry]:
    for chunk in chunk_note(note, max_chars=max_chars):
        entry = Entry(chunk, ())
        same = cached.get(entry.key)
        yield Entry(chunk, same.words if same else tuple(words(plain(chunk.searched))))


def _embedded(entries: Sequence[Entry], old: _Previous | None, encoder: Encoder | None, index_dir: Path,
              progress: Progress) -> tuple[list[Embedded], int]:
    """What the encoder makes of every entry (nothing without an encoder), and how many were made now."""
    if encoder is None:
        return [], 0
    known: dict[str, Embedded] = {key: Embedded(*made) for key, made in Primer.load(encoder).embedded().items()}
    known.update(old.embedded if old and old.encoder == encoder.fingerprint else {})
    pending = index_dir / "pending" / hashlib.sha256(encoder.fingerprint.encode()).hexdigest()[:16]
    known.update(_resumed(pending))
    wanted = {e.key: e.chunk.searched for e in entries if e.key not in known}
    keys, texts = list(wanted), list(wanted.values())
    unsaved: dict[str, Embedded] = {}
    for at in range(0, len(keys), _EMBED_BATCH):
        progress("embed", at, len(keys))
        unsaved.update(zip(keys[at : at + _EMBED_BATCH], _embed(encoder, texts[at : at + _EMBED_BATCH]), strict=True))
        if len(unsaved) >= _PENDING_EVERY:
            _put_aside(pending, unsaved)
            known.update(unsaved)
            unsaved = {}
    known.update(unsaved)
    progress("embed", len(keys), len(keys))
    return [known[e.key] for e in entries], len(keys)


def _embed(encoder: Encoder, texts: Sequence[str]) -> Iterator[Embedded]:
    if (with_tokens := token_encoder(encoder)) is None:
        yield from map(Embedded, encoder.encode(texts, kind="passage"))
        return
    vectors, tokens = with_tokens.encode_tokens(texts, kind="passage")
    for vector, made in zip(vectors, tokens, strict=True):
        yield Embedded(vector, made.vectors)


def _put_aside(folder: Path, made: Mapping[str, Embedded]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.glob("*.npz")))
    partial = folder / f"{number}.partial"
    tokens = [e.tokens for e in made.values() if e.tokens is not None]
    parts = {"tokens": np.concatenate(tokens), "lengths": np.array([len(t) for t in tokens])} if tokens else {}
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, keys=np.array(list(made)), vectors=np.stack([e.vector for e in made.values()]), **parts)
    partial.rename(folder / f"{number}.npz")


def _resumed(folder: Path) -> dict[str, Embedded]:
    out: dict[str, Embedded] = {}
    for path in sorted(folder.glob("*.npz")):
        try:
            with np.load(path, allow_pickle=False) as stored:
                keys, vectors = stored["keys"].tolist(), stored["vectors"]
                tokens = np.split(stored["tokens"], np.cumsum(stored["lengths"])[:-1]) if "tokens" in stored else [None] * len(keys)
            out.update((key, Embedded(*made)) for key, *made in zip(keys, vectors, tokens, strict=True))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            log.warning("%s cannot be read, its passages are embedded again: %s", path, error)
    return out


def _write(folder: Path, contents: Contents, terms: Terms, made: Sequence[Embedded], progress: Progress) -> None:
    progress("keywords", 0, 1)
    folder.mkdir(parents=True)
    learned = learn(plain(e.chunk.text) for e in contents.entries)
    (folder / "terms.tsv").write_text("".join(" | ".join(row) + "\n" for row in learned), "utf-8")
    joined = terms.joined(learned, trusted=False)
    passages = [[*e.words, *analyzer.passage_terms(plain(e.chunk.searched), joined)] for e in contents.entries]
    KeywordIndex.build(passages).save(folder / "keyword")
    progress("keywords", 1, 1)
    progress("write", 0, 1)
    with (folder / "notes.jsonl").open("w", encoding="utf-8", errors="surrogatepass") as file:
        for note in contents.notes:
            file.write(json.dumps(dataclasses.asdict(note), ensure_ascii=False, default=str) + "\n")
    with (folder / "chunks.jsonl").open("w", encoding="utf-8", errors="surrogatepass") as file:
        for entry in contents.entries:
            file.write(json.dumps(dataclasses.asdict(entry), ensure_ascii=False) + "\n")
    if made:
        FaissStore(np.stack([e.vector for e in made]).astype(np.float32)).save(folder / "vectors")
    tokens = [e.tokens for e in made if e.tokens is not None]
    if tokens:
        assert len(tokens) == len(made), "an encoder gives tokens for all passages or for none"
        TokenStore.of(tokens).save(folder / "tokens")
    progress("write", 1, 1)


def read_contents(folder: Path) -> Contents:
    """Notes and chunks of a generation."""
    with (folder / "notes.jsonl").open(encoding="utf-8", errors="surrogatepass") as file:
        rows = [json.loads(line) for line in file]
    notes = tuple(StoredNote(**{**r, "skipped": tuple(Skipped(**s) for s in r["skipped"])}) for r in rows)
    with (folder / "chunks.jsonl").open(encoding="utf-8", errors="surrogatepass") as file:
        raw = [json.loads(line) for line in file]
    entries = tuple(Entry(Chunk(**{**r["chunk"], "heading": tuple(r["chunk"]["heading"])}), tuple(r["words"])) for r in raw)
    return Contents(notes, entries)
