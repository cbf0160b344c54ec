"""RAG(검색 증강 생성): 질문과 관련된 글을 찾아 프롬프트에 넣고, 그 글을 근거로 답하게 한다.

두 검색의 점수를 0과 1 사이로 맞추어 더하거나(볼록 융합) 순위로 더한다(RRF).

$$ s = \\alpha\\, \\tilde{s}_{\\text{dense}} + (1 - \\alpha)\\, \\tilde{s}_{\\text{BM25}}, \\qquad
\\mathrm{RRF}(d) = \\sum_r \\frac{1}{60 + \\mathrm{rank}_r(d)} $$

출처: Lewis et al. (2020), "Retrieval-Augmented Generation for Knowledge-Intensive NLP Tasks";
BM25는 Robertson & Zaragoza (2009), RRF는 Cormack et al. (2009).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GOLD, GREEN, PURPLE, prose, titled
from models.reading import has, named_numbers

PASSAGES = (
    "드롭아웃은 학습하는 동안 뉴런을 무작위로 꺼서 과적합을 줄인다.",
    "조기 종료는 검증 오차가 다시 커지기 시작할 때 학습을 멈춘다.",
    "배치 정규화는 미니배치의 평균과 분산으로 층의 입력을 고르게 한다.",
    "합성곱은 작은 필터를 옮겨 가며 이미지의 특징을 찾는다.",
    "순환 신경망은 은닉 상태에 앞의 내용을 담아 넘긴다.",
    "어텐션은 질의와 키의 유사도로 값을 섞는다.",
    "전이 학습은 미리 배운 모델의 앞쪽 층을 얼리고 뒤쪽만 다시 배운다.",
    "데이터를 늘리거나 가중치에 벌점을 주면 외워 버리는 현상이 줄어든다.",
)
Scores = list[tuple[str, float]]
WIDTH = 64  # columns of the table that holds the prompt


def grams(text: str, n: int = 2) -> list[str]:
    """Letter n-grams inside words: they do not mind particles, "뉴런을" and "뉴런이" share "뉴런"."""
    words = re.findall(r"\w+", text.lower())
    return [word[i : i + n] for word in words for i in range(max(1, len(word) - n + 1))]


def bm25(question: Sequence[str], documents: Sequence[Sequence[str]], k1: float = 1.5, b: float = 0.75) -> np.ndarray:
    """BM25 of every document for the question's terms: (N,).

    idf(t) = ln(1 + (N - df + 0.5) / (df + 0.5));  score = sum idf(t) * tf / (tf + k1 (1 - b + b |d| / mean |d|)).
    """
    lengths = np.array([len(d) for d in documents], dtype=float)
    scores = np.zeros(len(documents))
    for term in question:
        tf = np.array([list(d).count(term) for d in documents], dtype=float)
        df = (tf > 0).sum()
        idf = np.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
        scores += idf * tf / (tf + k1 * (1 - b + b * lengths / lengths.mean()))
    return scores


def vectors(texts: Sequence[str]) -> np.ndarray:
    """Letter 1-, 2- and 3-gram counts weighted by rarity, length 1: (N, V). A stand-in for a learned encoder."""
    counts = [Counter(g for n in (1, 2, 3) for g in grams(text, n)) for text in texts]
    vocabulary = sorted(set().union(*counts))
    matrix = np.array([[c[g] for g in vocabulary] for c in counts], dtype=float)
    matrix *= np.log(1 + len(texts) / (1 + (matrix > 0).sum(0)))
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)


def unit_range(scores: Sequence[float]) -> np.ndarray:
    """Least to 0, greatest to 1; all 0 where they are equal."""
    values = np.asarray(scores, dtype=float)
    width = np.ptp(values) if len(values) else 0.0
    return (values - values.min()) / width if width > 0 else np.zeros_like(values)


def fuse(dense: Scores, keyword: Scores, alpha: float) -> Scores:
    """alpha * dense + (1 - alpha) * keyword, each in 0..1; what one list lacks counts 0 there. Best first."""
    total: dict[str, float] = {}
    for scores, weight in ((dense, alpha), (keyword, 1 - alpha)):
        for (label, _), value in zip(scores, unit_range([s for _, s in scores]), strict=True):
            total[label] = total.get(label, 0.0) + weight * float(value)
    return sorted(total.items(), key=lambda pair: -pair[1])


def rrf(ranks: Sequence[int], constant: float = 60) -> float:
    """Reciprocal rank fusion of one document: sum of 1 / (constant + rank), ranks from 1."""
    return sum(1 / (constant + rank) for rank in ranks)


def coverage(question: str, passage: str) -> float:
    """How much of the question's letter pairs the passage has: a small reranker that reads both together."""
    wanted, there = set(grams(question)), set(grams(passage))
    return len(wanted & there) / max(1, len(wanted))


