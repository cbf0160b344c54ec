"""데이터 분할과 교차 검증(data split, cross validation): 처음 보는 데이터에서의 실력을 공정하게 잰다.

훈련 세트로 배우고, 검증 세트로 고르고, 테스트 세트는 마지막에 한 번 쓴다. 데이터가 적으면 $k$조각으로 나누어
돌아가며 검증한다.

$$ \\mathrm{CV} = \\frac{1}{k}\\sum_{i=1}^{k} s_i $$

출처: Stone (1974), "Cross-Validatory Choice and Assessment of Statistical Predictions"; Kohavi (1995), "A Study of
Cross-Validation and Bootstrap for Accuracy Estimation and Model Selection".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import BLUE, GOLD, GREEN, RED, grid, titled
from models.learning.softmax_classification import SoftmaxClassifier, fit
from models.reading import has, named_numbers, typed, written

NAMES = ("훈련", "검증", "테스트")


def sizes(n: int, ratios: Sequence[float]) -> list[int]:
    """How many of ``n`` samples each part gets; what rounding leaves goes to the first parts, one each."""
    parts = [math.floor(n * r / sum(ratios) + 1e-9) for r in ratios]
    for i in range(n - sum(parts)):
        parts[i % len(parts)] += 1
    return parts


def split(n: int, ratios: Sequence[float], *, labels: Tensor | None = None,
          generator: torch.Generator | None = None) -> list[Tensor]:
    """Shuffled sample numbers, one tensor for each part, no sample twice.

    Args:
        ratios: such as (8, 1, 1).
        labels: class numbers (n,): where given, every part gets each class in proportion (stratified).
    """
    if labels is not None:
        groups = [torch.nonzero(labels == c)[:, 0] for c in labels.unique()]
        pieces = [[g[i] for i in split(len(g), ratios, generator=generator)] for g in groups]
        return [torch.cat(parts) for parts in zip(*pieces, strict=True)]
    return list(torch.randperm(n, generator=generator).split(sizes(n, ratios)))  # 자르기 전에 섞는다


def k_folds(n: int, k: int, generator: torch.Generator | None = None) -> list[tuple[Tensor, Tensor]]:
    """(training, validation) sample numbers of each of ``k`` turns; in order where there is no generator.

    Raises:
        ValueError: k is below 2 or above n.
    """
    if not 2 <= k <= n:
        raise ValueError(f"k={k}: between 2 and the {n} samples")
    order = torch.arange(n) if generator is None else torch.randperm(n, generator=generator)
    folds = order.split(sizes(n, [1] * k))
    return [(torch.cat([f for j, f in enumerate(folds) if j != i]), fold) for i, fold in enumerate(folds)]


@cache
def _digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits  # slow to import, and only needed here

    x, y = load_digits(return_X_y=True)
    return torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)


def digit_accuracy(train: Tensor, validation: Tensor, epochs: int = 25) -> tuple[float, float]:
    """Accuracy of a softmax classifier on the samples it learned from, and on the others (scikit-learn's digits)."""
    x, y = _digits()
    model = SoftmaxClassifier(64, 10)
    assert model.linear.bias is not None
    torch.nn.init.zeros_(model.linear.weight)  # 볼록한 문제라 0에서 시작해도 된다: 조각의 차이만 남는다
    torch.nn.init.zeros_(model.linear.bias)
    fit(model, x[train], y[train], lr=1.0, epochs=epochs)
    with torch.no_grad():
        right = [(model.predict(x[part]) == y[part]).float().mean().item() for part in (train, validation)]
    return right[0], right[1]


CODE = """\
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score, train_test_split

x, y = load_digits(return_X_y=True)
x, y = x[:{samples}] / 16, y[:{samples}]
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size={test}, random_state={seed})
scores = cross_val_score(LogisticRegression(max_iter=200), x_train, y_train, cv={k})
print("조각마다의 정확도:", np.round(scores, 3), "평균:", scores.mean().round(3))
"""


def demo(*, ratio: str = "6:2:2", samples: int = 200, k: int = 5, seed: int = 0) -> Demo:
    """Which sample goes where, and a digit classifier judged on every fold in turn."""
    ratios = typed(ratio.replace(":", " "), "비율(ratio)", least=2, most=3)
    if min(ratios) <= 0:
        raise ConceptError(f"비율(ratio)={ratio!r}: 모두 0보다 커야 합니다.")
    generator = torch.Generator().manual_seed(seed)
    parts = split(samples, ratios, generator=generator)
    names = NAMES if len(parts) == 3 else (NAMES[0], NAMES[2])
    role = torch.zeros(-(-samples // 20) * 20) - 1  # 남는 칸은 -1
    for i, part in enumerate(parts):
        role[part] = i
    rows = role.view(-1, 20)
    scores = [digit_accuracy(*fold) for fold in k_folds(samples, k, generator)]
    held = [s for _, s in scores]
    mean = sum(held) / k
    spread = math.sqrt(sum((s - mean) ** 2 for s in held) / k)

    figure = make_subplots(rows=1, cols=2, subplot_titles=(f"{ratio}로 나눈 {samples}개", f"{k}-겹 교차 검증의 정확도"))
    letters = [[names[int(v)][0] if v >= 0 else "" for v in row] for row in rows.tolist()]
    colours = [[0, "white"], [1 / 3, BLUE], [2 / 3, GOLD], [1, RED]]
    figure.add_trace(grid(rows.tolist(), labels=letters, colorscale=colours), row=1, col=1)
    figure.update_traces(zmin=-1, zmax=2, opacity=0.7, selector={"type": "heatmap"})
    figure.update_yaxes(autorange="reversed", row=1, col=1)
    turns = [f"{i}번" for i in range(1, k + 1)]
    figure.add_bar(x=turns, y=[t for t, _ in scores], name="배운 데이터", marker_color="#bfdbfe", row=1, col=2)
    figure.add_bar(x=turns, y=held, name="검증 조각", marker_color=GREEN, row=1, col=2)
    figure.add_scatter(x=turns, y=[mean] * k, name="평균", mode="lines", line_color=RED, row=1, col=2)
    titled(figure, f"평균 {mean:.1%}, 조각에 따라 ±{spread:.1%}", "칸마다 샘플 하나", "줄(20개씩)")
    figure.update_xaxes(title_text="검증에 쓴 조각", row=1, col=2).update_yaxes(title_text="정확도", row=1, col=2)

    order = [[1.0 if i == j else 0.0 for j in range(k)] for i in range(k)]
    detail = go.Figure(grid(order, labels=[["검증" if v else "훈련" for v in row] for row in order]))
    titled(detail.update_yaxes(autorange="reversed"), "돌아가며 한 조각씩 검증한다", "조각", "차례")
    counts = [len(p) for p in parts]
    learned = sum(t for t, _ in scores) / k
    return Demo(
        figure=figure,
        numbers={**{f"{n} 세트": c for n, c in zip(names, counts, strict=True)}, "교차 검증 평균": round(mean, 4),
                 "조각 사이의 표준편차": round(spread, 4), "가장 낮은 조각": round(min(held), 4),
                 "가장 높은 조각": round(max(held), 4)},
        text=f"배운 데이터로 재면 {learned:.1%}, 처음 보는 조각에서는 {mean:.1%}입니다. "
             f"조각에 따라 {min(held):.1%}에서 {max(held):.1%}까지 달라지므로 평균을 봅니다.",
        code=CODE.format(samples=samples, test=round(ratios[-1] / sum(ratios), 4), seed=seed, k=k),
        detail=detail,
    )


_N = {"n": ("데이터", "샘플", "전체", "예제", "이미지", "N")}
_RATIO = re.compile(r"(?<![\d:])(\d+(?:\.\d+)?(?:\s*[:대]\s*\d+(?:\.\d+)?){1,2})(?![\d:])")


def _parse_split(question: str) -> Mapping[str, Any] | None:
    match = _RATIO.search(question)
    if match is None or not has(question, ("나누", "나눠", "분할", "쪼개", "split"), ("몇", "개수", "얼마", "각각")):
        return None
    n = named_numbers(question[:match.start()] + " " + question[match.end():], _N).get("n", 0)
    ratios = [float(v) for v in re.split(r"[:대]", match[1])]
    return {"n": int(n), "ratios": ratios} if n >= 1 and min(ratios) > 0 else None


def _run_split(n: int, ratios: list[float]) -> Computed:
    parts, whole = sizes(n, ratios), sum(ratios)
    way = ", ".join(f"{written(n)}×{r:g}/{whole:g}={written(p)}" for r, p in zip(ratios, parts, strict=True))
    exact = all(abs(n * r / whole - p) < 1e-6 for r, p in zip(ratios, parts, strict=True))
    note = "" if exact else " 나누어떨어지지 않아 남는 샘플은 앞 세트부터 하나씩 더했습니다."
    return Computed(", ".join(map(written, parts)), f"비율의 합 {whole:g}으로 나누면 {way}입니다.{note}",
                    "$N \\cdot r_i / \\sum_j r_j$")


def _parse_folds(question: str) -> Mapping[str, Any] | None:
    if not has(question, ("fold", "폴드", "-겹", "겹교차", "교차검증")):
        return None
    match = re.search(r"(\d+)\s*-?\s*(?:fold|폴드|겹)", question, re.IGNORECASE) or re.search(
        r"(?<![A-Za-z])k\s*(?:=|가|는|이)?\s*(\d+)", question, re.IGNORECASE)
    if match is None or int(match[1]) < 2:
        return None
    k, rest = int(match[1]), question[:match.start()] + " " + question[match.end():]
    if has(question, ("몇번", "몇회", "횟수")):
        return {"k": k, "n": 0, "wanted": "turns"}
    n = int(named_numbers(rest, _N).get("n", 0))
    if n < k or not has(question, ("몇개", "개수", "얼마", "크기")):
        return None
    return {"k": k, "n": n, "wanted": "train" if has(rest, ("학습", "훈련", "배우")) else "validation"}


def _run_folds(k: int, n: int, wanted: str) -> Computed:
    if wanted == "turns":
        return Computed(str(k), f"조각을 하나씩 번갈아 빼놓으므로 모델을 {k}번 학습시킵니다.", "$k$")
    train, fold = k_folds(n, k)[0]
    value = written(len(train) if wanted == "train" else len(fold))
    note = "" if n % k == 0 else " 나누어떨어지지 않아 조각에 따라 하나 차이가 납니다."
    way = f"한 조각은 {written(n)}/{k}={written(len(fold))}개, 나머지 {written(len(train))}개로 배웁니다.{note}"
    return Computed(value, way, "$N/k$, $N - N/k$")


CONCEPT = Concept(
    slug="data_split",
    title="데이터 분할과 교차 검증",
    aliases=("data split", "데이터 분할", "데이터 분리", "train test split", "훈련 세트", "훈련셋", "검증 세트",
             "검증셋", "테스트 세트", "테스트셋", "validation set", "test set", "training set", "교차 검증", "교차검증",
             "cross validation", "k-fold", "k-겹", "k폴드", "층화 추출", "stratify"),
    summary="데이터를 훈련, 검증, 테스트로 나누어 처음 보는 데이터에서의 실력을 잰다.",
    demo=demo,
    controls=(
        Control("ratio", "비율", "6:2:2", max_length=20, pattern=r"(\d+(?:\s*:\s*\d+){1,2})"),
        Control("samples", "샘플 수", 200, 40, 600, 20, words=("샘플", "데이터")),
        Control("k", "조각의 수 k", 5, 2, 10, 1, words=("k-fold", "fold", "겹", "조각", "k")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("split", _parse_split, _run_split, "데이터 분할 비율"),
        Computation("folds", _parse_folds, _run_folds, "k-겹 교차 검증"),
    ),
)
