"""환각: 언어 모델이 근거 없는 내용을 그럴듯하게 지어내는 현상.

$$ \\hat{w}_t = \\arg\\max_w \\; p(w \\mid w_{<t}) $$

식 어디에도 사실인지 따지는 항이 없다. 데모는 몇 문장으로 배운 n-그램 언어 모델의 매끄러운 답을,
노트를 찾아 인용하거나 거절하는 답과 나란히 놓는다.

출처: Ji et al. (2023), "Survey of Hallucination in Natural Language Generation", ACM Computing Surveys 55.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import torch

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import RED, prose, titled
from models.language.sampling import with_temperature
from models.reading import has, written

NOTES = (
    "드롭아웃은 2014년에 토론토 대학에서 발표되었다",
    "배치 정규화는 2015년에 구글에서 발표되었다",
    "GAN은 2014년에 몬트리올 대학에서 발표되었다",
    "LSTM은 1997년에 뮌헨 공대에서 발표되었다",
    "ResNet은 2015년에 마이크로소프트에서 발표되었다",
    "AlexNet은 2012년에 토론토 대학에서 발표되었다",
    "Word2Vec은 2013년에 구글에서 발표되었다",
    "BERT는 2018년에 구글에서 발표되었다",
)
WIDTH = 32  # columns of an answer in the table
END, REFUSAL = "<끝>", "노트에서 근거를 찾지 못해 답하지 않습니다."
PARTICLE = re.compile(r"(.+?)(은|는|이란|란|이|가)$")


def topic_of(sentence: str) -> str:
    """What a sentence is about: the words up to the first topic particle, or the first word."""
    words = sentence.rstrip("?. ").split()
    for i, word in enumerate(words):
        if match := PARTICLE.match(word):
            return " ".join([*words[:i], match[1]])
    return words[0] if words else ""


def particle(topic: str) -> str:
    """The particle the notes use after a topic, else the one that its last syllable asks for."""
    known = {topic_of(note): tokens(note)[1] for note in NOTES}
    closed = "가" <= topic[-1:] <= "힣" and (ord(topic[-1]) - ord("가")) % 28 > 0  # 받침이 있으면 '은'
    return known.get(topic, "은" if closed else "는")


def tokens(sentence: str) -> list[str]:
    """Words, the topic and its particle apart: "GAN은 2014년에" -> ["GAN", "은", "2014년에"]."""
    topic = topic_of(sentence)
    return [topic, *sentence[len(topic) :].split()]


class NGram:
    """Counts of the word after n-1 words; an unseen context is shortened until it has been seen.

    Args:
        sentences: token lists to learn from; order: n, at least 2.
    """

    def __init__(self, sentences: Sequence[Sequence[str]], order: int) -> None:
        if order < 2:
            raise ValueError(f"order={order}: must be at least 2")
        self.order = order
        self.counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for sentence in sentences:
            line = [*sentence, END]
            for i, word in enumerate(line):
                for n in range(min(order, i + 1)):
                    self.counts[tuple(line[i - n : i])][word] += 1

    def next_words(self, words: Sequence[str]) -> dict[str, float]:
        """p(w | the longest known ending of ``words``): word -> probability."""
        for n in range(min(self.order - 1, len(words)), -1, -1):
            seen = self.counts.get(tuple(words[len(words) - n :]))
            if seen:
                total = sum(seen.values())
                return {word: count / total for word, count in seen.most_common()}
        return {END: 1.0}

    def write(self, words: Sequence[str], temperature: float, generator: torch.Generator, most: int = 12) -> list[str]:
        """Go on from ``words`` to the end mark, drawing each word at ``temperature``."""
        out = list(words)
        while len(out) < most:
            chances = self.next_words(out)
            probs = with_temperature(torch.tensor(list(chances.values())).log(), temperature)
            word = list(chances)[int(torch.multinomial(probs, 1, generator=generator))]
            if word == END:
                break
            out.append(word)
        return out


def spoken(words: Sequence[str]) -> str:
    """Tokens as a sentence: the particle goes back to its topic."""
    return " ".join([words[0] + words[1], *words[2:]]) + "." if len(words) > 1 else " ".join(words)


def look_up(question: str, notes: Sequence[str] = NOTES) -> dict[str, Any]:
    """Answer from the note about the question's topic, cited word for word, or refuse."""
    topic = topic_of(question).lower()
    for number, note in enumerate(notes, start=1):
        if topic and topic_of(note).lower() == topic:
            return {"answer": f"{note}. [{number}]", "answerable": True, "citations": [note]}
    return {"answer": REFUSAL, "answerable": False, "citations": []}


def groundedness(words: Sequence[str], evidence: Sequence[str]) -> float:
    """The share of ``words`` that stand in the evidence; 0 where there is none."""
    there = {word for note in evidence for word in tokens(note)}
    return sum(word in there for word in words) / len(words) if words and there else 0.0


CODE = """\
import random
from collections import Counter, defaultdict

random.seed({seed})
notes = {notes}
counts = defaultdict(Counter)
for note in notes:
    line = [*note, "<끝>"]
    for a, b in zip(line, line[1:]):
        counts[a][b] += 1                       # 바로 앞 한 단어만 보는 2-그램

words = [{topic!r}, "는"]
while words[-1] in counts and len(words) < 12:
    after = counts[words[-1]]
    word = random.choices(list(after), weights=after.values())[0]
    if word == "<끝>":
        break
    words.append(word)
print("근거 없이:", " ".join(words))
found = [note for note in notes if note[0] == {topic!r}]
print("노트로:", " ".join(found[0]) if found else "노트에서 근거를 찾지 못해 답하지 않습니다.")
"""


