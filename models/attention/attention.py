"""어텐션(attention): 질의와 닮은 키를 찾아, 그 값을 닮은 만큼 섞는다.

$$ \\mathrm{Attention}(Q, K, V) = \\mathrm{softmax}\\!\\left(\\frac{QK^\\top}{\\sqrt{d_k}}\\right) V $$

데모는 이 계산을 한 단계씩 보이고, 그 자리에서 학습한 Seq2Seq가 어느 입력을 보고 썼는지 그린다.

출처: Bahdanau, Cho & Bengio (2015), "Neural Machine Translation by Jointly Learning to Align and Translate";
Luong, Pham & Manning (2015), "Effective Approaches to Attention-based Neural Machine Translation";
Vaswani et al. (2017), "Attention Is All You Need".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.attention.alignment import reverse
from models.attention.heatmap import attention_map
from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import BLUE, RED, grid, titled
from models.reading import has, lists, typed, typed_matrix, written, written_list


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None = None, *, scaled: bool = True) -> Tensor:
    """How much each query looks at each key.

    Args:
        query: (..., Tq, d). key: (..., Tk, d).
        mask: bool, broadcastable to (..., Tq, Tk); False hides a key from a query.
        scaled: divide by sqrt(d) before the softmax.

    Returns:
        (..., Tq, Tk); every row sums to 1. A row that may see nothing is all zeros.
    """
    scores = query @ key.transpose(-2, -1)  # (..., Tq, Tk)
    if scaled:
        scores = scores / math.sqrt(query.shape[-1])
    if mask is None:
        return scores.softmax(-1)
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
    return weights.masked_fill(~mask, 0.0)


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(QK^T / sqrt(d)) V; the same as ``F.scaled_dot_product_attention``.

    Args:
        query: (..., Tq, d). key: (..., Tk, d). value: (..., Tk, dv).
        mask: bool, broadcastable to (..., Tq, Tk); False hides a key from a query.

    Returns:
        (..., Tq, dv).
    """
    return attention_weights(query, key, mask) @ value


CODE = """\
import torch

q = torch.tensor([{query}])                      # (1, d)
K = torch.tensor({keys})                         # (키, d)
V = torch.tensor({values})                       # (키, dv)
scores = q @ K.T / q.shape[-1] ** 0.5
weights = scores.softmax(-1)
print("점수:", scores)
print("가중치:", weights, "합:", weights.sum().item())
print("출력:", weights @ V)
"""


def demo(*, query: str = "1, 0", keys: str = "1 0; 0 1; 1 1", values: str = "10 0; 0 10; 5 5", d_k: int = 64,
         digits: str = "31415", seed: int = 0) -> Demo:
    """Attention step by step on the reader's vectors; what the square root does; a seq2seq that looks."""
    q, k = torch.tensor(typed(query, "질의", 1, 6)), torch.tensor(typed_matrix(keys, "키"))
    v = torch.tensor(typed_matrix(values, "값"))
    if k.shape[1] != len(q):
        raise ConceptError(f"키 {keys!r}: 질의의 차원 {len(q)}과 키의 차원 {k.shape[1]}이 같아야 합니다.")
    if len(k) != len(v):
        raise ConceptError(f"값 {values!r}: 키 {len(k)}개마다 값이 하나씩 있어야 합니다(지금 {len(v)}개).")
    if not digits.isdecimal() or not digits.isascii() or len(digits) > 8:
        raise ConceptError(f"숫자열={digits!r}: 0부터 9까지의 숫자 1개 이상 8개 이하여야 합니다.")
    scores = k @ q  # (키,)
    weights = attention_weights(q[None], k)[0]
    output = scaled_dot_product_attention(q[None], k, v)[0]

    figure = make_subplots(rows=1, cols=3, horizontal_spacing=0.1,
                           subplot_titles=("점수와 가중치", "값을 섞은 출력", f"√d_k로 나누기(d_k={d_k})"))
    steps = torch.stack([scores, scores / math.sqrt(len(q)), weights])
    figure.add_trace(grid(steps.tolist(), colorscale="RdBu").update(
        x=[f"키 {i + 1}" for i in range(len(k))], y=["내적", "÷√d", "가중치"]), row=1, col=1)
    mixed = torch.cat([weights[:, None] * v, output[None]])  # (키+1, dv)
    figure.add_trace(grid(mixed.tolist(), colorscale="RdBu").update(
        x=[f"칸 {i + 1}" for i in range(v.shape[1])],
        y=[*(f"값 {i + 1}의 몫" for i in range(len(v))), "출력"]), row=1, col=2)
    figure.update_yaxes(autorange="reversed", title_text=" ", col=1)
    figure.update_yaxes(autorange="reversed", title_text=" ", col=2)
    torch.manual_seed(seed)
    asking, known = torch.randn(1, d_k), torch.randn(8, d_k)
    sharp = {}
    for name, scaled, color in (("나누지 않음", False, RED), ("나눔", True, BLUE)):
        spread = attention_weights(asking, known, scaled=scaled)[0]
        sharp[name] = spread.max().item()
        figure.add_bar(x=list(range(1, 9)), y=spread.tolist(), name=name, marker_color=color, row=1, col=3)
    titled(figure, "질의와 닮은 키의 값을 섞는다", "무작위 키", "가중치")
    figure.update_xaxes(title_text="키", row=1, col=1)
    figure.update_xaxes(title_text="출력의 칸", row=1, col=2)

    wrote, looked, loss = reverse(digits, seed)
    detail = go.Figure()
    attention_map(detail, looked.tolist(), list(wrote), list(digits))
    titled(detail, f"Seq2Seq가 거꾸로 쓸 때 본 곳: {digits} → {wrote}", "읽은 숫자", "쓴 숫자")
    most = int(weights.argmax()) + 1
    return Demo(
        figure=figure,
        numbers={"가중치": written_list(weights.tolist()), "출력": written_list(output.tolist()),
                 "가장 많이 본 키": most, "나누지 않을 때 가장 큰 가중치": round(sharp["나누지 않음"], 3),
                 "나눌 때 가장 큰 가중치": round(sharp["나눔"], 3),
                 "거꾸로 쓴 숫자": wrote, "학습 손실": round(loss, 4)},
        text=f"{most}번 키의 가중치가 가장 큽니다({weights.max():.2f}). "
             f"차원이 {d_k}인 무작위 벡터에서는 √d_k로 나누지 않으면 "
             f"가장 큰 가중치가 {sharp['나누지 않음']:.2f}, 나누면 {sharp['나눔']:.2f}입니다. "
             f"학습한 Seq2Seq가 {digits} 다음에 쓴 것은 {wrote}입니다.",
        code=CODE.format(query=q.tolist(), keys=k.tolist(), values=v.tolist()),
        detail=detail,
    )


