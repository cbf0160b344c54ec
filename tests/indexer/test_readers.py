"""Every format, in small real files: the blocks point at what they say, and nothing unreadable comes through."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from docx import Document

from indexer.errors import NoteError
from indexer.readers import Parsed, reader_for, readers
from tests.indexer.pdf_files import locked, pdf


def seen(parsed: Parsed) -> list[tuple[str, str]]:
    return [(block.kind, parsed.text[block.start : block.end]) for block in parsed.blocks]


def headings(parsed: Parsed) -> list[tuple[int, str]]:
    return [(block.level, block.title) for block in parsed.blocks if block.kind == "heading"]


def test_readers_are_found_by_suffix_in_any_case() -> None:
    assert {".md", ".markdown", ".txt", ".rst", ".ipynb", ".html", ".htm", ".pdf", ".docx"} <= set(readers())
    assert reader_for("노트.MD") is readers()[".md"]
    assert reader_for("사진.png") is None
    assert reader_for("README") is None


HTML = """<!DOCTYPE html>
<html><head><title>어텐션 &amp; 트랜스포머</title><style>p { color: red }</style></head>
<body><nav><ul><li>메뉴</li></ul></nav>
<div class="main">
<h1 id="a">1. <b>어텐션</b> 기초<a href="#a">¶</a></h1>
<p>질의와 키의 <em>내적</em>을
쓴다.<p>닫지 않은 문단.
<script>var x = "스크립트";</script>
<ul><li>질의<ul><li>안쪽</li></ul></li><li>키</li></ul>
<pre><code>q @ k.T &lt; 1</code></pre>
<table><tr><td>1</td></tr></table>
문단 없는 <b>글</b>
<blockquote><p>인용</p></blockquote>
</div></body></html>
"""


def test_html_blocks_are_substrings_of_the_file() -> None:
    parsed = readers()[".html"](HTML.replace("\n", "\r\n").encode(), "a.html")
    assert parsed.text == HTML.replace("\n", "\r\n")
    assert parsed.metadata["title"] == "어텐션 & 트랜스포머"
    assert headings(parsed) == [(1, "1. 어텐션 기초")]
    assert seen(parsed)[1:] == [
        ("paragraph", "<p>질의와 키의 <em>내적</em>을\r\n쓴다."),
        ("paragraph", '<p>닫지 않은 문단.\r\n<script>var x = "스크립트";</script>'),
        ("list", "<ul><li>질의<ul><li>안쪽</li></ul></li><li>키</li></ul>"),
        ("code", "<pre><code>q @ k.T &lt; 1</code></pre>"),
        ("table", "<table><tr><td>1</td></tr></table>"),
        ("paragraph", "문단 없는 <b>글</b>"),
        ("quote", "<blockquote><p>인용</p></blockquote>"),
    ]


def test_html_in_cp949_with_its_charset_declared_is_read() -> None:
    source = '<html><head><meta charset="euc-kr"><title>역전파</title></head><body><p>연쇄 법칙</p></body></html>'
    parsed = readers()[".htm"](source.encode("cp949"), "a.htm")
    assert parsed.metadata == {"title": "역전파", "encoding": "cp949"}
    assert seen(parsed) == [("paragraph", "<p>연쇄 법칙</p>")]


def test_html_without_a_body_or_with_an_open_head_still_has_its_text() -> None:
    parsed = readers()[".html"]("<head><title>t</title><p>본문 하나<h2>제목<div>글</div>".encode(), "a.html")
    assert [source for _, source in seen(parsed)] == ["<p>본문 하나", "<h2>제목", "글"]
    assert seen(readers()[".html"]("그냥 글".encode(), "a.html")) == [("paragraph", "그냥 글")]


RST = """\
=====
순환망
=====

소개 문단이
이어진다.

LSTM
----

게이트가 셋이다::

    i = sigmoid(x)

    f = sigmoid(x)

.. code-block:: python
   :linenos:

   h = f(x)

.. math::

   h_t = f(h_{t-1})

- 항목

  이어지는 글
- 둘째

====  ====
모델  정확도
====  ====
CNN   0.9
====  ====

+---+---+
| a | b |
+---+---+

   들여 쓴 인용

