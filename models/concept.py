"""What every concept file fills in: ``Concept``, ``Control``, ``Demo`` and ``Computation``.

A concept file defines an implementation, a ``demo`` function that draws it, and one module-level
``CONCEPT``. Nothing here knows any concept by name: ``models.catalogue`` finds them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import plotly.graph_objects as go

Value = float | int | str | bool


class ConceptError(ValueError):
    """A demo was asked for something it cannot do; the message names the value and the bound."""


@dataclass(frozen=True)
class Control:
    """One thing a reader can change in a demo.

    A number has ``low`` and ``high`` (both allowed), a choice has ``choices``, a switch has a bool default,
    everything else is a text of at most ``max_length`` characters.

    ``words`` are the names by which a question speaks of the value ("커널", "kernel", "k"): a number that stands
    beside one of them prefills the control. ``pattern`` is a regular expression with one group, for values that
    are not a number beside a word (a shape such as ``(5, 1)``).
    """

    name: str
    label: str
    default: Value
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    pattern: str | None = None
    max_length: int = 200

    @property
    def kind(self) -> str:
        """``"choice"``, ``"switch"``, ``"number"`` or ``"text"``."""
        if self.choices:
            return "choice"
        if isinstance(self.default, bool):
            return "switch"
        return "number" if self.low is not None else "text"

    @property
    def integer(self) -> bool:
        """Whether only whole numbers make sense: the default says so."""
        return self.kind == "number" and isinstance(self.default, int)

    def check(self, value: Any) -> Value:
        """Return ``value`` as the demo takes it.

        Raises:
            ConceptError: the value is of another kind or out of bounds; the message (Korean) names both.
        """
        match self.kind:
            case "choice":
                if value not in self.choices:
                    raise ConceptError(f"{self.label}({self.name})={value!r}: {', '.join(self.choices)} 중 하나여야 합니다.")
                return str(value)
            case "switch":
                known = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
                if str(value).lower() not in known:
                    raise ConceptError(f"{self.label}({self.name})={value!r}: true 또는 false여야 합니다.")
                return known[str(value).lower()]
            case "number":
                return self._number(value)
            case _:
                text = str(value)
                if not text.strip() or len(text) > self.max_length:
                    raise ConceptError(f"{self.label}({self.name}): 1자 이상 {self.max_length}자 이하의 글이어야 합니다.")
                return text

    def _number(self, value: Any) -> Value:
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ConceptError(f"{self.label}({self.name})={value!r}: 숫자여야 합니다.") from None
        if not math.isfinite(number) or (self.integer and number != int(number)):
            raise ConceptError(f"{self.label}({self.name})={value!r}: {'정수' if self.integer else '유한한 수'}여야 합니다.")
        assert self.low is not None and self.high is not None
        if not self.low <= number <= self.high:
            raise ConceptError(f"{self.label}({self.name})={value}: {self.low:g} 이상 {self.high:g} 이하여야 합니다.")
        return int(number) if self.integer else number


@dataclass(frozen=True)
class Demo:
    """What a demo returns: a picture, the numbers worth knowing, and code that runs as it stands.

    ``numbers`` maps a Korean name to a value. ``text`` says in Korean what one sees. ``detail`` is a second
    figure, one level deeper, for the reader who wants to see the inside.
    """

    figure: go.Figure
    numbers: Mapping[str, Value]
    text: str
    code: str
    detail: go.Figure | None = None


@dataclass(frozen=True)
class Computed:
    """A number that was computed, with the way to it in Korean."""

    value: str
    steps: str
    formula: str


@dataclass(frozen=True)
class Computation:
    """A question with numbers that a concept can answer by running.

    ``parse`` reads the arguments out of a question, and returns ``None`` where the question does not ask this
    or leaves a needed number out. ``run`` takes those arguments. ``cite`` are words with which to find the
    formula in the notes.
    """

    name: str
    parse: Callable[[str], Mapping[str, Any] | None]
    run: Callable[..., Computed]
    cite: str


@dataclass(frozen=True)
class Concept:
    """A concept of the notes: its names, its live demo, and what the reader can change.

    ``live`` names a plain value that the running system may hand to ``demo`` as the keyword ``live``
    ("attention", "search", "prompts", "grounding"); the demo must also run without it.
    """

    slug: str
    title: str
    aliases: tuple[str, ...]
    demo: Callable[..., Demo]
    controls: tuple[Control, ...] = ()
    computations: tuple[Computation, ...] = ()
    live: str | None = None
    summary: str = ""
    _by_name: Mapping[str, Control] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", MappingProxyType({c.name: c for c in self.controls}))

    def defaults(self) -> dict[str, Value]:
        """The value of every control before the reader touches it."""
        return {c.name: c.default for c in self.controls}

    def check(self, params: Mapping[str, Any]) -> dict[str, Value]:
        """Return ``params`` with each value checked by its control.

        Raises:
            ConceptError: an unknown name, or a value out of bounds.
        """
        for name in params:
            if name not in self._by_name:
                known = ", ".join(self._by_name) or "없음"
                raise ConceptError(f"{self.slug}에는 {name!r} 값이 없습니다. 바꿀 수 있는 값: {known}")
        return {name: self._by_name[name].check(value) for name, value in params.items()}

    def run(self, params: Mapping[str, Any] | None = None, *, live: Any = None) -> Demo:
        """Run the demo with ``params`` (checked) over the defaults.

        Raises:
            ConceptError: see ``check``; demos raise it too, where values do not fit each other.
        """
        values = {**self.defaults(), **self.check(params or {})}
        if self.live and live is not None:
            return self.demo(**values, live=live)
        return self.demo(**values)
