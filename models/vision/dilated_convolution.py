"""팽창 합성곱(dilated convolution): 필터의 칸 사이를 벌려 같은 수의 가중치로 더 넓게 본다.

$$ K_{eff} = D(K-1) + 1, \\qquad O = \\left\\lfloor \\frac{I + 2P - D(K-1) - 1}{S} \\right\\rfloor + 1 $$

출처: Yu & Koltun (2016), "Multi-Scale Context Aggregation by Dilated Convolutions";
van den Oord et al. (2016), "WaveNet".
"""

from __future__ import annotations

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREY, pixels, titled
from models.reading import has
from models.vision import window
from models.vision.convolution import conv2d, picture
from models.vision.window import output_size


def spread(kernel: Tensor, dilation: int) -> Tensor:
    """``kernel`` (..., K_h, K_w) with D - 1 zeros between its cells: (..., D(K_h-1)+1, D(K_w-1)+1)."""
    height, width = (dilation * (k - 1) + 1 for k in kernel.shape[-2:])
    wide = kernel.new_zeros(*kernel.shape[:-2], height, width)
    wide[..., ::dilation, ::dilation] = kernel
    return wide


def seen_by_stack(kernel: int, dilations: list[int]) -> Tensor:
    """How many paths lead from each cell of a line to the middle output of a stack, (length,); 0: never looked at."""
    reach = sum(d * (kernel - 1) for d in dilations) + 1
    line = torch.zeros(1, 1, 1, 2 * reach - 1, dtype=torch.float64)
    line[..., reach - 1] = 1
    ones = torch.ones(1, 1, 1, kernel, dtype=torch.float64)
    for d in dilations:  # 1만 있는 필터이므로 값은 길의 수가 된다
        line = conv2d(line, ones, padding=(0, d * (kernel - 1)), dilation=(1, d))
    counts = line[0, 0, 0]
    inside = counts.nonzero().flatten()
    return counts[inside[0]: inside[-1] + 1]


CODE = """\
import torch
from torch import nn

conv = nn.Conv2d(1, 1, kernel_size={kernel}, dilation={dilation}, padding={padding}, bias=False)
x = torch.zeros(1, 1, {size}, {size}, requires_grad=True)
out = conv(x)
out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
rows = (x.grad[0, 0] != 0).any(dim=1).nonzero().flatten()
print("출력:", tuple(out.shape[2:]), "가중치:", conv.weight.numel())
print("덮는 폭:", (rows.max() - rows.min() + 1).item())
"""


