"""언어 모델: 앞말이 주어졌을 때 다음 토큰의 확률을 매긴다.

$$ p(w_1, \\dots, w_n) = \\prod_t p(w_t \\mid w_{<t}) $$

데모는 앞의 두 단어를 임베딩해 다음 단어를 맞히는 작은 신경망 언어 모델을 그 자리에서 학습한다.

온도, top-k, top-p로 다음 말을 고르는 식은 sampling.py에 있다.

출처: Bengio et al. (2003), "A Neural Probabilistic Language Model", JMLR 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Computation, Concept, Control, Demo
from models.figures import BLUE, GREY, titled
from models.language.sampling import (
    compute_perplexity,
    compute_temperature,
    perplexity,
    read_perplexity,
    read_temperature,
    restrict,
    with_temperature,
)
from models.learning.linear_layer import Linear
from models.learning.losses import cross_entropy
from models.sequence.word_embedding import Embedding

CORPUS = (
    "신경망 은 데이터 에서 규칙 을 배운다",
    "신경망 은 층 을 깊게 쌓는다",
    "신경망 은 오차 를 줄인다",
    "모델 은 데이터 에서 답 을 배운다",
    "모델 은 오차 를 줄인다",
    "모델 은 다음 단어 를 맞힌다",
    "언어 모델 은 다음 단어 를 맞힌다",
    "언어 모델 은 글 에서 말 을 배운다",
    "언어 모델 은 글 을 쓴다",
    "학생 은 책 에서 말 을 배운다",
    "학생 은 글 을 쓴다",
    "학생 은 답 을 맞힌다",
    "학습 은 오차 를 줄인다",
    "학습 은 데이터 에서 시작한다",
    "드롭아웃 은 과적합 을 줄인다",
)
START, END, UNKNOWN = "<시작>", "<끝>", "<모름>"


class NeuralLanguageModel(nn.Module):
    """Two words in, the logits of the next one out: embedding, tanh layer, one score per word.

    ``ids``: (B, 2) -> (B, V).
    """

    def __init__(self, vocabulary: int, dim: int = 12, hidden: int = 24) -> None:
        super().__init__()
        self.table = Embedding(vocabulary, dim)
        self.hidden = Linear(2 * dim, hidden)
        self.scores = Linear(hidden, vocabulary)

    def forward(self, ids: Tensor) -> Tensor:
        return self.scores(torch.tanh(self.hidden(self.table(ids).flatten(1))))  # (B, 2, D) -> (B, 2D) -> (B, V)


class TrainedModel:
    """A NeuralLanguageModel taught ``sentences`` on the spot, with its words.

    Attributes:
        words: the vocabulary, in the order of the ids; cross_entropy: nats per token over the training text.
    """

    def __init__(self, sentences: tuple[str, ...] = CORPUS, epochs: int = 80) -> None:
        lines = [[START, START, *sentence.split(), END] for sentence in sentences]
        self.words = [UNKNOWN, START, END, *sorted({w for line in lines for w in line} - {START, END})]
        self.ids = {word: i for i, word in enumerate(self.words)}
        windows = torch.tensor([[self.ids[w] for w in line[i : i + 3]] for line in lines for i in range(len(line) - 2)])
        self.model = NeuralLanguageModel(len(self.words))
        optimizer = torch.optim.Adam(self.model.parameters(), lr=0.03)
        for _ in range(epochs):
            loss = cross_entropy(self.model(windows[:, :2]), windows[:, 2])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        self.cross_entropy = loss.item()

    def split(self, text: str) -> list[str]:
        """Words of ``text``; a particle stuck to a known word is cut off, since the text was taught that way."""
        words = []
        for word in text.split():
            known = word not in self.ids and word[:-1] in self.ids and word[-1] in self.ids
            words += [word[:-1], word[-1]] if known else [word]
        return words

    @torch.no_grad()
    def logits(self, words: list[str]) -> Tensor:
        """Scores of the word after ``words``: (V,). The marks for start and unknown are never written."""
        last = [START, START, *words][-2:]
        scores = self.model(torch.tensor([[self.ids.get(w, 0) for w in last]]))[0]
        return scores.index_fill(0, torch.tensor([0, 1]), -math.inf)

    def write(self, words: list[str], choose: Callable[[Tensor], Tensor], most: int = 10) -> str:
        """Go on from ``words`` until the end mark or ``most`` words; ``choose`` turns logits (V,) into an id."""
        out = list(words)
        for _ in range(most):
            word = self.words[int(choose(self.logits(out)))]
            if word == END:
                break
            out.append(word)
        return " ".join(out)


CODE = """\
import torch

