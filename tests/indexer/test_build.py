"""What a build reads, embeds and writes, and what it leaves as it is."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from indexer import build as building
from indexer import generation
from indexer.errors import IndexLockedError, NotesNotFoundError
from indexer.index import Index
from indexer.tokens import TokenStore
from tests.fakes import FakeEncoder, FakeTokenEncoder

# Every section is long enough to be a chunk of its own.
REST = " 이 절의 나머지는 길이를 채우는 글이다. 아래에 적은 문장은 어느 노트에나 같은 모양으로 들어 있어서 찾을 때 도움이 되지 않고, 다만 한 절이 한 조각이 될 만큼 길게 만든다. 그래서 두 절은 합쳐지지 않는다."


def section(title: str, text: str) -> str:
    return f"## {title}\n\n{text}{REST}\n\n"


NOTES = {
    "드롭아웃.md": "# 드롭아웃\n\n" + section("뜻", "학습할 때 뉴런을 무작위로 끈다.") + section("왜 쓰나", "과적합을 막는다."),
    "합성곱.md": "# 합성곱\n\n" + section("뜻", "커널을 밀며 곱해 더한다.") + section("크기", "패딩이 크기를 정한다."),
    "순환/LSTM.md": "# LSTM\n\n" + section("뜻", "셀 상태에 기억을 남긴다.") + section("게이트", "망각 게이트가 지운다."),
}
build = partial(building.build, max_chars=200)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    for name, text in NOTES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "index"


def opened(place: Path, encoder: FakeEncoder | None) -> Index:
    return Index.open(place, encoder=encoder)


def vectors_by_text(place: Path, encoder: FakeEncoder) -> dict[str, np.ndarray]:
    index = opened(place, encoder)
    vectors = np.load(index.folder / "vectors" / "vectors.npy")
    return {chunk.searched: vectors[i] for i, chunk in enumerate(index.chunks)}


def test_the_first_build_says_what_it_added(notes: Path, place: Path) -> None:
    encoder = FakeEncoder()
    summary = build(notes, place, encoder=encoder)
    assert set(summary.added) == set(NOTES)
    assert (summary.changed, summary.removed, summary.kept, summary.unchanged) == ((), (), 0, False)
    assert summary.chunks == summary.embedded == len(encoder.embedded) == 6
    assert generation.current(place).name == summary.generation


def test_an_unchanged_rebuild_embeds_nothing_and_makes_no_new_generation(notes: Path, place: Path) -> None:
    first = build(notes, place, encoder=FakeEncoder())
    encoder = FakeEncoder()
    again = build(notes, place, encoder=encoder)
    assert (again.unchanged, again.generation, again.kept, again.embedded) == (True, first.generation, 3, 0)
    assert encoder.calls == 0
    assert [p.name for p in place.glob("g-*")] == [first.generation]


def test_a_touched_file_is_not_a_changed_one(notes: Path, place: Path) -> None:
    build(notes, place, encoder=None)
    (notes / "드롭아웃.md").touch()
    assert build(notes, place, encoder=None).unchanged


def test_a_file_that_cannot_be_read_does_not_make_every_build_a_new_one(notes: Path, place: Path) -> None:
    (notes / "깨진.pdf").write_bytes(b"%PDF-1.4 nothing more")
    (notes / "빈.md").write_text("", "utf-8")
    first = build(notes, place, encoder=None)
    again = build(notes, place, encoder=None)
    assert {s.path for s in first.skipped} == {s.path for s in again.skipped} == {"깨진.pdf", "빈.md"}
    assert (again.unchanged, again.generation) == (True, first.generation)


def test_editing_one_note_embeds_only_its_changed_chunk(notes: Path, place: Path) -> None:
    build(notes, place, encoder=FakeEncoder())
    before = vectors_by_text(place, FakeEncoder())
    (notes / "드롭아웃.md").write_text(NOTES["드롭아웃.md"].replace("과적합을 막는다.", "외우지 않게 한다."), "utf-8")
    encoder = FakeEncoder()
    summary = build(notes, place, encoder=encoder)
    assert (summary.added, summary.changed, summary.removed, summary.kept) == ((), ("드롭아웃.md",), (), 2)
    assert summary.embedded == 1
    assert [text.splitlines()[-1] for text in encoder.embedded] == ["외우지 않게 한다." + REST]
    after = vectors_by_text(place, FakeEncoder())
    assert len(before.keys() & after.keys()) == 5
    for text in before.keys() & after.keys():
        np.testing.assert_array_equal(after[text], before[text])


def test_every_vector_stands_beside_its_own_chunk_after_updates(notes: Path, place: Path) -> None:
    build(notes, place, encoder=FakeEncoder())
    (notes / "가.md").write_text("# 가\n\n앞에 끼어든 노트.\n", "utf-8")
    (notes / "합성곱.md").unlink()
    build(notes, place, encoder=FakeEncoder())
    for text, vector in vectors_by_text(place, FakeEncoder()).items():
        np.testing.assert_array_equal(vector, FakeEncoder().encode([text], kind="passage")[0])


def test_editing_one_note_of_a_hundred_embeds_less_than_a_twentieth(tmp_path: Path, place: Path) -> None:
    notes = tmp_path / "many"
    notes.mkdir()
    for i in range(100):
        (notes / f"{i}.md").write_text(f"# 노트 {i}\n\n" + section("하나", f"글 {i}.") + section("둘", f"또 글 {i}."), "utf-8")
    whole = build(notes, place, encoder=FakeEncoder()).embedded
    (notes / "7.md").write_text("# 노트 7\n\n" + section("하나", "고친 글.") + section("둘", "또 글 7."), "utf-8")
    assert build(notes, place, encoder=FakeEncoder()).embedded < whole / 20


def test_a_deleted_note_is_found_no_more(notes: Path, place: Path) -> None:
    build(notes, place, encoder=None)
    assert opened(place, None).search("드롭아웃").results[0].chunk.path == "드롭아웃.md"
    (notes / "드롭아웃.md").unlink()
    assert build(notes, place, encoder=None).removed == ("드롭아웃.md",)
    index = opened(place, None)
    assert index.note("드롭아웃.md") is None
    assert "드롭아웃.md" not in {r.chunk.path for r in index.search("드롭아웃 과적합 뉴런").results}


def test_a_renamed_note_is_found_under_its_new_path_without_embedding(notes: Path, place: Path) -> None:
    build(notes, place, encoder=FakeEncoder())
    (notes / "정규화").mkdir()
    (notes / "드롭아웃.md").rename(notes / "정규화" / "뉴런 끄기.md")
    encoder = FakeEncoder()
    summary = build(notes, place, encoder=encoder)
    assert (summary.added, summary.removed, summary.embedded) == (("정규화/뉴런 끄기.md",), ("드롭아웃.md",), 0)
    assert opened(place, encoder).search("드롭아웃").results[0].chunk.path == "정규화/뉴런 끄기.md"


def test_notes_elsewhere_with_the_same_text_make_a_generation_that_names_their_place(notes: Path, place: Path) -> None:
    build(notes, place, encoder=None)
    moved = notes.rename(notes.with_name("moved"))
    assert not build(moved, place, encoder=None).unchanged
    assert opened(place, None).manifest.notes_root == str(moved.resolve())


def test_nothing_to_read_is_an_error_and_leaves_the_index_as_it_was(notes: Path, place: Path) -> None:
    name = build(notes, place, encoder=None).generation
    shutil.rmtree(notes)
    notes.mkdir()
    with pytest.raises(NotesNotFoundError, match="읽을 수 있는 노트가 없습니다"):
        build(notes, place, encoder=None)
    assert opened(place, None).generation == name


@pytest.mark.parametrize("fake", [FakeEncoder, FakeTokenEncoder])
def test_an_interrupted_build_goes_on_where_it_stopped(
    fake: type[FakeEncoder], notes: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_EMBED_BATCH", 2)
    monkeypatch.setattr(building, "_PENDING_EVERY", 2)
    broken = fake(breaks_after=2)
    with pytest.raises(KeyboardInterrupt):
        build(notes, place, encoder=broken)
    assert not (place / "current").exists()
    resumed = fake()
    summary = build(notes, place, encoder=resumed)
    assert len(broken.embedded) == 4
    assert summary.embedded == len(resumed.embedded) == 2
    assert not set(broken.embedded) & set(resumed.embedded)
    assert not (place / "pending").exists()
    for text, vector in vectors_by_text(place, fake()).items():
        np.testing.assert_array_equal(vector, fake().encode([text], kind="passage")[0])
    if fake is FakeTokenEncoder:
        folder = generation.current(place)
        stored = TokenStore.load(folder / "tokens")
        for i, entry in enumerate(building.read_contents(folder).entries):
            made = FakeTokenEncoder().encode_tokens([entry.chunk.searched], kind="passage")[1][0]
            np.testing.assert_array_equal(stored.passage(i), made.vectors)


def test_what_another_encoder_put_aside_is_not_used(notes: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_EMBED_BATCH", 2)
    monkeypatch.setattr(building, "_PENDING_EVERY", 2)
    with pytest.raises(KeyboardInterrupt):
        build(notes, place, encoder=FakeEncoder(breaks_after=2))
    assert build(notes, place, encoder=FakeEncoder("other")).embedded == 6


def test_what_was_put_aside_and_cut_off_is_embedded_again(
    notes: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_EMBED_BATCH", 2)
    monkeypatch.setattr(building, "_PENDING_EVERY", 2)
    with pytest.raises(KeyboardInterrupt):
        build(notes, place, encoder=FakeEncoder(breaks_after=2))
    first, _ = sorted(place.glob("pending/*/*.npz"))
    first.write_bytes(first.read_bytes()[:100])
    assert build(notes, place, encoder=FakeEncoder()).embedded == 4


def test_the_second_of_two_builds_at_once_is_refused(notes: Path, place: Path) -> None:
    started, go_on = threading.Event(), threading.Event()

    def wait(stage: str, done: int, of: int) -> None:
        started.set()
        assert go_on.wait(20)

    first = threading.Thread(target=build, args=(notes, place), kwargs={"encoder": None, "progress": wait})
    first.start()
    try:
        assert started.wait(20)
        with pytest.raises(IndexLockedError, match=r"다른 프로세스가 .*만들고 있습니다"):
            build(notes, place, encoder=None)
    finally:
        go_on.set()
        first.join(20)
    assert build(notes, place, encoder=None).unchanged


@pytest.mark.parametrize("other", ["encoder", "no encoder", "terms", "chunk size", "chunker", "tokenizer"])
def test_another_part_makes_a_new_generation(
    notes: Path, place: Path, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(notes, place, encoder=FakeEncoder())
    encoder: FakeEncoder | None = FakeEncoder()
    options: dict = {}
    if other == "encoder":
        encoder = FakeEncoder("other")
    elif other == "no encoder":
        encoder = None
    elif other == "terms":
        options["terms_file"] = tmp_path / "mine.txt"
        options["terms_file"].write_text("뉴런 | 신경세포\n", "utf-8")
    elif other == "chunk size":
        options["max_chars"] = 190
    elif other == "chunker":
        monkeypatch.setattr(building, "_sources", lambda names: "other")
    else:
        monkeypatch.setattr(building.korean, "fingerprint", lambda: "other")
    second = build(notes, place, encoder=encoder, **options)
    assert not second.unchanged
    assert second.generation != first.generation
    assert second.embedded == (6 if other == "encoder" else 0)
    assert build(notes, place, encoder=encoder, **options).unchanged


def test_vectors_of_two_encoders_are_never_mixed(notes: Path, place: Path) -> None:
    build(notes, place, encoder=FakeEncoder())
    other = FakeEncoder("other")
    other.dim = 8
    other.encode = lambda texts, kind: np.eye(8, dtype=np.float32)[[len(t) % 8 for t in texts]]  # type: ignore[method-assign]
    (notes / "드롭아웃.md").write_text("# 새 노트\n\n고친 글.\n", "utf-8")
    build(notes, place, encoder=other)
    assert np.load(generation.current(place) / "vectors" / "vectors.npy").shape == (5, 8)


def test_a_broken_index_is_built_anew(notes: Path, place: Path) -> None:
    build(notes, place, encoder=FakeEncoder())
    (generation.current(place) / "chunks.jsonl").write_text("{}", "utf-8")
    encoder = FakeEncoder()
    summary = build(notes, place, encoder=encoder)
    assert (summary.embedded, summary.unchanged) == (6, False)
    assert opened(place, encoder).search("망각 게이트").results[0].chunk.path == "순환/LSTM.md"


def test_rebuild_uses_nothing_of_the_old_index(notes: Path, place: Path) -> None:
    build(notes, place, encoder=FakeEncoder())
    assert build(notes, place, encoder=FakeEncoder(), rebuild=True).embedded == 6


def test_an_error_while_writing_leaves_the_old_generation_and_no_rest(
    notes: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(notes, place, encoder=None)
    (notes / "드롭아웃.md").unlink()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(generation, "seal", full)
        with pytest.raises(OSError, match="No space left"):
            build(notes, place, encoder=None)
    assert [p.name for p in place.glob("g-*")] == [first.generation]
    assert opened(place, None).generation == first.generation


class Killed(BaseException):
    """Stands for a process that ended: nothing of the build's own clean-up has run."""


