"""배치 정규화(Batch Normalization): 층의 값을 미니배치마다 평균 0, 분산 1로 맞춘 뒤 다시 펴 준다.

학습할 때는 지금 미니배치의 평균 $\\mu$와 분산 $\\sigma^2$로, 평가할 때는 모아 둔 이동평균으로 나눈다.

$$ \\hat{x} = \\frac{x - \\mu}{\\sqrt{\\sigma^2 + \\epsilon}}, \\qquad y = \\gamma \\hat{x} + \\beta $$

$\\gamma$(배율)와 $\\beta$(이동량)는 채널마다 하나씩 있고, 가중치처럼 학습한다.

출처: Ioffe, Szegedy (2015), "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
Covariate Shift", ICML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GOLD, GREEN, GREY, RED, titled
from models.reading import COUNT_WORDS, VALUE_WORDS, has, lists, named_numbers, written, written_list


def normalize(x: Tensor, dims: list[int] | tuple[int, ...], eps: float = 1e-5) -> tuple[Tensor, Tensor, Tensor]:
    """``x`` with mean 0 and variance 1 over ``dims``.

    Returns:
        The normalized values (shape of ``x``), the mean and the biased variance (``dims`` kept with size 1).
    """
    mean = x.mean(dims, keepdim=True)  # mu = 1/m sum x
    var = ((x - mean) ** 2).mean(dims, keepdim=True)  # sigma^2 = 1/m sum (x - mu)^2
    return (x - mean) / torch.sqrt(var + eps), mean, var


class BatchNorm(nn.Module):
    """Batch normalization over every axis but the channels (axis 1); parameters are named as in ``torch.nn``.

    Args:
        num_features: the number of channels C.
        eps: added to the variance, so that a constant channel does not divide by 0.
        momentum: how much of a new batch goes into the running statistics; ``None`` averages all batches alike.
        affine: whether there are a learned scale ``weight`` (gamma) and shift ``bias`` (beta).
    """

    ranks: tuple[int, ...] = (2, 3, 4, 5)
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None  # gamma
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None  # beta
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (N, C, ...) -> the same shape.

        Raises:
            ValueError: another rank or number of channels, or a single value per channel while training.
        """
        if x.dim() not in self.ranks or x.shape[1] != self.num_features:
            raise ValueError(f"input {tuple(x.shape)}: needs {self.num_features} channels on axis 1 and rank "
                             f"{self.ranks}")
        per_channel = (1, -1) + (1,) * (x.dim() - 2)  # (C,) -> (1, C, 1, 1)
        if self.training:
            count = x.numel() // self.num_features
            if count < 2:
                raise ValueError(f"input {tuple(x.shape)}: one value per channel has no variance to train with")
            y, mean, var = normalize(x, [d for d in range(x.dim()) if d != 1], self.eps)
            self._remember(mean.flatten(), var.flatten() * count / (count - 1))  # 이동평균에는 불편분산을 쌓는다
        else:
            var = self.running_var.view(per_channel)
            y = (x - self.running_mean.view(per_channel)) / torch.sqrt(var + self.eps)
        if self.weight is not None and self.bias is not None:
            y = self.weight.view(per_channel) * y + self.bias.view(per_channel)  # y = gamma x^ + beta
        return y

    @torch.no_grad()
    def _remember(self, mean: Tensor, var: Tensor) -> None:
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / self.num_batches_tracked.item()
        self.running_mean += share * (mean - self.running_mean)  # (1 - m) * 옛 값 + m * 배치 값
        self.running_var += share * (var - self.running_var)


class BatchNorm1d(BatchNorm):
    """The same as ``torch.nn.BatchNorm1d``: (N, C) or (N, C, L)."""

    ranks = (2, 3)


