"""One generation on disk: published in one step, checked byte for byte, read with numpy and json alone."""

from __future__ import annotations

import json
import pickletools
from pathlib import Path

import numpy as np
import pytest

from indexer import generation
from indexer.build import build
from indexer.errors import IndexBrokenError, IndexMissingError
from indexer.index import Index
from tests.fakes import FakeEncoder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generation")
    (folder / "notes").mkdir()
    for name in ("합성곱", "패딩"):
        (folder / "notes" / f"{name}.md").write_text(f"# {name}\n\n{name}(Convolution)은 커널을 민다.\n", "utf-8")
    build(folder / "notes", folder / "index", encoder=FakeEncoder())
    return folder / "index"


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def test_the_manifest_lists_every_file(built: Path) -> None:
    folder = generation.current(built)
    manifest = generation.read_manifest(folder)
    assert set(manifest.files) == {p.relative_to(folder).as_posix() for p in files(folder)} - {"manifest.json"}
    assert {"notes.jsonl", "chunks.jsonl", "terms.tsv", "vectors/vectors.npy"} <= set(manifest.files)
    assert manifest.counts == {"notes": 2, "chunks": 2}


def test_a_flipped_byte_in_any_file_is_noticed_and_the_file_named(built: Path) -> None:
    folder = generation.current(built)
    checked = 0
    for path in files(folder):
        whole = path.read_bytes()
        for at in {0, len(whole) // 2, len(whole) - 1} if whole else set():
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(IndexBrokenError, match=path.name) as caught:
                Index.open(built, encoder=FakeEncoder())
            assert "--rebuild" in str(caught.value)
            checked += 1
        path.write_bytes(whole)
    assert checked > 20
    assert Index.open(built, encoder=FakeEncoder()).generation == folder.name


def test_any_changed_fact_of_the_manifest_is_noticed(built: Path) -> None:
    path = generation.current(built) / "manifest.json"
    whole = path.read_text("utf-8")
    for name in json.loads(whole):
        changed = json.loads(whole)
        changed[name] = "다른 값"
        path.write_text(json.dumps(changed), "utf-8")
        with pytest.raises(IndexBrokenError):
            generation.read_manifest(path.parent)
    path.write_text("[]", "utf-8")
    with pytest.raises(IndexBrokenError, match=r"manifest\.json"):
        generation.read_manifest(path.parent)
    path.write_text(whole, "utf-8")
    assert generation.read_manifest(path.parent).generation == path.parent.name


def test_a_missing_file_is_noticed(built: Path) -> None:
    for path in files(generation.current(built)):
        hidden = path.rename(built / "hidden")
        with pytest.raises(IndexBrokenError, match=path.name):
            Index.open(built, encoder=FakeEncoder())
        hidden.rename(path)


def test_an_index_of_another_format_says_so(built: Path) -> None:
    path = generation.current(built) / "manifest.json"
    whole = path.read_text("utf-8")
    path.write_text(json.dumps({**json.loads(whole), "format": 0}), "utf-8")
    with pytest.raises(IndexBrokenError, match=r"다른 판\(format 0\)"):
        generation.read_manifest(path.parent)
    path.write_text(whole, "utf-8")


@pytest.mark.parametrize("content", [b"", b"g-nowhere", b"\xff\xfe\x00", b"g-\x00"])
def test_a_pointer_that_points_nowhere_is_a_broken_index(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "current").write_bytes(content)
    with pytest.raises(IndexBrokenError, match="--rebuild"):
        generation.read_manifest(generation.current(tmp_path))


def test_no_index_is_a_missing_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", "utf-8")
    for place in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(IndexMissingError, match="pilgi index build"):
            generation.current(place)


def test_nothing_is_pickled(built: Path) -> None:
    for path in files(generation.current(built)):
        match path.suffix:
            case ".npy":
                np.load(path, allow_pickle=False)
            case ".json":
                json.loads(path.read_text("utf-8"))
            case ".jsonl":
                [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            case suffix:
                assert suffix == ".tsv"
        with pytest.raises((ValueError, IndexError)):
            list(pickletools.genops(path.read_bytes()))


def sealed(place: Path, name: str) -> str:
    (place / name).mkdir(parents=True)
    (place / name / "notes.jsonl").write_text(name, "utf-8")
    generation.seal(place / name, notes_root="", fingerprints={}, counts={}, settings={})
    return name


def test_publishing_keeps_the_generation_before_whatever_the_names_say(tmp_path: Path) -> None:
    for name in ("g-2", "g-3", "g-1"):
        sealed(tmp_path, name)
        generation.publish(tmp_path, name)
    assert generation.current(tmp_path).name == "g-1"
    assert {p.name for p in tmp_path.glob("g-*")} == {"g-3", "g-1"}


def test_publishing_removes_what_a_crashed_build_left_even_if_it_is_newer(tmp_path: Path) -> None:
    for name in ("g-1", "g-2"):
        generation.publish(tmp_path, sealed(tmp_path, name))
    sealed(tmp_path, "g-9")
    generation.publish(tmp_path, sealed(tmp_path, "g-3"))
    assert {p.name for p in tmp_path.glob("g-*")} == {"g-2", "g-3"}


def test_a_small_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generation.write_atomic(tmp_path / "current", "g-1")

    def killed(*_: object) -> None:
        raise OSError("killed")

    monkeypatch.setattr(generation.os, "replace", killed)
    with pytest.raises(OSError, match="killed"):
        generation.write_atomic(tmp_path / "current", "g-2")
    assert (tmp_path / "current").read_text("utf-8") == "g-1"
    generation.clean(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["current"]
