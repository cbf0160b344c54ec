"""Markdown to blocks: what messy Korean notes hold, and that nothing of them is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.readers.blocks import markdown_blocks
from indexer.types import Block


def seen(text: str) -> list[tuple[str, str]]:
    return [(block.kind, text[block.start : block.end]) for block in markdown_blocks(text)]


def headings(text: str) -> list[tuple[int, str]]:
    return [(block.level, block.title) for block in markdown_blocks(text) if block.kind == "heading"]


def test_a_comment_in_a_fence_is_no_heading() -> None:
    text = "## 코드\n```python\n### 중간 생략\n# 주석\nx = 1\n```\n뒤"
    assert headings(text) == [(2, "코드")]
    assert seen(text)[1] == ("code", "```python\n### 중간 생략\n# 주석\nx = 1\n```")


def test_tilde_fences_hold_backtick_fences() -> None:
    text = "~~~\n```\n# 아님\n```\n~~~\n# 제목"
    assert seen(text) == [("code", "~~~\n```\n# 아님\n```\n~~~"), ("heading", "# 제목")]


def test_a_row_of_tildes_is_a_rule_and_not_a_fence() -> None:
    assert seen("앞\n\n~~~~~~~~~~~~\n\n# 뒤")[-1] == ("heading", "# 뒤")


def test_an_unclosed_fence_runs_to_the_end() -> None:
    assert seen("앞\n\n```python\nx = 1\n\n# 주석\ny = 2\n") == [
        ("paragraph", "앞"),
        ("code", "```python\nx = 1\n\n# 주석\ny = 2"),
    ]


def test_an_unclosed_fence_does_not_swallow_the_sections_after_it() -> None:
    text = "```python\nx = 1\n\n## 다음 절\n\n본문\n\n```python\ny = 2\n```\n"
    assert seen(text) == [
        ("code", "```python\nx = 1"),
        ("heading", "## 다음 절"),
        ("paragraph", "본문"),
        ("code", "```python\ny = 2\n```"),
    ]


@pytest.mark.parametrize(
    "formula",
    [
        "$$\nA = B\n=\nC\n$$",
        "$$H(x) = xW + b$$",
        "$$\n\\begin{aligned}\na &= b \\\\\n\n- c\n\\end{aligned}\n$$",
        "\\[\nx\n=\ny\n\\]",
        "\\begin{align*}\na\n=\nb\n\\end{align*}",
        "$$ L = \\sum_i\n- y_i \\log p_i $$",
        "손실은 $$\nL\n=\n1\n$$",
    ],
)
def test_a_formula_is_one_block_whatever_its_lines_look_like(formula: str) -> None:
    text = f"식은 다음과 같다.\n\n{formula}\n\n여기서 x는 입력이다."
    assert seen(text) == [
        ("paragraph", "식은 다음과 같다."),
        ("formula", formula),
        ("paragraph", "여기서 x는 입력이다."),
    ]


def test_dollar_formulas_within_a_line_stay_in_their_paragraph() -> None:
    text = "$$A$$는 정방행렬 $$(n \\times n)$$이다."
    assert seen(text) == [("paragraph", text)]


def test_a_formula_never_closed_does_not_swallow_the_note() -> None:
    assert seen("$$ 이것은 열기만 했다\n\n# 제목\n\n본문")[1] == ("heading", "# 제목")


def test_a_rule_under_a_sentence_is_no_heading() -> None:
    assert headings("이것은 문장이다.\n---\n다음 문장.") == []
    assert headings("여러 줄의\n글\n---\n") == []
    assert headings("제목\n---\n본문\n\n큰 제목\n===\n") == [(2, "제목"), (1, "큰 제목")]


def test_a_rule_drawn_with_heading_marks_is_no_heading() -> None:
    assert headings("## ------------------ ##\n\n## 진짜 ##\n\n#\n") == [(2, "진짜")]


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("# <span style='background-color: #fff5b1'>레이어, 이게 뭘까?</span>", "레이어, 이게 뭘까?"),
        ("### 1) *view()*", "1) view()"),
        ("## [PyTorch 입문](https://wikidocs.net/1)", "PyTorch 입문"),
        ("## <b>I</b>. `nn.Linear` &amp; $W$ ##", "I. nn.Linear & $W$"),
        ("##합성곱", "합성곱"),
    ],
)
def test_a_title_is_plain_text(line: str, title: str) -> None:
    assert [name for _, name in headings(f"{line}\n본문")] == [title]


def test_headings_written_without_marks_stand_below_the_real_ones() -> None:
    text = "# 책\n\n< chapter 2 시작하기 전에 >\n본문\n\n** 텐서란 ?\n본문\n\n> **F1-Score**\n\n본문\n\n# 다음"
    assert headings(text) == [(1, "책"), (2, "chapter 2 시작하기 전에"), (3, "텐서란 ?"), (4, "F1-Score"), (1, "다음")]


def test_a_marked_line_within_a_text_is_no_heading() -> None:
    assert headings("5차원 벡터라고 함!\n** 주의! 5D 텐서와 혼동하지 말자\n여기서 차원수는") == []
    assert headings("<EOS> 토큰은 끝이다.\n\n**이 문장은 굵게 썼을 뿐이다.**\n") == []


def test_nested_items_and_their_continued_lines_stay_in_one_list() -> None:
    text = "- 풀링\n\n  설명 줄\n- 장점\n    - 이동 불변\n    - 비선형\n\n뒤"
    assert seen(text) == [("list", text[:-3]), ("paragraph", "뒤")]


def test_tables_of_every_kind_are_one_block() -> None:
    pipes = "| 모델 | 정확도 |\n|---|---|\n| CNN | 0.9 |"
    tabs = "\t1-based\t0-based\n삭제\tchr1:5-5\tchr1:4-5"
    bare = "| 가 | 나 |\n| 다 | 라 |"
    html = "<table>\n<tr><td>1</td></tr>\n\n<tr><td><table><tr><td>2</td></tr></table></td></tr>\n</table>"
    for table in (pipes, tabs, bare, html):
        assert seen(f"앞\n\n{table}\n\n뒤") == [("paragraph", "앞"), ("table", table), ("paragraph", "뒤")]


def test_code_indented_with_tabs_is_code_and_indented_korean_is_text() -> None:
    assert seen("앞\n\n    x = f(1)\n    y = 2\n\n뒤")[1] == ("code", "    x = f(1)\n    y = 2")
    assert seen("앞\n\n    들여 쓴 문단은 글이다\n    이어지는 줄\n")[1][0] == "paragraph"


def test_sources_at_the_end_and_comments_are_kept() -> None:
    text = "본문 [1]\n\n[1]: https://arxiv.org/abs/1706.03762\n\n<!-- 메모 -->"
    assert [source for _, source in seen(text)] == [
        "본문 [1]",
        "[1]: https://arxiv.org/abs/1706.03762",
        "<!-- 메모 -->",
    ]


def test_offsets_point_into_the_file_with_windows_line_ends() -> None:
    text = "# 제목\r\n\r\n본문 하나\r\n본문 둘\r\n\r\n```\r\ncode\r\n```\r\n"
    assert seen(text) == [("heading", "# 제목"), ("paragraph", "본문 하나\r\n본문 둘"), ("code", "```\r\ncode\r\n```")]


PARTS = st.sampled_from(
    [
        "# 제목",
        "가나다 라마",
        "- 항목",
        "  - 안쪽",
        "1. 하나",
        "```",
        "~~~",
        "```py",
        "$$",
        "$$x$$",
        "\\[",
        "\\]",
        "> 인용",
        "---",
        "===",
        "| a | b |",
        "|---|---|",
        "a\tb",
        "<table>",
        "</table>",
        "<div>",
        "<!--",
        "-->",
        "    code",
        "\\begin{align}",
        "\\end{align}",
        "",
        "",
        " ",
        "\u00a0",
        "** 별표",
        "< 꺾쇠 >",
        "**굵게**",
        "[a]: b",
        "##붙임",
        "ᄒ\u1161\u11ab",
        "😁",
        "\x0c",
    ]
)
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])


@st.composite
def notes(draw: st.DrawFn) -> str:
    return "".join(line + draw(LINE_ENDS) for line in draw(st.lists(PARTS, max_size=25)))


@given(notes())
def test_blocks_are_in_order_and_cover_everything_but_white_space(text: str) -> None:
    blocks = markdown_blocks(text)
    last = 0
    for block in blocks:
        assert block.start >= last
        assert not text[last : block.start].strip()
        assert text[block.start : block.end].strip()
        assert (block.level > 0) == (block.kind == "heading")
        last = block.end
    assert not text[last:].strip()


def test_blocks_begin_where_they_are_told_to() -> None:
    assert markdown_blocks("앞부분\n# 제목", 4) == (Block("heading", 4, 8, 1, "제목"),)
