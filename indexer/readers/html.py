"""HTML: blocks are offsets into the source, tags and all, so that a quote is a substring of the file."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from indexer.plain import plain_line
from indexer.readers.decode import decode
from indexer.readers.parsed import Parsed
from indexer.spans import COMMENT, TAG
from indexer.types import Block, BlockKind

SUFFIXES = (".html", ".htm", ".xhtml")

_CHARSET = re.compile(rb"<(?:meta|\?xml)\b[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_TITLE = re.compile(r"<title\b[^>]*>(.*?)</title\s*>", re.DOTALL | re.IGNORECASE)
_PERMALINK = re.compile(r"\s*[¶#§]\s*$")
_SKIPPED = frozenset(
    ("script", "style", "nav", "head", "noscript", "template", "svg", "iframe", "button", "select", "dialog")
)
_LEAVES: dict[str, BlockKind] = {
    **{f"h{level}": "heading" for level in range(1, 7)},
    **dict.fromkeys(("p", "dt", "dd", "figcaption", "summary", "address"), "paragraph"),
    **dict.fromkeys(("ul", "ol", "dl"), "list"),
    "pre": "code",
    "table": "table",
    "blockquote": "quote",
}
# Elements that end a run of loose text, and that a paragraph or heading left open cannot hold.
_SECTIONING = ("html", "body", "div", "section", "article", "main", "aside", "header", "footer", "figure", "details")
_FLOW = frozenset((*_SECTIONING, "center", "form", "hr", "li"))
_CLOSED_BY_FLOW = frozenset(("p", "dt", "dd", *(f"h{level}" for level in range(1, 7))))


def read(raw: bytes, path: str) -> Parsed:
    """Return the decoded source; metadata has the <title>. Scripts, styles, menus and the head are no blocks."""
    declared = _CHARSET.search(raw[:4096])
    decoded = decode(raw, hint=declared[1].decode("ascii") if declared else None)
    title = _TITLE.search(decoded.text)
    metadata = {"title": plain_line(title[1])} if title and title[1].strip() else {}
    return Parsed(decoded.text, html_blocks(decoded.text), {**metadata, "encoding": decoded.encoding})


def html_blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks of an HTML source, in order, with offsets into it; each from its start tag to its end tag."""
    parser = _Blocks(text)
    parser.feed(_without_comments(text))
    parser.close()
    parser.finish()
    return tuple(parser.blocks)


def _without_comments(text: str) -> str:
    """Comments as blanks, line ends kept: HTMLParser's time grows with the square of comments left open."""
    parts: list[str] = []
    end = 0
    while (start := text.find("<!--", end)) >= 0:
        stop = text.find("-->", start)
        stop = len(text) if stop < 0 else stop + 3
        parts += [text[end:start], re.sub(r"[^\n]", " ", text[start:stop])]
        end = stop
    return "".join([*parts, text[end:]])


class _Blocks(HTMLParser):
    """Watches the tags go by: it is in something skipped, in one leaf, in a run of loose text, or in none of them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._text = text
        # HTMLParser counts lines by "\n" alone
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._skipping, self._depth = "", 0
        self._leaf, self._leaf_start, self._leaf_depth = "", 0, 0
        self._run: int | None = None

    def _here(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def _after_tag(self) -> int:
        return self._text.find(">", self._here()) + 1 or len(self._text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipping == "head" and (tag == "body" or tag in _LEAVES):
            self._skipping = ""  # a head that was never closed
        if self._skipping:
            self._depth += tag == self._skipping
            return
        flow = tag in _FLOW or tag in _LEAVES
        if self._leaf in _CLOSED_BY_FLOW and flow:
            self._close_leaf(self._here())
        if self._leaf:
            self._leaf_depth += tag == self._leaf
        elif tag in _SKIPPED:
            self._close_run()
            self._skipping, self._depth = tag, 1
        elif flow:
            self._close_run()
            if tag in _LEAVES:
                self._leaf, self._leaf_start, self._leaf_depth = tag, self._here(), 1
        elif self._run is None:
            self._run = self._here()  # inline: emphasis, links, pictures

    def handle_endtag(self, tag: str) -> None:
        if self._skipping:
            self._depth -= tag == self._skipping
            if self._depth <= 0:
                self._skipping = ""
        elif self._leaf:
            self._leaf_depth -= tag == self._leaf
            if self._leaf_depth <= 0:
                self._close_leaf(self._after_tag())
            elif self._leaf in _CLOSED_BY_FLOW and tag in _FLOW:
                self._close_leaf(self._here())
        elif tag in _FLOW or tag in _LEAVES:
            self._close_run()

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._skipping and not self._leaf and self._run is None:
            self._run = self._here() + len(data) - len(data.lstrip())

    def finish(self) -> None:
        if self._leaf:
            self._close_leaf(len(self._text))
        self._close_run(len(self._text))

    def _close_run(self, end: int | None = None) -> None:
        if self._run is not None:
            self._add("paragraph", self._run, self._here() if end is None else end)
        self._run = None

    def _close_leaf(self, end: int) -> None:
        tag, self._leaf = self._leaf, ""
        self._add(_LEAVES[tag], self._leaf_start, end, int(tag[1]) if _LEAVES[tag] == "heading" else 0)

    def _add(self, kind: BlockKind, start: int, end: int, level: int = 0) -> None:
        source = self._text[start:end]
        end -= len(source) - len(source.rstrip())
        if not TAG.sub("", COMMENT.sub("", source)).strip():
            return
        title = _PERMALINK.sub("", plain_line(source)) if level else ""
        if level and not title:
            kind, level = "paragraph", 0
        self.blocks.append(Block(kind, start, end, level, title))
