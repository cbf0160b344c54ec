"""멀티태스크 학습: 몸통 하나를 함께 쓰고 과제마다 머리를 따로 달아, 네 가지를 한 번에 예/아니오로 맞힌다.

$$ L = \\sum_{k=1}^{K} w_k\\, \\mathrm{BCE}_k, \\qquad
   \\mathrm{BCE}_k = -\\frac{1}{N}\\sum_i \\left[ y_{ik}\\log p_{ik} + (1-y_{ik})\\log(1-p_{ik}) \\right] $$

출처: Caruana (1997), "Multitask Learning", Machine Learning 28.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import COLORS, titled
from models.learning.linear_layer import Linear
from models.learning.losses import binary_cross_entropy
from models.reading import VALUE_WORDS, has, lists, written

TASKS = ("보행자", "자동차", "정지 표지판", "신호등")
SIZE = 12  # 사진은 12 x 12 칸
_SHAPES = (
    torch.tensor([[0, 1, 0], [1, 1, 1], [0, 1, 0], [0, 1, 0], [1, 0, 1]]),  # 사람
    torch.tensor([[0, 1, 1, 1, 0], [1, 1, 1, 1, 1], [0, 1, 0, 1, 0]]),  # 차
    torch.tensor([[1, 1, 1], [1, 1, 1], [1, 1, 1]]),  # 표지판
    torch.tensor([[1], [0], [1], [0], [1]]),  # 세 등
)


class MultitaskNet(nn.Module):
    """One trunk, one head of a single logit for every task.

    Args:
        features: length of the input.
        hidden: units of the shared trunk.
        tasks: the number of heads K.
    """

    def __init__(self, features: int, hidden: int, tasks: int) -> None:
        super().__init__()
        self.trunk = Linear(features, hidden)
        self.heads = nn.ModuleList(Linear(hidden, 1) for _ in range(tasks))

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (N, features) -> the probability of "yes" for each task, (N, K); rows need not sum to 1."""
        shared = torch.relu(self.trunk(x))  # (N, hidden): 한 번만 계산해 모든 머리가 쓴다
        return torch.sigmoid(torch.cat([head(shared) for head in self.heads], dim=1))  # K x (N, 1) -> (N, K)


def task_losses(probability: Tensor, label: Tensor) -> Tensor:
    """The BCE of each task, (N, K) against (N, K) -> (K,). A label that is NaN (nobody looked) is left out."""
    out = []
    for p, y in zip(probability.unbind(1), label.unbind(1), strict=True):
        known = ~y.isnan()
        out.append(binary_cross_entropy(p[known], y[known]) if known.any() else p.sum() * 0)
    return torch.stack(out)


