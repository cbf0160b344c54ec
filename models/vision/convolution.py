"""합성곱(convolution): 작은 필터를 옮겨 가며 겹친 값끼리 곱해 더한다.

$$ y_{o,i,j} = b_o + \\sum_{c,u,v} w_{o,c,u,v}\\; x_{c,\\,iS+uD,\\,jS+vD} $$

창마다 값을 한 줄로 펴 두면(im2col) 이 합은 행렬 곱 한 번이 된다.

출처: LeCun et al. (1989), "Backpropagation Applied to Handwritten Zip Code Recognition";
Chellapilla et al. (2006), "High Performance Convolutional Neural Networks for Document Processing" (im2col).
"""

from __future__ import annotations

import math

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import grid, pixels, titled
from models.reading import has
from models.vision import window
from models.vision.window import Pair, amount, output_size, pair, windows


def conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Pair = 1, padding: Pair | str = 0,
           dilation: Pair = 1, groups: int = 1, padding_mode: str = "zeros") -> Tensor:
    """Convolution as one matrix product over unfolded windows; the same as ``torch.nn.functional.conv2d``.

    Args:
        x: (B, C_in, H, W).
        weight: (C_out, C_in / groups, K_h, K_w).
        bias: (C_out,) or None.
        padding: cells on every side, or ``"same"`` / ``"valid"``.

    Returns:
        (B, C_out, H_out, W_out).

    Raises:
        ConceptError: the kernel is larger than the padded input, or the channels do not fit weight and groups.
    """
    out_channels, group_in, kh, kw = weight.shape
    if x.shape[1] != group_in * groups or out_channels % groups:
        raise ConceptError(f"입력 채널 {x.shape[1]}, 필터 {tuple(weight.shape)}, 그룹 {groups}: "
                           f"입력 채널은 {group_in * groups}이어야 하고 출력 채널은 그룹 수로 나누어떨어져야 합니다.")
    top, bottom, left, right = _borders(padding, (kh, kw), pair(stride), pair(dilation))
    if top or bottom or left or right:
        mode = "constant" if padding_mode == "zeros" else padding_mode
        x = F.pad(x, (left, right, top, bottom), mode=mode)
    cells = windows(x, (kh, kw), stride, dilation)  # (B, C_in, H_out, W_out, K_h, K_w)
    height, width = cells.shape[2:4]
    columns = cells.permute(0, 1, 4, 5, 2, 3).reshape(  # (B, G, C_in/G*K_h*K_w, H_out*W_out)
        x.shape[0], groups, group_in * kh * kw, height * width)
    rows = weight.reshape(groups, out_channels // groups, group_in * kh * kw)  # (G, C_out/G, C_in/G*K_h*K_w)
    y = (rows @ columns).reshape(x.shape[0], out_channels, height, width)  # 창마다 곱해 더한다: sum_{c,u,v} w x
    return y if bias is None else y + bias[:, None, None]


def _borders(padding: Pair | str, kernel: tuple[int, int], stride: tuple[int, int],
             dilation: tuple[int, int]) -> tuple[int, int, int, int]:
    """Cells to add above, below, left and right."""
    if padding == "same":
        if stride != (1, 1):
            raise ConceptError(f"padding='same'은 스트라이드 1에서만 됩니다(지금 {stride}).")
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return totals[0] // 2, totals[0] - totals[0] // 2, totals[1] // 2, totals[1] - totals[1] // 2
    if isinstance(padding, str):
        if padding != "valid":
            raise ConceptError(f"padding={padding!r}: 수, 'same', 'valid' 중 하나여야 합니다.")
        return 0, 0, 0, 0
    ph, pw = pair(padding)
    return ph, ph, pw, pw


def check_groups(in_channels: int, out_channels: int, groups: int) -> None:
    """Raise ``ConceptError`` where ``groups`` does not divide both numbers of channels."""
    if min(in_channels, out_channels, groups) < 1 or in_channels % groups or out_channels % groups:
        raise ConceptError(f"입력 채널 {in_channels}, 출력 채널 {out_channels}: 둘 다 그룹 수 {groups}로 "
                           "나누어떨어져야 합니다.")


class Conv2d(nn.Module):
    """A convolution layer; arguments and parameters as in ``torch.nn.Conv2d``."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Pair, stride: Pair = 1,
                 padding: Pair | str = 0, dilation: Pair = 1, groups: int = 1, bias: bool = True,
                 padding_mode: str = "zeros", device: torch.device | str | None = None,
                 dtype: torch.dtype | None = None) -> None:
        super().__init__()
        check_groups(in_channels, out_channels, groups)
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.groups, self.padding_mode = groups, padding_mode
        kh, kw = pair(kernel_size)
        shape = (out_channels, in_channels // groups, kh, kw)
        self.weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(out_channels, device=device, dtype=dtype)) if bias else None
        bound = 1 / math.sqrt(math.prod(shape[1:]))  # U(-1/sqrt(fan_in), 1/sqrt(fan_in))
        nn.init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H_out, W_out)."""
        return conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups,
                      self.padding_mode)


