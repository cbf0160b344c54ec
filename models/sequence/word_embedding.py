"""단어 임베딩: 단어 번호로 표의 한 행을 꺼내 짧은 실수 벡터로 바꾼다.

$$ e_i = \\mathrm{onehot}(i)^\\top E = E_{i,:}, \\qquad E \\in \\mathbb{R}^{V \\times D} $$

데모는 스킵그램으로 벡터를 배운다: 가운데 낱말 $i$로 곁에 오는 낱말 $j$를 맞힌다.

$$ p(j \\mid i) = \\mathrm{softmax}_j(e_i \\cdot u_j) $$

출처: Mikolov et al. (2013), "Efficient Estimation of Word Representations in Vector Space".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import COLORS, titled
from models.learning.linear_layer import Linear
from models.learning.losses import cross_entropy
from models.reading import has, named_numbers

GROUPS = {
    "동물": (("고양이", "강아지", "토끼", "여우"), ("귀여운", "작은"), ("잔다", "뛴다", "운다")),
    "과일": (("사과", "포도", "딸기", "수박"), ("달콤한", "작은"), ("익는다", "열린다", "시들다")),
    "탈것": (("버스", "기차", "자동차", "지하철"), ("빠른", "새"), ("달린다", "멈춘다", "붐빈다")),
}
NOUNS = tuple(noun for nouns, _, _ in GROUPS.values() for noun in nouns)


class Embedding(nn.Module):
    """A table of ``num_embeddings`` rows of ``embedding_dim`` numbers; the same as ``torch.nn.Embedding``.

    Args:
        padding_idx: the row of this id starts at 0 and gets no gradient.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        super().__init__()
        self.padding_idx = padding_idx
        self.weight = nn.Parameter(torch.randn(num_embeddings, embedding_dim))
        if padding_idx is not None:
            with torch.no_grad():
                self.weight[padding_idx] = 0

    def forward(self, ids: Tensor) -> Tensor:
        """``ids``: whole numbers of any shape -> that shape with one more axis (D).

        Raises:
            IndexError: an id lies outside the table.
        """
        if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < len(self.weight):
            raise IndexError(
                f"ids from {int(ids.min())} to {int(ids.max())}: the table has rows 0 to {len(self.weight) - 1}"
            )
        rows = self.weight[ids]  # e_i = E[i]: (...) -> (..., D)
        if self.padding_idx is None:
            return rows
        return torch.where((ids == self.padding_idx).unsqueeze(-1), rows.detach(), rows)


def sentences() -> list[list[str]]:
    """Every "adjective noun verb" of every group: words of a group are met in the same company."""
    return [[a, n, v] for nouns, adjectives, verbs in GROUPS.values() for a, n, v in product(adjectives, nouns, verbs)]


def train_skipgram(lines: list[list[str]], dim: int, epochs: int) -> tuple[list[str], Tensor, list[float]]:
    """Learn vectors by guessing the neighbours within one step.

    Returns the words, their vectors (V, D), and the loss of every epoch.
    """
    words = sorted({word for line in lines for word in line})
    ids = {word: i for i, word in enumerate(words)}
    pairs = torch.tensor(
        [
            [ids[line[i]], ids[line[j]]]
            for line in lines
            for i in range(len(line))
            for j in (i - 1, i + 1)
            if 0 <= j < len(line)
        ]
    )  # (N, 2): 가운데와 이웃
    table, context = Embedding(len(words), dim), Linear(dim, len(words), bias=False)
    optimizer = torch.optim.Adam([*table.parameters(), *context.parameters()], lr=0.05)
    losses = []
    for _ in range(epochs):
        loss = cross_entropy(context(table(pairs[:, 0])), pairs[:, 1])  # -log p(이웃 | 가운데)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return words, table.weight.detach(), losses


def cosine(vectors: Tensor) -> Tensor:
    """Cosine similarity of every pair of rows: (N, D) -> (N, N)."""
    unit = vectors / vectors.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return unit @ unit.T


