"""데이터 정규화: 특성마다 다른 값의 크기와 위치를 학습하기 전에 같은 눈금으로 맞춘다.

$$ x' = \\frac{x - x_{\\min}}{x_{\\max} - x_{\\min}}, \\qquad z = \\frac{x - \\mu}{\\sigma} $$

눈금이 다르면 비용의 등고선이 길쭉해져 경사하강이 지그재그한다. 맞추면 등고선이 원에 가까워진다.

출처: LeCun, Bottou, Orr, Müller (1998), "Efficient BackProp", in Neural Networks: Tricks of the Trade.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREEN, RED, titled
from models.reading import VALUE_WORDS, has, lists, named_numbers, written, written_list


@dataclass(frozen=True)
class Scale:
    """What was measured on the training data: ``(x - shift) / width`` for every feature.

    ``shift`` and ``width``: (features,). The same scale is applied to the test data.
    """

    shift: Tensor
    width: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """``x``: (samples, features) -> the same shape, on the new scale."""
        return (x - self.shift) / self.width


def _nonzero(width: Tensor) -> Tensor:
    return torch.where(width == 0, torch.ones_like(width), width)  # 값이 모두 같은 특성은 나누지 않는다


def zero_center(x: Tensor) -> Scale:
    """Subtract the mean of each column. ``x``: (samples, features)."""
    return Scale(x.mean(0), torch.ones_like(x[0]))


def min_max(x: Tensor) -> Scale:
    """Bring each column to 0..1. ``x``: (samples, features)."""
    low = x.amin(0)
    return Scale(low, _nonzero(x.amax(0) - low))  # (x - min) / (max - min)


def standardize(x: Tensor) -> Scale:
    """Bring each column to mean 0 and (population) standard deviation 1. ``x``: (samples, features)."""
    return Scale(x.mean(0), _nonzero(x.std(0, unbiased=False)))  # (x - mu) / sigma


METHODS = {"제로 센터링": zero_center, "최소-최대": min_max, "표준화": standardize}


def descend(x: Tensor, y: Tensor, steps: int) -> tuple[Tensor, Tensor, float]:
    """Gradient descent on the MSE of ``x @ w`` (both centered), at a rate that just overshoots the steep axis.

    Returns:
        The path of w, (steps + 1, 2); the Hessian, (2, 2); and its condition number (longest over shortest axis).
    """
    x, y = x - x.mean(0), y - y.mean()
    hessian = 2 * x.T @ x / len(x)
    curvature = torch.linalg.eigvalsh(hessian)  # (2,) 작은 것부터
    rate = 1.5 / curvature[1]  # 가파른 축에서 넘쳤다 돌아오는 학습률
    w = torch.zeros(2)
    path = [w]
    for _ in range(steps):
        w = w - rate * (2 * x.T @ (x @ w - y) / len(x))
        path.append(w)
    return torch.stack(path), hessian, (curvature[1] / curvature[0]).item()


def _landscape(x: Tensor, y: Tensor, path: Tensor) -> tuple[list[go.Contour | go.Scatter], float]:
    """Contours of the cost around its minimum with the path on them, and the share of the cost that is left."""
    x, y = x - x.mean(0), y - y.mean()
    best = torch.linalg.lstsq(x, y[:, None]).solution[:, 0]  # (2,)
    reach = (path - best).abs().amax(0).clamp_min(1e-6) * 1.3
    axes = [torch.linspace(float(b - r), float(b + r), 32) for b, r in zip(best, reach, strict=True)]
    grid = torch.cartesian_prod(axes[1], axes[0]).flip(1)  # (32*32, 2)
    cost = ((grid @ x.T - y) ** 2).mean(1).view(32, 32)  # (32, 32)
    ends = ((path[[0, -1]] @ x.T - y) ** 2).mean(1) - ((x @ best - y) ** 2).mean()
    traces = [
        go.Contour(x=[round(v, 5) for v in axes[0].tolist()], y=[round(v, 5) for v in axes[1].tolist()],
                   z=[[round(v, 4) for v in row] for row in cost.tolist()], colorscale="Blues", showscale=False,
                   ncontours=14),
        go.Scatter(x=[round(v, 5) for v in path[:, 0].tolist()], y=[round(v, 5) for v in path[:, 1].tolist()],
                   mode="lines+markers", line_color=RED, marker_size=5, showlegend=False),
        go.Scatter(x=[best[0].item()], y=[best[1].item()], mode="markers",
                   marker={"color": GREEN, "size": 12, "symbol": "star"}, showlegend=False),
    ]
    return traces, (ends[1] / ends[0]).item()


CODE = """\
import torch

