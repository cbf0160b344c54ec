"""A chunk's readable text: the marks of Markdown, HTML and reStructuredText taken away, words, code and formulas kept.

Used for embedding, for keyword tokens and for answers shown to people. Regular expressions only: it runs over every
chunk.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable

from indexer.spans import COMMENT, TAG, VERBATIM

_UNREAD = re.compile(r"<(script|style|head|nav)\b[^>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_PRE = re.compile(r"<pre\b[^>]*>(.*?)</pre\s*>", re.DOTALL | re.IGNORECASE)
_MATHML = re.compile(r"<math\b(?:(?!</math).)*?<annotation\b[^>]*tex[^>]*>(.*?)</annotation>.*?</math\s*>", re.DOTALL)
_BREAKS = re.compile(
    r"<(?:br|/p|/div|/li|/tr|/h[1-6]|/dt|/dd|/blockquote|/table|/ul|/ol|/figure|/section)\b[^>]*>", re.IGNORECASE
)
_CELL_ENDS = re.compile(r"</t[dh]\s*>\s*(?=<t[dh]\b)", re.IGNORECASE)
_ROLE = re.compile(r"(?<![\w`]):[a-z][\w:+-]*:(?=`[^`])")
_RST_LINK = re.compile(r"(?<![\w`]):[a-z][\w:+-]*:`([^`<>\n]+?)\s*<[^<>`\n]+>`|`([^`<>\n]+?)\s*<[^<>`\n]+>`__?")
_TABLE_LINE = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)
_PIPE = re.compile(r"[ \t]*(?<!\\)\|[ \t]*")
_LINE_MARKS = tuple(
    (re.compile(pattern, re.MULTILINE), replacement)
    for pattern, replacement in (
        (r"^[ \t]{0,3}>[ \t]?(?:>[ \t]?)*(?:\[![\w-]+\][+-]?[ \t]*)?", ""),
        (r"^[ \t]{0,3}(?:(?:[-*_=#~+][ \t]*){3,}|([=~^\"'`:.])\1{3,}[ \t]*)$", ""),  # rules, underlines
        (r"^[ \t]{0,3}#{1,6}[ \t]+|^#{2,6}(?=[가-힣A-Za-z0-9])", ""),
        (r"(?<=\S)[ \t]+#{1,6}[ \t]*$", ""),
        (r"^[ \t]*[|+][|+:=\- \t]*-[|+:=\- \t]*$|^[ \t]*:?-{2,}:?(?:[ \t]*\|[ \t]*:?-{2,}:?)+[ \t]*$", ""),
        (r"^\[\^([^\]\n]+)\]:", r"\1."),
        (r"^\{[:#.][^}\n]*\}[ \t]*$|[ \t]*\{#[\w-]+\}", ""),
        (r"^[ \t]*\.\. _[^\n]*:[ \t]*$", ""),
        (r"^[ \t]*\.\. (?:code|code-block|sourcecode|highlight|math|image|figure|toctree|contents|raw)::[^\n]*$", ""),
        (r"^[ \t]*\.\. [\w-]+::[ \t]*", ""),
        (r"^[ \t]+:(?:linenos|caption|name|label|align|width|height|alt|scale|maxdepth|emphasize-lines):[^\n]*$", ""),
        (r"::[ \t]*$", ":"),
    )
)
_IMAGE = re.compile(
    r"!\[((?:[^\[\]\n]|\[[^\[\]\n]*\])*)\](?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|\[[^\]\n]*\])|!\[\[[^\]\n]*\]\]"
)
_LINK = re.compile(r"\[((?:[^\[\]\n]|\[[^\[\]\n]*\])+)\]\((?:[^()\n]|\([^()\n]*\))*\)")
_REFERENCE = re.compile(r"(?<![\w)\]])\[([^\[\]\n]+)\]\[[^\[\]\n\d:,][^\[\]\n]*\](?!\])")
_WIKI_LINK = re.compile(r"(?<!\[)\[\[(?:[^\[\]|\n,]*\|)?([^\[\]|\n,]*[^\W\d][^\[\]|\n,]*)\]\](?!\])")
_FOOTNOTE = re.compile(r"\[\^[^\]\s]+\]")
_AUTO_LINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]+)>")
_EMPHASIS = (
    re.compile(r"(?<![\\A-Za-z0-9)\]*])(\*{1,3})(?=[^\s*])([^*\n]+(?:\n[^*\n]+){0,4}?)(?<=[^\s\\])\1"),
    re.compile(r"(?<![\w\\])(_{1,3})(?=[^\s_])([^\n]+?)(?<=[^\s_\\])\1(?!\w)"),
    re.compile(r"(~~|==)(?=[^\s=~])([^\n]+?)(?<=[^\s=~])\1"),
)
_IDENTIFIER = re.compile(r"_{2}[A-Za-z0-9_]+_{2}")
_STRAY_BOLD = re.compile(r"(?<![\w)\]])\*{2,}(?=\S)|(?<=\S)\*{2,}(?=\s|$)|^\*{2,}[ \t]+", re.MULTILINE)
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|~<>$])")
_SPACES = re.compile(r"[ \t\u00a0\u3000\u200b\ufeff]+")
_SPACED_LINE_END = re.compile(r" *\n *")
_BLANK_LINES = re.compile(r"\n{3,}")
_FILE_NAME = re.compile(
    r"\.(?:png|jpe?g|gif|svg|webp|bmp)\b|^(?:image|img|untitled|스크린샷|screenshot)[\s\d._-]*$", re.IGNORECASE
)


def plain(text: str) -> str:
    """Return ``text`` for reading, NFC: no emphasis, tags, entities, link targets, images, heading marks or pipes.

    Code and LaTeX stay as they are; table cells are set apart by " · "; an image leaves its description, if it has one
    that says more than a file name.
    """
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    if "<" in text:
        text = _MATHML.sub(lambda match: f"${html.unescape(match[1]).strip()}$", text)
        text = _PRE.sub(_from_pre, _UNREAD.sub(" ", COMMENT.sub("", text)))
    if "`" in text:
        text = _ROLE.sub("", _RST_LINK.sub(r"\1\2", text))
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(_kept(match))
        return f"\ue000{len(kept) - 1}\ue001"

    text = VERBATIM.sub(keep, text.replace("\ue000", "").replace("\ue001", ""))
    return re.sub("\ue000(\\d+)\ue001", lambda match: kept[int(match[1])], _prose(text)).strip()


def plain_line(text: str) -> str:
    """Return ``text`` as :func:`plain` does, on one line: a heading's title."""
    return " ".join(plain(text).split())


