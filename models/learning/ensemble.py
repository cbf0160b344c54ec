"""앙상블(ensemble): 따로 학습한 여러 모델의 예측을 모은다. 믹스업(mixup): 두 샘플을 섞어 새 샘플을 만든다.

오차의 분산이 $\\sigma^2$, 두 모델의 상관이 $\\rho$인 모델 $M$개를 평균 내면

$$ \\mathrm{Var} = \\rho\\sigma^2 + \\frac{1 - \\rho}{M}\\sigma^2, \\qquad
   \\tilde{x} = \\lambda x_i + (1-\\lambda) x_j, \\quad \\tilde{y} = \\lambda y_i + (1-\\lambda) y_j $$

출처: Dietterich (2000), "Ensemble Methods in Machine Learning"; Breiman (1996), "Bagging Predictors";
Zhang et al. (2018), "mixup: Beyond Empirical Risk Minimization", ICLR.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn
from torch.nn import functional as F

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREY, RED, titled
from models.learning.weight_initialization import he_std
from models.reading import VALUE_WORDS, has, lists, named_numbers, written


def hard_vote(labels: Tensor) -> Tensor:
    """The label that most models give: whole numbers (models, samples) -> (samples,); ties go to the smaller."""
    return F.one_hot(labels).sum(0).argmax(-1)  # (models, samples, classes) -> (samples, classes) -> (samples,)


def soft_vote(probabilities: Tensor) -> Tensor:
    """The mean of the models' probabilities: (models, samples, classes) -> (samples, classes)."""
    return probabilities.mean(0)


