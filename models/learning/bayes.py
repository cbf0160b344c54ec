"""베이즈 정리: 새 증거를 보았을 때 처음의 믿음을 얼마나 고쳐야 하는지 알려 준다. 그 응용인 베이지안 최적화까지.

$$ P(A \\mid B) = \\frac{P(B \\mid A) P(A)}{P(B \\mid A) P(A) + P(B \\mid A^c) P(A^c)} $$

동전의 앞면 확률에 Beta(a, b)를 두면 앞면 h번, 뒷면 t번 뒤의 사후분포는 Beta(a+h, b+t)이다.

출처: Bayes (1763), "An Essay towards solving a Problem in the Doctrine of Chances";
Snoek, Larochelle, Adams (2012), "Practical Bayesian Optimization of Machine Learning Algorithms", NIPS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, COLORS, GREEN, GREY, RED, titled
from models.reading import NUMBER, has, named_numbers, to_number, written


def posterior(prior: float, likelihood: float, other_likelihood: float) -> float:
    """P(A | B) from P(A), P(B | A) and P(B | not A).

    Raises:
        ValueError: a value outside 0..1, or B impossible either way.
    """
    if not all(0 <= p <= 1 for p in (prior, likelihood, other_likelihood)):
        raise ValueError(f"{prior}, {likelihood}, {other_likelihood}: probabilities lie between 0 and 1")
    evidence = likelihood * prior + other_likelihood * (1 - prior)  # P(B)
    if evidence == 0:
        raise ValueError("P(B) = 0: what cannot happen tells nothing")
    return likelihood * prior / evidence


@dataclass(frozen=True)
class Belief:
    """A belief about a probability: Beta(a, b). Seeing heads and tails gives the next belief."""

    a: float = 1.0
    b: float = 1.0

    def after(self, heads: int, tails: int) -> Belief:
        """The posterior, which is the prior of what comes next."""
        return Belief(self.a + heads, self.b + tails)  # 켤레 사전분포: 세기만 하면 된다

    @property
    def mean(self) -> float:
        """a / (a + b)."""
        return self.a / (self.a + self.b)

    @property
    def std(self) -> float:
        """How unsure the belief is."""
        return (self.mean * (1 - self.mean) / (self.a + self.b + 1)) ** 0.5

    def density(self, x: Tensor) -> Tensor:
        """The density at ``x`` (any shape, strictly between 0 and 1)."""
        log = torch.distributions.Beta(torch.tensor(self.a), torch.tensor(self.b)).log_prob(x)
        return log.exp()


def gaussian_process(x: Tensor, y: Tensor, at: Tensor, length: float = 0.5,
                     noise: float = 1e-3) -> tuple[Tensor, Tensor]:
    """What the trials ``x``, ``y`` (n,) tell about the points ``at`` (m,): mean and standard deviation, (m,) each."""
    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return torch.exp(-((a[:, None] - b) ** 2) / (2 * length**2))  # (n,), (m,) -> (n, m)

    k = kernel(x, x) + noise * torch.eye(len(x), dtype=x.dtype)
    cross = kernel(x, at)  # (n, m)
    center, spread = y.mean(), y.std(unbiased=False).clamp_min(1e-6)
    weights = torch.linalg.solve(k, ((y - center) / spread)[:, None])[:, 0]  # K^-1 y
    variance = 1 - (cross * torch.linalg.solve(k, cross)).sum(0)
    return center + spread * (cross.T @ weights), spread * variance.clamp_min(1e-9).sqrt()


def expected_improvement(mean: Tensor, std: Tensor, best: float) -> Tensor:
    """How much below ``best`` a trial is expected to come: large where the mean is low, or nobody has looked."""
    normal = torch.distributions.Normal(0.0, 1.0)
    z = (best - mean) / std
    return (best - mean) * normal.cdf(z) + std * normal.log_prob(z).exp()


def optimise(trial: Callable[[float], float], low: float, high: float, trials: int) -> tuple[list[float], list[float]]:
    """Minimise ``trial`` over [low, high]: three even trials, then where the expected improvement is largest."""
    at = torch.linspace(low, high, 201, dtype=torch.float64)
    xs = [low, (low + high) / 2, high]
    ys = [trial(x) for x in xs]
    while len(xs) < trials:
        mean, std = gaussian_process(torch.tensor(xs, dtype=at.dtype), torch.tensor(ys, dtype=at.dtype), at)
        xs.append(at[expected_improvement(mean, std, min(ys)).argmax()].item())
        ys.append(trial(xs[-1]))
    return xs, ys


def train_once(log_rate: float) -> float:
    """log10 of the loss of a small regression after 30 steps of descent at the rate 10**log_rate."""
    generator = torch.Generator().manual_seed(0)
    x, truth, noise = (torch.randn(*size, generator=generator, dtype=torch.float64) for size in ((64, 8), (8,), (64,)))
    y = x @ truth + 0.1 * noise
    w = torch.zeros(8, dtype=torch.float64)
    for _ in range(30):
        w = w - 10**log_rate * 2 * x.T @ (x @ w - y) / 64
    return min(((x @ w - y) ** 2).mean().log10().item(), 3.0)  # 발산한 시도는 3에서 자른다


CODE = """\
import torch

