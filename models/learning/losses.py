"""손실 함수(loss function): 예측이 정답에서 얼마나 벗어났는지를 숫자 하나로 잰다.

$$ \\mathrm{MSE} = \\frac{1}{m}\\sum_i (\\hat y_i - y_i)^2, \\qquad
   \\mathrm{BCE} = -y\\log p - (1-y)\\log(1-p), \\qquad
   H(P, Q) = -\\sum_x P(x)\\log Q(x) $$

정보량은 $-\\log P(x)$, 엔트로피는 그 평균 $H(P) = H(P, P)$이다. 정답이 원-핫이면 항이 하나만 남아 NLL과 같다.

출처: Shannon (1948), "A Mathematical Theory of Communication".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import BLUE, GREY, RED, titled
from models.reading import has, lists, named_numbers, ordinal, typed, written


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over all values; the same as ``F.mse_loss``."""
    return ((prediction - target) ** 2).mean()


def mae(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error over all values; the same as ``F.l1_loss``."""
    return (prediction - target).abs().mean()


def binary_cross_entropy(probability: Tensor, target: Tensor) -> Tensor:
    """BCE of probabilities in [0, 1], mean over all values; the same as ``F.binary_cross_entropy``."""
    # -y log p - (1-y) log(1-p)
    return -(target * _bounded_log(probability) + (1 - target) * _bounded_log(1 - probability)).mean()


def _bounded_log(probability: Tensor) -> Tensor:
    """log p, -100 at the least: loss and gradient stay finite where a sigmoid has become exactly 0 or 1."""
    smallest = torch.finfo(probability.dtype).tiny  # 1/p가 넘치지 않는 가장 작은 p; 그 아래로는 기울기가 0이다
    return torch.where(probability > 0, torch.log(probability.clamp(min=smallest)).clamp(min=-100), -100.0)


def log_softmax(scores: Tensor, dim: int = -1) -> Tensor:
    """log of softmax, any shape -> the same shape; does not overflow; the same as ``F.log_softmax``."""
    # log p_i = z_i - log Σ e^{z_j}; 최댓값을 먼저 빼도 값은 같다
    shifted = scores - scores.amax(dim=dim, keepdim=True).detach()
    return shifted - shifted.exp().sum(dim=dim, keepdim=True).log()


def nll(log_probabilities: Tensor, target: Tensor) -> Tensor:
    """Negative log-likelihood, (N, K) and class numbers (N,), mean; the same as ``F.nll_loss``."""
    return -log_probabilities.gather(1, target[:, None]).mean()  # 정답 칸만 고른다: (N, 1)


def cross_entropy(scores: Tensor, target: Tensor) -> Tensor:
    """Scores (N, K) against class numbers (N,) or distributions (N, K), mean; the same as ``F.cross_entropy``."""
    log_q = log_softmax(scores, dim=1)  # (N, K)
    if target.is_floating_point():
        return -(target * log_q).sum(dim=1).mean()  # H(P, Q) = -Σ P log Q
    return nll(log_q, target)


def information(probability: Tensor) -> Tensor:
    """Information -log P of an event, in nats; any shape."""
    return -torch.log(probability)


def cross_entropy_of(p: Tensor, q: Tensor) -> Tensor:
    """H(P, Q) of two distributions over the last dim, in nats; 0 log 0 counts as 0."""
    return torch.where(p > 0, p * information(torch.where(p > 0, q, torch.ones_like(q))), torch.zeros_like(p)).sum(-1)


def entropy(p: Tensor) -> Tensor:
    """H(P) of a distribution over the last dim, in nats."""
    return cross_entropy_of(p, p)


CODE = """\
import torch
import torch.nn.functional as F

q = torch.tensor([{q}])          # 예측 확률
y = torch.tensor([{target}])     # 정답 클래스(0부터)
print("크로스 엔트로피(NLL):", F.nll_loss(q.log(), y).item())
print("예측의 엔트로피:", -(q * q.log()).nansum().item())
print("원-핫과의 MSE:", F.mse_loss(q, F.one_hot(y, q.shape[1]).float()).item())
"""


def _distribution(numbers: Sequence[float]) -> bool:
    return len(numbers) > 1 and min(numbers) >= 0 and abs(sum(numbers) - 1) <= 0.011


def demo(*, prediction: str = "0.7, 0.2, 0.1", target: int = 1) -> Demo:
    """What each class adds to the cross-entropy, and where the answer's probability lies on the curves of loss."""
    numbers = typed(prediction, "예측 확률(prediction)", least=2, most=8)
    if not _distribution(numbers):
        raise ConceptError(f"예측 확률(prediction)={prediction!r}: 0 이상이고 합이 1이어야 합니다. "
                           f"지금 합은 {sum(numbers):g}입니다.")
    if target > len(numbers):
        raise ConceptError(f"정답 번호(target)={target}: 클래스가 {len(numbers)}개이니 그 이하여야 합니다.")
    q = torch.tensor(numbers, dtype=torch.float64)  # (K,)
    y = torch.nn.functional.one_hot(torch.tensor(target - 1), len(numbers)).double()  # (K,)
    right = q[target - 1].item()
    loss, even = cross_entropy_of(y, q).item(), math.log(len(numbers))

    figure = make_subplots(rows=1, cols=2, subplot_titles=("클래스가 손실에 보태는 양", "정답 확률에 따른 손실"))
    names = [f"{i}번" + " (정답)" * (i == target) for i in range(1, len(numbers) + 1)]
    shares = [loss * (i == target - 1) if right > 0 else None for i in range(len(numbers))]
    figure.add_bar(x=names, y=numbers, name="예측 확률", marker_color=BLUE, row=1, col=1)
    figure.add_bar(x=names, y=shares, name="-y log p", marker_color=RED, row=1, col=1)
    axis = torch.linspace(0.005, 1, 100, dtype=torch.float64)
    figure.add_scatter(x=axis.tolist(), y=information(axis).tolist(), name="-log p", line={"color": RED}, row=1, col=2)
    figure.add_scatter(x=axis.tolist(), y=((1 - axis) ** 2).tolist(), name="(1-p)²", line={"color": GREY}, row=1, col=2)
    if right > 0:
        figure.add_scatter(x=[right], y=[loss], mode="markers", name="지금", marker_color=RED, row=1, col=2)
    titled(figure, f"크로스 엔트로피 = {written(loss)}", "클래스", "값")
    figure.update_xaxes(title_text="정답 클래스의 확률 p", row=1, col=2)

    coin = torch.linspace(0.001, 0.999, 100, dtype=torch.float64)
    bits = entropy(torch.stack([coin, 1 - coin], -1)) / math.log(2)  # (100, 2) -> (100,)
    detail = go.Figure(go.Scatter(x=coin.tolist(), y=bits.tolist(), name="엔트로피"))
    detail.add_scatter(x=coin.tolist(), y=(information(coin) / math.log(2)).tolist(), name="앞면의 정보량")
    titled(detail, "동전의 앞면 확률과 정보량, 엔트로피", "앞면의 확률", "비트").update_yaxes(range=[0, 6])
    return Demo(
        figure=figure,
        numbers={"크로스 엔트로피(=NLL)": written(loss), "MSE": round(mse(q, y).item(), 4),
                 "예측의 엔트로피": round(entropy(q).item(), 4), "고르게 찍을 때의 손실": round(even, 4)},
        text=f"정답에 준 확률이 {right:g}이므로 손실은 {written(loss)}입니다. 고르게 찍으면 {written(even)}입니다.",
        code=CODE.format(q=numbers, target=target - 1),
        detail=detail,
    )


_BITS = ("비트", "bit", "log2", "밑이2", "밑2")


def _parse_cross_entropy(question: str) -> Mapping[str, Any] | None:
    wanted = ("크로스엔트로피", "교차엔트로피", "crossentropy", "cross-entropy", "nll", "로그가능도", "loglikelihood")
    if not has(question, wanted) or has(question, ("이진", "binary", "bce")):
        return None
    found, index = lists(question), ordinal(question)
    scores = has(question, ("로짓", "점수", "logit"))
    if len(found) == 2 and len(found[0]) == len(found[1]):
        first, second = found
        predicted_first = -1 < question.find("예측") < question.find("정답")
        p, q = (second, first) if predicted_first or set(second) <= {0, 1} else (first, second)
    elif len(found) == 1 and index is not None and index < len(found[0]):
        p, q = [float(i == index) for i in range(len(found[0]))], found[0]
    else:
        right = named_numbers(question, {"p": ("확률", "가능도")}).get("p")
        if found or right is None or not 0 < right <= 1:
            return None
        p, q, scores = [1.0, 0.0], [right, 1 - right], False
    if not _distribution(p) or not (scores or _distribution(q)):
        return None
    return {"p": p, "q": q, "scores": scores, "base": 2 if has(question, _BITS) else math.e}


def _run_cross_entropy(p: list[float], q: list[float], scores: bool, base: float) -> Computed:
    target, predicted = (torch.tensor(v, dtype=torch.float64) for v in (p, q))
    if scores:
        predicted = log_softmax(predicted).exp()
    before = f"소프트맥스를 적용하면 [{', '.join(map(written, predicted.tolist()))}]이고, " if scores else ""
    value = cross_entropy_of(target, predicted).item() / math.log(base)
    terms = " ".join(f"- {written(a)}·log({written(b)})" for a, b in zip(p, predicted.tolist(), strict=True) if a > 0)
    unit = "밑이 2" if base == 2 else "자연로그"
    return Computed(written(value), f"{before}정답이 0인 항은 빠지므로 {terms} = {written(value)}입니다({unit}).",
                    "$H(P, Q) = -\\sum_x P(x)\\log Q(x)$")


def _pair(question: str) -> tuple[list[float], list[float]] | None:
    """Prediction and target: two lists of one length, or one number each."""
    found = lists(question)
    if len(found) == 2 and len(found[0]) == len(found[1]):
        return found[0], found[1]
    named = named_numbers(question, {"p": ("예측값", "예측", "확률", "p"), "y": ("정답", "실제값", "실제", "y")})
    return ([named["p"]], [named["y"]]) if not found and len(named) == 2 else None


# 이름: (묻는 말, 손실, 항 하나를 적는 법, 식)
_PAIRED = {
    "bce": (("bce", "이진크로스엔트로피", "이진교차엔트로피", "binarycrossentropy"), binary_cross_entropy,
            lambda p, y: f"-log({written(p if y == 1 else 1 - p)})", "$-y\\log p - (1-y)\\log(1-p)$"),
    "mse": (("mse", "평균제곱오차"), mse, lambda p, y: f"({written(p - y)})²", "$\\frac{1}{m}\\sum(\\hat y - y)^2$"),
    "mae": (("mae", "평균절대오차", "평균절댓값오차"), mae, lambda p, y: f"|{written(p - y)}|",
            "$\\frac{1}{m}\\sum|\\hat y - y|$"),
}


def _parse_paired(question: str) -> Mapping[str, Any] | None:
    kinds, pair = [name for name, (words, *_) in _PAIRED.items() if has(question, words)], _pair(question)
    if len(kinds) != 1 or pair is None:
        return None
    inside = all(0 <= p <= 1 for p in pair[0]) and all(y in (0, 1) for y in pair[1])
    return {"kind": kinds[0], "prediction": pair[0], "target": pair[1]} if inside or kinds[0] != "bce" else None


def _run_paired(kind: str, prediction: list[float], target: list[float]) -> Computed:
    _, loss, term, formula = _PAIRED[kind]
    value = written(loss(*(torch.tensor(v, dtype=torch.float64) for v in (prediction, target))).item())
    terms = " + ".join(term(p, y) for p, y in zip(prediction, target, strict=True))
    return Computed(value, f"({terms}) / {len(target)} = {value}입니다.", formula)


def _parse_entropy(question: str) -> Mapping[str, Any] | None:
    found = lists(question)
    if has(question, ("정보량", "information")) and not found:
        p = named_numbers(question, {"p": ("확률", "p")}).get("p", 0.0)
        return {"p": [p], "bits": has(question, _BITS), "event": True} if 0 < p <= 1 else None
    if not has(question, ("엔트로피", "entropy")) or has(question, ("크로스", "교차", "cross", "이진")):
        return None
    if len(found) != 1 or not _distribution(found[0]):
        return None
    return {"p": found[0], "bits": has(question, _BITS), "event": False}


def _run_entropy(p: list[float], bits: bool, event: bool) -> Computed:
    tensor = torch.tensor(p, dtype=torch.float64)
    nats = (information(tensor)[0] if event else entropy(tensor)).item()
    value = nats / math.log(2) if bits else nats
    log, other = ("log2", f"{written(nats)} nat") if bits else ("ln", f"{written(nats / math.log(2))}비트")
    way = f"-{log}({written(p[0])})" if event else " ".join(f"- {written(v)}·{log}({written(v)})" for v in p if v > 0)
    formula = "$-\\log P(x)$" if event else "$H(P) = -\\sum_x P(x)\\log P(x)$"
    return Computed(written(value), f"{way} = {written(value)}입니다. 다른 단위로는 {other}입니다.", formula)


CONCEPT = Concept(
    slug="losses",
    title="손실 함수",
    aliases=("loss function", "cost function", "손실함수", "비용 함수", "비용함수", "MSE", "평균제곱오차", "BCE", "MAE",
             "binary cross entropy", "이진 크로스 엔트로피", "크로스 엔트로피", "크로스엔트로피", "교차 엔트로피",
             "cross entropy", "cross-entropy", "NLL", "negative log likelihood", "음의 로그가능도", "엔트로피",
             "entropy", "정보량"),
    summary="예측이 정답에서 벗어난 정도를 숫자 하나로 잰다.",
    demo=demo,
    controls=(
        Control("prediction", "예측 확률", "0.7, 0.2, 0.1", pattern=r"[\[(]((?:\s*0?\.\d+\s*,)+\s*0?\.\d+\s*)[\])]"),
        Control("target", "정답 번호(1부터)", 1, 1, 8, 1, words=("정답 번호", "정답 클래스", "정답")),
    ),
    computations=(
        Computation("cross_entropy", _parse_cross_entropy, _run_cross_entropy, "크로스 엔트로피 -log 정답 확률"),
        Computation("paired_loss", _parse_paired, _run_paired, "평균제곱오차 MSE 이진 크로스 엔트로피 BCE"),
        Computation("entropy", _parse_entropy, _run_entropy, "엔트로피 정보량 -log P"),
    ),
)
