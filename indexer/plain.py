"""A chunk's readable text: Markdown and HTML marks taken away, words, code and formulas kept.

Used for embedding, for keyword tokens and for answers shown to people. Regular expressions only: it runs over every chunk.
"""

from __future__ import annotations

import html
import re
import unicodedata

# Kept as they are: what looks like a mark in them is a multiplication, an index, a comment.
_KEPT = re.compile(
    r"(?P<fence>^[ \t>]*(?P<mark>`{3,}|~{3,})[^\n]*\n(?:.*?\n)??[ \t>]*(?P=mark)[`~]*[ \t]*$)"
    r"|(?P<display>\$\$.+?\$\$|\\\[.+?\\\]|\\begin\{(?P<env>[A-Za-z]+\*?)\}.+?\\end\{(?P=env)\})"
    r"|(?P<code>(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<inline>\\\(.+?\\\)|(?<![\\$\w])\$(?![\s$])[^$\n]{1,300}?(?<![\s\\])\$(?![\d$]))",
    re.DOTALL | re.MULTILINE,
)
_UNREAD = re.compile(r"<(script|style|head|nav)\b[^>]*>.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_PRE = re.compile(r"<pre\b[^>]*>(.*?)</pre\s*>", re.DOTALL | re.IGNORECASE)
_BREAKS = re.compile(r"<(?:br|/p|/div|/li|/tr|/h[1-6]|/dt|/dd|/blockquote|/table|/ul|/ol|/figure|/section)\b[^>]*>", re.IGNORECASE)
_CELL_ENDS = re.compile(r"</t[dh]\s*>\s*(?=<t[dh]\b)", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][\w:-]*(?:\s+[^<>]*?|\s*/)?>|<![A-Za-z\[][^<>]*>|<\?[^<>]*\?>")
_LINE_MARKS = (
    (re.compile(r"^[ \t]{0,3}>[ \t]?(?:>[ \t]?)*(?:\[![\w-]+\][+-]?[ \t]*)?", re.MULTILINE), ""),
    (re.compile(r"^[ \t]{0,3}(?:[-*_=#~+][ \t]*){3,}$", re.MULTILINE), ""),  # rules and setext underlines
    (re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+|^#{2,6}(?=[가-힣A-Za-z0-9])", re.MULTILINE), ""),
    (re.compile(r"[ \t]+#{1,6}[ \t]*$", re.MULTILINE), ""),
    (re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$", re.MULTILINE), ""),
    (re.compile(r"^[ \t]*\|(?=.*\|)|(?<=\|)[ \t]*$", re.MULTILINE), ""),  # outer pipes; the last one goes below
    (re.compile(r"\|[ \t]*$", re.MULTILINE), ""),
    (re.compile(r"^\[\^([^\]\n]+)\]:", re.MULTILINE), r"\1."),
    (re.compile(r"^\{[:#.][^}\n]*\}[ \t]*$|[ \t]*\{#[\w-]+\}", re.MULTILINE), ""),
)
_IMAGE = re.compile(r"!\[((?:[^\[\]\n]|\[[^\[\]\n]*\])*)\](?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|\[[^\]\n]*\])|!\[\[[^\]\n]*\]\]")
_LINK = re.compile(r"\[((?:[^\[\]\n]|\[[^\[\]\n]*\])+)\]\((?:[^()\n]|\([^()\n]*\))*\)")
_REFERENCE = re.compile(r"\[([^\[\]\n]+)\]\[[^\[\]\n]*\](?!\])")
_WIKI_LINK = re.compile(r"\[\[(?:[^\[\]|\n]*\|)?([^\[\]|\n]+)\]\]")
_FOOTNOTE = re.compile(r"\[\^[^\]\s]+\]")
_AUTO_LINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]+)>")
_EMPHASIS = (
    re.compile(r"(?<!\\)(\*{1,3})(?=[^\s*])([^*\n]+(?:\n[^*\n]+){0,4}?)(?<=[^\s\\])\1"),
    re.compile(r"(?<![\w\\])(_{1,3})(?=[^\s_])([^\n]+?)(?<=[^\s_\\])\1(?!\w)"),
    re.compile(r"(~~|==)(?=\S)([^\n]+?)(?<=\S)\1"),
)
_IDENTIFIER = re.compile(r"_{2}[A-Za-z0-9_]+_{2}")
_STRAY_BOLD = re.compile(r"\*{2,}")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|~<>$])")
_PIPE = re.compile(r"[ \t]*(?<!\\)\|[ \t]*")
_TABLE_LINE = re.compile(r"^[ \t]*\|.*\|[ \t]*$", re.MULTILINE)
_SPACES = re.compile(r"[ \t\u00a0\u3000\u200b\ufeff]+")
_SPACED_LINE_END = re.compile(r" *\n *")
_BLANK_LINES = re.compile(r"\n{3,}")
_FILE_NAME = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|bmp)\b|^(?:image|img|untitled|스크린샷|screenshot)[\s\d._-]*$", re.IGNORECASE)


