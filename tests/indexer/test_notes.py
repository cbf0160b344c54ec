"""A folder as people have it: what is a note is found and read, what is not says so in one line or stays out."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from indexer.errors import NotesNotFoundError
from indexer.notes import digest, load, parse, read_notes, scan
from indexer.types import Note, Skipped
from tests.indexer.pdf_files import pdf


def notes(folder: Path) -> dict[str, Note]:
    return {note.path: note for note in read_notes(folder) if isinstance(note, Note)}


def skipped(folder: Path, **options: int) -> dict[str, str]:
    return {part.path: part.reason for part in read_notes(folder, **options) if isinstance(part, Skipped)}


def test_a_note_is_the_file_and_knows_its_place_and_digest(tmp_path: Path) -> None:
    raw = "---\ntitle: 제목\n---\r\n# 하나\r\n글\r\n".encode()
    (tmp_path / "딥러닝").mkdir()
    (tmp_path / "딥러닝" / "노트.md").write_bytes(b"\xef\xbb\xbf" + raw)
    note = notes(tmp_path)["딥러닝/노트.md"]
    assert note.text.encode() == raw
    assert note.digest == digest(b"\xef\xbb\xbf" + raw)
    assert note.metadata["title"] == "제목"
    assert [note.text[block.start : block.end] for block in note.blocks] == ["# 하나", "글"]


def test_decomposed_file_names_are_found_under_composed_paths_and_text_stays_as_it_is(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "합성곱.md")
    text = unicodedata.normalize("NFD", "합성곱은 필터를 쓴다")
    (tmp_path / decomposed).write_text(text, encoding="utf-8")
    note = notes(tmp_path)["합성곱.md"]
    assert note.text == text
    assert load(scan(tmp_path).files[0]).decode() == text


def test_two_names_that_look_the_same_are_one_note_and_one_line(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        (tmp_path / unicodedata.normalize(form, "가중치.md")).write_text("글", encoding="utf-8")
    if len(os.listdir(tmp_path)) < 2:
        pytest.skip("this file system holds one name for both forms")
    assert list(notes(tmp_path)) == ["가중치.md"]
    assert "같은 이름의 노트가 이미 있습니다" in skipped(tmp_path)["가중치.md"]


def test_names_left_in_cp949_by_an_old_archive_are_read(tmp_path: Path) -> None:
    name = os.fsdecode("강의노트.txt".encode("cp949"))
    try:
        (tmp_path / name).write_text("글", encoding="utf-8")
    except OSError:
        pytest.skip("this file system refuses such names")
    assert list(notes(tmp_path)) == ["강의노트.txt"]


def test_hidden_and_foreign_folders_are_not_notes_and_other_files_are_counted(tmp_path: Path) -> None:
    for name in (".git/a.md", ".ipynb_checkpoints/b.ipynb", "node_modules/c.md", ".hidden.md", "~$d.docx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("글")
    for name in ("e.md", "f.png", "g.py", "README"):
        (tmp_path / name).write_text("글")
    found = scan(tmp_path)
    assert [file.path for file in found.files] == ["e.md"]
    assert found.others == 3
    assert found.skipped == ()


def test_a_scan_tells_size_and_time_so_that_a_build_can_see_what_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("글")
    os.utime(path, ns=(1, 1_700_000_000_000_000_000))
    (file,) = scan(tmp_path).files
    assert (file.path, file.absolute, file.size, file.mtime_ns) == ("a.md", path, 3, 1_700_000_000_000_000_000)


def test_what_cannot_be_read_is_one_line_each_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a_empty.md").write_bytes(b" \n\n")
    (tmp_path / "b_binary.md").write_bytes(bytes(range(256)))
    (tmp_path / "c_huge.md").write_text("가" * 1000, encoding="utf-8")
    (tmp_path / "d_meta.md").write_text("---\ntitle: 머리만\n---\n")
    (tmp_path / "e_broken.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "f_broken.ipynb").write_text("{")
    (tmp_path / "g_pages.pdf").write_bytes(pdf(["읽히는 쪽이다.", None]))
    (tmp_path / "h_good.md").write_text("# 제목\n글")
    (tmp_path / "i_loose.md").symlink_to(tmp_path / "없음.md")
    (tmp_path / "j_loop.md").symlink_to(tmp_path / "j_loop.md")
    os.mkfifo(tmp_path / "k_pipe.md")
    reasons = skipped(tmp_path, max_bytes=2000)
    assert {path: reason.split("(")[0].split(" — ")[0] for path, reason in reasons.items()} == {
        "a_empty.md": "빈 파일입니다",
        "b_binary.md": "글이 아니라 이진 파일입니다",
        "c_huge.md": "파일이 너무 큽니다",
        "d_meta.md": "읽을 내용이 없습니다",
        "e_broken.pdf": "PDF가 깨졌습니다",
        "f_broken.ipynb": "주피터 노트북 형식이 깨졌습니다",
        "g_pages.pdf": "파일이 너무 큽니다",
        "i_loose.md": "파일을 열 수 없습니다",
        "j_loop.md": "파일을 열 수 없습니다",
        "k_pipe.md": "보통 파일이 아닙니다",
    }
    assert "0.0MB, 한도 0.002MB" in reasons["c_huge.md"]
    assert all("\n" not in reason and " — " in reason for reason in reasons.values())
    assert list(notes(tmp_path)) == ["c_huge.md", "g_pages.pdf", "h_good.md"]
    assert skipped(tmp_path)["g_pages.pdf"].startswith("2쪽: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_and_folders_without_permission_are_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "a.md").write_text("글")
    (tmp_path / "b.md").write_text("글")
    (tmp_path / "closed").chmod(0)
    (tmp_path / "b.md").chmod(0)
    try:
        assert "폴더를 열 수 없습니다(권한 없음)" in skipped(tmp_path)["closed"]
        assert "파일을 열 수 없습니다(권한 없음)" in skipped(tmp_path)["b.md"]
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_links_that_lead_in_circles_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "z_real").mkdir()
    (tmp_path / "z_real" / "a.md").write_text("글")
    (tmp_path / "z_real" / "up").symlink_to(tmp_path)
    (tmp_path / "a_link").symlink_to(tmp_path / "z_real")
    assert [file.path for file in scan(tmp_path).files] == ["z_real/a.md"]
    reasons = {part.path: part.reason for part in scan(tmp_path).skipped}
    assert set(reasons) == {"a_link", "z_real/up"}
    assert all("이미 읽은 폴더를 가리키는 링크" in reason for reason in reasons.values())


def test_one_file_and_several_places_are_allowed(tmp_path: Path) -> None:
    for name in ("a/x.md", "b/x.md", "b/y.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("글")
    (tmp_path / "c.png").write_bytes(b"\x89PNG")
    assert [file.path for file in scan(tmp_path / "a" / "x.md").files] == ["x.md"]
    assert [file.path for file in scan([tmp_path / "a", tmp_path / "b"]).files] == ["a/x.md", "b/x.md", "b/y.md"]
    assert [file.path for file in scan([tmp_path / "b", tmp_path / "b" / "y.md"]).files] == ["x.md", "y.md"]
    assert "읽을 수 없는 형식입니다(.png)" in scan(tmp_path / "c.png").skipped[0].reason


def test_a_place_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(NotesNotFoundError, match="없는폴더"):
        list(read_notes(tmp_path / "없는폴더"))
    with pytest.raises(NotesNotFoundError, match="하나 이상"):
        scan([])


def test_bytes_read_once_can_be_hashed_and_parsed(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# 가\n나")
    (file,) = scan(tmp_path).files
    raw = load(file)
    (note,) = parse(file, raw)
    assert isinstance(note, Note)
    assert note.digest == digest(raw)
