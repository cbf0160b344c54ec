"""풀링(pooling): 구역마다 대표값 하나만 남겨 특징 맵을 줄인다.

$$ y_{i,j} = \\max_{u,v}\\; x_{iS+u,\\,jS+v} \\quad\\text{또는}\\quad \\frac{1}{K^2}\\sum_{u,v} x_{iS+u,\\,jS+v} $$

출처: LeCun et al. (1998), "Gradient-Based Learning Applied to Document Recognition";
Lin et al. (2014), "Network In Network" (전역 평균 풀링).
"""

from __future__ import annotations

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import grid, titled
from models.reading import has
from models.vision import window
from models.vision.window import Pair, output_size, pair, windows


def _windows(x: Tensor, kernel: Pair, stride: Pair, padding: Pair, fill: float, dilation: Pair = 1) -> Tensor:
    """Every window laid out: (B, C, H, W) -> (B, C, H_out, W_out, K_h * K_w); cells outside hold ``fill``."""
    (kh, kw), (ph, pw) = pair(kernel), pair(padding)
    if ph > kh // 2 or pw > kw // 2:
        raise ConceptError(f"패딩 {(ph, pw)}: 구역 {(kh, kw)}의 절반 이하여야 합니다.")
    if ph or pw:
        x = F.pad(x, (pw, pw, ph, ph), value=fill)
    return windows(x, kernel, stride, dilation).flatten(-2)


def max_pool2d(x: Tensor, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0,
               dilation: Pair = 1) -> Tensor:
    """The largest value of every window; the same as ``torch.nn.functional.max_pool2d``.

    ``x``: (B, C, H, W) -> (B, C, H_out, W_out). The gradient goes to the cell that won, and to no other.

    Raises:
        ConceptError: the window is larger than the padded input, or the padding larger than half the window.
    """
    stride = kernel_size if stride is None else stride  # 적지 않으면 구역이 겹치지 않는다
    return _windows(x, kernel_size, stride, padding, float("-inf"), dilation).max(dim=-1).values


def avg_pool2d(x: Tensor, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0,
               count_include_pad: bool = True) -> Tensor:
    """The mean of every window; the same as ``torch.nn.functional.avg_pool2d``.

    ``count_include_pad``: whether padded zeros count in the mean. See ``max_pool2d`` for shapes and errors.
    """
    stride = kernel_size if stride is None else stride
    mean = _windows(x, kernel_size, stride, padding, 0.0).mean(dim=-1)
    if count_include_pad or not any(pair(padding)):
        return mean
    inside = _windows(torch.ones_like(x[:1, :1]), kernel_size, stride, padding, 0.0).mean(dim=-1)
    return mean / inside


def global_avg_pool(x: Tensor) -> Tensor:
    """One number per channel: (B, C, H, W) -> (B, C)."""
    return x.mean(dim=(2, 3))


class MaxPool2d(nn.Module):
    """``max_pool2d`` as a layer; arguments as in ``torch.nn.MaxPool2d``. It has no parameters."""

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0, dilation: Pair = 1) -> None:
        super().__init__()
        self.arguments = (kernel_size, stride, padding, dilation)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H_out, W_out)."""
        return max_pool2d(x, *self.arguments)


class AvgPool2d(nn.Module):
    """``avg_pool2d`` as a layer; arguments as in ``torch.nn.AvgPool2d``. It has no parameters."""

    def __init__(self, kernel_size: Pair, stride: Pair | None = None, padding: Pair = 0,
                 count_include_pad: bool = True) -> None:
        super().__init__()
        self.arguments = (kernel_size, stride, padding, count_include_pad)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H_out, W_out)."""
        return avg_pool2d(x, *self.arguments)


POOLS = {"최대": max_pool2d, "평균": avg_pool2d}


def points(size: int, shift: int, seed: int) -> Tensor:
    """A sparse feature map, one bright cell in every 4x4 block, moved ``shift`` cells right: (1, 1, size, size)."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.zeros(size, size)
    blocks = size // 4
    corner = 4 * torch.arange(blocks)
    at = torch.randint(0, 4, (2, blocks, blocks), generator=generator)  # 블록 안의 자리
    values = torch.randint(5, 10, (blocks, blocks), generator=generator).float()
    image[corner[:, None] + at[0], corner + at[1]] = values
    return image.roll(shift, dims=1)[None, None]


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
image = torch.zeros(1, 1, {size}, {size})
image[..., torch.randint(0, {size}, (9,)), torch.randint(0, {size}, (9,))] = 9   # 드문드문 켜진 특징 맵
moved = image.roll({shift}, dims=3)                     # 옆으로 {shift}칸
pool = nn.{layer}({kernel}, stride={stride})
print("출력:", tuple(pool(image).shape))
print("원본에서 바뀐 칸:", (image != moved).sum().item())
print("풀링 뒤 바뀐 칸:", (pool(image) != pool(moved)).sum().item())
"""