torch.manual_seed({seed})
a, b = {a}, {b}                          # 사전분포 Beta(a, b)
tosses = (torch.rand({tosses}) < {truth}).int()
for i, toss in enumerate(tosses.tolist(), 1):
    a, b = a + toss, b + 1 - toss        # 오늘의 사후가 내일의 사전
    if i in (1, 5, 10, len(tosses)):
        print(i, "번 던진 뒤 앞면 확률의 추정:", round(a / (a + b), 3))
"""


def demo(*, truth: float = 0.7, tosses: int = 40, a: float = 2.0, b: float = 2.0, trials: int = 8,
         seed: int = 0) -> Demo:
    """The belief about a coin as tosses arrive; below, Bayesian optimisation of a learning rate."""
    torch.manual_seed(seed)
    heads = (torch.rand(tosses) < truth).int().cumsum(0)  # (tosses,)
    x = torch.linspace(0.005, 0.995, 120)
    figure = go.Figure()
    prior = Belief(a, b)
    for i, seen in enumerate(sorted({0, min(3, tosses), min(10, tosses), tosses})):
        h = int(heads[seen - 1]) if seen else 0
        belief = prior.after(h, seen - h)
        figure.add_trace(go.Scatter(x=[round(v, 4) for v in x.tolist()],
                                    y=[round(v, 4) for v in belief.density(x).tolist()],
                                    mode="lines", line_color=GREY if not seen else COLORS[i - 1],
                                    name="사전분포" if not seen else f"{seen}번 뒤 (앞면 {h})"))
    figure.add_vline(x=truth, line_dash="dot", line_color=GREEN, annotation_text="참값")
    titled(figure, f"동전을 {tosses}번 던지는 동안 믿음이 바뀐다", "앞면이 나올 확률", "밀도")

    xs, ys = optimise(train_once, -4.0, 0.0, trials)
    at = torch.linspace(-4, 0, 101, dtype=torch.float64)
    mean, std = gaussian_process(torch.tensor(xs, dtype=at.dtype), torch.tensor(ys, dtype=at.dtype), at)
    grid = [round(v, 3) for v in at.tolist()]
    detail = go.Figure([
        go.Scatter(x=grid + grid[::-1],
                   y=[round(v, 3) for v in (mean + 2 * std).tolist() + (mean - 2 * std).flip(0).tolist()],
                   fill="toself", line_width=0, fillcolor="rgba(37,99,235,0.15)", name="모르는 정도(±2σ)"),
        go.Scatter(x=grid, y=[round(v, 3) for v in mean.tolist()], mode="lines", line_color=BLUE,
                   name="대리 모델의 예상"),
        go.Scatter(x=xs, y=ys, mode="markers+text", text=[str(i) for i in range(1, trials + 1)],
                   textposition="top center", marker={"color": RED, "size": 9}, name="시험한 학습률(순서)"),
    ])
    titled(detail, "베이지안 최적화: 다음에 시험할 학습률을 고른다", "log₁₀ 학습률", "log₁₀ 손실")
    h = int(heads[-1])
    last = prior.after(h, tosses - h)
    best = xs[min(range(trials), key=lambda i: ys[i])]
    change = "좁아졌습니다" if last.std < prior.std else "오히려 넓어졌습니다(뜻밖의 결과라서)"
    return Demo(
        figure=figure,
        numbers={"앞면의 수": h, "사전 평균": round(prior.mean, 4), "최대가능도 추정": round(h / tosses, 4),
                 "사후 평균": round(last.mean, 4), "사후 표준편차": round(last.std, 4),
                 "고른 학습률": float(f"{10**best:.3g}")},
        text=f"{tosses}번 가운데 앞면이 {h}번 나와 믿음의 평균이 {prior.mean:.3f}에서 {last.mean:.3f}로 옮겨 갔고, "
             f"폭은 {prior.std:.3f}에서 {last.std:.3f}로 {change}. "
             f"베이지안 최적화는 {trials}번만에 학습률 {10**best:.3g}을 골랐습니다.",
        code=CODE.format(seed=seed, a=a, b=b, tosses=tosses, truth=truth),
        detail=detail,
    )


_PERCENT = rf"\s*(?:\([^)]*\))?\s*(?:이|가|은|는|=|:|률|확률)*\s*({NUMBER})\s*(%|퍼센트)?"
_PRIOR = ("유병률", "사전확률", "사전 확률", "P(A)", "prior", "스팸일 확률", "스팸 비율")
_LIKELIHOOD = ("민감도", "P(B|A)", "가능도", "likelihood", "진양성률", "재현율")
_OTHER = ("위양성률", "위양성", "거짓 양성률", "거짓양성률", "P(B|A^c)", "P(B|~A)", "P(B|not A)", "오탐률",
          "false positive rate")
_SPECIFICITY = ("특이도", "specificity")


def _probability(question: str, names: tuple[str, ...]) -> float | None:
    for name in names:
        match = re.search(re.escape(name) + _PERCENT, question, re.IGNORECASE)
        if match:
            value = to_number(match[1]) / (100 if match[2] else 1)
            return value if 0 <= value <= 1 else None
    return None


def parse_posterior(question: str) -> Mapping[str, Any] | None:
    """``유병률 1%, 민감도 99%, 위양성률 5%일 때 양성이면?`` -> the three probabilities."""
    flat = re.sub(r"\s*\|\s*", "|", question)
    prior, likelihood, other = (_probability(flat, names) for names in (_PRIOR, _LIKELIHOOD, _OTHER))
    if other is None and (specificity := _probability(flat, _SPECIFICITY)) is not None:
        other = round(1 - specificity, 12)
    if prior is None or likelihood is None or other is None or likelihood * prior + other * (1 - prior) == 0:
        return None
    return {"prior": prior, "likelihood": likelihood, "other": other}


def run_posterior(prior: float, likelihood: float, other: float) -> Computed:
    """Bayes' theorem with numbers in."""
    value = posterior(prior, likelihood, other)
    p, q, r, n = (written(v) for v in (likelihood, prior, other, round(1 - prior, 12)))
    evidence = likelihood * prior + other * (1 - prior)
    return Computed(
        value=written(value), formula="$P(A|B) = \\frac{P(B|A)P(A)}{P(B|A)P(A) + P(B|A^c)P(A^c)}$",
        steps=f"분자는 {p} × {q} = {written(likelihood * prior)}, 분모는 {p} × {q} + {r} × {n} = "
              f"{written(evidence)}입니다. 나누면 {written(value)}, 곧 {value:.1%}입니다.",
    )