def small_grounding(question: str, order: int, temperature: float, seed: int) -> dict[str, Any]:
    """Both answers in the shape of ``live``, and with them five ungrounded tries and the first word's chances."""
    model, generator = NGram([tokens(note) for note in NOTES], order), torch.Generator().manual_seed(seed)
    topic = topic_of(question)
    start = [topic, particle(topic)]
    tries = [model.write(start, temperature, generator) for _ in range(5)]
    found = look_up(question)
    return {
        "question": question, "with_notes": found, "without_notes": {"answer": spoken(tries[0])},
        "tries": [spoken(words) for words in tries], "grounded": groundedness(tries[0][2:], found["citations"]),
        "chances": model.next_words(start),
    }


def demo(*, question: str = "트랜스포머는 언제 어디에서 발표되었나?", order: int = 3, temperature: float = 1.0,
         seed: int = 0, live: Mapping[str, Any] | None = None) -> Demo:
    """One question answered with and without the notes: by the running system, or by a small model here."""
    small = small_grounding(question, order, temperature, seed)
    shown = live if live is not None else small
    noted, bare = shown["with_notes"], shown["without_notes"]["answer"]
    quotes = list(noted["citations"])
    rows = [["답", bare, noted["answer"]], ["근거", "없음", "\n".join(quotes) or "없음"],
            ["판단", "근거 없이도 답한다", "인용하며 답한다" if noted["answerable"] else "거절한다"]]
    figure = go.Figure(go.Table(
        header={"values": ["", "노트 없이", "노트와 함께"]}, columnwidth=[1, 4, 4],
        cells={"values": [[prose(c, WIDTH) for c in column] for column in zip(*rows, strict=True)],
               "align": "left"}))
    titled(figure, prose(shown["question"]), "", "", height=460)
    numbers = {"노트로 답할 수 있는가": bool(noted["answerable"]), "인용 수": len(quotes)}
    refusing = "노트를 쓰면 근거가 없어 거절합니다"
    verdict = f"노트를 쓰면 인용 {len(quotes)}개와 함께 답합니다" if noted["answerable"] else refusing
    if live is not None:
        text = f"같은 질문을 두 번 물었습니다. 노트 없이도 모델은 답하지만 확인할 길이 없고, {verdict}."
        return Demo(figure=figure, numbers=numbers, text=text, code=code_for(question, seed))

    bar = go.Bar(x=list(small["chances"]), y=list(small["chances"].values()), marker_color=RED)
    detail = titled(go.Figure(bar), f"‘{topic_of(question)}’ 다음을 고르는 확률: 사실이 아니라 횟수", "다음 말", "확률")
    kinds = len(set(small["tries"]))
    numbers |= {"노트 없는 답의 근거율": round(small["grounded"], 3), "다섯 번 물은 답의 가짓수": kinds}
    return Demo(
        figure=figure,
        numbers=numbers,
        text=f"노트 없이는 ‘{bare}’라고 매끄럽게 답하지만 근거율은 {small['grounded']:.0%}이고, "
             f"다섯 번 물으면 답이 {kinds}가지입니다. {verdict}.",
        code=code_for(question, seed),
        detail=detail,
    )


def code_for(question: str, seed: int) -> str:
    """The code to copy, with the reader's topic in it."""
    return CODE.format(seed=seed, notes=[tokens(note) for note in NOTES], topic=topic_of(question))


def read_share(question: str) -> Mapping[str, Any] | None:
    """Supported and all sentences of a question for the groundedness or the hallucination rate, or None."""
    kinds = ("근거율", "충실성", "faithfulness", "groundedness")
    wrong = has(question, ("환각 비율", "환각률", "환각율", "hallucination rate"))
    match = re.search(r"(\d+)\s*(?:개|문장)?\s*(?:의 문장)?\s*(?:중에서|중에|중|가운데|에서)\s*(\d+)", question)
    if not match or not (wrong or has(question, kinds)):
        return None
    total, part = int(match[1]), int(match[2])
    if not 0 <= part <= total or total == 0:
        return None
    denied = has(question, ("뒷받침되지 않", "근거가 없", "근거 없", "지어낸", "지어냈"))
    return {"supported": total - part if denied else part, "total": total, "rate": wrong}


def compute_share(supported: int, total: int, rate: bool = False) -> Computed:
    """supported / total, or 1 minus it."""
    share = supported / total
    value = 1 - share if rate else share
    steps = f"전체 {total}개 가운데 {supported}개가 뒷받침되므로 근거율은 {supported}/{total} = {written(share)}입니다."
    if rate:
        steps += f" 환각 비율은 1 - {written(share)} = {written(value)}입니다."
    return Computed(written(value), steps, "$\\text{근거율} = \\text{뒷받침되는 문장} / \\text{전체 문장}$")


CONCEPT = Concept(
    slug="hallucination",
    title="환각",
    aliases=("환각", "할루시네이션", "할루시내이션", "hallucination", "환각 현상", "근거율",
             "groundedness", "faithfulness"),
    summary="언어 모델이 근거 없는 내용을 그럴듯하게 지어내는 현상.",
    demo=demo,
    live="grounding",
    controls=(
        Control("question", "질문", "트랜스포머는 언제 어디에서 발표되었나?", max_length=200),
        Control("order", "n-그램의 n", 3, 2, 4, 1, words=("n-그램", "n-gram", "n")),
        Control("temperature", "온도", 1.0, 0.1, 2.0, 0.1, words=("온도", "temperature")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("근거율과 환각 비율", read_share, compute_share, "근거율 환각 비율 문장"),),
)