def build_prompt(question: str, passages: Sequence[str]) -> str:
    """Numbered passages, the rule to stick to them, and the question."""
    numbered = "\n".join(f"[{i}] {passage}" for i, passage in enumerate(passages, start=1))
    return (f"아래 글에 있는 내용만으로 답하고, 근거가 된 글의 번호를 붙여라. 글에 답이 없으면 모른다고 답하라.\n\n"
            f"{numbered}\n\n질문: {question}\n답:")


def small_search(question: str, alpha: float, top: int) -> dict[str, Any]:
    """Both searches, fusion, reranking and the prompt over the built-in passages, in the shape of ``live``."""
    tokens = grams(question)
    words = bm25(tokens, [grams(p) for p in PASSAGES])
    table = vectors([question, *PASSAGES])
    meaning = table[1:] @ table[0]  # 길이가 1이므로 내적이 코사인이다
    keyword, vector = ([(p, float(s)) for p, s in zip(PASSAGES, scores, strict=True)] for scores in (words, meaning))
    fused = fuse(vector, keyword, alpha)
    reranked = sorted(((p, coverage(question, p)) for p, _ in fused[: top + 2]), key=lambda pair: -pair[1])[:top]
    ordered = [sorted(scores, key=lambda pair: -pair[1]) for scores in (keyword, vector)]
    return {"question": question, "tokens": tokens, "concepts": [], "keyword": ordered[0], "vector": ordered[1],
            "fused": fused, "reranked": reranked, "prompt": build_prompt(question, [p for p, _ in reranked])}


CODE = """\
import math
import re

passages = {passages}
question, alpha = {question!r}, {alpha}

def grams(text, n=2):
    return [w[i:i + n] for w in re.findall(r"\\w+", text.lower()) for i in range(max(1, len(w) - n + 1))]

def unit(scores):
    low, high = min(scores), max(scores)
    return [(s - low) / (high - low) if high > low else 0.0 for s in scores]

documents = [grams(p) for p in passages]
mean = sum(map(len, documents)) / len(documents)
keyword = [0.0] * len(passages)
for term in grams(question):                                   # BM25
    df = sum(term in d for d in documents)
    idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
    for i, d in enumerate(documents):
        tf = d.count(term)
        keyword[i] += idf * tf / (tf + 1.5 * (0.25 + 0.75 * len(d) / mean))
wanted = set(question)
dense = [len(wanted & set(p)) / math.sqrt(len(wanted) * len(set(p))) for p in passages]   # 글자 집합의 코사인
fused = [alpha * d + (1 - alpha) * k for d, k in zip(unit(dense), unit(keyword))]
best = sorted(zip(fused, passages), reverse=True)[:{top}]
print("\\n".join(f"[{{i}}] {{p}} ({{s:.3f}})" for i, (s, p) in enumerate(best, start=1)))
print("질문:", question)
"""

PANELS = (("keyword", "단어 점수 (BM25)", GOLD), ("vector", "벡터 점수", BLUE),
          ("fused", "융합 점수", PURPLE), ("reranked", "리랭킹 점수", GREEN))


def bars(found: Mapping[str, Any], most: int = 6) -> go.Figure:
    """One panel per stage, best on top."""
    figure = make_subplots(rows=len(PANELS), cols=1, subplot_titles=[title for _, title, _ in PANELS],
                           vertical_spacing=0.07)
    for i, (key, title, color) in enumerate(PANELS):
        best = list(found[key])[:most]
        names = [f"{n}. {label[:22]}{'…' if len(label) > 22 else ''}" for n, (label, _) in enumerate(best, start=1)]
        figure.add_trace(go.Bar(x=[round(float(s), 4) for _, s in best], y=names, orientation="h", name=title,
                                hovertext=[label for label, _ in best], marker_color=color, showlegend=False),
                         row=i + 1, col=1)
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(title_text=" ")  # one name below is enough
    figure.update_xaxes(title_text="점수", row=len(PANELS), col=1)
    return titled(figure, "질문에서 답의 근거까지: 두 검색, 융합, 리랭킹", "점수", "글", height=760)