def mixup(x: Tensor, y: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Each sample blended with another by a share drawn from Beta(alpha, alpha).

    ``x``: (N, ...), ``y``: one-hot (N, classes) -> the same shapes.
    """
    share = torch.distributions.Beta(alpha, alpha).sample((len(x),)).to(x.dtype)  # lambda, (N,)
    other = torch.randperm(len(x))
    wide = share.view(-1, *[1] * (x.dim() - 1))
    return wide * x + (1 - wide) * x[other], share[:, None] * y + (1 - share[:, None]) * y[other]


def majority_accuracy(accuracy: float, models: int) -> float:
    """How often the majority of an odd number of independent models, each right with ``accuracy``, is right."""
    wins = range(models // 2 + 1, models + 1)
    return sum(math.comb(models, k) * accuracy**k * (1 - accuracy) ** (models - k) for k in wins)


class Crowd(nn.Module):
    """Many small networks side by side, each with weights of its own: one matrix product trains them all.

    ``models``: how many networks; ``sizes``: units of each layer, input first.
    """

    def __init__(self, models: int, sizes: tuple[int, ...]) -> None:
        super().__init__()
        pairs = list(pairwise(sizes))
        self.weights = nn.ParameterList(torch.randn(models, i, o) * he_std(i) for i, o in pairs)
        self.biases = nn.ParameterList(torch.zeros(models, 1, o) for _, o in pairs)

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (N, in) for all, or (models, N, in) -> logits (models, N, out)."""
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ weight + bias  # (models, N, in) @ (models, in, out)
            if i < len(self.weights) - 1:
                x = F.relu(x)
        return x


def train_crowd(models: int, x: Tensor, y: Tensor, steps: int = 120) -> Crowd:
    """Each network on its own bootstrap sample (bagging). ``x``: (N, 2), ``y``: (N,)."""
    crowd = Crowd(models, (2, 24, 24, 2))
    picks = torch.randint(len(x), (models, len(x)))  # 복원 추출
    inputs, targets = x[picks], y[picks]  # (models, N, 2), (models, N)
    optimizer = torch.optim.Adam(crowd.parameters(), lr=0.03, fused=True)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(crowd(inputs).flatten(0, 1), targets.flatten()).backward()
        optimizer.step()
    return crowd


CODE = """\
import numpy as np
from sklearn.datasets import make_moons
from sklearn.ensemble import VotingClassifier
from sklearn.tree import DecisionTreeClassifier

x, y = make_moons(400, noise={noise}, random_state={seed})
trees = [(str(i), DecisionTreeClassifier(max_features=1, splitter="random", random_state=i)) for i in range({models})]
vote = VotingClassifier(trees, voting="hard").fit(x[:150], y[:150])
alone = [tree.score(x[150:], y[150:]) for tree in vote.estimators_]
print("한 모델의 평균:", np.mean(alone))
print("다수결:", vote.score(x[150:], y[150:]))
"""


def demo(*, models: int = 7, noise: float = 0.3, alpha: float = 0.4, seed: int = 0) -> Demo:
    """One network's boundary beside the vote's; below, mixup's samples between the moons."""
    torch.manual_seed(seed)
    from sklearn.datasets import make_moons  # slow to import, and only needed here

    points, labels = make_moons(700, noise=noise, random_state=seed)
    x, y = torch.tensor(points, dtype=torch.float32), torch.tensor(labels)
    train, test = slice(0, 100), slice(100, None)
    crowd = train_crowd(models, x[train], y[train])
    axes = torch.linspace(-2, 3, 41), torch.linspace(-1.6, 2.1, 41)
    grid = torch.cartesian_prod(axes[1], axes[0]).flip(1)  # (41*41, 2)
    with torch.no_grad():
        tested = crowd(x[test]).softmax(-1)  # (models, 600, 2)
        drawn = crowd(grid).softmax(-1)  # (models, 1681, 2)
    alone = (tested.argmax(-1) == y[test]).float().mean(1)  # (models,)
    hard = (hard_vote(tested.argmax(-1)) == y[test]).float().mean().item()
    soft = (soft_vote(tested).argmax(-1) == y[test]).float().mean().item()

    figure = make_subplots(rows=1, cols=2, subplot_titles=("모델 하나", f"모델 {models}개의 확률 평균"))
    for column, probability in enumerate((drawn[0, :, 1], soft_vote(drawn)[:, 1]), 1):
        figure.add_trace(go.Contour(x=axes[0].tolist(), y=axes[1].tolist(), showscale=False, colorscale="RdBu",
                                    reversescale=True,
                                    z=[[round(v, 2) for v in row] for row in probability.view(41, 41).tolist()],
                                    contours={"start": 0, "end": 1, "size": 0.1}, opacity=0.6), row=1, col=column)
        figure.add_trace(go.Scatter(x=points[train, 0].round(3).tolist(), y=points[train, 1].round(3).tolist(),
                                    mode="markers",
                                    marker={"color": [RED if v else BLUE for v in labels[train]], "size": 5},
                                    showlegend=False), row=1, col=column)
    titled(figure, "따로 학습한 모델의 의견을 모으면 경계가 고르게 된다", "x₁", "x₂")

    mixed, soft_labels = mixup(x[train], F.one_hot(y[train]).float(), alpha)
    detail = go.Figure([
        go.Scatter(x=points[train, 0].round(3).tolist(), y=points[train, 1].round(3).tolist(), mode="markers",
                   name="원래 샘플", marker={"color": GREY, "size": 5}),
        go.Scatter(x=[round(v, 3) for v in mixed[:, 0].tolist()], y=[round(v, 3) for v in mixed[:, 1].tolist()],
                   mode="markers", name="섞은 샘플(색은 라벨의 비율)",
                   marker={"color": [round(v, 2) for v in soft_labels[:, 1].tolist()],
                                                    "colorscale": "RdBu", "reversescale": True, "cmin": 0, "cmax": 1,
                           "size": 9}),
    ])
    titled(detail, f"믹스업 α={alpha:g}: 두 반달 사이를 섞은 샘플이 메운다", "x₁", "x₂")
    mean = alone.mean().item()
    why = "저마다 틀리는 곳이 달라 실수가 서로 지워졌습니다" if max(hard,
                                               soft) > mean else "같은 곳에서 틀려 이득이 없습니다"
    return Demo(
        figure=figure,
        numbers={"모델 하나의 평균 정확도": round(mean, 4), "가장 나쁜 모델": round(alone.min().item(), 4),
                 "가장 좋은 모델": round(alone.max().item(), 4), "다수결(하드 보팅)": round(hard, 4),
                 "확률 평균(소프트 보팅)": round(soft, 4)},
        text=f"모델 {models}개의 정확도는 평균 {mean:.1%}인데, 다수결은 {hard:.1%}, 확률 평균은 {soft:.1%}입니다. "
             f"{why}.",
        code=CODE.format(models=models, noise=noise, seed=seed),
        detail=detail,
    )


_SOFT = ("소프트 보팅", "soft vot", "확률 평균", "평균 확률", "확률을 평균")
_HARD = ("하드 보팅", "hard vot", "다수결", "투표")


def parse_majority(question: str) -> Mapping[str, Any] | None:
    """``정확도 0.7인 모델 3개가 독립일 때 다수결의 정확도는?`` -> the accuracy and the number of models."""
    if not has(question, ("다수결", "앙상블", "투표", "voting"), ("독립",), ("정확도",)):
        return None
    words = {"세": 3, "다섯": 5, "일곱": 7, "아홉": 9}
    spelled = re.sub(r"(세|다섯|일곱|아홉)\s*개", lambda m: f"{words[m[1]]}개", question)
    models = re.search(r"모델(?:이|을)?\s*(\d+)\s*개|(\d+)\s*개의?\s*모델", spelled)
    accuracy = re.search(r"정확도(?:가|는|이)?\s*(\d+(?:\.\d+)?)\s*(%|퍼센트)?|(\d+(?:\.\d+)?)\s*(%|퍼센트)", spelled)
    if models is None or accuracy is None:
        return None
    value = float(accuracy[1] or accuracy[3]) / (100 if accuracy[2] or accuracy[4] else 1)
    count = int(models[1] or models[2])
    return {"accuracy": value, "models": count} if count % 2 and count < 1000 and 0 <= value <= 1 else None


def run_majority(accuracy: float, models: int) -> Computed:
    """The accuracy of the majority of independent models."""
    value = majority_accuracy(accuracy, models)
    half = models // 2 + 1
    terms = [f"C({models},{k})·{accuracy:g}^{k}" + (f"·{written(1 - accuracy)}^{models - k}" if k < models else "")
             for k in range(half, min(models, half + 3) + 1)]
    return Computed(value=written(value), formula="$\\sum_{k>M/2} \\binom{M}{k} p^k (1-p)^{M-k}$",
                    steps=f"{models}개 가운데 {half}개 이상이 맞을 확률입니다: "
                          f"{' + '.join(terms)}{' + …' if half + 3 < models else ''} = {written(value)}")


def parse_vote(question: str) -> Mapping[str, Any] | None:
    """``세 모델이 [1, 0, 1]로 예측했을 때 하드 보팅 결과는?`` -> the list and the way of voting."""
    found, soft, hard = lists(question), has(question, _SOFT), has(question, _HARD)
    if soft == hard or len(found) != 1 or len(found[0]) < 2 or not has(question, VALUE_WORDS):
        return None
    if hard and not all(v == int(v) and v >= 0 for v in found[0]):
        return None
    return {"values": found[0], "soft": soft}


def run_vote(values: list[float], soft: bool) -> Computed:
    """A vote over labels, or the mean of probabilities."""
    if soft:
        mean = soft_vote(torch.tensor(values, dtype=torch.float64)).item()
        return Computed(value=written(mean), formula="$\\bar{p} = \\frac{1}{M}\\sum_m p_m$",
                        steps=f"({' + '.join(written(v) for v in values)}) / {len(values)} = {written(mean)}입니다. "
                              f"이진 분류라면 0.5{' 이상이므로 1' if mean >= 0.5 else ' 미만이므로 0'}로 판정합니다.")
    labels = [int(v) for v in values]
    winner = int(hard_vote(torch.tensor(labels)[:, None])[0])
    counts = ", ".join(f"{label}번 라벨 {labels.count(label)}표" for label in sorted(set(labels)))
    return Computed(value=str(winner), formula="$\\hat{y} = \\arg\\max_c \\sum_m [y_m = c]$",
                    steps=f"{counts}이므로 가장 많은 표를 얻은 {winner}입니다.")


def parse_mixup(question: str) -> Mapping[str, Any] | None:
    """``람다 0.7로 [1, 0]과 [0, 1]을 믹스업하면?`` -> the share and the two vectors."""
    found = [v for v in lists(question) if len(v) > 1]
    share = named_numbers(re.sub(r"\[.*?\]|\(.*?\)", " ", question), {"share": ("람다", "lambda", "λ", "비율")})
    if not has(question,
               ("믹스업", "mixup")) or len(found) != 2 or len(found[0]) != len(found[1]) or "share" not in share:
        return None
    return {"first": found[0], "second": found[1], **share} if 0 <= share["share"] <= 1 else None


def run_mixup(first: list[float], second: list[float], share: float) -> Computed:
    """Two vectors blended."""
    out = [share * a + (1 - share) * b for a, b in zip(first, second, strict=True)]
    return Computed(value="[" + ", ".join(written(round(v, 10)) for v in out) + "]",
                    formula="$\\lambda x_i + (1-\\lambda) x_j$",
                    steps=f"칸마다 {share:g} × 첫째 + {written(round(1 - share, 10))} × 둘째를 구합니다.")


CONCEPT = Concept(
    slug="ensemble",
    title="앙상블과 믹스업",
    aliases=("ensemble", "앙상블", "앙상불", "하드 보팅", "소프트 보팅", "hard voting", "soft voting", "다수결", "배깅",
             "bagging", "부스팅", "boosting", "mixup", "믹스업", "mix-up"),
    summary="따로 학습한 여러 모델의 예측을 모아 한 모델보다 나은 답을 낸다.",
    demo=demo,
    controls=(
        Control("models", "모델의 수", 7, 1, 25, 1, words=("모델", "models")),
        Control("noise", "데이터의 잡음", 0.3, 0.05, 0.6, 0.05, words=("잡음", "노이즈", "noise")),
        Control("alpha", "믹스업 α", 0.4, 0.1, 4.0, 0.1, words=("알파", "alpha", "α")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("독립인 모델의 다수결 정확도", parse_majority, run_majority, "앙상블 독립 다수결 정확도"),
        Computation("보팅 결과", parse_vote, run_vote, "하드 보팅 소프트 보팅 다수결 확률 평균"),
        Computation("믹스업한 샘플", parse_mixup, run_mixup, "믹스업 람다 섞은 샘플"),
    ),
)
