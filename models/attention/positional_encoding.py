"""위치 인코딩(positional encoding): 순서를 모르는 어텐션에 자리 번호를 벡터로 알려 준다.

$$ PE_{(pos, 2i)} = \\sin(pos / 10000^{2i/d}), \\qquad PE_{(pos, 2i+1)} = \\cos(pos / 10000^{2i/d}) $$

출처: Vaswani et al. (2017), "Attention Is All You Need".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import pixels, titled
from models.reading import has, named_numbers, written


def sinusoidal(length: int, d_model: int, base: float = 10_000.0, *, dtype: torch.dtype | None = None) -> Tensor:
    """The sine bands.

    Args:
        length: positions, counted from 0. d_model: length of each vector (an odd one ends in a sine).
        base: sets the slowest wave; wavelengths run from 2*pi to ``base`` * 2*pi.

    Returns:
        (T, C).
    """
    position = torch.arange(length, dtype=torch.float64)[:, None]  # (T, 1)
    pairs = torch.arange(0, d_model, 2, dtype=torch.float64)  # 2i: (ceil(C/2),)
    angles = position * torch.exp(-pairs / d_model * math.log(base))  # pos / base^(2i/d)
    bands = torch.empty(length, d_model, dtype=torch.float64)
    bands[:, 0::2] = angles.sin()
    bands[:, 1::2] = angles[:, : d_model // 2].cos()
    return bands.to(dtype or torch.get_default_dtype())


class PositionalEncoding(nn.Module):
    """Adds the sine bands to token vectors; nothing is learned.

    Args:
        d_model: length of a token's vector. max_length: positions computed ahead.
    """

    bands: Tensor

    def __init__(self, d_model: int, max_length: int = 512) -> None:
        super().__init__()
        self.register_buffer("bands", sinusoidal(max_length, d_model), persistent=False)  # 식이므로 저장하지 않는다

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (B, T, C) -> (B, T, C).

        Raises:
            ValueError: more positions than ``max_length``.
        """
        if x.shape[1] > len(self.bands):
            raise ValueError(f"{x.shape[1]} positions: at most {len(self.bands)}")
        return x + self.bands[: x.shape[1]].to(x.dtype)  # (T, C) broadcasts over B


class PositionalEmbedding(nn.Module):
    """Adds a learned vector for each position (BERT, GPT-2, ViT); the arguments are those of PositionalEncoding."""

    def __init__(self, d_model: int, max_length: int = 512) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(max_length, d_model) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (B, T, C) -> (B, T, C).

        Raises:
            ValueError: more positions than ``max_length``: a learned table has no row for them.
        """
        if x.shape[1] > len(self.weight):
            raise ValueError(f"{x.shape[1]} positions: the table has {len(self.weight)}")
        return x + self.weight[: x.shape[1]]


def likeness(positions: Tensor) -> Tensor:
    """The cosine of every pair of positions: (T, C) -> (T, T)."""
    unit = nn.functional.normalize(positions, dim=-1)
    return unit @ unit.T


def learn_positions(length: int, d_model: int, seed: int) -> tuple[Tensor, Tensor]:
    """Learn a table where the neighbours of a position (two away at most) must score highest; before and after.

    Returns the table at the start and at the end, each (T, C).
    """
    torch.manual_seed(seed)
    table = PositionalEmbedding(d_model, length)
    before = table.weight.detach().clone()
    apart = (torch.arange(length)[:, None] - torch.arange(length)).abs()  # (T, T)
    wanted = (apart <= 2).float()
    wanted = wanted / wanted.sum(-1, keepdim=True)
    optimizer = torch.optim.Adam(table.parameters(), lr=0.05)
    for _ in range(60):
        loss = -(wanted * (table.weight @ table.weight.T).log_softmax(-1)).sum(-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return before, table.weight.detach()


CODE = """\
import math
import torch

