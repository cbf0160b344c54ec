"""Markdown to blocks: where each heading, paragraph, list, fence, formula, table and quote stands in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from indexer.lines import line_starts
from indexer.plain import plain_line
from indexer.readers.block_rules import parser
from indexer.types import Block, BlockKind

_KINDS: dict[str, BlockKind] = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "fence": "code",
    "code_block": "code",
    "blockquote_open": "quote",
    "html_block": "paragraph",
    "table_open": "table",
    "html_table": "table",
    "bare_table": "table",
    "formula": "formula",
    "hr": "paragraph",
}
_ATX = re.compile(r"\s*(#{1,6})(?:[ \t]+|$)(.*?)(?:[ \t]+#+)?\s*$", re.DOTALL)
_ATX_NO_SPACE = re.compile(r"(#{2,6})([가-힣A-Za-z0-9][^\n\r]*?)[ \t]*(?:#+[ \t]*)?(?=[\r\n]|\Z)")
_WORD = re.compile(r"\w")
_ENDS_A_SENTENCE = re.compile(r"[.!?:;,。…]\s*$|(?:습니다|다|요)\s*$")
_HANGUL = re.compile(r"[가-힣\u1100-\u11ff]")
_CODE_MARKS = re.compile(r"[=(){}\[\]<>;#_]|^\s*(?:import|from|def|class|for|if|return|print)\b", re.MULTILINE)

# Headings that notes write without "#". The paragraph's first line only, so that a line in a text stays text.
_ANGLED = re.compile(r"<(?:[ \t]+|(?=[가-힣]))([^<>\r\n]*\w[^<>\r\n]*?)[ \t]*>[ \t]*(?=[\r\n]|\Z)")
_STARRED = re.compile(r"\*\*[ \t]+((?:(?!\*\*)[^\r\n]){1,60}?)[ \t]*(?=[\r\n]|\Z)")
_BOLD_ALONE = re.compile(r"\A(?:>[ \t]*)?(?:\*\*|__)(?![ \t])([^*\r\n]{1,40}?)(?:\*\*|__)[ \t]*:?[ \t]*\Z")


def markdown_blocks(text: str, start: int = 0) -> tuple[Block, ...]:
    """Return the blocks of ``text[start:]`` with offsets into ``text``.

    They are in order, do not overlap, and cover every character from ``start`` on that is not white space.
    """
    starts = [start + offset for offset in line_starts(text[start:])] + [len(text)]
    blocks: list[Block] = []
    covered = start
    for token in parser().parse(text[start:]):
        if token.level or token.map is None or token.type not in _KINDS:
            continue
        begin, end = starts[token.map[0]], starts[min(token.map[1], len(starts) - 1)]
        blocks += _trimmed(text, "paragraph", covered, begin)  # what no rule claimed is still text
        blocks += _refined(text, token.type, token.markup, begin, end)
        covered = end
    blocks += _trimmed(text, "paragraph", covered, len(text))
    return tuple(_levelled(blocks))


def _trimmed(text: str, kind: BlockKind, start: int, end: int) -> list[Block]:
    while end > start and text[end - 1].isspace():
        end -= 1
    first = start
    while first < end and text[first].isspace():
        first += 1
    if first == end:
        return []
    if kind in ("code", "table"):  # indentation is part of code, and a leading tab is an empty cell
        first = max(start, text.rfind("\n", start, first) + 1, text.rfind("\r", start, first) + 1)
    return [Block(kind, first, end)]


def _refined(text: str, token: str, markup: str, start: int, end: int) -> list[Block]:
    """Blocks of one token: usually one; a heading hidden in a paragraph makes two."""
    kind = _KINDS[token]
    found = _trimmed(text, kind, start, end)
    if not found:
        return []
    source = text[found[0].start : found[0].end]
    if token == "heading_open":
        return [_heading(found[0], source, markup)]
    if token == "html_block" and source[:4].lower() == "<pre":
        return [Block("code", found[0].start, found[0].end)]
    if token == "code_block" and _is_prose(source):
        return _trimmed(text, "paragraph", start, end)
    if token == "paragraph_open":
        return _with_pseudo_heading(text, found[0], source)
    if kind == "quote" and (match := _BOLD_ALONE.match(source)) and not _ENDS_A_SENTENCE.search(match[1]):
        return [Block("heading", found[0].start, found[0].end, _BOLD, plain_line(match[1]))]
    return found


def _heading(block: Block, source: str, markup: str) -> Block:
    """An ATX or setext heading; a rule drawn with its marks, or a text underlined by accident, is a paragraph."""
    if markup.startswith("#"):
        match = _ATX.match(source)
        title = plain_line(match[2]) if match else plain_line(source)
        if not _WORD.search(title):
            return Block("paragraph", block.start, block.end)
        return Block("heading", block.start, block.end, len(markup), title)
    lines = source.strip().splitlines()
    title = plain_line(lines[0])
    underlined = markup == "=" or not _ENDS_A_SENTENCE.search(title)
    if len(lines) != 2 or len(title) > 80 or not underlined or not _WORD.search(title):
        return Block("paragraph", block.start, block.end)
    return Block("heading", block.start, block.end, 1 if markup == "=" else 2, title)


def _is_prose(source: str) -> bool:
    """Whether indented lines are Korean text rather than code: .txt notes indent paragraphs."""
    letters = re.sub(r"\s", "", source)
    return len(_HANGUL.findall(letters)) > 0.55 * len(letters) and not _CODE_MARKS.search(source)


# Levels of pseudo headings until the real ones around them are known: below the last real heading, in this order.
_ANGLE, _STAR, _BOLD = -1, -2, -3


def _with_pseudo_heading(text: str, block: Block, source: str) -> list[Block]:
    match = _ATX_NO_SPACE.match(source)
    level = len(match[1]) if match else 0
    title = match[2] if match else ""
    if match is None and (match := _ANGLED.match(source)):
        level, title = _ANGLE, match[1]
    elif match is None and (match := _STARRED.match(source)):
        level, title = _STAR, match[1]
    elif match is None and (match := _BOLD_ALONE.match(source)) and not _ENDS_A_SENTENCE.search(match[1]):
        level, title = _BOLD, match[1]
    if match is None or not level or not _WORD.search(title):
        return [block]
    cut = block.start + match.end()
    head = Block("heading", block.start, cut, level, plain_line(title))
    return [head, *_trimmed(text, "paragraph", cut, block.end)]


def _levelled(blocks: list[Block]) -> Iterator[Block]:
    """Give pseudo headings their depth: angled below the last real heading, starred below angled, bold below both."""
    real, open_pseudo = 0, set[int]()
    for block in blocks:
        if block.kind != "heading":
            yield block
        elif block.level > 0:
            real, open_pseudo = block.level, set()
            yield block
        else:
            above = sum(1 for kind in open_pseudo if kind > block.level)
            open_pseudo = {kind for kind in open_pseudo if kind > block.level} | {block.level}
            yield Block("heading", block.start, block.end, real + above + 1, block.title)
