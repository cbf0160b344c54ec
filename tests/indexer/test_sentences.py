"""Sentences with exact offsets: structure first, then Kiwi's."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings

from indexer.sentences import sentences, split_paragraph
from tests.indexer.test_markdown_blocks import notes


def seen(text: str) -> list[str]:
    return [text[sentence.start : sentence.end] for sentence in sentences(text)]


def test_notes_end_sentences_without_a_full_stop() -> None:
    text = "기존의 딥러닝은 전파가 문제였음 2009년경 알고리즘이 개선됨. 그래서 상황이 바뀌었다"
    assert seen(text)[-1] == "그래서 상황이 바뀌었다"
    assert seen("가장 큰 문제였음\n2009년경 몇 가지가 개선되어 상황이 바뀜") == [
        "가장 큰 문제였음",
        "2009년경 몇 가지가 개선되어 상황이 바뀜",
    ]


def test_one_thought_on_a_line_is_one_sentence() -> None:
    text = "분류 문제의 범주 -> 클래스\n데이터 포인트    -> 샘플\n특정 샘플의 클래스 -> 레이블(Label)"
    assert seen(text) == text.split("\n")


def test_a_sentence_that_an_editor_wrapped_stays_whole() -> None:
    text = (
        "트랜스포머는 순환 구조를 쓰지 않고 어텐션만으로 문장의 관계를\n"
        "배우는 모델이며 번역에서 처음 쓰였다. 그 뒤로 언어 모델의 기본\n"
        "구조가 되었다."
    )
    assert seen(text) == [text[: text.index(" 그 뒤로")], text[text.index("그 뒤로") :]]


def test_heading_item_row_formula_and_fence_are_one_unit_each() -> None:
    text = (
        "## 손실. 함수!\n설명이다. 둘째다.\n\n- 하나. 둘.\n  이어진 줄\n  - 안쪽\n\n"
        "| 가 | 나 |\n|---|---|\n| 1. | 2. |\n\n"
        "$$\nL = 1. \n\n+ 2\n$$\n\n```python\nx = 1.\n\n# 주석. 끝.\n```"
    )
    assert [(sentence.kind, text[sentence.start : sentence.end]) for sentence in sentences(text)] == [
        ("heading", "## 손실. 함수!"),
        ("paragraph", "설명이다."),
        ("paragraph", "둘째다."),
        ("list", "- 하나. 둘.\n  이어진 줄"),
        ("list", "- 안쪽"),
        ("table", "| 가 | 나 |\n|---|---|"),
        ("table", "| 1. | 2. |"),
        ("formula", "$$\nL = 1. \n\n+ 2\n$$"),
        ("code", "```python\nx = 1.\n\n# 주석. 끝.\n```"),
    ]


def test_text_that_follows_an_item_at_once_is_split_as_text() -> None:
    text = "* 벡터 데이터\n대부분의 경우에 해당함!\n첫 번째 축은 샘플 축임"
    assert seen(text) == text.split("\n")


def test_links_formulas_and_emphasis_are_never_torn() -> None:
    text = "**크기는 $|t| = (a. b)$ 이다.** 문서는 [이름. 둘. 셋](http://a.b/c. d)에 있다. `x. y` 를 쓴다."
    assert seen(text) == [
        "**크기는 $|t| = (a. b)$ 이다.**",
        "문서는 [이름. 둘. 셋](http://a.b/c. d)에 있다.",
        "`x. y` 를 쓴다.",
    ]


def test_decomposed_hangul_and_emoji_keep_their_offsets() -> None:
    text = "합성곱은 필터를 쓴다 😁. 풀링은 크기를 줄인다 👩‍🔬. 끝이다."
    assert seen(text) == ["합성곱은 필터를 쓴다 😁.", "풀링은 크기를 줄인다 👩‍🔬.", "끝이다."]
    decomposed = unicodedata.normalize("NFD", text)
    assert seen(decomposed) == [unicodedata.normalize("NFD", part) for part in seen(text)]


def test_html_is_split_at_its_elements() -> None:
    text = "<p>하나의 <b>문장</b>이다. 둘째 문장이다.</p>\n<ul><li>항목</li><li>둘</li></ul>"
    assert seen(text) == [
        "<p>하나의 <b>문장</b>이다.",
        "둘째 문장이다.</p>",
        "<ul><li>항목</li>",
        "<li>둘</li></ul>",
    ]


def test_english_is_split_without_kiwi() -> None:
    assert seen("Attention is all you need. It works, e.g. well! Fine.") == [
        "Attention is all you need.",
        "It works, e.g. well!",
        "Fine.",
    ]


def test_a_very_long_text_is_covered() -> None:
    text = "경사 하강법은 손실을 줄인다. " * 800
    assert len(split_paragraph(text)) == 800


@settings(deadline=None)
@given(notes())
def test_sentences_are_in_order_trimmed_and_cover_everything(text: str) -> None:
    last = 0
    for sentence in sentences(text):
        assert sentence.start >= last
        assert not text[last : sentence.start].strip()
        assert text[sentence.start : sentence.end].strip()
        last = sentence.end
    assert not text[last:].strip()
