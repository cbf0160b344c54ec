"""Block rules that CommonMark lacks and study notes need: formulas, HTML tables, bare tables, fences left open.

Each rule has markdown-it's signature ``(state, start line, end line, silent) -> matched`` and, when it matches and is
not silent, pushes one token with a line ``map``. ``parser()`` returns markdown-it with them put in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock, fence

_MAX_LINES = 300  # a formula or table longer than this was never closed
_INLINE_CODE = re.compile(r"`+[^`\n]*`+")
_ENVIRONMENT = re.compile(r"\\begin\{([A-Za-z]+\*?)\}")
_HEADING = re.compile(r"#{1,6}[ \t]+\S")
_SUBHEADING = re.compile(r"#{2,6}[ \t]+\S")
_DRAWN = re.compile(r"~{6,}")
_FENCE_MARK = re.compile(r"`{3,}|~{3,}")
_FENCE_WITH_LANGUAGE = re.compile(r"(`{3,}|~{3,})[ \t]*[\w+#.-]+[ \t]*$")
_TABLE_TAG = re.compile(r"<(/?)table\b", re.IGNORECASE)
_TAB_INSIDE = re.compile(r"\S[^\n]*\t[^\n]*\S")
_LIST_MARK = re.compile(r"(?:[-*+]|\d{1,9}[.)])\s")


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]].rstrip()


def _push(state: StateBlock, kind: str, start: int, end: int) -> bool:
    state.line = end
    state.push(kind, "", 0).map = [start, end]
    return True


def _dollars(line: str) -> int:
    return _INLINE_CODE.sub("", line).count("$$") if "$$" in line else 0


def _formula_end(state: StateBlock, start: int, end: int) -> int:
    """Return the line after the formula that begins on line ``start``; 0 where none does."""
    line = _line(state, start)
    marks = _dollars(line)
    if marks and marks % 2 == 0:
        alone = marks == 2 and line.startswith("$$") and line.rstrip(" .,;").endswith("$$")
        return start + 1 if alone else 0
    if marks:
        return _find(state, start, end, lambda text: _dollars(text) % 2 == 1, blanks=line.startswith("$$"))
    if line.startswith(("\\[", "\\\\[")):
        if "\\]" in line:
            return start + 1 if line.rstrip(" .,;").endswith("]") else 0
        return _find(state, start, end, lambda text: "\\]" in text, blanks=True)
    if line.startswith("\\begin{") and (match := _ENVIRONMENT.match(line)):
        opened, closed = match[0], f"\\end{{{match[1]}}}"
        depth = line.count(opened) - line.count(closed)
        number = start + 1
        while depth > 0 and number < min(end, start + _MAX_LINES):
            depth += _line(state, number).count(opened) - _line(state, number).count(closed)
            number += 1
        return number if depth <= 0 else 0
    return 0


def _find(state: StateBlock, start: int, end: int, closes: Callable[[str], bool], *, blanks: bool) -> int:
    indent = min(state.blkIndent, state.sCount[start])
    for number in range(start + 1, min(end, start + _MAX_LINES)):
        line = _line(state, number)
        if closes(line):
            return number + 1
        stray = bool(line) and state.sCount[number] < indent
        if stray or (not line and not blanks) or _HEADING.match(line) or _FENCE_MARK.match(line):
            return 0
    return 0


def formula(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """``$$ … $$``, ``\\[ … \\]`` and ``\\begin{…} … \\end{…}``, over lines of anything (``=``, ``-``, blanks)."""
    stop = _formula_end(state, start, end)
    return bool(stop) and (silent or _push(state, "formula", start, stop))


def html_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """``<table>`` to its ``</table>``, blank lines and nested tables included; a table left open is no match."""
    line = _line(state, start)
    if not line.startswith("<") or not _TABLE_TAG.search(line):
        return False
    depth = 0
    for number in range(start, min(end, start + 4 * _MAX_LINES)):
        for tag in _TABLE_TAG.finditer(_line(state, number)):
            depth += -1 if tag[1] else 1
        if depth <= 0:
            return silent or _push(state, "html_table", start, number + 1)
    return False


def _cells(state: StateBlock, number: int, end: int) -> tuple[str, int]:
    """Return (separator, how many) of a line that looks like a table's row; ("", 0) otherwise."""
    if number >= end or state.sCount[number] < state.blkIndent:
        return "", 0
    line = state.src[state.bMarks[number] : state.eMarks[number]].rstrip()
    if "\t" in line and _TAB_INSIDE.search(line) and not _LIST_MARK.match(line.lstrip()):
        return "\t", line.count("\t")
    text = line.strip()
    if len(text) > 2 and text.startswith("|") and text.endswith("|"):
        return "|", 1
    return "", 0


def bare_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Rows pasted without a header rule: two or more lines with the same number of tabs, or between pipes."""
    first = _cells(state, start, end)
    second = _cells(state, start + 1, end)
    if not first[0] or first != second:
        return False
    if first[0] == "\t" and _indented(state, start) and _indented(state, start + 1):
        return False  # code indented with tabs, its comments set off by tabs
    if first[0] == "|" and re.fullmatch(r"[|:\- \t]+", _line(state, start + 1)):
        return False  # a table with its header rule: markdown-it's own
    if silent:
        return True
    stop = start + 2
    while _cells(state, stop, end)[0] == first[0]:
        stop += 1
    return _push(state, "bare_table", start, stop)


def _indented(state: StateBlock, number: int) -> bool:
    return state.src[state.bMarks[number] : state.bMarks[number] + 1] == "\t"


def closing_fence(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """CommonMark's fence, except that one left open does not swallow the sections after it.

    A fence that meets another opening fence, or the end of the note, before it is closed ends at the first heading of
    level 2 or more that stands between blank lines (a comment in code seldom does). A long row of tildes is a rule that
    somebody drew, or underlines a title in reStructuredText.
    """
    if _DRAWN.fullmatch(_line(state, start)) or not fence(state, start, end, silent):
        return False
    if silent:
        return True
    token, stop = state.tokens[-1], state.line
    openers = ((number, _FENCE_WITH_LANGUAGE.match(_line(state, number))) for number in range(start + 1, stop))
    reopened = next((number for number, match in openers if match and match[1].startswith(token.markup)), None)
    last = _line(state, stop - 1)
    closed = stop - 1 > start and bool(last) and not last.strip(token.markup[0])
    if closed and reopened is None:
        return True
    for number in range(start + 2, stop if reopened is None else reopened):
        alone = not _line(state, number - 1) and (number + 1 >= stop or not _line(state, number + 1))
        if alone and _SUBHEADING.match(_line(state, number)):
            state.line = number
            token.map = [start, number]
            break
    return True


@cache
def parser() -> MarkdownIt:
    """Return markdown-it that finds blocks only (no inline parsing), with pipe tables and the rules above.

    Link reference definitions stay paragraphs: markdown-it would swallow them, and notes keep their sources there.
    """
    md = MarkdownIt("commonmark").enable("table").disable("reference")
    md.core.ruler.enableOnly(["normalize", "block"])
    ends: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    md.block.ruler.at("fence", closing_fence, ends)
    md.block.ruler.before("table", "formula", formula, ends)
    md.block.ruler.after("formula", "html_table", html_table, ends)
    md.block.ruler.after("html_table", "bare_table", bare_table, {"alt": ["paragraph", "reference"]})
    return md
