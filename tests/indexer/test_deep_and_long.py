"""Notes that no one writes by hand: they take a moment rather than an hour, and end no build."""

from __future__ import annotations

import time

import pytest

from indexer.chunker import chunk_note
from indexer.readers import readers
from indexer.types import Note


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".md", "# 제목\n" * 10_000),
        (".md", "- 항목 하나\n" * 10_000),
        (".md", "".join("  " * depth + "- 항목\n" for depth in range(300))),
        (".md", ">" * 2_000 + " 글"),
        (".md", "\\begin{x} " * 2_000),
        (".md", "```\n" + "x = 1\n\n" * 20_000 + "```"),
        (".md", "![a](b" * 10_000 + "$$ x\n" * 5_000),
        (".html", "<ul><li>글" * 3_000),
        (".html", "<!-- " * 20_000 + "글"),
        (".rst", "제목\n====\n" * 10_000),
    ],
)
def test_time_grows_with_length_and_depth_is_no_danger(suffix: str, text: str) -> None:
    start = time.perf_counter()
    parsed = readers()[suffix](text.encode(), f"a{suffix}")
    for chunk in chunk_note(Note("a", parsed.text, parsed.blocks)):
        assert chunk.text == parsed.text[chunk.start : chunk.end]
    assert time.perf_counter() - start < 20  # a second or less on an idle machine; minutes where it is quadratic
