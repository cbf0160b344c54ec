"""Front matter is metadata; a broken one never costs the note."""

from __future__ import annotations

import pytest

from indexer.readers.front_matter import front_matter
from indexer.readers.markdown import read


def test_fields_become_metadata_and_no_block() -> None:
    parsed = read("---\ntitle: 레이어 이해하기\ntags: [cnn, rnn]\n---\n\n# 레이어\n본문".encode(), "a.md")
    assert parsed.metadata["title"] == "레이어 이해하기"
    assert parsed.metadata["tags"] == ["cnn", "rnn"]
    assert [parsed.text[block.start : block.end] for block in parsed.blocks] == ["# 레이어", "본문"]


def test_crlf_and_a_dotted_end_are_front_matter_too() -> None:
    assert front_matter("---\r\ntitle: 가\r\n...\r\n본문")[0] == {"title": "가"}
    assert front_matter("---\n---\n본문") == ({}, 7)


def test_yaml_that_does_not_parse_is_read_line_by_line() -> None:
    text = "---\ntitle: 손실: 교차 엔트로피\nauthor: '하성민\n---\n본문은 남는다."
    fields, start = front_matter(text)
    assert fields == {"title": "손실: 교차 엔트로피", "author": "하성민"}
    assert text[start:].strip() == "본문은 남는다."


@pytest.mark.parametrize(
    "text",
    [
        "---\n그냥 선으로 시작하는 글이다.\n여기도 글이다: 정말로.\n또 글이다.\n---\n이어진다.",
        "---\n- 목록\n- 둘\n---\n본문",
        "---\n닫히지 않은 선\n본문",
        "본문\n---\ntitle: 아님\n---\n",
    ],
)
def test_a_rule_at_the_top_is_no_front_matter_and_the_text_stays(text: str) -> None:
    assert front_matter(text) == ({}, 0)
    parsed = read(text.encode(), "a.md")
    assert parsed.blocks[0].start == 0


def test_an_impossible_date_does_not_lose_the_note() -> None:
    fields, start = front_matter("---\ntitle: 노트\ndate: 2024-13-45 99:99:99\n---\n본문")
    assert fields == {"title": "노트", "date": "2024-13-45 99:99:99"}
    assert start > 0