def demo(*, kind: str = "최대", size: int = 12, kernel: int = 2, stride: int = 2, shift: int = 1,
         seed: int = 0) -> Demo:
    """A picture and the same picture moved; what pooling keeps. Below: how much changes by window."""
    out = output_size(size, kernel, stride)
    pool = POOLS[kind]
    before, after = points(size, 0, seed), points(size, shift, seed)
    small_before, small_after = pool(before, kernel, stride), pool(after, kernel, stride)
    figure = make_subplots(rows=2, cols=2, vertical_spacing=0.16, subplot_titles=(
        f"원본 {size}x{size}", f"{shift}칸 민 원본", f"{kind} 풀링 {out}x{out}", "민 그림의 풀링"))
    for row, images in enumerate(((before, after), (small_before, small_after)), start=1):
        for column, image in enumerate(images, start=1):
            figure.add_trace(grid(image[0, 0].tolist()), row=row, col=column)
    figure.update_yaxes(autorange="reversed")
    titled(figure, f"{kind} 풀링, 구역 {kernel}x{kernel}, 스트라이드 {stride}", "열", "행", height=640)

    kept = _unchanged(before, after)
    kept_small = _unchanged(small_before, small_after)
    kernels = list(range(1, min(6, size) + 1))
    detail = go.Figure([go.Bar(x=kernels, y=[_unchanged(f(before, k), f(after, k)) for k in kernels], name=name)
                        for name, f in POOLS.items()])
    titled(detail, f"{shift}칸 밀었을 때 그대로인 정보의 비율", "구역의 한 변", "그대로인 비율")
    return Demo(
        figure=figure,
        numbers={"출력의 한 변": out, "남은 값의 비율": round(out**2 / size**2, 3), "파라미터 수": 0,
                 "원본에서 그대로인 비율": kept, "풀링 뒤 그대로인 비율": kept_small},
        text=f"특징 맵을 옆으로 {shift}칸 밀었더니 켜진 값 가운데 원본은 {kept:.0%}, 풀링한 뒤에는 {kept_small:.0%}가 "
             "그대로입니다. "
             f"{size}x{size}였던 그림은 {out}x{out}(으)로 줄었고 배울 파라미터는 없습니다.",
        code=CODE.format(seed=seed, size=size, shift=shift, kernel=kernel, stride=stride,
                         layer="MaxPool2d" if kind == "최대" else "AvgPool2d"),
        detail=detail,
    )


def _unchanged(a: Tensor, b: Tensor) -> float:
    """1 minus the share of the total brightness that differs."""
    total = (a.abs().sum() + b.abs().sum()).item()
    return round(1 - (a - b).abs().sum().item() / total, 3) if total else 1.0


def _parse(question: str) -> dict | None:
    read = window.read_window(question)
    if (not window.asks_size(question) or not has(question, window.POOLING) or has(question, ("전역", "global", "gap"))
            or read.sides is None or read.kernel is None or has(question, ("합성곱", "conv", "컨볼루션"))):
        return None
    stride = read.stride or read.kernel[0]
    return {"sides": read.sides, "kernel": read.kernel, "stride": stride, "padding": read.padding or 0,
            "lead": (read.batch, read.inputs) if read.batch and read.inputs else ()}


def _run(sides: tuple[int, ...], kernel: tuple[int, ...], stride: int, padding: int,
         lead: tuple[int, ...] = ()) -> Computed:
    return window.sized("입력", sides, kernel, stride, padding, 1, lead=lead)


CONCEPT = Concept(
    slug="pooling",
    title="풀링",
    aliases=("pooling", "맥스 풀링", "맥스풀링", "max pooling", "최대 풀링", "평균 풀링", "average pooling",
             "MaxPool2d", "AvgPool2d", "전역 평균 풀링", "global average pooling", "서브샘플링", "풀링층"),
    summary="구역마다 대표값 하나만 남겨 크기를 줄이고 이동에 둔감하게 한다.",
    demo=demo,
    controls=(
        Control("kind", "풀링", "최대", choices=("최대", "평균")),
        Control("size", "입력의 한 변", 12, 8, 24, 1, words=("입력 크기", "입력", "특징 맵", "특징맵")),
        Control("kernel", "구역의 한 변", 2, 1, 8, 1, words=("커널 크기", "커널", "kernel_size", "구역", "k")),
        Control("stride", "스트라이드", 2, 1, 8, 1, words=("스트라이드", "stride", "보폭", "s")),
        Control("shift", "옆으로 미는 칸", 1, 0, 4, 1, words=("이동", "밀기", "shift")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("풀링 출력 크기", _parse, _run, cite="풀링 출력 크기 구역 스트라이드"),),
)