GRU
---
끝
"""


def test_rst_is_cut_at_its_own_structure() -> None:
    parsed = readers()[".rst"](RST.encode(), "a.rst")
    assert headings(parsed) == [(1, "순환망"), (2, "LSTM"), (2, "GRU")]
    assert seen(parsed) == [
        ("heading", "=====\n순환망\n====="),
        ("paragraph", "소개 문단이\n이어진다."),
        ("heading", "LSTM\n----"),
        ("paragraph", "게이트가 셋이다::"),
        ("code", "    i = sigmoid(x)\n\n    f = sigmoid(x)"),
        ("code", ".. code-block:: python\n   :linenos:\n\n   h = f(x)"),
        ("formula", ".. math::\n\n   h_t = f(h_{t-1})"),
        ("list", "- 항목\n\n  이어지는 글\n- 둘째"),
        ("table", "====  ====\n모델  정확도\n====  ====\nCNN   0.9\n====  ===="),
        ("table", "+---+---+\n| a | b |\n+---+---+"),
        ("quote", "   들여 쓴 인용"),
        ("heading", "GRU\n---"),
        ("paragraph", "끝"),
    ]


def notebook(*cells: dict[str, Any]) -> bytes:
    common = {"metadata": {}, "id": "x"}
    body = [{**common, "id": f"c{number}", **cell} for number, cell in enumerate(cells)]
    return json.dumps({"cells": body, "metadata": {"title": "실습"}, "nbformat": 4, "nbformat_minor": 5}).encode()


def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs), "execution_count": 1}


def test_notebook_cells_become_markdown_and_fences() -> None:
    printed = {"output_type": "stream", "name": "stdout", "text": ["torch.Size([2, 3])\n"]}
    picture = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "iVBOR", "text/plain": "<Figure>"}}
    raw = notebook(
        {"cell_type": "markdown", "source": ["# 텐서\n", "- 랭크\n", "```python\n", "닫지 않은 펜스"]},
        code("x = torch.zeros(2, 3)\n# 주석\nprint(x.shape)", printed, picture),
        {"cell_type": "markdown", "source": "다음 설명"},
    )
    parsed = readers()[".ipynb"](raw, "a.ipynb")
    assert parsed.metadata["title"] == "실습"
    assert seen(parsed) == [
        ("heading", "# 텐서"),
        ("list", "- 랭크"),
        ("code", "```python\n닫지 않은 펜스"),
        ("code", "```python\nx = torch.zeros(2, 3)\n# 주석\nprint(x.shape)\n```"),
        ("code", "```text\ntorch.Size([2, 3])\n```"),
        ("paragraph", "다음 설명"),
    ]
    assert "iVBOR" not in parsed.text
    assert "Figure" not in parsed.text


def test_long_outputs_are_kept_short_and_errors_to_their_last_line() -> None:
    log = {"output_type": "stream", "name": "stdout", "text": "\n".join(f"epoch {n}" for n in range(100))}
    failed = {"output_type": "error", "ename": "ValueError", "evalue": "shape", "traceback": ["\x1b[31mlong\x1b[0m"]}
    parsed = readers()[".ipynb"](notebook(code("train()", log), code("f()", failed)), "a.ipynb")
    assert seen(parsed)[1] == ("code", "```text\n" + "\n".join(f"epoch {n}" for n in range(8)) + "\n…\n```")
    assert seen(parsed)[3] == ("code", "```text\nValueError: shape\n```")


def test_code_that_holds_fences_gets_longer_ones() -> None:
    parsed = readers()[".ipynb"](notebook(code('"""\n```\nx\n```\n"""')), "a.ipynb")
    assert seen(parsed) == [("code", '````python\n"""\n```\nx\n```\n"""\n````')]


@pytest.mark.parametrize("raw", [b"{", b'{"cells": 3}', b"[]", b'{"nbformat": 4, "cells": [{"cell_type": "markdown"}]'])
def test_a_broken_notebook_says_so(raw: bytes) -> None:
    with pytest.raises(NoteError, match="주피터 노트북 형식이 깨졌습니다"):
        readers()[".ipynb"](raw, "a.ipynb")


PAGES = [
    "합성곱 신경망은 이미지를 다룬다.\n풀링은 크기를 줄인다.",
    None,
    "읽을 수 없는 쪽입니다",
    "어텐션은 가중합이다.",
]


def test_each_pdf_page_stands_under_its_number_and_unreadable_ones_are_reported() -> None:
    parsed = readers()[".pdf"](pdf(PAGES, unreadable=[3], title="딥러닝 강의"), "강의.pdf")
    assert parsed.metadata == {"title": "딥러닝 강의"}
    assert headings(parsed) == [(1, "1쪽"), (1, "4쪽")]
    assert seen(parsed)[1] == ("paragraph", "합성곱 신경망은 이미지를 다룬다.\n풀링은 크기를 줄인다.")
    assert seen(parsed)[3] == ("paragraph", "어텐션은 가중합이다.")
    assert [part.path for part in parsed.skipped] == ["강의.pdf", "강의.pdf"]
    assert parsed.skipped[0].reason.startswith("2쪽: 글자가 없고 그림만 있습니다")
    assert parsed.skipped[1].reason.startswith("3쪽: 글자를 알아볼 수 없습니다")


def test_running_heads_and_page_numbers_are_left_out() -> None:
    pages = [f"딥러닝 입문 2024\n{body}에 대해 배운다.\n- {number} -" for number, body in enumerate("가나다라마", 1)]
    parsed = readers()[".pdf"](pdf(pages), "a.pdf")
    assert [source for kind, source in seen(parsed) if kind == "paragraph"] == [
        f"{b}에 대해 배운다." for b in "가나다라마"
    ]


def test_a_pdf_that_opens_without_a_password_is_read_though_encrypted() -> None:
    raw = pdf(["잠긴 듯 열린 글이다."])
    assert readers()[".pdf"](locked(raw, ""), "a.pdf").text == readers()[".pdf"](raw, "a.pdf").text


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (locked(pdf(["비밀"]), "열쇠"), "암호가 걸린 PDF입니다"),
        (b"%PDF-1.7 broken", "PDF가 깨졌습니다"),
        (pdf(PAGES)[:900], "PDF가 깨졌습니다"),
        (pdf([None, None]), r"읽을 수 있는 쪽이 없는 PDF입니다\(모두 2쪽\)"),
        (pdf([""]), "글이 없는 PDF입니다"),
    ],
)
def test_a_pdf_that_cannot_be_read_says_why_in_one_line(raw: bytes, reason: str) -> None:
    with pytest.raises(NoteError, match=reason) as caught:
        readers()[".pdf"](raw, "a.pdf")
    assert "\n" not in str(caught.value)


def test_word_paragraphs_lists_and_tables_come_in_their_order() -> None:
    document = Document()
    document.core_properties.title = "강의 노트"
    document.add_heading("순환 신경망", level=1)
    document.add_paragraph("은닉 상태를 넘긴다.")
    document.add_paragraph("LSTM", style="List Bullet")
    document.add_paragraph("GRU", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(
        [*table.rows[0].cells, *table.rows[1].cells], ["모델", "게이트", "LSTM", "3|셋"], strict=True
    ):
        cell.text = text
    document.add_heading("결론", level=2)
    document.add_paragraph("끝.")
    out = io.BytesIO()
    document.save(out)
    parsed = readers()[".docx"](out.getvalue(), "a.docx")
    assert parsed.metadata == {"title": "강의 노트"}
    assert headings(parsed) == [(1, "순환 신경망"), (2, "결론")]
    assert seen(parsed) == [
        ("heading", "# 순환 신경망"),
        ("paragraph", "은닉 상태를 넘긴다."),
        ("list", "- LSTM\n- GRU"),
        ("table", "| 모델 | 게이트 |\n| --- | --- |\n| LSTM | 3\\|셋 |"),
        ("heading", "## 결론"),
        ("paragraph", "끝."),
    ]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [(b"\xd0\xcf\x11\xe0" + bytes(600), "암호가 걸렸거나 옛 형식"), (b"PK\x03\x04 no zip", "워드 파일이 깨졌습니다")],
)
def test_a_word_file_that_cannot_be_read_says_why(raw: bytes, reason: str) -> None:
    with pytest.raises(NoteError, match=reason):
        readers()[".docx"](raw, "a.docx")