def plane(vectors: Tensor) -> Tensor:
    """The rows on the two directions in which they differ most: (N, D) -> (N, 2), zeros where D is 1."""
    centred = vectors - vectors.mean(0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    flat = centred @ directions[:2].T
    return torch.nn.functional.pad(flat, (0, 2 - flat.shape[1]))


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
words = ["고양이", "강아지", "사과", "잔다", "뛴다", "익는다"]
pairs = torch.tensor([[0, 3], [0, 4], [1, 3], [1, 4], [2, 5], [3, 0], [3, 1], [4, 0], [4, 1], [5, 2]])
table, context = nn.Embedding(len(words), {dim}), nn.Linear({dim}, len(words), bias=False)
optimizer = torch.optim.Adam([*table.parameters(), *context.parameters()], lr=0.05)
for epoch in range({epochs}):
    loss = nn.functional.cross_entropy(context(table(pairs[:, 0])), pairs[:, 1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
similar = torch.cosine_similarity(table.weight[:1], table.weight)
for word, value in zip(words, similar.tolist()):
    print("고양이와", word, round(value, 3))
"""


def demo(*, word: str = "고양이", dim: int = 8, epochs: int = 60, seed: int = 0) -> Demo:
    """Learn vectors from small sentences; the nouns on a plane, the chosen word's neighbours, one-hot beside dense."""
    torch.manual_seed(seed)
    words, vectors, losses = train_skipgram(sentences(), dim, epochs)
    nouns = vectors[[words.index(noun) for noun in NOUNS]]
    points, similar = plane(nouns), cosine(nouns)
    figure = go.Figure()
    for (name, (members, _, _)), color in zip(GROUPS.items(), COLORS, strict=False):
        rows = [NOUNS.index(noun) for noun in members]
        figure.add_trace(
            go.Scatter(
                x=points[rows, 0].tolist(),
                y=points[rows, 1].tolist(),
                text=list(members),
                name=name,
                mode="markers+text",
                textposition="top center",
                marker={"color": color, "size": [18 if noun == word else 10 for noun in members]},
            )
        )
    titled(figure, f"{dim}차원 임베딩을 평면에 펼친 낱말들", "첫째 주성분", "둘째 주성분")
    detail = go.Figure(
        go.Heatmap(
            x=NOUNS,
            y=NOUNS,
            z=similar.round(decimals=3).tolist(),
            zmin=-1,
            zmax=1,
            colorscale="RdBu",
            colorbar={"title": "코사인"},
        )
    )
    detail.update_yaxes(autorange="reversed")
    titled(detail, "낱말 사이의 코사인 유사도 (원-핫이라면 대각선만 1, 나머지는 모두 0)", "낱말", "낱말", height=480)

    row = NOUNS.index(word)
    order = [i for i in similar[row].argsort(descending=True).tolist() if i != row][:3]
    neighbours = ", ".join(f"{NOUNS[i]}({similar[row, i]:.2f})" for i in order)
    group = next(name for name, (members, _, _) in GROUPS.items() if word in members)
    together = sum(NOUNS[i] in GROUPS[group][0] for i in order)
    return Demo(
        figure=figure,
        numbers={
            "가까운 낱말": neighbours,
            "이웃 셋 중 같은 무리": together,
            "원-핫에서의 유사도": 0,
            "어휘 크기 V": len(words),
            "임베딩 파라미터 V×D": len(words) * dim,
            "마지막 손실": round(losses[-1], 3),
        },
        text=f"{epochs}번 학습한 뒤 ‘{word}’와 가장 가까운 낱말은 {neighbours}이고, "
        f"셋 가운데 {together}개가 같은 {group} 무리입니다. "
        f"원-핫이라면 {len(words)}칸을 쓰고도 모든 낱말과의 유사도가 0이지만, "
        f"여기서는 {dim}칸으로 가까움을 나타냅니다.",
        code=CODE.format(seed=seed, dim=dim, epochs=epochs),
        detail=detail,
    )


WORDS = {
    "vocabulary": ("num_embeddings", "vocab_size", "어휘 크기", "어휘", "단어 수", "단어", "vocab"),
    "dim": ("embedding_dim", "임베딩 차원", "임베딩 크기", "벡터 차원", "차원"),
}


def read_table(question: str) -> Mapping[str, Any] | None:
    """Rows and columns of a question for the parameters of an embedding table, or None."""
    if not has(question, ("임베딩", "embedding"), ("파라미터", "매개변수", "parameter", "가중치")):
        return None
    call = re.search(r"Embedding\(\s*(?:\w+\s*=\s*)?([\d_]+)\s*,\s*(?:\w+\s*=\s*)?([\d_]+)", question, re.IGNORECASE)
    if call:
        return {"vocabulary": int(call[1]), "dim": int(call[2])}
    found = {key: int(n) for key, n in named_numbers(question, WORDS).items() if n == int(n) and n > 0}
    return found if found.keys() == WORDS.keys() else None


def count_table(vocabulary: int, dim: int) -> Computed:
    """V x D parameters, and their size in float32."""
    total = vocabulary * dim
    steps = f"단어마다 한 행씩 {vocabulary:,} × {dim:,} = {total:,}개입니다. float32라면 {total * 4:,}바이트입니다."
    return Computed(f"{total:,}개", steps, "$V \\times D$")


CONCEPT = Concept(
    slug="word_embedding",
    title="단어 임베딩",
    aliases=(
        "단어 임베딩",
        "워드 임베딩",
        "워드임베딩",
        "word embedding",
        "word2vec",
        "nn.Embedding",
        "임베딩 표",
        "임베딩 층",
        "embedding table",
        "스킵그램",
        "skip-gram",
        "CBOW",
        "단어 벡터",
        "임베딩",
    ),
    summary="단어 번호를 뜻이 담긴 짧은 실수 벡터로 바꾼다.",
    demo=demo,
    controls=(
        Control("word", "살펴볼 낱말", "고양이", choices=NOUNS),
        Control("dim", "임베딩 차원", 8, 2, 32, 1, words=WORDS["dim"]),
        Control("epochs", "학습 횟수", 60, 1, 200, 10, words=("학습 횟수", "에폭", "epoch")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("임베딩 표의 파라미터 수", read_table, count_table, "임베딩 표 파라미터 어휘 크기 차원"),
    ),
)
