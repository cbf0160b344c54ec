"""What holds for the chunks of any note, however broken."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.chunker import chunk_note
from indexer.plain import plain
from indexer.readers.blocks import markdown_blocks
from indexer.readers.html import html_blocks
from indexer.readers.rst import rst_blocks
from indexer.sentences import sentences
from indexer.types import Block, Note
from tests.indexer.test_markdown_blocks import notes

LINE_END = re.compile(r"\r\n|\n|\r")
MARKUP = set("#-=*_~+<>|.·─—")
WHOLE = st.sampled_from(
    [
        "```python\n# 주석\n\nx = 1\n```",
        "~~~\n- a\n\n- b\n~~~",
        "$$\na\n=\nb\n$$",
        "$$ L = \\sum_i x_i $$",
        "\\begin{align}\na\n\nb\n\\end{align}",
    ]
)
OTHER = st.sampled_from(
    [
        "# 장",
        "### 절",
        "** 별표 제목\n글이 이어진다",
        "텐서는 배열을 일반화한 개념임. 차원의 개수는 랭크라고 함. 값이 하나면 스칼라다.",
        "손실은 다음과 같다.",
        "여기서 x는 입력이다.",
        "- 항목 하나\n  - 안쪽 항목\n  - 둘째 안쪽\n- 항목 둘",
        "> 인용한 글이다. 둘째 문장이다.",
        "---",
        "짧다",
    ]
)
ROWS = st.integers(min_value=1, max_value=30).map(
    lambda count: "| 이름 | 값 |\n|---|---|\n" + "\n".join(f"| 행 {number} | {number} |" for number in range(count))
)
HTML = st.lists(
    st.sampled_from(
        [
            "<p>문단이다. 둘째 문장이다.",
            "</p>",
            "<h2>제목</h2>",
            "<div>",
            "</div>",
            "<ul><li>항목",
            "<li>둘</ul>",
            "글 <b>굵게</b>",
            "<pre>a &lt; b</pre>",
            "<table><tr><td>1</td></tr>",
            "<tr><td>2</td></tr></table>",
            "<script>x()</script>",
            "<br>",
            "<nav>메뉴</nav>",
            "<!-- 메모 -->",
            "<head><title>t</title></head>",
            "<blockquote>인용</blockquote>",
            "<",
            "&amp;",
            "\n",
        ]
    ),
    max_size=20,
).map("\n".join)
SIZES = st.tuples(st.integers(40, 300), st.integers(0, 39))


def check(text: str, blocks: tuple[Block, ...], sizes: tuple[int, int]) -> None:
    note = Note("a.md", text, blocks)
    chunks = chunk_note(note, max_chars=sizes[0], min_chars=sizes[1])
    last = 0
    covered = bytearray(len(text))
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end]
        assert chunk.text.strip()
        assert chunk.start >= last
        assert chunk.start_line == 1 + len(LINE_END.findall(text[: chunk.start]))
        assert chunk.end_line == chunk.start_line + len(LINE_END.findall(chunk.text))
        covered[chunk.start : chunk.end] = b"\1" * len(chunk.text)
        last = chunk.end
    for block in blocks:
        for offset in range(block.start, block.end):
            assert covered[offset] or text[offset].isspace() or text[offset] in MARKUP
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    for chunk in chunks:
        plain(chunk.text)


@settings(deadline=None)
@given(notes(), SIZES)
def test_chunks_of_any_markdown_are_exact_ordered_and_complete(text: str, sizes: tuple[int, int]) -> None:
    check(text, markdown_blocks(text), sizes)


@settings(deadline=None)
@given(notes(), SIZES)
def test_chunks_of_any_rst_are_exact_ordered_and_complete(text: str, sizes: tuple[int, int]) -> None:
    blocks = rst_blocks(text)
    last = 0
    for block in blocks:
        assert block.start >= last
        assert not text[last : block.start].strip()
        last = block.end
    assert not text[last:].strip()
    check(text, blocks, sizes)


@settings(deadline=None)
@given(HTML, SIZES)
def test_chunks_and_sentences_of_any_html_are_exact_ordered_and_complete(text: str, sizes: tuple[int, int]) -> None:
    blocks = html_blocks(text)
    assert all(first.end <= second.start for first, second in pairwise(blocks))
    assert not any("x()" in text[block.start : block.end] and block.kind == "heading" for block in blocks)
    check(text, blocks, sizes)
    last = 0
    for sentence in sentences(text):
        assert last <= sentence.start < sentence.end
        assert not text[last : sentence.start].strip()
        last = sentence.end


@settings(deadline=None)
@given(st.lists(st.one_of(WHOLE, OTHER, ROWS), min_size=1, max_size=12), SIZES)
def test_fences_formulas_and_rows_are_never_cut(parts: list[str], sizes: tuple[int, int]) -> None:
    text = "\n\n".join(parts)
    blocks = markdown_blocks(text)
    chunks = chunk_note(Note("a.md", text, blocks), max_chars=sizes[0], min_chars=sizes[1])
    edges = {edge for chunk in chunks for edge in (chunk.start, chunk.end)}
    offset = 0
    for part in parts:
        units = part.split("\n") if part.startswith("|") else [part] if part[0] in "`~$\\" else []
        start = offset
        for unit in units:
            assert not any(start < edge < start + len(unit) for edge in edges), unit
            start += len(unit) + 1
        offset += len(part) + 2


@settings(deadline=None)
@given(st.lists(OTHER, min_size=1, max_size=12), SIZES)
def test_chunks_keep_to_the_limit_where_nothing_in_them_is_whole(parts: list[str], sizes: tuple[int, int]) -> None:
    text = "\n\n".join(parts)
    limit, minimum = sizes
    slack = 40  # headings that no text follows go with the text before them
    for chunk in chunk_note(Note("a.md", text, markdown_blocks(text)), max_chars=limit, min_chars=minimum):
        marks = sum(len(line) + 2 for line in chunk.text.split("\n") if line.startswith(("#", "**")))
        assert len(chunk.text) <= limit + marks + slack