def count_parameters(in_channels: int, out_channels: int, kernel: int, bias: bool = True, groups: int = 1,
                     axes: int = 2) -> int:
    """C_out * (C_in / G * K^axes + 1)."""
    check_groups(in_channels, out_channels, groups)
    if kernel < 1:
        raise ConceptError(f"커널 {kernel}: 1 이상이어야 합니다.")
    return out_channels * (in_channels // groups * kernel**axes + int(bias))


EDGES = {
    "세로선": ((1, 0, -1), (1, 0, -1), (1, 0, -1)),
    "가로선": ((1, 1, 1), (0, 0, 0), (-1, -1, -1)),
    "윤곽(라플라시안)": ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
    "흐리게(평균)": ((1 / 9,) * 3,) * 3,
    "날카롭게": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
}


def picture(side: int = 48) -> Tensor:
    """A grey picture (side, side) with a disc, a square, a slope and lines; values from 0 to 1."""
    y, x = torch.meshgrid(torch.linspace(0, 1, side), torch.linspace(0, 1, side), indexing="ij")
    image = 0.15 + 0.25 * x
    image[(x - 0.32) ** 2 + (y - 0.35) ** 2 < 0.05] = 0.95
    image[(x > 0.6) & (x < 0.9) & (y > 0.15) & (y < 0.45)] = 0.75
    image[(y > 0.7) & ((x * 8).long() % 2 == 0)] = 0.9
    return image


CODE = """\
import torch
from torch import nn

kernel = torch.tensor({kernel})
image = torch.zeros(1, 1, 48, 48)
image[..., 12:36, 12:36] = 1                       # 검은 바탕의 흰 네모
feature = nn.functional.conv2d(image, kernel[None, None], stride={stride}, padding={padding})
print("특징 맵:", feature.shape, "가장 큰 값:", feature.max().item())

conv = nn.Conv2d({channels}, {filters}, {size}, stride={stride}, padding={padding}, bias={bias}, device="meta")
out = conv(torch.empty(1, {channels}, {height}, {width}, device="meta"))   # meta: 값 없이 모양만 계산한다
print("출력:", tuple(out.shape), "파라미터:", sum(p.numel() for p in conv.parameters()))
"""


def demo(*, edge: str = "세로선", height: int = 64, width: int = 64, channels: int = 3, filters: int = 16,
         kernel: int = 3, stride: int = 1, padding: int = 0, bias: bool = True) -> Demo:
    """A hand-set filter over a picture; output size and parameters of the reader's own layer."""
    out_height = output_size(height, kernel, stride, padding)
    out_width = output_size(width, kernel, stride, padding)
    parameters = count_parameters(channels, filters, kernel, bias)

    image = picture()
    hand = torch.tensor(EDGES[edge], dtype=torch.float32)
    feature = conv2d(image[None, None], hand[None, None], stride=stride, padding=padding)[0, 0]
    figure = make_subplots(rows=1, cols=3, column_widths=[0.42, 0.16, 0.42],
                           subplot_titles=("입력 48x48", "필터 3x3", f"특징 맵 {feature.shape[0]}x{feature.shape[1]}"))
    figure.add_trace(pixels(image), row=1, col=1)
    figure.add_trace(grid(hand.tolist()), row=1, col=2)
    figure.add_trace(pixels(feature, colorscale="RdBu", middle=0), row=1, col=3)
    figure.update_yaxes(autorange="reversed")
    titled(figure, f"{edge} 필터가 지나간 자리", "열", "행", height=380)

    strides = list(range(1, 11))
    detail = go.Figure([go.Scatter(x=strides, y=[output_size(side, kernel, s, padding) for s in strides], name=name)
                        for side, name in ((height, "높이"), (width, "너비"))])
    titled(detail, f"커널 {kernel}, 패딩 {padding}일 때 스트라이드에 따른 출력 크기", "스트라이드", "출력 크기")
    return Demo(
        figure=figure,
        numbers={"출력 높이": out_height, "출력 너비": out_width, "출력 채널": filters, "파라미터 수": parameters,
                 "완전연결층이라면 출력 하나에 필요한 가중치": channels * height * width},
        text=f"{height}x{width} 입력에 {kernel}x{kernel} 필터 {filters}개(스트라이드 {stride}, 패딩 {padding})를 쓰면 "
             f"{out_height}x{out_width} 특징 맵 {filters}장이 나옵니다. 필터 하나가 "
             f"값 {channels}x{kernel}x{kernel}개를 보므로 파라미터는 {amount(parameters)}개이고, "
             f"사진이 커져도 늘지 않습니다.",
        code=CODE.format(kernel=[[round(float(v), 3) for v in row] for row in EDGES[edge]], stride=stride,
                         padding=padding, channels=channels, filters=filters, size=kernel, height=height, width=width,
                         bias=bias),
        detail=detail,
    )


def _parse_size(question: str) -> dict | None:
    read = window.read_window(question)
    others = (*window.POOLING, *window.DILATION, *window.ONE_AXIS)
    if not window.asks_size(question) or has(question, others) or None in (read.sides, read.kernel) or read.layers:
        return None
    return {"sides": read.sides, "kernel": read.kernel, "stride": read.stride or 1,
            "padding": read.padding or 0, "batch": read.batch, "outputs": read.outputs}


def _run_size(sides: tuple[int, ...], kernel: tuple[int, ...], stride: int, padding: int, batch: int | None = None,
              outputs: int | None = None) -> Computed:
    lead = (batch, outputs) if batch and outputs else ()
    return window.sized("입력", sides, kernel, stride, padding, 1, lead=lead)


def _parse_count(question: str) -> dict | None:
    read = window.read_window(question)
    others = (*window.GROUPS, *window.ONE_AXIS)
    if not window.asks_count(question) or has(question, others) or None in (read.inputs, read.outputs, read.kernel):
        return None
    return {"inputs": read.inputs, "outputs": read.outputs, "kernel": read.kernel,
            "bias": read.bias is not False}


def _run_count(inputs: int, outputs: int, kernel: tuple[int, ...], bias: bool) -> Computed:
    kh, kw = kernel if len(kernel) == 2 else kernel * 2
    if min(inputs, outputs, kh, kw) < 1:
        raise ConceptError(f"입력 채널 {inputs}, 출력 채널 {outputs}, 커널 {kh}x{kw}: 모두 1 이상이어야 합니다.")
    total = outputs * (inputs * kh * kw + int(bias))
    plus = " + 1" if bias else ""
    note = "편향을 넣어" if bias else "편향 없이"
    return Computed(value=amount(total), steps=f"{note} {outputs} × ({inputs}×{kh}×{kw}{plus}) = {window.both(total)}",
                    formula="N = C_out × (C_in × K × K + 1)" if bias else "N = C_out × C_in × K × K")


CONCEPT = Concept(
    slug="convolution",
    title="합성곱",
    aliases=("convolution", "컨볼루션", "콘볼루션", "컨벌루션", "conv2d", "2D convolution", "2차원 합성곱", "합성곱층",
             "특징 맵", "feature map", "스트라이드", "stride", "제로 패딩", "zero padding", "커널", "합성곱 필터",
             "가중치 공유", "parameter sharing", "윤곽 검출", "에지 검출"),
    summary="작은 필터를 옮겨 가며 겹친 값끼리 곱해 더해서 특징을 찾는다.",
    demo=demo,
    controls=(
        Control("edge", "필터", "세로선", choices=tuple(EDGES)),
        Control("height", "입력 높이", 64, 11, 4096, 1, words=("높이", "height", "입력 크기", "입력", "H"),
                pattern=r"(\d{2,4})\s*[x×]\s*\d{2,4}"),
        Control("width", "입력 너비", 64, 11, 4096, 1, words=("너비", "width", "W"),
                pattern=r"(?:\d{2,4}\s*[x×]|입력(?:\s*크기)?[이가은는]?)\s*(\d{2,4})(?!\s*[x×\d])"),
        Control("channels", "입력 채널", 3, 1, 512, 1, words=("입력 채널", "in_channels", "채널")),
        Control("filters", "필터 수(출력 채널)", 16, 1, 512, 1, words=("출력 채널", "out_channels", "필터 수")),
        Control("kernel", "커널 크기", 3, 1, 11, 1, words=("커널 크기", "커널", "kernel_size", "kernel", "k")),
        Control("stride", "스트라이드", 1, 1, 16, 1, words=("스트라이드", "stride", "보폭", "s")),
        Control("padding", "패딩", 0, 0, 16, 1, words=("패딩", "padding", "p")),
        Control("bias", "편향", True),
    ),
    computations=(
        Computation("합성곱 출력 크기", _parse_size, _run_size, cite="합성곱 출력 크기 패딩 스트라이드 커널"),
        Computation("합성곱 파라미터 수", _parse_count, _run_count, cite="합성곱 파라미터 수 입력 채널 출력 채널 편향"),
    ),
)
