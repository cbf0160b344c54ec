"""Text of notes on its way into a page. It is not to be trusted: no markup of its own may run."""

from __future__ import annotations

import html
import re
from collections.abc import Collection

# Kept as they are: fenced code, inline code, display and inline formulas. Markdown and KaTeX escape what is in them.
_KEPT = re.compile(
    r"(^(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^(?P=fence)[`~]*[ \t]*$|\Z)|`[^`\n]+`|\$\$.+?\$\$|\$[^$\n]+\$)",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(r"\[(\d+)\](?!\()")
_TEMPLATE = {ord(c): f"&#{ord(c)};" for c in "{}$`"}


def escaped(text: str) -> str:
    """``text`` for HTML. Braces, dollars and backticks become entities, too: HTML components are templates."""
    return html.escape(text).translate(_TEMPLATE)


def chat_markdown(text: str, turn: int, marks: Collection[int]) -> str:
    """An answer for the chat: HTML escaped, images made links, and each mark [n] a link that opens its note."""
    out: list[str] = []
    at = 0
    for kept in _KEPT.finditer(text):
        out += [_prose(text[at : kept.start()], turn, marks), kept[0]]
        at = kept.end()
    return "".join([*out, _prose(text[at:], turn, marks)])


def _prose(text: str, turn: int, marks: Collection[int]) -> str:
    text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", text).replace("![", "[")
    text = re.sub(r"\]\(\s*(?!https?://)[^)\s]*[^)]*\)", "]", text)  # a link in a note leads out to the web or nowhere
    return _MARK.sub(lambda m: f"[[{m[1]}]](#cite-{turn}-{m[1]})" if int(m[1]) in marks else m[0], text)