def demo(*, size: int = 32, kernel: int = 3, dilation: int = 2, padding: int = 0, layers: int = 4) -> Demo:
    """The spread filter on a picture; below, a stack with doubled rates against plain and gridded stacks."""
    out = output_size(size, kernel, 1, padding, dilation)
    span = dilation * (kernel - 1) + 1
    image = picture(size)
    blur = torch.full((1, 1, kernel, kernel), 1 / kernel**2)
    feature = conv2d(image[None, None], blur, padding=padding, dilation=dilation)[0, 0]
    shape = spread(torch.ones(kernel, kernel), dilation)
    titles = (f"입력 {size}x{size}", f"벌린 필터: 덮는 폭 {span}", f"출력 {out}x{out}")
    figure = make_subplots(rows=1, cols=3, subplot_titles=titles)
    figure.add_trace(pixels(image), row=1, col=1)
    figure.add_trace(pixels(shape, colorscale="Blues"), row=1, col=2)
    figure.add_trace(pixels(feature), row=1, col=3)
    figure.update_yaxes(autorange="reversed")
    titled(figure, f"팽창률 {dilation}: 가중치 {kernel**2}개로 {span}x{span}을 본다", "열", "행", height=380)

    doubled = [2**i for i in range(layers)]
    stacks = {"두 배씩 (1, 2, 4, …)": doubled, "보통 (1, 1, 1, …)": [1] * layers, "2만 (2, 2, 2, …)": [2] * layers}
    seen = {name: seen_by_stack(kernel, rates) for name, rates in stacks.items()}
    detail = go.Figure()
    for row, (name, counts) in enumerate(seen.items()):
        at = torch.arange(len(counts)) - len(counts) // 2
        step = max(1, len(counts) // 600)  # 점이 너무 많으면 솎는다
        colors = [BLUE if c > 0 else GREY for c in counts[::step].tolist()]
        detail.add_trace(go.Scatter(x=at[::step].tolist(), y=[row] * len(colors), mode="markers", name=name,
                                    marker={"color": colors, "symbol": "square", "size": 7}))
    detail.update_layout(showlegend=False)
    detail.update_yaxes(tickvals=[0, 1, 2], ticktext=list(seen), range=[-0.7, 2.7])
    titled(detail, f"{layers}층을 쌓았을 때 보는 칸(회색은 한 번도 보지 않는 칸)", "가운데 출력에서 떨어진 칸", "층마다의 팽창률")
    holes = int((seen["2만 (2, 2, 2, …)"] == 0).sum())
    wide, plain = len(seen["두 배씩 (1, 2, 4, …)"]), len(seen["보통 (1, 1, 1, …)"])
    return Demo(
        figure=figure,
        numbers={"출력의 한 변": out, "덮는 폭": span, "가중치 수": kernel**2,
                 "같은 크기가 되는 패딩": dilation * (kernel - 1) / 2,
                 "두 배씩 쌓은 수용 영역": wide, "보통으로 쌓은 수용 영역": plain,
                 "팽창률 2만 쌓을 때 못 보는 칸": holes},
        text=f"{kernel}x{kernel} 필터를 {dilation}칸 간격으로 벌리니 가중치 {kernel**2}개가 {span}x{span} 넓이를 "
             "덮습니다. "
             f"{layers}층을 팽창률을 두 배씩 늘려 쌓으면 {wide}칸, 팽창 없이 쌓으면 {plain}칸을 봅니다.",
        code=CODE.format(kernel=kernel, dilation=dilation, padding=padding, size=size),
        detail=detail,
    )


def _parse_size(question: str) -> dict | None:
    read = window.read_window(question)
    if (not window.asks_size(question) or not has(question, window.DILATION) or has(question, window.ONE_AXIS)
            or None in (read.sides, read.kernel, read.dilation) or read.layers):
        return None
    return {"sides": read.sides, "kernel": read.kernel, "stride": read.stride or 1, "padding": read.padding or 0,
            "dilation": read.dilation}


def _run_size(sides: tuple[int, ...], kernel: tuple[int, ...], stride: int, padding: int, dilation: int) -> Computed:
    return window.sized("입력", sides, kernel, stride, padding, dilation)


def _parse_span(question: str) -> dict | None:
    read = window.read_window(question)
    span = ("덮는", "유효커널", "실제커널", "유효크기", "effectivekernel", "벌어진")
    asked = has(question, span, ("몇", "얼마", "크기", "폭", "?"))
    if not asked or not read.kernel or not read.dilation or read.layers or has(question, ("왜", "이유")):
        return None
    return {"kernel": read.kernel[0], "dilation": read.dilation}


def _run_span(kernel: int, dilation: int) -> Computed:
    span = dilation * (kernel - 1) + 1
    return Computed(value=str(span), steps=f"{dilation}×({kernel}−1) + 1 = {span}", formula="K_eff = D(K−1) + 1")


CONCEPT = Concept(
    slug="dilated_convolution",
    title="팽창 합성곱",
    aliases=("dilated convolution", "dilation", "atrous convolution", "아트러스 합성곱", "확장 합성곱",
             "팽창된 컨볼루션", "팽창 컨볼루션", "다일레이티드 컨볼루션", "팽창률",
             "dilation rate", "WaveNet", "DeepLab"),
    summary="필터의 칸 사이를 벌려 가중치를 늘리지 않고 더 넓게 본다.",
    demo=demo,
    controls=(
        Control("size", "입력의 한 변", 32, 24, 96, 1, words=("입력 크기", "입력", "이미지")),
        Control("kernel", "커널 크기", 3, 1, 7, 1, words=("커널 크기", "커널", "kernel_size", "kernel", "k")),
        Control("dilation", "팽창률", 2, 1, 8, 1, words=("팽창률", "팽창", "dilation rate", "dilation", "간격", "d")),
        Control("padding", "패딩", 0, 0, 16, 1, words=("패딩", "padding", "p")),
        Control("layers", "쌓는 층 수", 4, 1, 7, 1, words=("층수", "층", "layers")),
    ),
    computations=(
        Computation("팽창 합성곱 출력 크기", _parse_size, _run_size, cite="팽창 합성곱 출력 크기 팽창률"),
        Computation("팽창 커널이 덮는 폭", _parse_span, _run_span, cite="팽창률 벌어진 커널이 덮는 폭"),
    ),
)
