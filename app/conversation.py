"""Follow-ups made whole: "그럼 단점은?" after a question on dropout is searched as "드롭아웃의 단점은?".

Rules, no language model. A question that names its own topic stays as it is; one that points back ("그건", "그 둘", "후자") has
the topic put in; one that names nothing ("왜 그런데?", "코드로 보여줘") gets the topic of the turn before; one that only
names something else ("그럼 GRU는?") takes over what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from app.korean import PARTICLES, joined, with_particle
from app.types import Turn
from indexer.analyzer import question_words
from indexer.korean import kiwi_tokens, normalize
from indexer.terms import Terms, squeeze
from models import catalogue

_TURNS = 8  # looked back
_LONGEST = 80  # characters: a longer question says what it is about
_MOST_TOPICS = 3
_NOUNS = ("NNG", "NNP", "SL", "XR", "SH")
_PARTICLE = "|".join(sorted(PARTICLES, key=len, reverse=True))
_POINTS = r"(?:그|이|저|해당|위의?|앞의|방금\s?(?:그|말한))"
_WHICH = re.compile(r"(?:뭐가|무엇이|어느\s?(?:쪽|것|게)\S*|누가|어떤\s?(?:게|것이))\s*(?:더|제일|가장)\s")
_AMONG = re.compile(r"^(?:그|이)\s?(?:중에서?|가운데서?)(?:는|도)?\s")
_ASKS_WHAT = re.compile(r"(?:뭐|뭔|무엇|무슨\s?뜻|(?:이)?란\s*\??$|의미|정의|개념|뜻)")
_COMPARES = re.compile(r"차이|다르|달라|다른|비교|낫|나아|나은|좋|빠[르른]|느[리린]|공통|비슷|같[아은]|헷갈|관계")
_TELLS = re.compile(
    r"(?:줘|주세요|달라|다오|봐|보여|알려|설명|부탁)[가-힣.!?~ ]*$|^(?:더|다시|좀|자세|예를|코드|파이토치|그림)"
)
_BOTH = re.compile(
    rf"(?:{_POINTS}\s*)?(?<![가-힣])(?:둘|두\s?(?:개|가지|방법|모델|기법|것|개념|층|함수|방식))(?:\s?다)?(?={_PARTICLE}|의|중|\s|\?|$|끼리|사이|도)"
)
_ORDINAL = re.compile(
    r"(?<![가-힣])(첫|두|세|네|다섯|마지막|[1-9])\s?(?:번째|번)?\s?(?:것|거|방법|항목|이유|단계|기법|게|건)?(?=[은는이가을를]|의|\s|\?|$)"
)
_ORDINALS = {"첫": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "마지막": 0}


@dataclass(frozen=True)
class _State:
    """Where a conversation stands: the last whole question, its topics, the topics before them, the last answer."""

    question: str = ""
    topics: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    answer: str = ""


@dataclass(frozen=True)
class _Read:
    """A question taken apart: topics it names, terms that are parts of topics, other nouns, and what it asks about them."""

    names: tuple[str, ...]
    parts: tuple[str, ...]
    others: tuple[str, ...]
    facets: tuple[str, ...]


def standalone(question: str, history: Sequence[Turn], terms: Terms) -> str:
    """The question as it can be understood without ``history`` (oldest first); unchanged where it names its own topic."""
    state = _State()
    for turn in history[-_TURNS:]:
        state = _after(state, _whole(turn.question, state, terms), turn.answer, terms)
    return _whole(question, state, terms)


def _after(state: _State, question: str, answer: str, terms: Terms) -> _State:
    read = _read(question, terms)
    topics = read.names or read.others or read.parts
    if not topics and not state.topics:
        topics = _read(answer[:200], terms).names[:1]
    if not topics or _words()["small_talk"].search(question):
        return _State(state.question, state.topics, state.before, answer)
    before = tuple(t for t in (*state.before, *state.topics) if squeeze(t) not in {squeeze(n) for n in topics})
    return _State(question, topics[:_MOST_TOPICS], before[-_MOST_TOPICS:], answer)


def _whole(question: str, state: _State, terms: Terms) -> str:
    text = " ".join(normalize(question).split())
    if not state.topics or len(text) > _LONGEST or _words()["small_talk"].search(text):
        return question
    body, opened = _without_openers(text)
    read = _read(body, terms)
    for rule in (_pointing_at_two, _pointing_at_one_of_many, _pointing_back, _comparing, _taking_over):
        changed = rule(body, read, state)
        if changed:
            return changed
    if read.names or (read.others and not (opened and _all_said(read.others, state))):
        return question
    if read.parts and _ASKS_WHAT.search(body):
        return question
    if not body:
        return question
    return _with_topic(body, read, state, terms)


def _pointing_at_two(body: str, read: _Read, state: _State) -> str:
    """ "그 둘의 차이는?", "후자의 장점은?"."""
    two = [*state.topics, *read.names] if len(state.topics) == 1 and read.names else list(state.topics)
    if len(two) == 1:
        two = [*state.before[-1:], *two]
    if len(two) < 2:
        return ""
    for word, topic in (("전자", two[0]), ("후자", two[-1])):
        if re.search(rf"(?<![가-힣]){word}(?![가-힣]*적)", body):
            return _put(body, re.compile(rf"(?<![가-힣]){word}"), topic)
    if read.names or (_ORDINAL.match(body) and "번째" in body):
        return ""
    return _put(body, _BOTH, joined(two[:2])) or (f"{joined(two[:2])} 중 {body}" if _WHICH.match(body) else "")


def _pointing_at_one_of_many(body: str, read: _Read, state: _State) -> str:
    """ "두 번째는?" after an answer that lists."""
    match = _ORDINAL.search(body)
    items = [m[1] for m in re.finditer(r"^\s*(?:[-*+•]|\d{1,2}[.)])\s+(.+)$", state.answer, re.MULTILINE)]
    if match is None or "번" not in match[0] or not items or read.names:
        return ""
    number = _ORDINALS.get(match[1]) if match[1] in _ORDINALS else int(match[1])
    if number is None or number > len(items):
        return ""
    item = re.sub(r"\[\d+\]", "", re.split(r"[:：(]|(?<=[다요])\.", items[number - 1])[0]).replace("*", "").strip()
    if not item or len(item) > 40:
        return ""
    return _put(body, _ORDINAL, f"{joined(list(state.topics))} {item}")


def _pointing_back(body: str, read: _Read, state: _State) -> str:
    """ "그건 왜 필요해?", "이 방법의 단점은?", "거기서 감마는 뭐야?"."""
    topic = joined(list(state.topics))
    if _AMONG.match(body):
        return _AMONG.sub(f"{state.question.rstrip('?!. ')} 그중에서 ", body) if not read.names else ""
    generic = "|".join(_words()["generic"])
    pronoun = r"(?<![가-힣])(?:그거|그것|이거|이것|저거|저것|걔|얘|이놈|그놈)(?:들)?"
    for pattern, particle in (
        (r"(?<![가-힣])(?:그건|이건|저건)(?![가-힣])", "는"),
        (r"(?<![가-힣])(?:그게|이게|저게)(?![가-힣])", "가"),
        (r"(?<![가-힣])(?:그걸|이걸|저걸)(?![가-힣로])", "를"),
        (r"(?<![가-힣])(?:그걸로|이걸로)(?![가-힣])", "으로"),
        (r"(?<![가-힣])(?:거기|여기)(?:서|에서|에)(?:는|도)?(?![가-힣])", "에서"),
        (r"(?<![가-힣])(?:거기|여기)(?![가-힣])", ""),
    ):
        if re.search(pattern, body):
            return re.sub(pattern, lambda _, p=particle: with_particle(topic, p), body, count=1)  # type: ignore[misc]
    pointed = re.compile(rf"{pronoun}|(?<![가-힣]){_POINTS}\s?(?:{generic})(?={_PARTICLE}|의|에|도|만|\s|\?|$)")
    if pointed.search(body):
        return _put(body, pointed, topic)
    facet = re.search(rf"(?<![가-힣]){_POINTS}\s+(?=[가-힣A-Za-z])", body)
    if facet and not read.names and not body[facet.end() :].startswith(("둘", "두 ", "다음", "외", "밖")):
        return f"{body[: facet.start()]}{topic} {body[facet.end() :]}".strip()
    return ""


def _comparing(body: str, read: _Read, state: _State) -> str:
    """ "RNN이랑 뭐가 달라?": one side is named, the other is the topic."""
    if len(read.names) != 1 or not _COMPARES.search(body) or squeeze(read.names[0]) in map(squeeze, state.topics):
        return ""
    beside = rf"{re.escape(read.names[0])}\s?(?:와|과|이랑|랑|하고|보다|에\s?비해|대비)"
    return f"{with_particle(joined(list(state.topics)), '는')} {body}" if re.search(beside, body) else ""


def _taking_over(body: str, read: _Read, state: _State) -> str:
    """ "그럼 GRU는?": what was asked about the topic before is asked about this one."""
    if len(read.names) != 1 or read.others or read.facets or read.parts:
        return ""
    name = read.names[0]
    rest = body.replace(name, "", 1)
    if not re.fullmatch(rf"\s*(?:{_PARTICLE}|도)?\s*(?:어때|어떤가|어떻고|어떤데|경우)?[은는요가]?\s*[?!.~]*", rest):
        return ""
    last = state.topics[-1] if len(state.topics) == 1 else joined(list(state.topics))
    if last not in state.question or squeeze(last) == squeeze(name):
        return ""
    return _put(state.question, re.compile(re.escape(last)), name)


def _with_topic(body: str, read: _Read, state: _State, terms: Terms) -> str:
    """The topic before a question that names none, joined as one would say it."""
    topic = joined(list(state.topics))
    if _words()["whole"].search(body) and not (
        set(read.facets) - {"예시", "예", "이해", "설명", "자세", "간단", "필요"}
    ):
        known = _read(state.question, terms)
        about = [w for w in (*known.parts, *known.others, *known.facets) if w not in topic and w not in body]
        topic = " ".join([topic, *about[:3]])
    if re.match(r"[A-Za-z](?![A-Za-z])", body):
        return f"{topic}에서 {body}"  # a symbol of the topic's formula
    first = re.match(r"[가-힣A-Za-z]+", body)
    if first and not _TELLS.search(body):
        asked = (*read.facets, *read.parts)
        if any(re.match(rf"{re.escape(w)}(?:{_PARTICLE}|에|도|만|\s?[?]|$)", body) for w in asked):
            return f"{topic}의 {body}"
    return f"{topic} {body}" if _TELLS.search(body) else f"{with_particle(topic, '는')} {body}"


def _put(body: str, pattern: re.Pattern[str], topic: str) -> str:
    """``body`` with the first match replaced, the particle behind it in the form that fits; "" without a match."""
    match = pattern.search(body)
    if match is None:
        return ""
    rest = body[match.end() :]
    particle = re.match(rf"({_PARTICLE})(?=\s|[?!.,]|$|[는도])", rest)
    if particle is None:
        return f"{body[: match.start()]}{topic}{rest}"
    return f"{body[: match.start()]}{with_particle(topic, particle[1])}{rest[particle.end() :]}"


def _read(text: str, terms: Terms) -> _Read:
    names: dict[str, str] = {}
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    known = _words()
    for match in terms.find(text):
        surface = text[match.start : match.end]
        if (match.start, match.end) in spans or squeeze(surface) in known["facet_keys"]:
            continue
        spans.append((match.start, match.end))
        if match.token in {t for p in known["parts"] for t in terms.tokens_of(p)}:
            parts.append(surface)
        else:
            names.setdefault(match.token, surface)
    names = _merged(text, names)
    for token in kiwi_tokens(text):
        covered = any(s < token.end and token.start < e for s, e in spans)
        if not covered and token.tag in _NOUNS and len(token.form) > 1 and catalogue.find(token.form):
            spans.append((token.start, token.end))
            names.setdefault(squeeze(token.form), token.form)
    facets: list[str] = []
    others: list[str] = []
    last_end = -1
    for token in kiwi_tokens(text):
        if token.tag not in _NOUNS or any(s < token.end and token.start < e for s, e in spans):
            continue
        if token.form.lower() in known["facets"]:
            facets.append(token.form)
        elif token.form not in question_words() and (token.tag != "SL" or len(token.form) > 1):
            if others and token.start <= last_end + 1:
                others[-1] = f"{others[-1]}{text[last_end : token.start]}{token.form}"
            else:
                others.append(token.form)
            last_end = token.end
    return _Read(tuple(dict.fromkeys(names.values())), tuple(dict.fromkeys(parts)), tuple(others), tuple(facets))


def _merged(text: str, names: dict[str, str]) -> dict[str, str]:
    """Names with the head behind them taken as one: "Adam 옵티마이저"."""
    heads = {squeeze(head) for head in _words()["heads"]}
    out = dict(names)
    for token, name in names.items():
        for other, head in names.items():
            if token != other and squeeze(head) in heads and f"{name} {head}" in text:
                out[token] = f"{name} {head}"
                out.pop(other, None)
    return out


def _without_openers(text: str) -> tuple[str, bool]:
    body = text
    pattern = re.compile(rf"^(?:{'|'.join(_words()['openers'])})(?=[\s,.!~]|$)[\s,.!~]*")
    while match := pattern.match(body):
        body = body[match.end() :]
    return body, body != text


def _all_said(words: Sequence[str], state: _State) -> bool:
    said = squeeze(f"{state.question} {state.answer}")
    return all(squeeze(word) in said for word in words)


@cache
def _words() -> dict[str, Any]:
    given = yaml.safe_load(files("app").joinpath("follow_ups.yaml").read_text("utf-8"))
    compiled: dict[str, Callable[[], Any]] = {name: given[name] for name in ("openers", "generic", "parts", "heads")}
    return {
        **compiled,
        "facets": frozenset(given["facets"]),
        "facet_keys": frozenset(squeeze(f) for f in given["facets"]),
        "whole": re.compile(given["whole"]),
        "small_talk": re.compile(given["small_talk"], re.IGNORECASE),
    }