def demo(*, question: str = "과적합을 줄이는 방법은?", alpha: float = 0.5, top: int = 3,
         live: Mapping[str, Any] | None = None) -> Demo:
    """The stages of retrieval for a question: the running search's where ``live`` is given, else a small one here."""
    found = live if live is not None else small_search(question, alpha, top)
    asked = found["question"]
    again = fuse(list(found["vector"]), list(found["keyword"]), alpha)
    stage: list[Any] = next((found[key] for key in ("reranked", "fused", "keyword", "vector") if found[key]), [])
    first = stage[0][0] if stage else "없음"
    rows = [["질문", prose(asked, WIDTH)], ["검색에 쓴 조각", prose(", ".join(found["tokens"]), WIDTH) or "없음"],
            ["알아들은 개념", prose(", ".join(found["concepts"]), WIDTH) or "없음"],
            ["프롬프트", prose(found["prompt"], WIDTH)]]
    detail = go.Figure(go.Table(
        header={"values": ["단계", "내용"]}, columnwidth=[1, 5],
        cells={"values": [list(column) for column in zip(*rows, strict=True)], "align": "left"}))
    titled(detail, "언어 모델에 들어가는 글", "", "", height=520)
    leaders = [found[key][0][0] for key in ("keyword", "vector") if found[key]]
    agree = "두 검색의 1등이 같습니다" if len(set(leaders)) == 1 else "두 검색의 1등이 서로 달라 융합이 순서를 정합니다"
    leader = again[0][0] if again else "없음"
    return Demo(
        figure=bars(found),
        numbers={"찾은 글": len(found["fused"]), "맨 앞의 글": first, f"비중 {alpha:g}로 융합한 1등": leader,
                 "프롬프트 글자 수": len(found["prompt"])},
        text=f"‘{asked}’에 대해 {agree}. 마지막 단계의 1등은 ‘{first}’이고, "
             f"고른 글을 넣은 프롬프트는 {len(found['prompt']):,}자입니다.",
        code=CODE.format(passages=list(PASSAGES), question=asked, alpha=alpha, top=top),
        detail=detail,
    )


def read_rrf(question: str) -> Mapping[str, Any] | None:
    """The ranks of a question for reciprocal rank fusion, or None."""
    ranks = [int(n) for n in re.findall(r"(\d+)\s*(?:등|위|순위)", question)]
    if not has(question, ("rrf", "reciprocal rank")) or not ranks or min(ranks) < 1:
        return None
    found = named_numbers(question, {"constant": ("상수", "k")})
    return {"ranks": ranks, "constant": found.get("constant", 60.0)}


def compute_rrf(ranks: list[int], constant: float = 60.0) -> Computed:
    """The sum of the reciprocals."""
    total = rrf(ranks, constant)
    parts = " + ".join(f"1/({constant:g}+{rank})" for rank in ranks)
    return Computed(f"{total:.4f}", f"{parts} = {total:.4f}입니다. 상수는 {constant:g}을 썼습니다.",
                    "$\\mathrm{RRF}(d) = \\sum_r 1 / (k + \\mathrm{rank}_r(d))$")


CONCEPT = Concept(
    slug="rag",
    title="RAG",
    aliases=("RAG", "검색 증강 생성", "검색증강생성", "retrieval augmented generation",
             "retrieval-augmented generation", "리트리버", "retriever", "리랭커", "reranker", "리랭킹", "reranking",
             "하이브리드 검색", "BM25", "RRF", "청킹", "chunking"),
    summary="질문과 관련된 글을 찾아 프롬프트에 넣고 그 글을 근거로 답하게 한다.",
    demo=demo,
    live="search",
    controls=(
        Control("question", "질문", "과적합을 줄이는 방법은?", max_length=200),
        Control("alpha", "의미 벡터의 비중 α", 0.5, 0.0, 1.0, 0.05, words=("의미 벡터의 비중", "비중", "alpha", "α")),
        Control("top", "프롬프트에 넣을 글의 수", 3, 1, 6, 1, words=("top k", "top-k", "글의 수", "조각")),
    ),
    computations=(Computation("RRF 점수", read_rrf, compute_rrf, "RRF 순위 융합"),),
)
