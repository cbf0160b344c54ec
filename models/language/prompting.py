"""프롬프트 엔지니어링: 모델은 그대로 두고 입력하는 글을 설계한다.

$$ \\hat{y} = \\arg\\max_y \\; p(y \\mid x_1, y_1, \\dots, x_k, y_k, x) $$

예시가 없으면($k=0$) 제로샷, 있으면 퓨샷이다. 생각의 사슬은 답보다 풀이를 먼저 쓰게 한다.

출처: Brown et al. (2020), "Language Models are Few-Shot Learners";
Wei et al. (2022), "Chain-of-Thought Prompting Elicits Reasoning in Large Language Models".
"""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from models.concept import Concept, Control, Demo
from models.figures import BLUE, GREY, prose, titled
from models.language.tokenization import shipped

TASK = "인공지능을 공부하는 사람의 질문에 한국어로 짧고 정확하게 답하라."
STEPS = "먼저 풀이를 한 단계씩 적고, 마지막 줄에 ‘답:’으로 시작하는 결론을 적어라."
EXAMPLES = (
    ("입력 3개, 출력 2개인 선형층의 파라미터는 몇 개인가?", "8개",
     "가중치는 3 × 2 = 6개다.\n편향은 출력마다 하나씩 2개다.\n더하면 6 + 2 = 8개다."),
    ("배치 크기가 32이고 데이터가 320개이면 한 에폭은 몇 번의 갱신인가?", "10번",
     "한 번에 32개를 쓴다.\n320 / 32 = 10이다."),
    ("28 × 28 이미지에 5 × 5 커널을 패딩 없이 보폭 1로 쓰면 출력의 한 변은?", "24",
     "28 - 5 = 23이다.\n보폭이 1이므로 23 + 1 = 24다."),
    ("어휘 1,000개를 16차원으로 임베딩하면 파라미터는 몇 개인가?", "16,000개",
     "단어마다 16개의 수가 있다.\n1,000 × 16 = 16,000이다."),
)
WIDTH = 28  # columns of each of the three prompts side by side
NAMES = {"zero_shot": "제로샷", "few_shot": "퓨샷", "chain_of_thought": "생각의 사슬"}


def zero_shot(question: str) -> str:
    """The task and the question."""
    return f"{TASK}\n\n질문: {question}\n답:"


def few_shot(question: str, shots: int) -> str:
    """The task, ``shots`` examples in one format, and the question in the same format."""
    examples = [f"질문: {asked}\n답: {answer}" for asked, answer, _ in EXAMPLES[:shots]]
    return "\n\n".join([TASK, *examples, f"질문: {question}\n답:"])


def chain_of_thought(question: str, shots: int) -> str:
    """The task, the order to reason first, examples with their reasoning, and the question up to "풀이:"."""
    examples = [f"질문: {asked}\n풀이: {steps}\n답: {answer}" for asked, answer, steps in EXAMPLES[:shots]]
    return "\n\n".join([f"{TASK} {STEPS}", *examples, f"질문: {question}\n풀이: 차근차근 생각해 보자."])


def prompts(question: str, shots: int) -> dict[str, str]:
    """The three prompts for one question."""
    return {"zero_shot": zero_shot(question), "few_shot": few_shot(question, shots),
            "chain_of_thought": chain_of_thought(question, shots)}


CODE = """\
task = {task!r}
question = {question!r}
examples = {examples}

zero_shot = f"{{task}}\\n\\n질문: {{question}}\\n답:"
few_shot = "\\n\\n".join([task, *[f"질문: {{q}}\\n답: {{a}}" for q, a in examples], f"질문: {{question}}\\n답:"])
chain = f"{{task}}\\n\\n질문: {{question}}\\n풀이: 차근차근 생각해 보자."
for name, prompt in (("제로샷", zero_shot), ("퓨샷", few_shot), ("생각의 사슬", chain)):
    print(f"--- {{name}} ({{len(prompt)}}자)\\n{{prompt}}\\n")
"""


def demo(*, question: str = "입력 10, 은닉 20인 RNN의 파라미터는 몇 개인가?", shots: int = 2,
         live: Mapping[str, str] | None = None) -> Demo:
    """Three prompts side by side: those of the running system where ``live`` is given, else built here."""
    built = live if live is not None else prompts(question, shots)
    texts = {name: built[key] for key, name in NAMES.items()}
    cells = [prose(text, WIDTH) for text in texts.values()]
    figure = go.Figure(go.Table(
        header={"values": list(texts), "font": {"size": 15}},
        cells={"values": [[text] for text in cells], "align": "left"}))
    longest = max(text.count("<br>") for text in cells)
    titled(figure, "같은 질문, 세 가지 프롬프트", "", "", height=min(1200, max(360, 200 + 19 * longest)))

    tokens = {name: len(shipped().encode(text, add_special_tokens=False).tokens) for name, text in texts.items()}
    letters = {name: len(text) for name, text in texts.items()}
    detail = go.Figure([
        go.Bar(x=list(letters), y=list(letters.values()), text=list(letters.values()), name="글자", marker_color=GREY),
        go.Bar(x=list(tokens), y=list(tokens.values()), text=list(tokens.values()), name="토큰", marker_color=BLUE),
    ])
    titled(detail, "프롬프트의 길이: 예시와 풀이를 넣을수록 비용이 든다", "프롬프트", "개수")
    source = "이 시스템이 실제로 쓰는" if live is not None else f"예시 {shots}개로 지은"
    times = tokens["퓨샷"] / max(1, tokens["제로샷"])
    return Demo(
        figure=figure,
        numbers={f"{name} 토큰 수": count for name, count in tokens.items()},
        text=f"{source} 프롬프트입니다. "
             f"퓨샷은 {tokens['퓨샷']:,}토큰으로 제로샷({tokens['제로샷']:,}토큰)의 {times:.1f}배이고, "
             f"생각의 사슬은 {tokens['생각의 사슬']:,}토큰에 풀이를 쓸 자리를 더 내줍니다.",
        code=CODE.format(task=TASK, question=question, examples=[(q, a) for q, a, _ in EXAMPLES[:shots]]),
        detail=detail,
    )


CONCEPT = Concept(
    slug="prompting",
    title="프롬프트 엔지니어링",
    aliases=("프롬프트 엔지니어링", "prompt engineering", "프롬프팅", "prompting", "프롬포트", "퓨샷", "few-shot",
             "제로샷", "zero-shot", "영샷", "chain of thought", "chain-of-thought", "생각의 사슬", "CoT",
             "in-context learning", "문맥 내 학습"),
    summary="모델을 다시 학습시키지 않고 입력하는 글을 설계해 원하는 답을 얻는다.",
    demo=demo,
    live="prompts",
    controls=(
        Control("question", "질문", "입력 10, 은닉 20인 RNN의 파라미터는 몇 개인가?", max_length=200),
        Control("shots", "예시 수", 2, 1, len(EXAMPLES), 1, words=("예시 수", "예시", "shot")),
    ),
)
