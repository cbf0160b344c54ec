"""정규화 층(레이어, 인스턴스, 그룹): 배치 정규화와 식은 같고, 평균과 분산을 함께 쓰는 칸이 다르다.

$$ y = \\gamma \\frac{x - \\mathrm{E}[x]}{\\sqrt{\\mathrm{Var}[x] + \\epsilon}} + \\beta $$

(N, C, H, W)에서 배치 정규화는 (0, 2, 3), 레이어 정규화는 (1, 2, 3), 인스턴스 정규화는 (2, 3) 축으로 통계를 내고,
그룹 정규화는 채널을 묶음으로 나눠 묶음마다 낸다.

출처: Ba, Kiros, Hinton (2016), "Layer Normalization"; Ulyanov, Vedaldi, Lempitsky (2016), "Instance Normalization";
Wu, He (2018), "Group Normalization".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import COLORS, grid, titled
from models.learning.batch_norm import normalize, run_values
from models.reading import COUNT_WORDS, VALUE_WORDS, has, lists, named_numbers, shapes, written


class LayerNorm(nn.Module):
    """Statistics over the last axes of one sample; the same as ``torch.nn.LayerNorm``.

    Args:
        normalized_shape: the sizes of the last axes; ``weight`` and ``bias`` have this shape.
        eps, affine: added to the variance; whether there are a learned scale and shift.
    """

    def __init__(self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__()
        self.shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(self.shape)) if affine else None
        self.bias = nn.Parameter(torch.zeros(self.shape)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (..., *normalized_shape) -> the same shape.

        Raises:
            ValueError: the last axes have other sizes.
        """
        if tuple(x.shape[-len(self.shape):]) != self.shape:
            raise ValueError(f"input {tuple(x.shape)}: its last axes must be {self.shape}")
        y, _, _ = normalize(x, tuple(range(-len(self.shape), 0)), self.eps)
        return y if self.weight is None or self.bias is None else self.weight * y + self.bias


class GroupNorm(nn.Module):
    """Statistics over groups of channels of one sample; the same as ``torch.nn.GroupNorm``.

    Args:
        num_groups, num_channels: the groups G and the channels C; G must divide C.
        eps, affine: added to the variance; whether each channel has a learned scale and shift.
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"{num_channels} channels do not split into {num_groups} groups")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = nn.Parameter(torch.ones(num_channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (N, C, ...) -> the same shape.

        Raises:
            ValueError: axis 1 has another number of channels.
        """
        if x.dim() < 2 or x.shape[1] != self.num_channels:
            raise ValueError(f"input {tuple(x.shape)}: needs {self.num_channels} channels on axis 1")
        groups = x.reshape(len(x), self.num_groups, -1)  # (N, C, H, W) -> (N, G, C/G * H * W)
        y = normalize(groups, [2], self.eps)[0].view_as(x)
        if self.weight is None or self.bias is None:
            return y
        per_channel = (1, -1) + (1,) * (x.dim() - 2)
        return self.weight.view(per_channel) * y + self.bias.view(per_channel)


class InstanceNorm(GroupNorm):
    """Every channel of every sample by itself, a group per channel; the same as ``torch.nn.InstanceNorm1d/2d``."""

    def __init__(self, num_features: int, eps: float = 1e-5, affine: bool = False) -> None:
        super().__init__(num_features, num_features, eps, affine)


KINDS = {
    "배치": ("배치 정규화", "batchnorm", "batch norm"),
    "레이어": ("레이어 정규화", "층 정규화", "layernorm", "layer norm"),
    "인스턴스": ("인스턴스 정규화", "instancenorm", "instance norm"),
    "그룹": ("그룹 정규화", "groupnorm", "group norm"),
}


