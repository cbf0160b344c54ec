"""What kind of answer a question asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

AnswerKind = Literal["definition", "comparison", "reason", "list", "formula", "code", "procedure", "number", "yes_no", "open"]

# In this order: the first that fits wins, since "왜 … 차이" asks for a reason and "수식의 차이" for a comparison.
_SIGNS: tuple[tuple[AnswerKind, str], ...] = (
    ("code", r"코드|구현\s?(?:해|하|예|방법|은|을|좀)|예제|스니펫|어떻게\s?(?:짜|작성)|파이토치로|pytorch로|import |\bcode\b"),
    ("formula", r"수식|공식|계산식|방정식|(?:^|[\s가-힣])식(?:은|이|을|의|\b|\?|$)|어떻게\s?계산|계산\s?(?:방법|법|하는)|\bformula\b|\bequation\b"),
    ("comparison", r"차이|비교|다른\s?점|\bvs\b|대비|구분|뭐가\s?다[른르]|어떻게\s?다[른르]|나은\s?점|(?:와|과|랑|이랑)\s.*(?:다른|같은)"),
    ("reason", r"왜|이유|까닭|원인|무엇\s?때문|뭐\s?때문|어째서|\bwhy\b"),
    ("list", r"종류|[두세네]\s?가지|(?:다섯|여섯)\s?가지|\d\s?가지|방법들|것들|요소들?|장점|단점|장단점|특징|무엇들|어떤\s?것들|나열|목록|예시들|문제점|한계"),
    ("number", r"몇|얼마|개수|크기는|값은|수는\?|비율은|언제|몇\s?개|며칠|숫자"),
    ("procedure", r"어떻게|방법|과정|순서|절차|단계|하는\s?법|하려면|하는\s?방법|방지"),
    ("yes_no", r"(?:인가요|인가|일까요?|하나요|되나요|있나요|맞나요|맞아|맞죠|아닌가요|해도\s?되|가능한가요|가능해)\s?\??$"),
    ("definition", r"뭐(?:야|예요|임|지|죠|니|냐|여)|뭔(?:가|지|데)|무엇|이란|란\s?\??$|란\s|정의|의미|개념|뜻|설명|에\s?대해|알려|소개|어떤\s?(?:모델|구조|것|기법|방법)"),
)
_COUNTS = {"두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6}


@dataclass(frozen=True)
class Asked:
    """``kind`` of answer; ``count``: how many things were asked for, 0 where none was said."""

    kind: AnswerKind
    count: int = 0


def asked(question: str) -> Asked:
    """Read the kind of answer off the words of a question."""
    kind = next((kind for kind, pattern in _SIGNS if re.search(pattern, question, re.IGNORECASE)), "open")
    number = re.search(r"(두|세|네|다섯|여섯|[2-9])\s?가지", question)
    return Asked(kind, (_COUNTS.get(number[1]) or int(number[1])) if number else 0)
