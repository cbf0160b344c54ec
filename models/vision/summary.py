"""층별 표: 값을 계산하지 않고(meta 장치) 모양과 파라미터 수만 따라간다."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go
import torch
from torch import nn

from models.figures import BLUE, GREEN, titled
from models.vision.window import amount


class Row(NamedTuple):
    """One layer: its name, the shape of its output without the batch, its parameters and multiplications."""

    name: str
    shape: tuple[int, ...]
    parameters: int
    multiplications: int


def count(module: nn.Module) -> int:
    """How many numbers ``module`` learns."""
    return sum(p.numel() for p in module.parameters())


def rows(layers: nn.Sequential, shape: Sequence[int]) -> list[Row]:
    """What each layer of a network on the meta device gives for one input of ``shape`` (without the batch).

    Shapes only: nothing is allocated, so that a network of 138 million parameters takes milliseconds.
    Multiplications are those of weights; all convolutions inside one layer must give maps of one size.
    """
    x = torch.empty(1, *shape, device="meta")
    out = [Row("입력", tuple(shape), 0, 0)]
    for name, layer in layers.named_children():
        x = layer(x)
        weights = sum(p.numel() for p in layer.parameters() if p.dim() > 1)  # 편향과 정규화의 값은 곱셈이 아니다
        out.append(Row(name, tuple(x.shape[1:]), count(layer), weights * math.prod(x.shape[2:])))
    return out


def bars(table: Sequence[Row], title: str) -> go.Figure:
    """Parameters of every layer that has some."""
    table = [row for row in table if row.parameters]
    colors = [BLUE if len(row.shape) == 3 else GREEN for row in table]
    figure = go.Figure(go.Bar(x=[row.name for row in table], y=[row.parameters for row in table], marker_color=colors,
                              text=[amount(row.parameters) for row in table]))
    return titled(figure, title, "층 (파랑: 특징 맵, 초록: 완전연결)", "파라미터 수")


def sheet(table: Sequence[Row], title: str) -> go.Figure:
    """The table itself: layer, output, parameters, multiplications."""
    shapes = ["x".join(map(str, row.shape)) for row in table]
    columns = [[row.name for row in table], shapes, [amount(row.parameters) for row in table],
               [amount(row.multiplications) for row in table]]
    figure = go.Figure(go.Table(header={"values": ["층", "출력 (채널x높이x너비)", "파라미터", "곱셈"]},
                                cells={"values": columns}))
    return titled(figure, title, "", "", height=170 + 24 * len(table))