def shared_statistics(kind: str, samples: int, channels: int, groups: int = 1) -> Tensor:
    """Which (sample, channel) planes share a mean: (N, C) whole numbers, one for each set of statistics.

    Raises:
        ConceptError: the groups do not divide the channels.
    """
    n, c = torch.meshgrid(torch.arange(samples), torch.arange(channels), indexing="ij")  # (N, C)
    if kind == "그룹" and channels % groups:
        raise ConceptError(f"그룹 수(groups)={groups}: 채널 {channels}개를 똑같이 나눌 수 없습니다. {channels}의 "
                           "약수여야 합니다.")
    return {"배치": lambda: c, "레이어": lambda: n, "인스턴스": lambda: n * channels + c,
            "그룹": lambda: n * groups + c // (channels // groups)}[kind]()


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
x = torch.randn({samples}, {channels}, 4, 4)
layers = {{
    "배치": nn.BatchNorm2d({channels}),
    "레이어": nn.LayerNorm([{channels}, 4, 4]),
    "인스턴스": nn.InstanceNorm2d({channels}),
    "그룹": nn.GroupNorm({groups}, {channels}),
}}
y = layers["{kind}"](x)
print(y.mean(dim=(0, 2, 3)))  # 채널마다의 평균
print(y.mean(dim=(1, 2, 3)))  # 샘플마다의 평균
"""


def demo(*, kind: str = "그룹", samples: int = 4, channels: int = 12, groups: int = 2, seed: int = 0) -> Demo:
    """The planes that share statistics in one colour; below, the means of the planes before and after."""
    share = shared_statistics(kind, samples, channels, groups if kind == "그룹" else 1)
    count = int(share.max()) + 1
    torch.manual_seed(seed)
    offset = torch.randn(samples, 1, 1, 1) * 2 + torch.randn(1, channels, 1, 1) * 2  # 사진의 밝기 + 채널의 치우침
    x = torch.randn(samples, channels, 4, 4) + offset  # (N, C, H, W)
    y = torch.empty_like(x)
    for number in range(count):
        planes = x[share == number]  # (함께 쓰는 장수, H, W)
        y[share == number] = normalize(planes, [0, 1, 2])[0]

    palette = [COLORS[i % len(COLORS)] for i in range(count)]
    steps = [[(i + side) / count, color] for i, color in enumerate(palette) for side in (0, 1)]
    figure = go.Figure(go.Heatmap(z=share.tolist(), text=share.tolist(), texttemplate="%{text}", zmin=-0.5,
                                  zmax=count - 0.5, colorscale=steps, showscale=False, xgap=3, ygap=3))
    figure.update_yaxes(autorange="reversed", dtick=1)
    figure.update_xaxes(dtick=1)
    titled(figure, f"{kind} 정규화: 번호가 같은 칸이 평균과 분산을 함께 쓴다", "채널", "샘플")

    detail = make_subplots(rows=1, cols=2, subplot_titles=("정규화 전 칸별 평균", "정규화 후 칸별 평균"))
    detail.add_trace(grid(x.mean((2, 3)).tolist(), colorscale="RdBu"), row=1, col=1)
    detail.add_trace(grid(y.mean((2, 3)).tolist(), colorscale="RdBu"), row=1, col=2)
    detail.update_yaxes(autorange="reversed")
    titled(detail, "사진과 채널마다 다르던 평균이 어떻게 남는가", "채널", "샘플")
    by_channel = y.mean((0, 2, 3)).abs().max().item()
    by_sample = y.mean((1, 2, 3)).abs().max().item()
    left = [name for name, size in (("채널", by_channel), ("사진", by_sample)) if size > 1e-4]
    kept = f"{'과 '.join(left)} 사이의 차이는 남습니다" if left else "사진과 채널 사이의 차이가 모두 지워집니다"
    return Demo(
        figure=figure,
        numbers={"평균의 개수": count, "한 묶음의 칸 수": samples * channels * 16 // count,
                 "남은 채널 평균의 최댓값": round(by_channel, 3), "남은 사진 평균의 최댓값": round(by_sample, 3)},
        text=f"{kind} 정규화는 사진 {samples}장과 채널 {channels}개에서 평균을 {count}개 냅니다. 맞춘 뒤에 {kept}.",
        code=CODE.format(kind=kind, samples=samples, channels=channels,
                         groups=groups if channels % groups == 0 else 1, seed=seed),
        detail=detail,
    )


def _kind(question: str) -> str | None:
    named = [kind for kind, words in KINDS.items() if has(question, words)]
    return named[0] if len(named) == 1 else None


def parse_means(question: str) -> Mapping[str, Any] | None:
    """``(8, 64, 32, 32)에 인스턴스 정규화를 하면 평균은 몇 개?`` -> the kind, the shape and the groups."""
    kind = _kind(question)
    found = [shape for shape in shapes(question) if len(shape) >= 3]
    if kind is None or len(found) != 1 or not has(question, ("평균", "통계"), COUNT_WORDS):
        return None
    groups = named_numbers(re.sub(r"\(.*?\)", " ", question), {"groups": ("num_groups", "groups", "그룹", "묶음")})
    if kind == "그룹" and "groups" not in groups:
        return None
    return {"kind": kind, "shape": found[0], "groups": int(groups.get("groups", 1))}


def run_means(kind: str, shape: tuple[int, ...], groups: int = 1) -> Computed:
    """How many means (and variances) a normalization layer takes of an (N, C, ...) tensor."""
    n, c = shape[:2]
    if kind == "그룹" and (groups < 1 or c % groups):
        raise ConceptError(f"그룹 수={groups}: 채널 {c}개를 똑같이 나눌 수 없습니다.")
    count, way, formula = {
        "배치": (c, f"채널마다 하나이므로 {c:,}개", "C"),
        "레이어": (n, f"샘플마다 하나이므로 {n:,}개", "N"),
        "인스턴스": (n * c, f"샘플마다 채널마다 하나이므로 {n:,} × {c:,} = {n * c:,}개", "N \\times C"),
        "그룹": (n * groups, f"샘플마다 묶음마다 하나이므로 {n:,} × {groups:,} = {n * groups:,}개", "N \\times G"),
    }[kind]
    size = torch.Size(shape).numel() // count
    return Computed(value=written(count), formula=f"${formula}$",
                    steps=f"{kind} 정규화는 {way}의 평균을 냅니다. 평균 하나에는 값 {size:,}개가 들어갑니다.")


def parse_parameters(question: str) -> Mapping[str, Any] | None:
    """``nn.LayerNorm(768)의 파라미터 수는?`` -> the layer and its sizes. Batch norm counts its own."""
    called = re.search(r"(LayerNorm|GroupNorm)\s*\(\s*[\[(]?\s*(\d+(?:\s*,\s*\d+)*)", question)
    if called is None or not has(question, ("파라미터", "매개변수", "parameter"), COUNT_WORDS):
        return None
    sizes = [int(n) for n in re.findall(r"\d+", called[2])]
    if called[1] == "GroupNorm" and len(sizes) != 2:
        return None
    return {"layer": called[1], "sizes": sizes}


def run_parameters(layer: str, sizes: list[int]) -> Computed:
    """Learned scales and shifts of a layer norm (its shape) or a group norm (groups, channels)."""
    size = sizes[1] if layer == "GroupNorm" else torch.Size(sizes).numel()
    what = "채널마다" if layer == "GroupNorm" else "정규화하는 칸마다"
    return Computed(value=written(2 * size), formula="$2C$" if layer == "GroupNorm" else "$2D$",
                    steps=f"{what} γ와 β가 하나씩 있으므로 2 × {size:,} = {2 * size:,}개입니다.")


def parse_layer_values(question: str) -> Mapping[str, Any] | None:
    """``[1, 2, 3, 4]에 레이어 정규화를 하면?`` -> the values of one token."""
    found = [values for values in lists(question) if len(values) > 1]
    if _kind(question) != "레이어" or len(found) != 1 or has(question, ("개", "파라미터")):
        return None
    if not has(question, VALUE_WORDS):
        return None
    return {"values": found[0]}


CONCEPT = Concept(
    slug="normalization_layers",
    title="정규화 층 비교",
    aliases=("layer normalization", "LayerNorm", "레이어 정규화", "층 정규화", "instance normalization", "InstanceNorm",
             "인스턴스 정규화", "group normalization", "GroupNorm", "그룹 정규화", "normalization layer", "정규화 층",
             "정규화층"),
    summary="배치, 레이어, 인스턴스, 그룹 정규화는 평균과 분산을 함께 쓰는 칸이 서로 다르다.",
    demo=demo,
    controls=(
        Control("kind", "정규화 종류", "그룹", choices=tuple(KINDS), words=("종류",)),
        Control("samples", "샘플 수 N", 4, 1, 8, 1, words=("샘플", "배치 크기", "사진")),
        Control("channels", "채널 수 C", 12, 2, 12, 1, words=("채널", "channels")),
        Control("groups", "그룹 수 G", 2, 1, 12, 1, words=("그룹", "묶음", "groups")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("정규화 층이 내는 평균의 개수", parse_means, run_means, "정규화 층 평균의 개수 축 (N, C, H, W)"),
        Computation("정규화 층의 파라미터 수", parse_parameters, run_parameters, "레이어 정규화 학습 파라미터"),
        Computation("레이어 정규화한 값", parse_layer_values, run_values, "레이어 정규화 계산 평균 분산"),
    ),
)
