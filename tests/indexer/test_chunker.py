"""Chunks along the structure: what stands together stays together, and every offset is exact."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest

from indexer.chunker import chunk_note
from indexer.readers import readers
from indexer.types import Chunk, Note

SENTENCE = "이 문장은 조각의 크기를 재려고 쓴 문장이다. "


def note(text: str, suffix: str = ".md", path: str = "노트.md") -> Note:
    parsed = readers()[suffix](text.encode(), path)
    return Note(path, parsed.text, parsed.blocks, parsed.metadata)


def chunks(text: str, suffix: str = ".md", **options: int) -> list[Chunk]:
    read = note(text, suffix)
    found = chunk_note(read, **options)
    for chunk in found:
        assert chunk.text == read.text[chunk.start : chunk.end]
    return found


def test_a_chunk_is_a_section_with_its_heading_and_its_lines() -> None:
    text = f"# 신경망\r\n\r\n{SENTENCE * 5}\r\n\r\n## 활성 함수\r\n\r\n{SENTENCE * 5}\r\n"
    first, second = chunks(text)
    assert (first.heading, first.start_line, first.end_line) == (("신경망",), 1, 3)
    assert (second.heading, second.start_line, second.end_line) == (("신경망", "활성 함수"), 5, 7)
    assert second.text == f"## 활성 함수\r\n\r\n{SENTENCE * 5}".rstrip()


def test_levels_that_jump_and_repeat_give_a_sensible_path() -> None:
    body = SENTENCE * 6
    text = f"### 1. ML\n\n#### 1.1. ML\n\n###### 1. 정의\n{body}\n\n###### 2. 종류\n{body}\n\n# 3. DL\n{body}\n"
    assert [chunk.heading for chunk in chunks(text)] == [("1. ML", "1. 정의"), ("1. ML", "2. 종류"), ("3. DL",)]


def test_the_front_matter_title_is_outermost_unless_the_first_heading_says_it() -> None:
    body = SENTENCE * 6
    assert chunks(f"---\ntitle: 강의\n---\n# 1주차\n{body}")[0].heading == ("강의", "1주차")
    assert chunks(f"---\ntitle: 강의\n---\n# 강의\n{body}")[0].heading == ("강의",)
    assert chunks(f"---\ntitle: 강의\n---\n{body}")[0].heading == ("강의",)


def test_no_heading_stands_alone() -> None:
    text = f"# 책\n\n## 1장\n\n### 1절\n\n{SENTENCE * 8}\n\n### 빈 절\n\n## 빈 장\n"
    found = chunks(text)
    assert [chunk.heading for chunk in found] == [("책", "1장", "1절")]
    assert found[0].text.startswith("# 책\n\n## 1장\n\n### 1절")
    assert found[0].text.endswith("## 빈 장")
    assert [chunk.text for chunk in chunks("# 제목뿐")] == ["# 제목뿐"]


def test_sections_of_a_line_are_joined_and_stand_under_what_they_share() -> None:
    text = "# 층\n\n## 선형\n가중치를 곱한다.\n\n## 합성곱\n필터를 민다.\n\n## 풀링\n" + SENTENCE * 6
    found = chunks(text)
    assert [chunk.heading for chunk in found] == [("층",)]
    text += f"\n\n# 다른 장\n{SENTENCE * 12}\n\n# 끝 장\n{SENTENCE * 12}"
    assert [chunk.heading for chunk in chunks(text)] == [("층",), ("다른 장",), ("끝 장",)]


def test_rules_between_sections_make_no_chunk() -> None:
    text = f"< 하나 >\n{SENTENCE * 10}\n\n## ------------ ##\n\n< 둘 >\n{SENTENCE * 10}\n\n---\n"
    assert [chunk.heading for chunk in chunks(text)] == [("하나",), ("둘",)]
    assert not any("--" in chunk.text for chunk in chunks(text))


def test_a_formula_keeps_the_sentence_that_introduces_it() -> None:
    formula = "$$\nL = \\sum_i (y_i - \\hat y_i)^2\n$$"
    together = f"손실은 다음과 같다.\n\n{formula}\n\n여기서 y는 정답이다."
    found = chunks(f"# 손실\n\n{SENTENCE * 20}\n\n{SENTENCE * 3}{together}\n\n{SENTENCE * 20}")
    assert any(together in chunk.text for chunk in found)


def test_code_keeps_its_introduction_even_where_the_paragraph_is_too_long_for_both() -> None:
    code = "```python\n" + "x = x + 1\n" * 55 + "```"
    text = f"# 코드\n\n{SENTENCE * 20}아래와 같이 쓴다.\n\n{code}\n"
    before, holder = chunks(text)
    assert holder.text == f"아래와 같이 쓴다.\n\n{code}"
    assert before.text.endswith("쓴 문장이다.")


def test_a_fence_longer_than_the_limit_stays_whole_up_to_four_times_that() -> None:
    code = "```python\n" + "def f():\n    return 1\n\n" * 100 + "```"
    assert 3 * 700 < len(code) < 4 * 700
    assert [chunk.text for chunk in chunks(code)] == [code]


def test_far_too_long_code_is_cut_between_top_level_statements() -> None:
    statement = "def f(x):\n    y = x\n\n    return y\n"
    found = chunks("```python\n" + (statement + "\n") * 120 + "```")
    assert len(found) > 4
    assert all(chunk.text.startswith(("def f(x):", "```python\ndef f(x):")) for chunk in found)
    assert all(len(chunk.text) <= 700 for chunk in found)


def test_a_formula_is_never_cut_however_long() -> None:
    formula = "$$\n" + "a + b \\\\\n\n" * 140 + "$$"
    assert any(formula in chunk.text for chunk in chunks(f"{SENTENCE * 10}\n\n{formula}\n\n{SENTENCE * 10}"))


@pytest.mark.parametrize(
    ("header", "rule"),
    [("| 모델 | 정확도 |", "|---|---|\n"), ("모델\t정확도", ""), ("| 모델 | 값 |", "")],
)
def test_a_long_table_is_cut_between_rows_and_led_by_its_header(header: str, rule: str) -> None:
    pipes = header.startswith("|")
    rows = [f"| 모델 {n} | 0.{n} |" if pipes else f"모델 {n}\t0.{n}" for n in range(100)]
    text = f"표는 다음과 같다.\n\n{header}\n{rule}" + "\n".join(rows)
    found = chunks(text, max_chars=300)
    assert len(found) > 3
    assert found[0].lead == ""
    assert all(chunk.lead.splitlines()[0] == header for chunk in found[1:])
    lines = [line for chunk in found for line in chunk.text.split("\n")]
    assert [line for line in lines if line in rows] == rows


def test_an_html_table_is_cut_between_its_own_rows_only() -> None:
    row = "<tr><td>{} 번째 행의 값</td><td><table><tr><td>안</td></tr></table></td></tr>\n"
    text = "<table><tr><th>이름</th></tr>\n" + "".join(row.format(n) for n in range(80)) + "</table>"
    found = chunks(text, max_chars=200)
    assert len(found) > 3
    assert all(chunk.text.startswith("<tr><td>") for chunk in found[1:])
    assert all(chunk.lead == "<table><tr><th>이름</th></tr>" for chunk in found[1:])


def test_a_long_list_is_cut_between_items_and_inner_items_are_led_by_their_parent() -> None:
    text = "- 데이터\n" + "".join(f"    - 안쪽 항목 {n}: 내용이 조금 있다\n" for n in range(30)) + "- 모델\n- 손실\n"
    found = chunks(text, max_chars=300, min_chars=50)
    assert len(found) > 2
    assert all(chunk.text.startswith("- ") for chunk in found)
    assert found[1].lead == "- 데이터"


def test_a_fence_in_a_list_is_not_cut_at_what_looks_like_an_item() -> None:
    fence = "```yaml\n" + "- a: 1\n  - b\n" * 20 + "```"
    text = "- 설정\n" + "".join(f"  {line}\n" for line in fence.split("\n")) + "- 끝이다\n" + "- 항목 하나\n" * 60
    found = chunks(text, max_chars=250, min_chars=20)
    assert sum(chunk.text.count("```") for chunk in found) == 2
    assert any(chunk.text.count("```") == 2 for chunk in found)


def test_a_long_paragraph_is_cut_at_the_ends_of_korean_sentences() -> None:
    found = chunks("텐서는 다차원 배열을 일반화한 개념임. 차원의 개수는 랭크라고 함. " * 40)
    assert len(found) > 2
    assert all(chunk.text.endswith(("개념임.", "함.")) for chunk in found)
    assert all(350 < len(chunk.text) <= 700 for chunk in found)


def test_a_sentence_without_end_is_cut_outside_of_characters_formulas_and_links() -> None:
    syllable = unicodedata.normalize("NFD", "한")
    found = chunks(syllable * 900)
    assert len(found) > 2
    assert all(len(chunk.text) % len(syllable) == 0 for chunk in found)
    family = "👩‍👩‍👧"
    assert all(len(chunk.text) % len(family) == 0 for chunk in chunks(family * 400))
    formula = "$" + "x + " * 60 + "y$"
    for chunk in chunks(f"{formula} 그리고 " * 12):
        assert chunk.text.count("$") % 2 == 0


def test_tags_and_pictures_written_in_base64_do_not_count() -> None:
    picture = "![](data:image/png;base64," + "iVBORw0KGgo" * 2000 + ")"
    (only,) = chunks(f"앞의 글이다.\n\n{picture}\n\n뒤의 글이다.")
    assert only.text.startswith("앞의") and only.text.endswith("뒤의 글이다.")
    html = "<div>" + "".join(f'<p class="{"long-" * 40}">문단 {n}의 글.</p>\n' for n in range(20)) + "</div>"
    assert len(chunks(html, ".html")) == 1


def test_a_script_between_two_html_paragraphs_parts_them() -> None:
    script = "<script>" + "var a = 1;" * 30 + "</script>"
    found = chunks(f"<p>{SENTENCE}</p>{script}<p>{SENTENCE}</p>", ".html")
    assert len(found) == 2
    assert not any("var a" in chunk.text for chunk in found)


def test_ids_stay_while_a_passage_stays_and_differ_where_it_repeats() -> None:
    body = SENTENCE * 6
    text = f"# 가\n{body}\n\n# 나\n{body}\n\n# 가\n{body}\n"
    first, second, third = chunks(text)
    assert len({first.id, second.id, third.id}) == 3
    assert all(len(chunk.id) == 16 and set(chunk.id) <= set("0123456789abcdef") for chunk in (first, second, third))
    moved = chunks(f"# 새 글\n{SENTENCE * 7}\n\n{text}")
    assert [chunk.id for chunk in moved[1:]] == [first.id, second.id, third.id]
    assert moved[1].start_line == 4
    elsewhere = chunk_note(replace(note(text), path="다른.md"))
    assert not {chunk.id for chunk in elsewhere} & {first.id, second.id, third.id}


def test_limits_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="min_chars 700 must be less than max_chars 700"):
        chunk_note(note("글"), max_chars=700, min_chars=700)