torch.manual_seed({seed})
x = torch.randn(200, 2) * torch.tensor([1.0, {ratio}]) + torch.tensor([5.0, 3.0 * {ratio}])
y = x @ torch.tensor([2.0, 3.0 / {ratio}]) + 0.1 * torch.randn(200)

def remaining(x):
    x, t = x - x.mean(0), y - y.mean()
    rate = 1.5 / torch.linalg.eigvalsh(2 * x.T @ x / len(x))[-1]
    w = torch.zeros(2)
    for _ in range({steps}):
        w = w - rate * 2 * x.T @ (x @ w - t) / len(x)
    return ((x @ w - t) ** 2).mean().item()

print("그대로:", remaining(x))
print("최소-최대:", remaining((x - x.amin(0)) / (x.amax(0) - x.amin(0))))
print("표준화:", remaining((x - x.mean(0)) / x.std(0)))
"""


def demo(*, method: str = "표준화", ratio: float = 8.0, steps: int = 15, seed: int = 0) -> Demo:
    """Cost contours and the descent before and after; below, the data themselves."""
    torch.manual_seed(seed)
    x = torch.randn(200, 2) * torch.tensor([1.0, ratio]) + torch.tensor([5.0, 3 * ratio])  # (200, 2)
    y = x @ torch.tensor([2.0, 3.0 / ratio]) + 0.1 * torch.randn(200)
    scaled = METHODS[method](x)(x)
    figure = make_subplots(rows=1, cols=2, subplot_titles=("그대로", method))
    left, conditions = [], []
    for column, data in enumerate((x, scaled), 1):
        path, _, condition = descend(data, y, steps)
        traces, share = _landscape(data, y, path)
        figure.add_traces(traces, rows=1, cols=column)
        left.append(share)
        conditions.append(condition)
    titled(figure, f"두 특성의 크기가 {ratio:g}배 다를 때, {steps}걸음", "w₁", "w₂")

    detail = make_subplots(rows=1, cols=2, subplot_titles=("그대로", method))
    for column, data in enumerate((x, scaled), 1):
        detail.add_trace(go.Scatter(x=[round(v, 3) for v in data[:, 0].tolist()],
                                    y=[round(v, 3) for v in data[:, 1].tolist()],
                                    mode="markers", marker={"color": BLUE, "size": 5}, showlegend=False), row=1,
                         col=column)
    titled(detail, "데이터의 모양은 그대로이고 눈금과 위치만 바뀐다", "특성 1", "특성 2")
    outcome = (f"{method} 뒤에는 {left[1]:.1%}만 남아 훨씬 가까이 갔습니다" if left[1] < 0.5 * left[0]
               else f"{method} 뒤에도 {left[1]:.1%}가 남아 큰 차이가 없습니다")
    return Demo(
        figure=figure,
        numbers={"등고선의 길쭉함(그대로)": round(conditions[0], 1),
                 f"등고선의 길쭉함({method})": round(conditions[1], 1),
                 "남은 비용(그대로)": round(left[0], 4), f"남은 비용({method})": round(left[1], 4)},
        text=f"같은 {steps}걸음을 걸었을 때 그대로 둔 데이터에서는 처음 비용의 {left[0]:.1%}가 남았고, {outcome}. "
             f"조건수는 {conditions[0]:.0f}에서 {conditions[1]:.1f}로 바뀌었습니다.",
        code=CODE.format(ratio=ratio, steps=steps, seed=seed),
        detail=detail,
    )


_STANDARD = ("표준화", "standardiz", "z-score", "zscore", "z 점수", "z점수", "표준 점수")
_MIN_MAX = ("min-max", "minmax", "최소-최대", "최소최대", "민맥스", "0과 1 사이", "0~1", "0에서 1 사이")
_CENTER = ("제로 센터링", "zero center", "zero-center")


def _method(question: str) -> str | None:
    named = [m for m, words in (("표준화", _STANDARD), ("최소-최대", _MIN_MAX), ("제로 센터링", _CENTER))
             if has(question, words)]
    return named[0] if len(named) == 1 else None


def parse_list(question: str) -> Mapping[str, Any] | None:
    """``[2, 4, 6, 8]에서 8의 z-score는?`` -> the values, the method, and the one value asked for (if one is)."""
    found, method = lists(question), _method(question)
    if method is None or len(found) != 1 or len(found[0]) < 2 or not has(question, VALUE_WORDS):
        return None
    rest = re.sub(r"[\[(].*?[\])]", " ", question)
    one = re.search(r"(-?\d+(?:\.\d+)?)\s*(?:점|원|cm|kg)?(?:의|을|를|은|는)\s", rest.replace("0과 1 사이", " "))
    wanted = float(one[1]) if one and float(one[1]) in found[0] else None
    return {"values": found[0], "method": method, "wanted": wanted}


def run_list(values: list[float], method: str, wanted: float | None = None) -> Computed:
    """A list of numbers on its new scale, or one of them."""
    x = torch.tensor(values, dtype=torch.float64)[:, None]  # (n, 1)
    scale = METHODS[method](x)
    shift, width = scale.shift.item(), scale.width.item()
    out = scale(x)[:, 0].tolist()
    measured = {"표준화": f"평균은 {written(shift)}, 표준편차는 {written(width)}",
                "제로 센터링": f"평균은 {written(shift)}",
                "최소-최대": f"최솟값은 {written(shift)}, 최댓값과의 차이는 {written(width)}"}[method]
    value = written_list(out) if wanted is None else written(out[values.index(wanted)])
    shown = wanted if wanted is not None else values[0]
    way = f"({written(shown)} - {written(shift)}) / {written(width)} = {written(out[values.index(shown)])}"
    return Computed(value=value, steps=f"{measured}입니다. {written(shown)}의 새 값은 {way}이고, 전체는 "
                                       f"{written_list(out)}입니다.",
                    formula="$\\frac{x - x_{\\min}}{x_{\\max} - x_{\\min}}$" if method == "최소-최대" else
                    "$x - \\mu$" if method == "제로 센터링" else "$\\frac{x - \\mu}{\\sigma}$")


def parse_score(question: str) -> Mapping[str, Any] | None:
    """``평균 70, 표준편차 10일 때 85점의 z 점수는?`` -> x, mean and std."""
    if _method(question) != "표준화" or lists(question):
        return None
    found = named_numbers(question, {"mean": ("평균", "mean", "μ"), "std": ("표준편차", "std", "σ")})
    if len(found) != 2 or found["std"] <= 0:
        return None
    rest = re.sub(r"(?:평균|표준편차|mean|std|μ|σ)\s*(?:이|가|은|는|=|:)?\s*-?\d+(?:\.\d+)?", " ", question)
    others = re.findall(r"-?\d+(?:\.\d+)?", rest)
    return {"x": float(others[0]), **found} if len(others) == 1 else None


def run_score(x: float, mean: float, std: float) -> Computed:
    """The z score of one value."""
    z = (x - mean) / std
    return Computed(value=written(z), formula="$z = \\frac{x - \\mu}{\\sigma}$",
                    steps=f"값에서 평균을 빼고 표준편차로 나누면 ({written(x)} - {written(mean)}) / {written(std)} = "
                          f"{written(z)}입니다.")


CONCEPT = Concept(
    slug="data_normalization",
    title="데이터 정규화와 표준화",
    aliases=("data normalization", "데이터 정규화", "입력 정규화", "standardization", "표준화", "min-max 정규화",
             "최소-최대 정규화",
             "min-max scaling", "민맥스 스케일링", "제로 센터링", "zero centering", "z-score", "데이터 전처리",
             "preprocessing", "특성 스케일링", "feature scaling"),
    summary="특성마다 다른 값의 크기와 위치를 학습하기 전에 같은 눈금으로 맞춘다.",
    demo=demo,
    controls=(
        Control("method", "방법", "표준화", choices=tuple(METHODS), words=("방법",)),
        Control("ratio", "두 특성의 크기 차이(배)", 8.0, 1.0, 50.0, 1.0, words=("크기 차이", "배율", "ratio")),
        Control("steps", "걸음 수", 15, 1, 60, 1, words=("걸음", "스텝", "steps")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("정규화한 값", parse_list, run_list, "데이터 정규화 표준화 최소-최대 계산 식"),
        Computation("z 점수", parse_score, run_score, "표준화 z 점수 평균 표준편차 식"),
    ),
)