def _from_pre(match: re.Match[str]) -> str:
    return "\n```\n" + html.unescape(TAG.sub("", match[1])).strip("\n") + "\n```\n"


def _kept(match: re.Match[str]) -> str:
    if match["fence"]:
        lines = match["fence"].split("\n")[1:]
        closed = lines and not lines[-1].strip(" \t>`~")
        return "\n".join(lines[:-1] if closed else lines)
    if match["code"]:
        return match["code"].strip("`").strip()
    return match[0]


def _prose(text: str) -> str:
    if "<" in text:
        text = _AUTO_LINK.sub(r"\1", text)
        text = TAG.sub("", _CELL_ENDS.sub(" · ", _BREAKS.sub("\n", text)))
    if "&" in text:
        text = html.unescape(text)
    for pattern, replacement in _LINE_MARKS:
        text = pattern.sub(replacement, text)
    if "|" in text:
        text = _TABLE_LINE.sub(lambda match: _PIPE.sub(" · ", match[0].strip()[1:-1].strip()), text)
    for mark, steps in _BRACKETS.items():
        if mark in text:
            for pattern, put in steps:
                text = pattern.sub(put, text)
    for pattern in _EMPHASIS:
        text = pattern.sub(_unmarked, text)
    text = _ESCAPE.sub(r"\1", _STRAY_BOLD.sub("", text))
    return _BLANK_LINES.sub("\n\n", _SPACED_LINE_END.sub("\n", _SPACES.sub(" ", text)))


def _unmarked(match: re.Match[str]) -> str:
    return match[0] if _IDENTIFIER.fullmatch(match[0]) else match[2]


def _described(match: re.Match[str]) -> str:
    description = (match[1] or "").strip()
    return "" if _FILE_NAME.search(description) else description


_BRACKETS: dict[str, tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = {
    "](": ((_IMAGE, _described), (_LINK, r"\1")),
    "[[": ((_IMAGE, _described), (_WIKI_LINK, r"\1")),
    "[^": ((_FOOTNOTE, ""),),
    "][": ((_IMAGE, _described), (_REFERENCE, r"\1")),
}
