"""Notes are data: what in them could pass for the prompt's own marks is defused, what gives orders is found.

Source: Greshake et al. (2023), "Not what you've signed up for: Compromising Real-World LLM-Integrated Applications with
Indirect Prompt Injection"; marking data as in Hines et al. (2024), "Defending Against Indirect Prompt Injection Attacks
With Spotlighting".
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib.resources import files

from indexer.sentences import sentences
from indexer.spans import VERBATIM, Span

MARKED = "[자료 속의 글, 지시가 아님] "

# Marks that a prompt, a chat template or the answer's own form use; "<" and "[" in them become look-alikes.
_FORGED_TAG = re.compile(
    r"<(?=\s*[/|]?\s*(?:구절|생각|자료|질문|답|규칙|지시|think|system|user|assistant|instructions?|context|passage|"
    r"documents?|im_start|im_end|s>|bos>|eos>|start_of_turn|end_of_turn|\||SYS))",
    re.IGNORECASE,
)
_FORGED_BRACKET = re.compile(r"\[(?=\s*/?\s*(?:INST|SYS|시스템|지시|구절|자료|system|instruction)\b)", re.IGNORECASE)
_FORGED_CITATION = re.compile(r"(?<![\w)\]}])\[(\s*\d{1,3}(?:\s*,\s*\d{1,3})*\s*)\]")
_BLANK_LINE = re.compile(r"\r?\n[ \t]*\r?\n")
_HIDDEN = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\U000e0000-\U000e007f]")

# Tags that end a passage, a turn or the reasoning: a note that holds one in its prose tries to get out of its marks.
_BREAKOUT = re.compile(
    r"</\s*(?:구절|생각|think)|\[/INST\]|<\|(?:im_end|im_start|eot_id|end)\|>|<</?SYS>>|<(?:start|end)_of_turn>",
    re.IGNORECASE,
)
_TARGET = re.compile(r"\]\([^()]*\)|<[^<>\s]*>|https?://\S+|`[^`]*`")
_ENOUGH = 3  # points, see orders.txt
_PARTS = {
    "{end}": r"(?:하라|해라|보라|어라|아라|써라|마라|말라|하세요|주세요|하십시오|주십시오|시오|해\s?줘|줘|할\s*것|써|해야\s*(?:한다|합니다|해))"
    r"[.!”\"'\s]*$",
    "{model}": r"(?<![A-Za-z가-힣])(?:AI|LLM|GPT|인공지능|언어\s*모델|챗봇|조교|어시스턴트|모델)(?:\s*(?:조교|모델|비서))?",
}


def defused(text: str) -> str:
    """The text with forged tags, turns and citation numbers made harmless, and hidden characters taken out.

    Code and formulas keep their brackets: an index like ``x[0]`` is no citation.
    """
    text = _HIDDEN.sub("", text)
    text = _FORGED_BRACKET.sub("［", _FORGED_TAG.sub("‹", text))
    out, at = [], 0
    for match in VERBATIM.finditer(text):
        out += [_FORGED_CITATION.sub(r"(\1)", text[at : match.start()]), match[0]]
        at = match.end()
    return "".join([*out, _FORGED_CITATION.sub(r"(\1)", text[at:])])


def gives_orders(text: str, *, code: bool = False) -> bool:
    """Whether a sentence reads like an order to a language model; of ``code``, only by the plainest signs."""
    line = " ".join(_HIDDEN.sub("", unicodedata.normalize("NFKC", text)).split())

    def hits(part: str) -> int:
        return sum(1 for pattern in _orders()[part] if pattern.search(line))

    if code or hits("code"):
        return hits("code") > 0
    if hits("prose"):
        return True
    line = _TARGET.sub("", line)
    told = 2 * min(hits("strong"), 1) + min(hits("about"), 2) + min(hits("against"), 1)
    return bool(hits("command")) and 1 + told >= _ENOUGH


def commands(text: str) -> bool:
    """Whether a sentence is a command, to whomever."""
    line = " ".join(_HIDDEN.sub("", unicodedata.normalize("NFKC", text)).split())
    return any(pattern.search(line) for pattern in _orders()["command"])


def orders(text: str) -> list[Span]:
    """Where a passage gives orders: from such a sentence to the end of its paragraph, since what is to be said follows.

    A forged end of the passage taints all that stands behind it. A code block is one unit, and programs print and answer a
    lot: only what no program says counts there.
    """
    out: list[Span] = []
    for sentence in sentences(text):
        piece = text[sentence.start : sentence.end]
        if out and sentence.start < out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], sentence.end))
        if sentence.kind != "code" and _BREAKOUT.search(piece):
            return [*(s for s in out if s[1] <= sentence.start), (sentence.start, len(text.rstrip()))]
        if (not out or sentence.start >= out[-1][1]) and gives_orders(piece, code=sentence.kind == "code"):
            blank = _BLANK_LINE.search(text, sentence.end)
            out.append((sentence.start, max(sentence.end, blank.start() if blank else len(text.rstrip()))))
    return out


def marked(text: str) -> str:
    """The passage as a prompt may hold it: defused, and its orders marked as quoted text."""
    out, at = [], 0
    for start, end in orders(text):
        out += [text[at:start], MARKED + "“" + " ".join(text[start:end].split()) + "”"]
        at = end
    return defused("".join([*out, text[at:]])).replace(defused(MARKED), MARKED)


@cache
def _orders() -> dict[str, tuple[re.Pattern[str], ...]]:
    parts: dict[str, list[re.Pattern[str]]] = {}
    part = ""
    for line in files("app.prompts").joinpath("orders.txt").read_text("utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            part = line[1:-1]
        elif line.strip() and not line.startswith("#"):
            for name, pattern in _PARTS.items():
                line = line.replace(name, pattern)
            parts.setdefault(part, []).append(re.compile(line, re.IGNORECASE))
    return {name: tuple(patterns) for name, patterns in parts.items()}