@pytest.mark.parametrize("step", ["seal", "publish"])
def test_a_crash_before_publishing_leaves_the_old_generation_and_a_later_build_cleans_up(
    notes: Path, place: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(notes, place, encoder=None)
    (notes / "드롭아웃.md").unlink()

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(generation, step, killed)
        patch.setattr(building.shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(Killed):
            build(notes, place, encoder=None)
    assert len(list(place.glob("g-*"))) == 2
    assert opened(place, None).generation == first.generation
    second = build(notes, place, encoder=None)
    assert {p.name for p in place.glob("g-*")} == {first.generation, second.generation}


def test_a_half_written_generation_is_removed_even_by_a_build_that_changes_nothing(notes: Path, place: Path) -> None:
    first = build(notes, place, encoder=None)
    (place / "g-99991231-235959-abcdef" / "keyword").mkdir(parents=True)
    assert build(notes, place, encoder=None).unchanged
    assert [p.name for p in place.glob("g-*")] == [first.generation]


def test_progress_counts_up_to_the_end_of_every_stage(notes: Path, place: Path) -> None:
    told: dict[str, list[tuple[int, int]]] = {}
    build(notes, place, encoder=FakeEncoder(), progress=lambda stage, done, of: told.setdefault(stage, []).append((done, of)))
    assert list(told) == ["read", "embed", "keywords", "write"]
    assert {stage: steps[-1] for stage, steps in told.items()} == {
        "read": (3, 3), "embed": (6, 6), "keywords": (1, 1), "write": (1, 1)}
    assert all(steps == sorted(steps) for steps in told.values())