length, d, base = {length}, {d_model}, {base}
position = torch.arange(length)[:, None]                                  # (자리, 1)
rate = torch.exp(-torch.arange(0, d, 2) / d * math.log(base))             # 1 / base^(2i/d)
pe = torch.empty(length, d)
pe[:, 0::2] = torch.sin(position * rate)
pe[:, 1::2] = torch.cos(position * rate)[:, : d // 2]
unit = pe / pe.norm(dim=-1, keepdim=True)
print("자리 0과 닮은 정도:", (unit @ unit[0])[:6])
"""


def demo(*, length: int = 50, d_model: int = 64, base: int = 10_000, seed: int = 0) -> Demo:
    """The sine bands and how alike positions are; below it, a table that learned its positions."""
    bands = sinusoidal(length, d_model, float(base))  # (T, C)
    alike = likeness(bands)
    pairs = torch.linspace(0, (d_model - 1) // 2, min(64, (d_model + 1) // 2)).round().long()
    drawn = torch.stack([2 * pairs, 2 * pairs + 1], -1).flatten()
    drawn = drawn[drawn < d_model]  # 큰 차원은 짝을 솎아 그린다
    figure = make_subplots(rows=1, cols=2, subplot_titles=("사인·코사인 줄무늬", "자리끼리 닮은 정도(코사인)"),
                           horizontal_spacing=0.12)
    figure.add_trace(pixels(bands[:, drawn], colorscale="RdBu", middle=0).update(x=drawn.tolist()), row=1, col=1)
    figure.add_trace(pixels(alike, colorscale="RdBu", middle=0), row=1, col=2)
    figure.update_xaxes(title_text="벡터의 칸", row=1, col=1)
    figure.update_yaxes(autorange="reversed")
    titled(figure, f"위치 인코딩: {length}자리, {d_model}차원", "자리", "자리", height=460)

    few = min(length, 40)
    detail = make_subplots(rows=1, cols=2, subplot_titles=("배우기 전", "배운 뒤"))
    learned = [likeness(table) for table in learn_positions(few, min(d_model, 64), seed)]
    for column, table in enumerate(learned, 1):
        detail.add_trace(pixels(table, colorscale="RdBu", middle=0), row=1, col=column)
    detail.update_yaxes(autorange="reversed")
    titled(detail, "이웃을 자주 보는 과제에서 배운 위치 임베딩의 닮은 정도", "자리", "자리")
    near, far = alike.diagonal(1).mean().item(), alike.diagonal(length - 1).mean().item()
    before, after = (table.diagonal(1).mean().item() for table in learned)
    return Demo(
        figure=figure,
        numbers={"한 칸 떨어진 자리의 코사인": round(near, 3), f"{length - 1}칸 떨어진 자리의 코사인": round(far, 3),
                 "가장 짧은 파장(자리)": round(2 * math.pi, 2),
                 "가장 긴 파장(자리)": round(2 * math.pi * base ** (2 * ((d_model - 1) // 2) / d_model), 1),
                 "배우기 전 이웃의 코사인": round(before, 3), "배운 뒤 이웃의 코사인": round(after, 3)},
        text=f"한 칸 떨어진 자리의 코사인은 {near:.2f}이고 {length - 1}칸 떨어진 자리는 {far:.2f}입니다. "
             f"학습되는 위치 임베딩은 이웃끼리의 코사인이 {before:.2f}에서 {after:.2f}로 올랐습니다.",
        code=CODE.format(length=length, d_model=d_model, base=base),
        detail=detail,
    )


NAMES = ("위치 인코딩", "포지셔널", "positional", "위치 임베딩", "포지션 임베딩", "PE")
WORDS = {"position": ("pos", "position", "위치는", "자리"),
         "d_model": ("d_model", "dmodel", "모델 차원", "임베딩 차원"),
         "cell": ("차원 번호", "차원", "칸", "인덱스", "index", "dim")}


def _parse_value(question: str) -> Mapping[str, Any] | None:
    if not has(question, NAMES, ("값", "얼마", "계산")) or has(question, ("파라미터", "매개변수", "최대")):
        return None
    found = {name: int(value) for name, value in named_numbers(question, WORDS).items() if value == int(value)}
    pair = re.search(r"(?<![a-z])i\s*=\s*(\d+)", question)
    if pair and "cell" not in found:  # i는 짝의 번호이다
        found["cell"] = 2 * int(pair[1]) + (1 if has(question, ("cos", "코사인")) else 0)
    if len(found) != 3 or not 0 <= found["cell"] < found["d_model"] or not 0 <= found["position"] <= 10**6:
        return None
    return found


def _run_value(position: int, d_model: int, cell: int) -> Computed:
    angle = position / 10_000 ** (cell // 2 * 2 / d_model)
    name, value = ("cos", math.cos(angle)) if cell % 2 else ("sin", math.sin(angle))
    steps = (f"{cell}번 칸은 {'홀수라 코사인' if cell % 2 else '짝수라 사인'}이고 i = {cell // 2}입니다: "
             f"{name}({position} / 10000^({cell // 2 * 2}/{d_model})) = {name}({written(angle)}) = {written(value)}")
    return Computed(written(value), steps, f"$\\{name}(pos / 10000^{{2i/d_{{model}}}})$")


def _parse_table(question: str) -> Mapping[str, Any] | None:
    if not has(question, ("위치 임베딩", "positional embedding", "position embedding", "포지션 임베딩", "위치 인코딩")):
        return None
    found = named_numbers(question, {"length": ("최대 길이", "최대", "max_length", "길이", "자리", "토큰"),
                                     "d_model": ("d_model", "차원", "hidden_size")})
    if not has(question, ("파라미터", "매개변수", "parameter")) or len(found) != 2 or min(found.values()) < 1:
        return None
    return {name: int(value) for name, value in found.items()}


def _run_table(length: int, d_model: int) -> Computed:
    total = written(length * d_model)
    return Computed(total, f"자리마다 벡터 하나를 배우므로 {length} × {d_model} = {total}개입니다"
                           "(사인·코사인으로 정하면 0개).", "$T_{max} \\times d_{model}$")


CONCEPT = Concept(
    slug="positional_encoding",
    title="위치 인코딩",
    aliases=("positional encoding", "포지셔널 인코딩", "포지셔널인코딩", "포지셔날 인코딩", "위치인코딩", "위치 임베딩",
             "positional embedding", "position embedding", "포지션 임베딩", "사인 코사인 인코딩"),
    summary="토큰이 몇 번째 자리에 있는지를 나타내는 벡터를 만들어 토큰 벡터에 더한다.",
    demo=demo,
    controls=(
        Control("length", "자리 수", 50, 4, 100, 1, words=("자리 수", "문장 길이", "길이")),
        Control("d_model", "차원 d_model", 64, 4, 1024, 1, words=("d_model", "모델 차원", "임베딩 차원", "차원")),
        Control("base", "밑(10000 자리)", 10_000, 2, 10_000, 1, words=("밑", "base")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("position_value", _parse_value, _run_value, "위치 인코딩 사인 코사인 공식 pos 차원"),
        Computation("position_table", _parse_table, _run_table, "학습되는 위치 임베딩 자리마다 벡터"),
    ),
)
