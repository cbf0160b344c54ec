"""Prompts are data: one file for each way of asking, with checked placeholders.

A prompt is a list of chat messages. The rules come first and never change, so that a server can keep them in its prefix
cache; examples follow, then the passages, and the question is last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter

import yaml
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from app.errors import SettingError
from app.prompts.examples import REFUSAL, Example, nearest
from app.prompts.passages import rendered
from app.prompts.untrusted import defused
from app.types import Retrieved

__all__ = ["REFUSAL", "STYLES", "Template", "load_template", "messages_for", "prompts_for", "read_template"]

STYLES = ("zero_shot", "few_shot", "chain_of_thought")
# What each part must hold, and what it may hold besides.
_REQUIRED: Mapping[str, frozenset[str]] = {
    "system": frozenset({"rules"}),
    "question": frozenset({"passages", "question"}),
    "answer": frozenset({"answer"}),
    "firmer": frozenset(),
}
_ALLOWED: Mapping[str, frozenset[str]] = {**_REQUIRED, "answer": frozenset({"answer", "thoughts"})}
_ROLES = {"system": "시스템", "human": "사용자", "ai": "조교"}


@dataclass(frozen=True)
class Template:
    """One way of asking. ``shots``: how many examples it shows. ``firmer``: added after an answer in another script."""

    name: str
    shots: int
    system: str
    question: str
    answer: str
    firmer: str

    @property
    def thinks(self) -> bool:
        """Whether the model is asked to reason first, in a section of its own."""
        return "{thoughts}" in self.answer


@cache
def load_template(name: str) -> Template:
    """A template that ships.

    Raises:
        SettingError: there is none of that name, or its file is not right.
    """
    if name not in STYLES:
        raise SettingError(
            f"PILGI_PROMPT={name!r}: 없는 프롬프트입니다. {', '.join(STYLES)} 가운데 하나로 적어 주세요."
        )
    return read_template(name, files("app.prompts").joinpath(f"{name}.yaml").read_text("utf-8"))


def read_template(name: str, text: str) -> Template:
    """A template out of YAML.

    Raises:
        SettingError: a part is missing, or a placeholder is missing or unknown; the message names it.
    """
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingError(f"프롬프트 {name}을(를) YAML로 읽을 수 없습니다: {' '.join(str(error).split())}") from error
    parts = given if isinstance(given, dict) else {}
    for part in _REQUIRED:
        if not isinstance(parts.get(part), str):
            raise SettingError(f"프롬프트 {name}에 {part} 항목이 없습니다.")
        found = _placeholders(name, part, parts[part])
        for missing in sorted(_REQUIRED[part] - found):
            raise SettingError(f"프롬프트 {name}의 {part}에 {{{missing}}} 자리가 없습니다.")
        for unknown in sorted(found - _ALLOWED[part]):
            raise SettingError(f"프롬프트 {name}의 {part}에 모르는 자리 {{{unknown}}}이(가) 있습니다.")
    shots = parts.get("shots")
    if not isinstance(shots, int) or shots < 0 or shots % 2:
        raise SettingError(
            f"프롬프트 {name}의 shots는 0 이상의 짝수여야 합니다(답이 있는 예시와 없는 예시를 같은 수로 둔다)."
        )
    return Template(name, shots, **{part: parts[part].strip() for part in _REQUIRED})


def messages_for(
    template: Template, question: str, passages: Sequence[Retrieved], *, firmer: bool = False, shots: int | None = None
) -> list[BaseMessage]:
    """The prompt for a question over its passages, numbered from 1.

    ``firmer``: after an answer in another script. ``shots``: fewer examples than the template's, where room is short.
    """
    rules = _rules().format(refusal=REFUSAL)
    out: list[BaseMessage] = [SystemMessage(template.system.format(rules=rules))]
    for example in nearest(question, template.shots if shots is None else min(shots, template.shots)):
        out += [HumanMessage(_asked(template, example.question, example.passages)), AIMessage(_told(template, example))]
    last = _asked(template, question, passages)
    return [*out, HumanMessage(f"{last}\n{template.firmer}" if firmer else last)]


def prompts_for(question: str, passages: Sequence[Retrieved]) -> dict[str, str]:
    """The prompts of all three ways for one question, as text to look at."""
    return {name: as_text(messages_for(load_template(name), question, passages)) for name in STYLES}


def as_text(messages: Sequence[BaseMessage]) -> str:
    """Messages one below the other, each under its role."""
    return "\n\n".join(f"[{_ROLES[m.type]}]\n{m.text}" for m in messages)


def _asked(template: Template, question: str, passages: Sequence[Retrieved]) -> str:
    return template.question.format(passages=rendered(passages, question), question=defused(" ".join(question.split())))


def _told(template: Template, example: Example) -> str:
    return template.answer.format(answer=example.answer, thoughts=example.thoughts)


@cache
def _rules() -> str:
    text = files("app.prompts").joinpath("rules.txt").read_text("utf-8").strip()
    if _placeholders("rules", "rules", text) != {"refusal"}:
        raise SettingError("규칙 파일 rules.txt에는 {refusal} 자리 하나만 있어야 합니다.")
    return text


def _placeholders(name: str, part: str, text: str) -> set[str]:
    try:
        return {field for _, field, _, _ in Formatter().parse(text) if field is not None}
    except ValueError as error:
        raise SettingError(f"프롬프트 {name}의 {part}에 짝이 맞지 않는 중괄호가 있습니다: {error}") from error