torch.manual_seed({seed})
words = {words}
logits = torch.tensor({logits})
probs = torch.softmax(logits / {temperature}, dim=0)       # 온도
top = probs.topk(min({top_k}, len(probs)))                 # top-k
before = top.values.cumsum(0) - top.values
kept = top.values * (before < {top_p} * top.values.sum())  # top-p
for i, p in zip(top.indices.tolist(), (kept / kept.sum()).tolist()):
    print(words[i], round(p, 3))
print("그리디:", words[int(probs.argmax())])
print("표본:", words[top.indices[torch.multinomial(kept, 1)]])
"""


def demo(
    *, context: str = "언어 모델은", temperature: float = 0.7, top_k: int = 40, top_p: float = 1.0, seed: int = 0
) -> Demo:
    """Train the small model, then show the next word's distribution after the reader's words, and what gets written."""
    torch.manual_seed(seed)
    trained = TrainedModel()
    words = trained.split(context)
    logits = trained.logits(words)
    plain, used = with_temperature(logits), restrict(logits, temperature, top_k, top_p)
    best = plain.topk(12).indices.tolist()
    names = [trained.words[i] for i in best]
    figure = go.Figure(
        [
            go.Bar(x=names, y=plain[best].tolist(), name="T=1, 자르기 전", marker_color=GREY),
            go.Bar(
                x=names,
                y=used[best].tolist(),
                name=f"T={temperature:g}, top-k={top_k}, top-p={top_p:g}",
                marker_color=BLUE,
            ),
        ]
    )
    titled(figure, f"‘{' '.join(words)}’ 다음에 올 말의 확률", "다음 단어", "확률")
    greedy = trained.write(words, lambda z: z.argmax())
    drawn = [
        trained.write(words, lambda z: torch.multinomial(restrict(z, temperature, top_k, top_p), 1)) for _ in range(5)
    ]
    detail = go.Figure(
        go.Table(
            header={"values": ["방법", "이어 쓴 글"]},
            cells={"values": [["그리디", *[f"표본 {i}" for i in range(1, 6)]], [greedy, *drawn]], "align": "left"},
        )
    )
    titled(detail, "같은 앞말에서 이어 쓴 글", "", "", height=340)
    unknown = [w for w in words if w not in trained.ids]
    entropy = -(used[used > 0] * used[used > 0].log()).sum().item()
    note = f" 배운 적 없는 말({', '.join(unknown)})은 {UNKNOWN}로 읽었습니다." if unknown else ""
    return Demo(
        figure=figure,
        numbers={
            "가장 그럴듯한 말": names[0],
            "그 확률(T=1)": round(plain.max().item(), 4),
            "그 확률(조절한 뒤)": round(used.max().item(), 4),
            "남은 후보 수": int((used > 0).sum()),
            "조절한 분포의 퍼플렉시티": round(perplexity(entropy), 3),
            "배운 글의 퍼플렉시티": round(perplexity(trained.cross_entropy), 3),
        },
        text=f"그리디로는 ‘{greedy}’이(가) 나오고, 다섯 번 뽑으면 서로 다른 글이 {len(set(drawn))}가지 나왔습니다. "
        f"1등의 확률은 온도 1에서 {plain.max().item():.2f}, "
        f"지금 조건에서 {used.max().item():.2f}입니다."
        f"{note}",
        code=CODE.format(
            seed=seed,
            words=names,
            logits=[round(z, 3) for z in logits[best].tolist()],
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        ),
        detail=detail,
    )


CONCEPT = Concept(
    slug="language_model",
    title="언어 모델",
    aliases=(
        "언어 모델",
        "언어모델",
        "language model",
        "LLM",
        "거대 언어 모델",
        "대규모 언어 모델",
        "large language model",
        "다음 토큰 예측",
        "퍼플렉시티",
        "perplexity",
        "top-p",
        "top-k 샘플링",
        "nucleus sampling",
        "temperature sampling",
    ),
    summary="앞의 글이 주어졌을 때 다음에 올 토큰의 확률을 매기는 모델.",
    demo=demo,
    controls=(
        Control("context", "앞말", "언어 모델은", max_length=60),
        Control("temperature", "온도", 0.7, 0.1, 3.0, 0.1, words=("온도", "temperature")),
        Control("top_k", "top-k", 40, 1, 40, 1, words=("top-k", "top_k", "top k", "상위")),
        Control("top_p", "top-p", 1.0, 0.05, 1.0, 0.05, words=("top-p", "top_p", "top p", "누적 확률")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("퍼플렉시티", read_perplexity, compute_perplexity, "퍼플렉시티 교차 엔트로피"),
        Computation("온도를 준 소프트맥스", read_temperature, compute_temperature, "온도 소프트맥스 로짓"),
    ),
)