def plain(text: str) -> str:
    """Return ``text`` for reading, NFC: no emphasis, tags, entities, link targets, images, heading marks or pipes.

    Code and LaTeX stay as they are; table cells are set apart by " · "; an image leaves its description, if it has one
    that says more than a file name.
    """
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    if "<" in text:
        text = _PRE.sub(_from_pre, _UNREAD.sub(" ", text))
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(_kept(match))
        return f"\ue000{len(kept) - 1}\ue001"

    text = _KEPT.sub(keep, text.replace("\ue000", "").replace("\ue001", ""))
    text = _prose(text)
    return re.sub("\ue000(\\d+)\ue001", lambda match: kept[int(match[1])], text).strip()


def plain_line(text: str) -> str:
    """Return ``text`` as :func:`plain` does, on one line: a heading's title."""
    return " ".join(plain(text).split())


def _from_pre(match: re.Match[str]) -> str:
    return "\n```\n" + html.unescape(_TAG.sub("", match[1])).strip("\n") + "\n```\n"


def _kept(match: re.Match[str]) -> str:
    if match["fence"]:
        return "\n".join(match["fence"].split("\n")[1:-1])
    if match["code"]:
        return match["code"].strip("`").strip()
    return match[0]


def _prose(text: str) -> str:
    if "<" in text:
        text = _AUTO_LINK.sub(r"\1", text)
        text = _CELL_ENDS.sub(" · ", _BREAKS.sub("\n", text)) if "</" in text or "<br" in text.lower() else text
        text = _TAG.sub("", text)
    if "&" in text:
        text = html.unescape(text)
    for pattern, replacement in _LINE_MARKS[:5]:
        text = pattern.sub(replacement, text)
    if "|" in text:
        text = _TABLE_LINE.sub(lambda match: _PIPE.sub(" · ", match[0].strip()[1:-1].strip()), text)
    for pattern, replacement in _LINE_MARKS[7:]:
        text = pattern.sub(replacement, text)
    if "[" in text:
        text = _IMAGE.sub(_described, text)
        text = _LINK.sub(r"\1", text)
        text = _WIKI_LINK.sub(r"\1", text)
        text = _FOOTNOTE.sub("", text)
        text = _REFERENCE.sub(r"\1", text)
    for pattern in _EMPHASIS:
        text = pattern.sub(lambda match: match[0] if _IDENTIFIER.fullmatch(match[0]) else match[2], text)
    text = _ESCAPE.sub(r"\1", _STRAY_BOLD.sub("", text))
    text = _SPACED_LINE_END.sub("\n", _SPACES.sub(" ", text))
    return _BLANK_LINES.sub("\n\n", text)


def _described(match: re.Match[str]) -> str:
    description = (match[1] or "").strip()
    return "" if _FILE_NAME.search(description) else description