class BatchNorm2d(BatchNorm):
    """The same as ``torch.nn.BatchNorm2d``: (N, C, H, W)."""

    ranks = (4,)


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
bn = nn.BatchNorm1d(1)
nn.init.constant_(bn.weight, {gamma})   # gamma
nn.init.constant_(bn.bias, {beta})      # beta
for _ in range(50):                     # 학습: 이동평균이 쌓인다
    bn(torch.randn({batch}, 1) * {std} + {mean})
x = torch.randn({batch}, 1) * {std} + {mean}
print("학습 모드 평균:", bn(x).mean().item())
bn.eval()
print("평가 모드 평균:", bn(x).mean().item())
"""


def demo(*, batch: int = 64, mean: float = 4.0, std: float = 3.0, gamma: float = 1.0, beta: float = 0.0,
         seed: int = 0) -> Demo:
    """One activation before and after, in train and eval mode; below, how the running statistics settle."""
    torch.manual_seed(seed)
    layer = BatchNorm1d(1)
    batch_means, running = [], []
    with torch.no_grad():
        for parameter, value in zip(layer.parameters(), (gamma, beta), strict=True):
            parameter.fill_(value)
        for _ in range(50):
            sample = torch.randn(batch, 1) * std + mean  # (B, 1)
            layer(sample)
            batch_means.append(round(sample.mean().item(), 4))
            running.append(round(layer.running_mean.item(), 4))
        x = torch.randn(batch, 1) * std + mean  # (B, 1)
        evaluated = layer.eval()(x)
        trained = layer.train()(x)

    figure = make_subplots(rows=1, cols=2, subplot_titles=("정규화 전", "정규화 후"))
    for values, name, color, column in ((x, "들어온 값", GREY, 1), (trained, "학습 모드", BLUE, 2),
                                        (evaluated, "평가 모드", GOLD, 2)):
        figure.add_trace(go.Histogram(x=[round(v, 3) for v in values.flatten().tolist()], name=name, marker_color=color,
                                      opacity=0.65, nbinsx=30), row=1, col=column)
    figure.update_layout(barmode="overlay")
    titled(figure, f"배치 정규화: 배치 {batch}개, γ={gamma:g}, β={beta:g}", "값", "개수")

    detail = go.Figure([
        go.Scatter(y=batch_means, mode="markers", name="배치의 평균", marker_color=GREY),
        go.Scatter(y=running, mode="lines", name="이동평균 running_mean", line_color=RED),
    ])
    detail.add_hline(y=mean, line_dash="dot", line_color=GREEN, annotation_text="참 평균")
    titled(detail, "이동평균은 배치 평균을 조금씩 모아 참값에 다가간다", "배치 번호", "평균")
    gap = (trained - evaluated).abs().mean().item()
    return Demo(
        figure=figure,
        numbers={"배치 평균": round(x.mean().item(), 3), "배치 분산": round(x.var(unbiased=False).item(), 3),
                 "이동평균": round(layer.running_mean.item(), 3),
                 "학습 모드 출력의 평균": round(trained.mean().item(), 3),
                 "학습 모드 출력의 표준편차": round(trained.std(unbiased=False).item(), 3),
                 "두 모드의 차이": round(gap, 3)},
        text=f"평균 {x.mean().item():.2f}이던 값이 학습 모드에서 평균 {trained.mean().item():.2f}, "
             f"표준편차 {trained.std(unbiased=False).item():.2f}로 옮겨졌습니다. 이동평균을 쓰는 평가 모드와는 평균 "
             f"{gap:.3f}만큼 다르며, 배치가 작을수록 이 차이가 커집니다.",
        code=CODE.format(batch=batch, mean=mean, std=std, gamma=gamma, beta=beta, seed=seed),
        detail=detail,
    )


_NAMES = ("배치 정규화", "batch norm", "batchnorm", "배치 노말라이제이션")


def parse_values(question: str) -> Mapping[str, Any] | None:
    """``[1, 2, 3]를 배치 정규화하면?`` -> its values, gamma, beta and eps."""
    found = lists(question)
    if not has(question, _NAMES, VALUE_WORDS) or has(question, ("파라미터", "개수", "몇 개", "텐서")):
        return None
    if len(found) != 1 or len(found[0]) < 2:
        return None
    words = {"gamma": ("감마", "gamma", "γ"), "beta": ("베타", "beta", "β"),
             "eps": ("eps", "epsilon", "입실론", "엡실론")}
    return {"values": found[0], **named_numbers(re.sub(r"\[.*?\]|\(.*?\)", " ", question), words)}


def run_values(values: list[float], gamma: float = 1.0, beta: float = 0.0, eps: float = 1e-5) -> Computed:
    """The values of one channel in a batch, batch-normalized."""
    y, mean, var = normalize(torch.tensor(values, dtype=torch.float64), [0], eps)
    out = (gamma * y + beta).tolist()
    return Computed(
        value=written_list(out),
        steps=f"평균은 {written(mean.item())}, 분산은 {written(var.item())}입니다. 각 값에서 평균을 빼고 "
              f"√({written(var.item())} + {eps:g})로 나눈 다음, 배율 γ={gamma:g}와 이동량 β={beta:g}로 "
              f"γx̂ + β를 구하면 {written_list(out)}입니다.",
        formula="$y = \\gamma \\frac{x - \\mu}{\\sqrt{\\sigma^2 + \\epsilon}} + \\beta$",
    )


def parse_parameters(question: str) -> Mapping[str, Any] | None:
    """``BatchNorm2d(64)의 파라미터는 몇 개?`` -> its channels."""
    if not has(question, _NAMES, ("파라미터", "매개변수", "parameter"), COUNT_WORDS):
        return None
    called = re.search(r"BatchNorm[123]?d?\s*\(\s*(?:num_features\s*=\s*)?(\d+)", question, re.IGNORECASE)
    if called:
        return {"channels": int(called[1])}
    found = named_numbers(question, {"channels": ("채널", "channels", "특성", "num_features", "features")})
    return {"channels": int(found["channels"])} if "channels" in found else None


def run_parameters(channels: int) -> Computed:
    """Learned numbers of a batch-norm layer, and the buffers beside them."""
    layer = BatchNorm(channels)
    count = sum(p.numel() for p in layer.parameters())
    return Computed(
        value=written(count),
        steps=f"채널마다 γ와 β가 하나씩 있으므로 2 × {channels:,} = {count:,}개입니다. running_mean과 running_var "
              f"{2 * channels:,}개는 저장만 하고 학습하지 않는 버퍼입니다.",
        formula="$2C$",
    )


CONCEPT = Concept(
    slug="batch_norm",
    title="배치 정규화",
    aliases=("batch normalization", "batch norm", "BN", "BatchNorm", "BatchNorm1d", "BatchNorm2d", "배치정규화",
             "배치 노말라이제이션", "배치 놈", "내부 공변량 변화", "internal covariate shift", "running_mean",
             "running_var"),
    summary="층의 값을 미니배치마다 평균 0, 분산 1로 맞춘 뒤 학습되는 배율과 이동량으로 다시 펴 준다.",
    demo=demo,
    controls=(
        Control("batch", "배치 크기", 64, 2, 256, 1, words=("배치 크기", "배치", "batch size", "batch")),
        Control("mean", "들어오는 값의 평균", 4.0, -20.0, 20.0, 0.5, words=("평균", "mean")),
        Control("std", "들어오는 값의 표준편차", 3.0, 0.1, 20.0, 0.1, words=("표준편차", "std")),
        Control("gamma", "배율 γ", 1.0, -3.0, 3.0, 0.1, words=("감마", "gamma", "γ")),
        Control("beta", "이동량 β", 0.0, -5.0, 5.0, 0.1, words=("베타", "beta", "β")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("배치 정규화한 값", parse_values, run_values, "배치 정규화 계산 평균 분산 감마 베타"),
        Computation("배치 정규화의 파라미터 수", parse_parameters, run_parameters,
                    "배치 정규화 학습 파라미터 채널마다 두 개"),
    ),
)
