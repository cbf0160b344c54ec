"""What the demos share of their pictures."""

from __future__ import annotations

from models.figures import broken, columns, prose


def test_a_hangul_letter_takes_two_columns() -> None:
    assert columns("가a") == 3


def test_a_line_is_broken_at_blanks_and_nothing_is_lost() -> None:
    line = "드롭아웃은 뉴런을 확률 p로 끄는 규제 기법이다."
    parts = broken(line, 16)
    assert parts == ["드롭아웃은", "뉴런을 확률 p로", "끄는 규제", "기법이다."]
    assert all(columns(part) <= 16 for part in parts)


def test_a_word_that_is_too_long_is_broken_where_it_must_be() -> None:
    assert broken("가" * 5, 4) == ["가가", "가가", "가"]
    assert broken("", 4) == [""]


def test_prose_keeps_line_breaks_and_shows_signs_as_they_are() -> None:
    assert prose("a < b\n<i>") == "a &lt; b<br>&lt;i&gt;"
    assert prose("가나 다라\n끝", 5) == "가나<br>다라<br>끝"