def parse_beta(question: str) -> Mapping[str, Any] | None:
    """``Beta(2, 2)에서 앞면 3번, 뒷면 0번이면 사후 평균은?`` -> a, b, heads, tails."""
    beta = re.search(rf"(?:Beta|베타)\s*\(\s*({NUMBER})\s*,\s*({NUMBER})\s*\)", question, re.IGNORECASE)
    found = named_numbers(question,
                          {"heads": ("앞면이", "앞면", "성공", "heads"), "tails": ("뒷면이", "뒷면", "실패", "tails")})
    if beta is None or len(found) != 2 or not has(question, ("사후", "평균", "posterior", "추정")):
        return None
    a, b = to_number(beta[1]), to_number(beta[2])
    return {"a": a, "b": b, **{k: int(v) for k, v in found.items()}} if a > 0 and b > 0 else None


def run_beta(a: float, b: float, heads: int, tails: int) -> Computed:
    """The mean of a Beta belief after heads and tails."""
    after = Belief(a, b).after(heads, tails)
    return Computed(
        value=written(after.mean), formula="$\\frac{a+h}{a+b+h+t}$",
        steps=f"사후분포는 Beta({written(a)} + {heads}, {written(b)} + {tails}) = Beta({written(after.a)}, "
              f"{written(after.b)})이고 평균은 "
              f"{written(after.a)} / {written(after.a + after.b)} = {written(after.mean)}입니다.",
    )


CONCEPT = Concept(
    slug="bayes",
    title="베이즈 정리와 베이지안 최적화",
    aliases=("Bayes", "베이즈", "베이즈 정리", "Bayes' theorem", "베이즈 통계", "베이지안", "조건부 확률", "사전확률",
             "사후확률", "사전분포",
             "사후분포", "posterior", "베이지안 최적화", "Bayesian optimization", "켤레 사전분포", "나이브 베이즈"),
    summary="새 증거를 보았을 때 처음의 믿음(사전확률)을 사후확률로 고친다.",
    demo=demo,
    controls=(
        Control("truth", "동전의 참 앞면 확률", 0.7, 0.05, 0.95, 0.05, words=("앞면 확률", "참값")),
        Control("tosses", "던지는 횟수", 40, 1, 500, 1, words=("횟수", "던", "tosses")),
        Control("a", "사전분포 a", 2.0, 0.5, 50.0, 0.5, words=("a",)),
        Control("b", "사전분포 b", 2.0, 0.5, 50.0, 0.5, words=("b",)),
        Control("trials", "최적화 시도 수", 8, 4, 15, 1, words=("시도",)),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("베이즈 사후확률", parse_posterior, run_posterior, "베이즈 정리 사후확률 유병률 민감도 위양성률"),
        Computation("베타 분포의 사후 평균", parse_beta, run_beta, "Beta 사전분포 앞면 뒷면 사후분포 평균"),
    ),
)
