"""Reasoning is taken off the answer, however the text is cut up on its way."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.thoughts import ThoughtFilter


def read(text: str, cuts: list[int], *, expected: bool) -> tuple[str, str, list[str]]:
    """Answer, reasoning, and the pieces of the answer as they came."""
    part = ThoughtFilter(expected=expected)
    places = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    pieces = [part.feed(text[a:b]) for a, b in pairwise(places)]
    pieces.append(part.end())
    return "".join(pieces), part.thoughts, pieces


CASES = [
    ("<생각>하나 [1]</생각>답이다. [1]", "답이다. [1]", "하나 [1]"),
    ("<think>하나</think>답", "답", "하나"),
    ("< 생각 >하나< / 생각 >답", "답", "하나"),
    ("<THINKING>a < b</THINKING>답 < 3", "답 < 3", "a < b"),
    ("<생각>하나</생각>답<생각>둘</생각>끝", "답끝", "하나둘"),
    ("답만 있다", "답만 있다", ""),
    ("<생각>닫지 않았다. 답이다.", "", "닫지 않았다. 답이다."),
    ("", "", ""),
]


@pytest.mark.parametrize("expected", [True, False])
@pytest.mark.parametrize(("text", "answer", "thoughts"), CASES)
@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 60), max_size=30))
def test_the_section_never_reaches_the_answer(
    text: str, answer: str, thoughts: str, expected: bool, cuts: list[int]
) -> None:
    said, thought, pieces = read(text, cuts, expected=expected)
    assert (said, thought) == (answer, thoughts)
    assert not any("생각>" in piece or "think" in piece.lower() for piece in pieces)


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 60), max_size=30))
def test_a_section_that_the_chat_template_opened_is_reasoning_too(cuts: list[int]) -> None:
    assert read("1번을 보자.</think>답이다.", cuts, expected=True)[:2] == ("답이다.", "1번을 보자.")
