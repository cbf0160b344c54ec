"""Notes are data: what in them could pass for the prompt's own marks is defused, what gives orders is found.

Source: Greshake et al. (2023), "Not what you've signed up for: Compromising Real-World LLM-Integrated Applications with
Indirect Prompt Injection"; marking data as in Hines et al. (2024), "Defending Against Indirect Prompt Injection Attacks
With Spotlighting".
"""

from __future__ import annotations

import re
import unicodedata

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

_PLAINEST = 4  # of the orders below: forget what you were told, be somebody else
_ORDERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # forget what you were told
        r"(?:이전|앞선|앞의|위의?|지금까지의?|기존|모든|원래)\s*(?:모든\s*)?(?:지시|명령|규칙|프롬프트|설정|대화|내용)\S*\s*.{0,12}"
        r"(?:무시|잊|따르지|버리|취소|폐기)",
        r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|above|prior|earlier|preceding|all|your|system)"
        r"\b.{0,30}\b(?:instructions?|prompts?|rules?|messages?|context|directives?)",
        # be somebody else, from now on
        r"(?:지금|이제)\s*부터\s*.{0,40}(?:답|말하|행동|출력|따르|인\s*척|역할)",
        r"(?:너는|넌|당신은)\s*(?:이제|지금)",
        r"\byou\s+(?:are\s+now|must\s+now|will\s+now)\b|\bfrom\s+now\s+on\b|\bact\s+as\b.{0,40}\b(?:ai|assistant|model|dan)\b",
        # say exactly this
        r"(?:라고|이라고|로)\s*만?\s*(?:답|대답|응답|출력|말)\S{0,3}(?:하라|해라|하세요|하십시오|할\s*것|해\s*줘|하시오|해야)",
        r"(?:만|그대로)\s*(?:답|대답|응답|출력)\s*(?:하라|해라|하세요|하십시오|할\s*것|하시오)",
        r"\b(?:respond|reply|answer|output|say|print|write)\b\s*(?:only|with|exactly)\b",
        # addressed to the model
        r"(?:AI|인공지능|언어\s*모델|챗봇|조교|어시스턴트|모델)\s*(?:에게|은|는|야|아)?\s*[:,]?\s*.{0,40}"
        r"(?:하라|해라|하십시오|하지\s*마라|말라|마시오|하시오)[.!\s]*$",
        r"\b(?:attention|note|message|instructions?)\s+(?:to|for)\s+(?:the\s+)?(?:ai|assistant|model|llm|chatbot)",
        # talk about the prompt, drop the citations, send the reader away
        r"(?:시스템|system)\s*(?:프롬프트|prompt|메시지|message|지시|instructions?).{0,30}"
        r"(?:출력|공개|보여|알려|reveal|print|show|repeat|leak|덮어|override)",
        r"\b(?:reveal|print|show|repeat|leak)\b.{0,30}\bsystem\s*(?:prompt|message|instructions?)",
        r"(?:인용|출처|근거|번호)\S*\s*.{0,12}(?:붙이지|달지|쓰지|표시하지)\s*(?:마|말)",
        r"\b(?:do\s*not|don't|never)\b.{0,20}\b(?:cite|mention|use)\b.{0,30}\b(?:citations?|sources?|passages?|notes?)",
        r"(?:https?://|www\.)\S+.{0,20}(?:접속|방문|클릭|들어가|보내|입력)\S{0,4}(?:하라|해라|하세요|하십시오|라고|세요)",
        r"\b(?:visit|click|go\s+to|open)\b.{0,30}(?:https?://|www\.)",
        # a role's turn
        r"^\s*(?:#+\s*)?(?:system|assistant|user|시스템|어시스턴트|조교|사용자)\s*(?:메시지|message|지시)?\s*[:：]",
        r"(?:새로운?|추가|긴급)\s*(?:지시|명령)\S*\s*[:：]|\b(?:new|updated|important)\s+instructions?\s*:",
        r"^\s*\W{0,3}(?:영어|중국어|일본어)로만\s*(?:답|대답|출력)|\btranslate\s+(?:your|the)\s+(?:answer|response)\b",
    )
)


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
    return any(pattern.search(line) for pattern in (_ORDERS[:_PLAINEST] if code else _ORDERS))


def orders(text: str) -> list[Span]:
    """Where a passage gives orders: from such a sentence to the end of its paragraph, since what is to be said follows.

    A code block is one unit, and programs print and answer a lot: only what no program says counts there.
    """
    out: list[Span] = []
    for sentence in sentences(text):
        if out and sentence.start < out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], sentence.end))
        elif gives_orders(text[sentence.start : sentence.end], code=sentence.kind == "code"):
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
