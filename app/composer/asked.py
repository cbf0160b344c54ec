"""What kind of answer a question asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

AnswerKind = Literal["definition", "comparison", "reason", "list", "formula", "code", "procedure", "number", "yes_no", "open"]

_ASKS_OPENLY = r"무엇|무슨|뭐|뭔|머(?:야|임|지)|어떤|어떻|어떡|왜|몇|얼마|어디|누가|누구|언제|어느"
# In this order: the first that fits wins, since "왜 … 차이" asks for a reason and "수식의 차이" for a formula.
_SIGNS: tuple[tuple[AnswerKind, str], ...] = (
    ("code", r"코드|구현\s?(?:해|하|예|방법|은|을|좀)|예제|스니펫|어떻게\s?(?:짜|작성)|파이토치로|pytorch로|import |\bcode\b"),
    ("open", r"이름(?:은|이|을)?\s?(?:뭐|머|무엇|\?|$)|(?:뭐|무엇이|머)라고?\s?(?:부르|불러|하나|하지|해|함)"),
    ("formula", r"수식|공식|계산식|방정식|(?:^|[\s가-힣])(?<![방형지인의양])식(?:은|이|을|의|\b|\?|$)|어떻게\s?계산|계산\s?(?:방법|법|하는)|\bformula\b|\bequation\b"),
    ("reason", r"왜|이유|까닭|원인|무엇\s?때문|뭐\s?때문|어째서|\bwhy\b"),
    ("comparison", r"차이|비교|다른\s?점|같은\s?점|공통점|\bvs\b|대비|구분|뭐가\s?다[른르]|어떻게\s?다[른르]|나은\s?점|(?:와|과|랑|이랑)\s.*다른"),
    ("list", r"종류|[두세네]\s?가지|(?:다섯|여섯)\s?가지|\d\s?가지|방법들|것들|요소들?|장점|단점|장단점|특징|무엇들|어떤\s?것들|나열|목록|예시들|문제점|한계"),
    ("number", r"몇|얼마|개수|갯수|횟수|크기는|값은|(?:^|\s)수(?:는|가)\s?\?|비율은|며칠|숫자|언제\s?(?:나왔|나온|발표|제안|만들)"),
    ("procedure", r"어떻게(?!\s?(?:되|돼|생|다))|방법|과정|순서|절차|단계|하는\s?법|하려면|하는\s?방법|방지"),
    ("yes_no", rf"^(?!.*(?:{_ASKS_OPENLY})).*"
               r"(?:인가요|인가|일까요?|하나요|되나요|있나요|없나요|맞나요|맞아|맞죠|아닌가요|해도\s?되\w*|가능한가요|가능해|[은는]가요?|나요)\s?\??\s*$"),
    ("definition", r"뭐(?:야|예요|에요|임|지|죠|니|냐|여)|머(?:야|임|에요)|뭔(?:가|지|데)|무엇|무슨\s?뜻|이란|란\s?\??$|란\s|정의|의미|개념|뜻|설명|에\s?대해|알려|소개"
                   r"|어떤\s?(?:모델|구조|것|기법|방법|층|함수)"),
)
_DESCRIBES = re.compile(
    r"\s(?:것|거|방법|방식|구조|현상|문제|기법|모델|계산법|법칙|함수|연산|층|학습|알고리즘)(?:은|는|이|을)?(?:\s?(?:뭐|머|무엇|이름)[^?]*)?\s*\??\s*$")
_COUNTS = {"두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6}


@dataclass(frozen=True)
class Asked:
    """``kind`` of answer; ``count``: how many things were asked for, 0 where none was said; ``describes``: the question
    tells what a thing does and asks what it is.
    """

    kind: AnswerKind
    count: int = 0
    describes: bool = False


def asked(question: str) -> Asked:
    """Read the kind of answer off the words of a question."""
    kind: AnswerKind = next((kind for kind, pattern in _SIGNS if re.search(pattern, question, re.IGNORECASE)), "open")
    number = re.search(r"(두|세|네|다섯|여섯|[2-9])\s?가지", question)
    count = (_COUNTS.get(number[1]) or int(number[1])) if number else 0
    return Asked(kind, count, kind == "open" or bool(_DESCRIBES.search(question)))