def scenes(count: int, noise: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Road scenes drawn on the spot: pictures (count, 144) and which of the four things stand in them (count, 4)."""
    labels = (torch.rand(count, 4, generator=generator) < 0.5).float()
    pictures = noise * torch.randn(count, SIZE, SIZE, generator=generator)
    for i, row in enumerate(labels.tolist()):
        for task, there in enumerate(row):
            if there:
                shape = _SHAPES[task]
                h, w = shape.shape
                top, left = (6 * (task // 2), 6 * (task % 2))  # 물체마다 사진의 한 구석, 그 안에서 조금씩 움직인다
                top += int(torch.randint(6 - h + 1, (1,), generator=generator))
                left += int(torch.randint(6 - w + 1, (1,), generator=generator))
                pictures[i, top:top + h, left:left + w] += shape
    return pictures.flatten(1), labels


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
trunk = nn.Sequential(nn.Linear(16, 32), nn.ReLU())          # 함께 쓰는 몸통
heads = nn.ModuleList([nn.Linear(32, 1) for _ in range(4)])  # 과제마다 하나
weights = {weights}
x = torch.randn(400, 16)
y = (x @ torch.randn(16, 4) > 0).float()                     # 예/아니오 라벨 네 개
optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters()], lr=0.01)
for step in range({steps}):
    h = trunk(x)
    bce = [nn.functional.binary_cross_entropy_with_logits(head(h)[:, 0], y[:, k]) for k, head in enumerate(heads)]
    loss = sum(w * b for w, b in zip(weights, bce))
    optimizer.zero_grad()
    loss.backward()                                          # 한 번이면 된다
    optimizer.step()
print([round(b.item(), 4) for b in bce])
"""


def demo(*, pedestrian: float = 1.0, car: float = 1.0, sign: float = 1.0, light: float = 1.0, steps: int = 60,
         noise: float = 0.4, seed: int = 0) -> Demo:
    """Four losses of one network while it trains; below, scenes with the four answers."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    x, y = scenes(300, noise, generator)
    test_x, test_y = scenes(200, noise, generator)
    weights = torch.tensor([pedestrian, car, sign, light])
    model = MultitaskNet(SIZE * SIZE, 32, len(TASKS))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005, fused=True)
    history = []
    for _ in range(steps):
        losses = task_losses(model(x), y)  # (4,)
        history.append([round(v, 4) for v in losses.tolist()])
        optimizer.zero_grad()
        (weights * losses).sum().backward()  # 더한 손실에 backward 한 번: 네 기울기가 몸통에서 만난다
        optimizer.step()
    with torch.no_grad():
        probability = model(test_x)
        final = task_losses(probability, test_y).tolist()
    accuracy = ((probability > 0.5) == test_y.bool()).float().mean(0).tolist()

    figure = go.Figure([go.Scatter(y=[row[k] for row in history], mode="lines", name=f"{task} (비중 {weights[k]:g})",
                                   line_color=COLORS[k]) for k, task in enumerate(TASKS)])
    titled(figure, "한 신경망, 네 과제의 이진 교차 엔트로피", "학습 걸음", "BCE")

    answers = ["<br>".join(f"{task} {p:.0%} ({'있음' if t else '없음'})" for task, p,
                           t in zip(TASKS, ps, ts, strict=True))
               for ps, ts in zip(probability[:4].tolist(), test_y[:4].tolist(), strict=True)]
    detail = make_subplots(rows=1, cols=4, subplot_titles=answers)
    for column in range(4):
        picture = test_x[column].view(SIZE, SIZE)
        detail.add_trace(go.Heatmap(z=[[round(v, 2) for v in row] for row in picture.tolist()], colorscale="Greys",
                                    showscale=False),
                         row=1, col=column + 1)
    detail.update_yaxes(autorange="reversed", showticklabels=False)
    detail.update_xaxes(showticklabels=False)
    titled(detail, "처음 보는 장면 넷과 네 머리의 답", "가로", "세로", height=360)
    detail.update_annotations(font_size=10)
    detail.update_layout(margin_t=100)
    alone = 4 * sum(p.numel() for p in MultitaskNet(SIZE * SIZE, 32, 1).parameters())
    together = sum(p.numel() for p in model.parameters())
    worst = min(range(4), key=lambda k: accuracy[k])
    return Demo(
        figure=figure,
        numbers={**{f"{task} 정확도": round(a, 3) for task, a in zip(TASKS, accuracy, strict=True)},
                 "손실의 합(비중 곱)": round(float((weights * torch.tensor(final)).sum()), 4), "파라미터 수": together,
                 "따로 네 개일 때": alone},
        text=f"몸통 하나로 네 과제를 함께 배워 평균 정확도 {sum(accuracy) / 4:.1%}를 얻었습니다. 가장 낮은 과제는 "
             f"{TASKS[worst]}({accuracy[worst]:.1%}, 비중 {weights[worst]:g})이고, 따로 배울 때보다 파라미터가 "
             f"{1 - together / alone:.0%} 적습니다.",
        code=CODE.format(seed=seed, steps=steps, weights=[pedestrian, car, sign, light]),
        detail=detail,
    )


_NAMES = ("멀티태스크", "멀티 태스크", "multitask", "multi-task", "다중 작업", "과제별", "네 BCE", "멀티라벨", "MTL")


def parse_bce(question: str) -> Mapping[str, Any] | None:
    """``멀티태스크에서 정답이 [1, 0]이고 예측이 [0.9, 0.2]일 때 BCE의 합은?`` -> labels and predictions."""
    found = lists(question)
    if not has(question, _NAMES, ("합", "더하", "더한", "전체"),
               VALUE_WORDS) or len(found) != 2 or len(found[0]) != len(found[1]):
        return None
    binary = [set(values) <= {0.0, 1.0} for values in found]
    if binary[0] == binary[1]:
        return None
    labels, predictions = found if binary[0] else found[::-1]
    return {"labels": labels, "predictions": predictions} if all(0 < p < 1 for p in predictions) else None


def run_bce(labels: Sequence[float], predictions: Sequence[float]) -> Computed:
    """The BCE of each task of one sample, and their sum."""
    each = [-math.log(p if y else 1 - p) for y, p in zip(labels, predictions, strict=True)]
    return Computed(value=written(sum(each)), formula="$L = \\sum_k -[y_k\\log p_k + (1-y_k)\\log(1-p_k)]$",
                    steps=f"과제마다의 BCE는 {', '.join(f'{v:.4f}' for v in each)}이고, 더하면 {written(sum(each))}, "
                          f"평균은 {written(sum(each) / len(each))}입니다.")


def parse_weighted(question: str) -> Mapping[str, Any] | None:
    """``과제별 손실이 [0.5, 0.2]이고 비중이 [1, 2]이면 전체 손실은?`` -> losses and weights."""
    found = lists(question)
    if not has(question, _NAMES, ("손실", "loss"), ("비중", "가중치", "weight"), VALUE_WORDS):
        return None
    if len(found) != 2 or len(found[0]) != len(found[1]):
        return None
    first = min(question.find(w) for w in ("비중", "가중치", "weight") if w in question)
    ordered = found if question.find("[") < first else found[::-1]
    return {"losses": ordered[0], "weights": ordered[1]}


def run_weighted(losses: Sequence[float], weights: Sequence[float]) -> Computed:
    """The weighted sum of the tasks' losses."""
    total = sum(w * v for w, v in zip(weights, losses, strict=True))
    terms = " + ".join(f"{written(w)} × {written(v)}" for w, v in zip(weights, losses, strict=True))
    return Computed(value=written(round(total, 10)), steps=f"{terms} = {written(round(total, 10))}입니다.",
                    formula="$L = \\sum_k w_k L_k$")


CONCEPT = Concept(
    slug="multitask",
    title="멀티태스크 학습",
    aliases=("multitask learning", "multi-task learning", "멀티태스크", "멀티 태스크", "멀티태스크 러닝",
             "다중 작업 학습", "다중 과제 학습", "MTL", "하드 공유", "hard parameter sharing"),
    summary="몸통 하나를 함께 쓰며 관련된 여러 과제를 동시에 배운다.",
    demo=demo,
    controls=(
        Control("pedestrian", "보행자의 비중", 1.0, 0.0, 10.0, 0.5, words=("보행자",)),
        Control("car", "자동차의 비중", 1.0, 0.0, 10.0, 0.5, words=("자동차",)),
        Control("sign", "정지 표지판의 비중", 1.0, 0.0, 10.0, 0.5, words=("표지판",)),
        Control("light", "신호등의 비중", 1.0, 0.0, 10.0, 0.5, words=("신호등",)),
        Control("steps", "학습 걸음", 60, 1, 200, 1, words=("걸음", "스텝", "steps")),
        Control("noise", "사진의 잡음", 0.4, 0.0, 1.5, 0.1, words=("잡음", "노이즈", "noise")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("여러 과제의 BCE 합", parse_bce, run_bce, "멀티태스크 BCE 합 계산"),
        Computation("비중을 곱한 손실", parse_weighted, run_weighted, "멀티태스크 손실 비중 합"),
    ),
)
