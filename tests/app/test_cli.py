"""The command line, called as a shell calls it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.cli import main
from app.errors import InputError
from app.settings import load_settings
from tests.app.doors import NFD, FakeAnswerer, built, make_notes, settings_in

ROOT = Path(__file__).parents[2]
Run = Callable[..., SimpleNamespace]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index."""
    place = tmp_path_factory.mktemp("cli")
    built(place)
    return place


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Call ``pilgi`` in this process, without models."""
    monkeypatch.setenv("PILGI_ENCODER", "none")
    monkeypatch.setenv("PILGI_RERANKER", "none")
    monkeypatch.setenv("PILGI_NOTES", str(tmp_path / "own"))

    def call(*args: Any, stdin: bytes = b"") -> SimpleNamespace:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as left:
            main([str(a) for a in args])
        out, err = capfd.readouterr()
        return SimpleNamespace(status=left.value.code, out=out, err=err)

    return call


def shell(*args: str, **options: Any) -> subprocess.Popen[bytes]:
    """``pilgi`` in a process of its own."""
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PILGI_ENCODER": "none",
        "PILGI_RERANKER": "none",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", "from app.cli import main; main()", *args],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # a suite that runs in the background hands down an ignored Ctrl-C, which no terminal does
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


def test_help_is_korean_and_names_every_command(run: Run) -> None:
    said = run("--help")
    assert said.status == 0
    assert "사용법: pilgi" in said.out
    for command in ("index", "search", "ask", "demo", "eval", "serve", "keys"):
        assert f"  {command} " in said.out


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from app.cli import pilgi; pilgi.main(['--help'], standalone_mode=False); "
        "heavy = {'torch', 'gradio', 'fastapi', 'pydantic', 'rich', 'numpy', 'plotly'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 5  # 0.2 s where nothing else runs


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["ask"], "질문과 --batch"),
        (["ask", "q", "--batch", "-"], "질문과 --batch"),
        (["aks"], "혹시 ask?"),
        (["ask", "--bach", "x"], "혹시 --batch?"),
        (["search"], "QUESTION을(를) 적어"),
        (["demo", "dropout", "--set", "p"], "NAME=VALUE"),
        (["demo", "dropout", "--out", "x.png"], ".html"),
        (["eval"], "--questions을(를) 적어"),
        (["index", "build", "a", "--notes", "b"], "함께 쓸 수 없습니다"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(run: Run, args: list[str], said: str) -> None:
    result = run(*args)
    assert result.status == 2
    assert said in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_build_reports_what_was_left_out_with_status_3_and_keeps_what_did_not_change(run: Run, tmp_path: Path) -> None:
    notes = make_notes(tmp_path / "notes")
    first = run("index", "build", notes, "--index", tmp_path / "i")
    assert first.status == 3
    assert "추가 4" in first.out
    assert "empty.md" in first.err
    (notes / "empty.md").unlink()
    second = run("index", "build", notes, "--index", tmp_path / "i", "--json")
    assert second.status == 0
    assert json.loads(second.out)["kept"] == 4
    assert json.loads(second.out)["unchanged"] is True


def test_several_places_are_indexed_together(run: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.md").write_text(f"# {name}\n\n노트 {name}이다.\n", "utf-8")
    assert run("index", "build", tmp_path / "a", tmp_path / "b", "--index", tmp_path / "i").status == 0
    status = json.loads(run("index", "status", "--index", tmp_path / "i", "--json").out)
    assert status["counts"]["notes"] == 2


def test_notes_that_are_not_there_are_one_line_and_status_1(run: Run, tmp_path: Path) -> None:
    said = run("index", "build", tmp_path / "nowhere", "--index", tmp_path / "i")
    assert said.status == 1
    assert said.err.startswith("오류: ")
    assert len([line for line in said.err.splitlines() if line.strip()]) == 1


def test_search_gives_the_passage_and_the_part_of_each_leg(run: Run, folder: Path) -> None:
    said = run("search", "소프트맥스", "--index", folder / "index", "--top", "1", "--json")
    [found] = json.loads(said.out)["results"]
    assert found["path"] == "softmax.md"
    assert found["parts"]["keyword"] == 1.0
    assert "softmax.md:" in run("search", "소프트맥스", "--index", folder / "index").out


def test_ask_cites_the_line_in_text_and_in_json(run: Run, folder: Path) -> None:
    text = run("ask", "드롭아웃이 무엇인가요?", "--index", folder / "index")
    assert text.status == 0
    assert "[1] 규제/드롭아웃.md:" in text.out
    assert "pilgi demo dropout" in text.out
    row = json.loads(run("ask", "드롭아웃이 무엇인가요?", "--index", folder / "index", "--json").out)
    assert row["answerable"] is True
    for citation in row["citations"]:
        assert citation["quote"] in (folder / "notes" / citation["path"]).read_text("utf-8")


def test_an_nfd_file_name_is_cited_in_nfc(run: Run, folder: Path) -> None:
    row = json.loads(run("ask", "합성곱은 무엇인가요?", "--index", folder / "index", "--json").out)
    assert row["citations"][0]["path"] == "합성곱.md" != NFD


def test_batch_answers_in_order_and_a_bad_line_stops_nothing(run: Run, folder: Path) -> None:
    lines = [
        '{"id": 7, "question": "드롭아웃은?"}',
        "",
        "{bad",
        '{"id": "x"}',
        '{"id": "s", "question": "\\ud800"}',
        '{"id": "h", "question": "그럼 왜 쓰나?", "history": [{"question": "드롭아웃은?", "answer": "규제다."}]}',
        "[1]",
    ]
    said = run("ask", "--batch", "-", "--index", folder / "index", stdin="\n".join(lines).encode() + b"\n\xff\n")
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert said.status == 3
    assert [row["id"] for row in rows] == [7, None, "x", "s", "h", None, None]
    assert ["error" in row for row in rows] == [False, True, True, True, False, True, True]
    assert rows[1]["line"] == 3
    assert rows[2]["error"] == {"type": "InputError", "message": "question: 값이 없습니다"}


def test_batch_reads_a_file_with_a_byte_order_mark(run: Run, folder: Path, tmp_path: Path) -> None:
    questions = tmp_path / "q.jsonl"
    questions.write_bytes(b'\xef\xbb\xbf{"id": "1", "question": "\xeb\x93\x9c\xeb\xa1\xad\xec\x95\x84\xec\x9b\x83"}\n')
    said = run("ask", "--batch", questions, "--index", folder / "index")
    assert (said.status, json.loads(said.out)["id"]) == (0, "1")
    assert run("ask", "--batch", tmp_path / "none.jsonl", "--index", folder / "index").status == 1


def test_without_an_index_over_own_notes_the_remedy_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PILGI_NOTES", str(tmp_path))
    said = run("ask", "드롭아웃", "--index", tmp_path / "none")
    assert said.status == 1
    assert "pilgi index build" in said.err


def test_the_notes_that_ship_are_indexed_on_the_spot(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = make_notes(tmp_path / "shipped")
    monkeypatch.setattr("app.settings.corpus_notes", lambda: notes)
    monkeypatch.setenv("PILGI_NOTES", str(notes))
    said = run("ask", "드롭아웃은?", "--index", tmp_path / "i", "--json")
    assert said.status == 0
    assert "처음이므로" in said.err
    assert json.loads(said.out)["citations"]


def test_a_setting_that_means_nothing_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PILGI_PORT", "abc")
    said = run("index", "status", "--index", folder / "index")
    assert said.status == 1
    assert said.err.startswith("오류: PILGI_PORT='abc'")


def test_an_invalid_character_in_the_question_is_one_line(run: Run, folder: Path) -> None:
    said = run("ask", "\udcff", "--index", folder / "index")
    assert said.status == 1
    assert "유니코드" in said.err


def test_control_characters_of_a_note_do_not_reach_the_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake = FakeAnswerer(settings_in(tmp_path), answer="앞\x1b[2J\x07뒤 \u202e[1]")
    monkeypatch.setattr("app.answer.Answerer", lambda settings: fake)
    said = run("ask", "q", "--index", tmp_path / "i")
    assert "앞[2J뒤" in said.out
    assert not {"\x1b", "\x07", "\u202e"} & set(said.out)
    assert "알림: 알림이다" in said.err


def test_an_error_of_the_answerer_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = FakeAnswerer(settings_in(tmp_path), error=InputError("두\n줄"))
    monkeypatch.setattr("app.answer.Answerer", lambda settings: fake)
    assert run("ask", "q", "--index", tmp_path / "i").err.strip().splitlines()[-1] == "오류: 두 줄"


def test_demo_runs_lists_and_writes(run: Run, tmp_path: Path) -> None:
    listed = json.loads(run("demo", "--list", "--json").out)
    assert {"dropout", "conv1d"} <= {row["slug"] for row in listed}
    row = json.loads(run("demo", "conv1d", "--set", "kernel=5", "--json").out)
    assert row["params"]["kernel"] == 5
    assert row["figure"]["data"]
    assert run("demo", "1차원 합성곱").status == 0
    page = tmp_path / "a.html"
    assert run("demo", "conv1d", "--out", page).status == 0
    text = page.read_text("utf-8")
    assert "Plotly" in text
    assert 'src="http' not in text
    assert run("demo", "conv1d", "--out", tmp_path / "a.json").status == 0
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["slug"] == "conv1d"


def test_demo_looks_inside_at_a_question_where_there_is_an_index(run: Run, folder: Path, tmp_path: Path) -> None:
    asked = ("demo", "rag", "--json", "--question", "드롭아웃이 무엇인가요?", "--index")
    assert "규제/드롭아웃.md" in json.loads(run(*asked, folder / "index").out)["numbers"]["맨 앞의 글"]
    assert "드롭아웃.md" not in str(json.loads(run(*asked, tmp_path / "none").out)["numbers"])


def test_a_value_out_of_bounds_names_the_bound(run: Run) -> None:
    said = run("demo", "conv1d", "--set", "kernel=500")
    assert said.status == 1
    assert "500" in said.err
    assert "이하" in said.err
    assert run("demo", "no-such-thing").status == 1


def test_keys_are_shown_once_listed_and_removed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILGI_KEYS", str(tmp_path / "keys.json"))
    key = run("keys", "add", "--scope", "index", "나").out.strip()
    assert key.startswith("pilgi-")
    assert key not in (tmp_path / "keys.json").read_text("utf-8")
    assert json.loads(run("keys", "list", "--json").out)[0]["scope"] == "index"
    assert run("keys", "add", "나").status == 1
    assert run("keys", "remove", "나").status == 0
    assert run("keys", "remove", "나").status == 1


def test_serving_others_without_a_key_is_refused(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILGI_KEYS", str(tmp_path / "keys.json"))
    said = run("serve", "--host", "0.0.0.0", "--index", tmp_path / "i")
    assert said.status == 1
    assert "pilgi keys add" in said.err
    assert len(said.err.strip().splitlines()) == 1


def test_eval_reports(run: Run, tmp_path: Path) -> None:
    notes = make_notes(tmp_path / "notes")
    questions = tmp_path / "q.jsonl"
    questions.write_text(
        json.dumps(
            {"id": "1", "question": "드롭아웃이 무엇인가요?", "gold": ["드롭아웃은 뉴런을"], "facts": [["규제"]]},
            ensure_ascii=False,
        )
        + "\n",
        "utf-8",
    )
    said = run("eval", "--questions", questions, "--notes", notes, "--index", tmp_path / "i", "--json")
    assert said.status == 0, said.err
    assert isinstance(json.loads(said.out), dict)


def test_ctrl_c_leaves_with_130(folder: Path) -> None:
    process = shell("ask", "--batch", "-", "--index", str(folder / "index"))
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    process.stdin.write('{"question": "드롭아웃은?"}\n'.encode())
    process.stdin.flush()
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert b"Traceback" not in process.stderr.read()


def test_a_closed_pipe_is_quiet(folder: Path) -> None:
    process = shell("ask", "--batch", "-", "--index", str(folder / "index"))
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.stdin.write('{"question": "드롭아웃은?"}\n'.encode() * 3)
    process.stdin.close()
    assert process.wait(60) == 1
    assert process.stderr.read() == b""


def test_settings_from_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILGI_PORT", "1234")
    assert load_settings(port=None).port == 1234
    assert load_settings(port=99).port == 99
