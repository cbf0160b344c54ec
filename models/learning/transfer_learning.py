"""전이 학습: 한 문제에서 배운 신경망의 몸통을 다른 문제에 물려주고, 새 머리만(또는 뒤쪽부터) 다시 배운다.

$$ \\theta^* = \\arg\\min_{\\theta_{head}} \\sum_i L\\big(h_{\\theta_{head}}(f_{\\theta_{pre}}(x_i)), y_i\\big) $$

$f$는 얼린 몸통, $h$는 새로 단 머리이다. 얼린 파라미터는 순전파에는 쓰이고 기울기만 받지 않는다.

출처: Yosinski, Clune, Bengio, Lipson (2014), "How transferable are features in deep neural networks?", NIPS.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import COLORS, GREY, titled
from models.learning.linear_layer import Linear, parameters
from models.learning.losses import cross_entropy
from models.learning.mlp import MLP
from models.reading import COUNT_WORDS, has, named_numbers, written

BODY = (64, 96, 48)  # 픽셀 64칸 -> 몸통이 내는 특징 48개


def freeze(layers: nn.Module) -> None:
    """Keep the parameters of ``layers`` as they are: no gradient reaches them, values still pass through."""
    for parameter in layers.parameters():
        parameter.requires_grad_(False)


def transfer(pretrained: MLP, classes: int, frozen: int) -> MLP:
    """A copy of ``pretrained`` with a new last layer for ``classes``; its first ``frozen`` layers are frozen.

    Raises:
        ValueError: the new head would be frozen too, so that nothing could be learned.
    """
    if not 0 <= frozen < len(pretrained.layers):
        raise ValueError(f"frozen={frozen}: between 0 and {len(pretrained.layers) - 1}, the head has to learn")
    model = copy.deepcopy(pretrained)
    old = next(model.layers[-1].parameters())  # (옛 클래스, 특징)
    model.layers[-1] = Linear(old.shape[1], classes, dtype=old.dtype)  # 머리를 갈아 끼운다
    freeze(model.layers[:frozen])
    return model


def trainable(model: nn.Module) -> int:
    """How many numbers of ``model`` still learn."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _train(model: MLP, x: Tensor, y: Tensor, rate: float, steps: int, noise: float = 0.0) -> MLP:
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=rate, fused=True)
    for _ in range(steps):
        pick = torch.randint(len(x), (128,)) if len(x) > 400 else torch.arange(len(x))
        batch = x[pick] + noise * torch.randn(len(pick), x.shape[1]) if noise else x[pick]
        optimizer.zero_grad()
        cross_entropy(model(batch), y[pick]).backward()
        optimizer.step()
    return model


# 이름: (얼리는 층의 수, 학습률) - 물려받은 층은 작은 학습률로 다듬는다
WAYS: dict[str, tuple[int | None, float]] = {
    "처음부터": (None, 0.01), "머리만": (2, 0.02), "뒤쪽 두 층": (1, 0.005), "모든 층": (0, 0.003),
}

CODE = """\
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed({seed})
digits = load_digits()
x, y = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]

def train(model, x, y, rate):
    learn = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(learn, lr=rate)
    for _ in range(100):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

body = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 48), nn.ReLU())
train(nn.Sequential(body, nn.Linear(48, 10)), x[:1000], y[:1000], 0.01)  # 사전학습
for p in body.parameters():
    p.requires_grad = False                                              # 얼리기
new_x, new_y = x[1000:] + {noise} * torch.randn(len(x) - 1000, 64), y[1000:] % 5
model = nn.Sequential(body, nn.Linear(48, 5))                            # 새 머리
train(model, new_x[:{samples}], new_y[:{samples}], 0.02)
print("정확도:", (model(new_x[300:]).argmax(1) == new_y[300:]).float().mean().item())
"""