ROLES = {"q": r"질의|쿼리|query|(?<![a-z])q(?![a-z])", "k": r"키|key|(?<![a-z])k(?![a-z])",
         "v": r"값|밸류|벨류|value|(?<![a-z])v(?![a-z])"}


def _vectors(question: str) -> dict[str, list[list[float]]]:
    """The bracketed vectors of a question by role; one without a name goes with the one before it."""
    found: dict[str, list[list[float]]] = {}
    role, start = "", 0
    for match in re.finditer(r"[\[(][^\[\]()]*\d[^\[\]()]*[\])]", question):
        before = [(m.start(), name) for name, words in ROLES.items()
                  for m in re.finditer(words, question[start:match.start()], re.IGNORECASE)]
        role = max(before)[1] if before else role
        found.setdefault(role, []).extend(lists(match[0]))
        start = match.end()
    return found


def _parse(question: str) -> Mapping[str, Any] | None:
    found = _vectors(question)
    q, k, v = found.get("q", []), found.get("k", []), found.get("v", [])
    if len(q) != 1 or not k or "" in found or any(len(row) != len(q[0]) for row in k):
        return None
    if not has(question, ("어텐션", "attention", "점수", "가중치", "출력")):
        return None
    wanted = "출력" if v else "가중치" if has(question, ("가중치", "weight", "소프트맥스", "softmax")) else "점수"
    if v and (len(v) != len(k) or len({len(row) for row in v}) != 1):
        return None
    if not v and wanted == "점수" and not has(question, ("점수", "score")):
        return None
    plain = has(question, ("나누지않", "스케일하지않", "스케일없이", "나누기전"))
    return {"query": q[0], "keys": k, "values": v, "wanted": wanted, "scaled": not plain}


def _run(query: list[float], keys: list[list[float]], values: list[list[float]], wanted: str,
         scaled: bool) -> Computed:
    q, k = torch.tensor([query], dtype=torch.float64), torch.tensor(keys, dtype=torch.float64)
    dots = (q @ k.T)[0]
    scores = dots / math.sqrt(len(query)) if scaled else dots
    how = f"내적 {', '.join(map(written, dots.tolist()))}"
    if scaled:
        how += f"을 √{len(query)}로 나누면 점수는 {', '.join(map(written, scores.tolist()))}"
    if wanted == "점수":
        value = written(scores[0].item()) if len(keys) == 1 else written_list(scores.tolist())
        return Computed(value, how, "$q \\cdot k / \\sqrt{d_k}$" if scaled else "$q \\cdot k$")
    weights = attention_weights(q, k, scaled=scaled)
    how += f", 소프트맥스를 하면 가중치는 {written_list(weights[0].tolist())}"
    if wanted == "가중치":
        return Computed(written_list(weights[0].tolist()), how, "$\\mathrm{softmax}(qK^\\top / \\sqrt{d_k})$")
    output = (weights @ torch.tensor(values, dtype=torch.float64))[0].tolist()
    return Computed(written_list(output), f"{how}, 값을 이만큼씩 더하면 {written_list(output)}",
                    "$\\mathrm{softmax}(qK^\\top / \\sqrt{d_k})V$")


CONCEPT = Concept(
    slug="attention",
    title="어텐션",
    aliases=("attention", "어텐션 메커니즘", "attention mechanism", "어탠션", "주의 집중", "쿼리 키 밸류",
             "query key value", "어텐션 스코어", "어텐션 점수", "scaled dot-product attention",
             "덧셈 어텐션", "additive attention",
             "내적 어텐션", "dot-product attention", "바다나우 어텐션", "루옹 어텐션"),
    summary="질의와 닮은 키를 찾아 그 값을 닮은 만큼 섞는다.",
    demo=demo,
    controls=(
        Control("query", "질의 q", "1, 0", max_length=60),
        Control("keys", "키 K(행마다 하나)", "1 0; 0 1; 1 1", max_length=120),
        Control("values", "값 V(행마다 하나)", "10 0; 0 10; 5 5", max_length=120),
        Control("d_k", "무작위 벡터의 차원 d_k", 64, 1, 1024, 1, words=("d_k", "dk", "키 차원", "차원")),
        Control("digits", "거꾸로 쓸 숫자", "31415", max_length=8),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("attention_of_vectors", _parse, _run, "어텐션 점수 가중치 출력 질의 키 값 예"),),
)