def demo(*, samples: int = 40, noise: float = 0.3, steps: int = 30, seed: int = 0) -> Demo:
    """Accuracy on a new task against the number of its samples: from scratch, head only, last two layers, all."""
    torch.manual_seed(seed)
    from sklearn.datasets import load_digits  # slow to import, and only needed here

    digits = load_digits()
    order = torch.randperm(len(digits.target))
    x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]  # (1797, 64)
    y = torch.tensor(digits.target)[order]
    pretrained = _train(MLP((*BODY, 10), "relu"), x[:1000], y[:1000], 0.01, 100, noise=0.3)
    new_x, new_y = x[1000:] + noise * torch.randn(797, 64), y[1000:] % 5  # 잡음 낀 사진, 다섯 묶음으로 나누는 새 문제
    amounts = sorted({10, samples, 160})
    accuracy: dict[str, list[float]] = {}
    for way, (frozen, rate) in WAYS.items():
        accuracy[way] = []
        for amount in amounts:
            model = MLP((*BODY, 5), "relu") if frozen is None else transfer(pretrained, 5, frozen)
            _train(model, new_x[:amount], new_y[:amount], rate, steps)
            with torch.no_grad():
                right = model(new_x[300:]).argmax(1) == new_y[300:]
            accuracy[way].append(round(right.float().mean().item(), 4))

    figure = go.Figure([go.Scatter(x=amounts, y=values, mode="lines+markers", name=way, line_color=GREY
                                   if i == 0 else COLORS[i - 1])
                        for i, (way, values) in enumerate(accuracy.items())])
    figure.add_vline(x=samples, line_dash="dot", annotation_text=f"{samples}개")
    figure.update_xaxes(type="log")
    titled(figure, "새 문제의 데이터가 적을수록 물려받은 몸통이 빛난다", "새 문제의 학습 데이터 수", "정확도")
    at = amounts.index(samples)
    here = {way: values[at] for way, values in accuracy.items()}
    learned = [trainable(transfer(pretrained, 5, f)) for f, _ in list(WAYS.values())[1:] if f is not None]
    detail = go.Figure(go.Bar(x=list(WAYS)[1:], y=learned, marker_color=list(COLORS[:3]),
                              text=[f"{n:,}" for n in learned]))
    titled(detail, "방법마다 실제로 학습하는 파라미터의 수", "방법", "파라미터 수")
    best = max(list(WAYS)[1:], key=lambda way: here[way])
    gain = here[best] - here["처음부터"]
    outcome = (f"처음부터 배운 모델보다 {gain * 100:.1f}%p 높습니다"
               if gain > 0 else "처음부터 배운 모델을 넘지 못했습니다")
    return Demo(
        figure=figure,
        numbers={**{f"정확도({way})": value for way, value in here.items()},
                 "머리만 학습할 때의 파라미터 수": learned[0]},
        text=f"숫자 10개를 가려내던 신경망을 데이터 {samples}개뿐인 새 문제(다섯 묶음)에 옮겼습니다. '{best}' 방법이 "
             f"{here[best]:.1%}로, {outcome}.",
        code=CODE.format(seed=seed, noise=noise, samples=samples),
        detail=detail,
    )


def parse(question: str) -> Mapping[str, Any] | None:
    """``백본 출력이 512차원, 클래스 2개일 때 마지막 층만 학습하면 파라미터는?`` -> features and classes."""
    if not has(question, ("마지막 층", "머리", "head", "새 층", "얼리", "freeze", "model.fc", "전이"),
               ("파라미터", "매개변수", "parameter"), COUNT_WORDS):
        return None
    layer = re.search(r"Linear\s*\(\s*(?:in_features\s*=\s*)?(\d+)\s*,\s*(?:out_features\s*=\s*)?(\d+)", question)
    if layer:
        return {"features": int(layer[1]), "classes": int(layer[2])}
    words = {"features": ("백본 출력이", "백본 출력", "몸통의 출력이", "몸통 출력", "특징이", "특징", "features",
                          "입력"),
             "classes": ("클래스가", "클래스", "classes", "출력 클래스")}
    found = {k: int(v) for k, v in named_numbers(question, words).items()}
    return found if len(found) == 2 and min(found.values()) > 0 else None


def run(features: int, classes: int) -> Computed:
    """What a new last layer has to learn."""
    count = parameters(features, classes)
    return Computed(value=written(count), formula="$d \\times K + K$",
                    steps=f"얼린 몸통은 세지 않습니다. 새 층의 가중치 {features:,} × {classes:,} = "
                          f"{features * classes:,}개에 편향 {classes:,}개를 더해 {count:,}개를 학습합니다.")


CONCEPT = Concept(
    slug="transfer_learning",
    title="전이 학습",
    aliases=("transfer learning", "전이 학습", "전이학습", "트랜스퍼 러닝", "fine-tuning", "파인튜닝", "파인 튜닝",
             "미세 조정", "미세조정", "feature extraction", "층 얼리기", "freeze", "사전학습 모델"),
    summary="한 문제에서 배운 신경망을 다른 문제에 가져다 쓴다.",
    demo=demo,
    controls=(
        Control("samples", "새 문제의 데이터 수", 40, 5, 300, 5, words=("데이터", "샘플", "사진", "samples")),
        Control("noise", "새 사진의 잡음", 0.3, 0.0, 0.6, 0.05, words=("잡음", "노이즈", "noise")),
        Control("steps", "새 문제의 학습 걸음", 30, 5, 100, 5, words=("걸음", "steps", "스텝")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("새 층에서 학습할 파라미터 수", parse, run, "전이 학습 마지막 층 파라미터 얼린 몸통"),),
)
