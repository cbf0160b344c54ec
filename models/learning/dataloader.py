"""데이터셋과 데이터로더(Dataset, DataLoader): 샘플을 정해진 개수씩 묶어 에포크마다 차례로 건넨다.

$$ \\text{배치 수} = \\lceil N/B \\rceil, \\qquad \\text{자투리를 버리면} \\; \\lfloor N/B \\rfloor $$

데이터셋은 샘플이 몇 개이고 $i$번째가 무엇인지만 알고, 로더가 순서와 묶음을 정한다.

출처: Paszke et al. (2019), "PyTorch: An Imperative Style, High-Performance Deep Learning Library", NeurIPS.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import plotly.graph_objects as go
import torch
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import grid, titled
from models.reading import has, named_numbers, written


class Dataset(Protocol):
    """What a loader needs of a dataset: how many samples, and the sample at an index (a tuple of tensors)."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Tensor, ...]: ...


class TensorDataset:
    """Tensors of equal length side by side; the same as ``torch.utils.data.TensorDataset``.

    Raises:
        ValueError: the lengths differ.
    """

    def __init__(self, *tensors: Tensor) -> None:
        if len({len(t) for t in tensors}) != 1:
            raise ValueError(f"lengths {[len(t) for t in tensors]} differ: one sample needs a row of each")
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)


def batches(n: int, batch_size: int, drop_last: bool = False) -> int:
    """How many batches an epoch has."""
    return n // batch_size if drop_last else math.ceil(n / batch_size)


class DataLoader:
    """Batches of a dataset, a new order every epoch; the order is that of ``torch.utils.data.RandomSampler``.

    Args:
        batch_size: samples in a batch, at least 1.
        shuffle: whether every epoch goes through the samples in a new random order.
        drop_last: leave out the last batch where it is smaller than the others.
        generator: source of the order; torch's own where ``None``.
    """

    def __init__(self, dataset: Dataset, batch_size: int = 1, shuffle: bool = False, drop_last: bool = False,
                 generator: torch.Generator | None = None) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: a batch has at least 1 sample")
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.drop_last, self.generator = drop_last, generator

    def __len__(self) -> int:
        return batches(len(self.dataset), self.batch_size, self.drop_last)

    def indices(self) -> Iterator[list[int]]:
        """The sample numbers of each batch of one epoch."""
        n = len(self.dataset)
        order = torch.randperm(n, generator=self.generator).tolist() if self.shuffle else list(range(n))
        for i in range(len(self)):
            yield order[i * self.batch_size:(i + 1) * self.batch_size]

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        """One epoch: tuples of tensors (batch, ...)."""
        for picked in self.indices():
            columns = zip(*(self.dataset[i] for i in picked), strict=True)
            yield tuple(torch.stack(column) for column in columns)  # 샘플들을 한 텐서로 쌓는다


CODE = """\
import torch
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed({seed})
x = torch.arange({samples}.0).view(-1, 1)
loader = DataLoader(TensorDataset(x, 2 * x), batch_size={batch_size}, shuffle={shuffle}, drop_last={drop_last})
print("배치 수:", len(loader))
for epoch in range({epochs}):
    print([batch_x.squeeze(1).int().tolist() for batch_x, batch_y in loader])
"""


def demo(*, samples: int = 20, batch_size: int = 6, shuffle: bool = True, drop_last: bool = False, epochs: int = 3,
         seed: int = 0) -> Demo:
    """Which batch every sample goes to, epoch by epoch; below it, the order in which they are handed out."""
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(TensorDataset(torch.arange(samples)), batch_size, shuffle, drop_last, generator)
    rows, orders = [], []
    for _ in range(epochs):
        row, order = [0] * samples, []  # 0: 이번 에포크에는 안 쓰인 샘플
        for number, picked in enumerate(loader.indices(), 1):
            order += picked
            for i in picked:
                row[i] = number
        rows.append(row)
        orders.append(order + [-1] * (samples - len(order)))
    names = [f"{e}에포크" for e in range(1, epochs + 1)]
    figure = go.Figure(grid(rows, labels=[[str(n) if n else "-" for n in row] for row in rows], colorscale="Portland"))
    figure.data[0].update(y=names)
    figure.update_yaxes(autorange="reversed")
    titled(figure, "샘플마다 몇 번째 배치에 들어갔나", "샘플 번호", "에포크")
    detail = go.Figure(grid(orders, labels=[[str(i) if i >= 0 else "-" for i in order] for order in orders]))
    detail.data[0].update(y=names)
    ends = [i * batch_size - 0.5 for i in range(1, len(loader) + 1)]
    detail.update_layout(shapes=[{"x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper"} for x in ends])
    titled(detail.update_yaxes(autorange="reversed"), "나오는 순서(세로선이 배치의 끝)", "나온 차례", "에포크")
    used = min(samples, len(loader) * batch_size)
    last = 0 if not len(loader) else batch_size if used % batch_size == 0 else used % batch_size
    told = f"샘플 {samples}개를 {batch_size}개씩 묶어 에포크마다 배치 {len(loader)}개가 나옵니다."
    told += f" 자투리 {samples - used}개는 버렸습니다." if used < samples else f" 마지막 배치는 {last}개입니다."
    return Demo(
        figure=figure,
        numbers={"에포크당 배치 수": len(loader), "마지막 배치의 크기": last, "버린 샘플": samples - used},
        text=told + (" 순서는 에포크마다 새로 섞입니다." if shuffle else " 섞지 않아서 모든 에포크의 순서가 같습니다."),
        code=CODE.format(seed=seed, samples=samples, batch_size=batch_size, shuffle=shuffle, drop_last=drop_last,
                         epochs=epochs),
        detail=detail,
    )


SIZE_WORDS = {
    "n": ("훈련 데이터", "학습 데이터", "데이터셋", "데이터", "샘플 수", "샘플", "예제", "이미지", "dataset", "N"),
    "b": ("배치 크기", "배치 사이즈", "배치크기", "미니배치", "배치", "batch_size", "batch size", "batch", "한 번에"),
}


def read_sizes(question: str) -> tuple[int, int] | None:
    """The number of samples and of samples in a batch that a question names, or ``None``."""
    rest, each = question, re.search(r"(\d[\d,]*)\s*개?\s*씩", question)
    if each:
        rest = question[:each.start()] + question[each.end():]
    named = named_numbers(rest, SIZE_WORDS)
    if each:
        named["b"] = float(each[1].replace(",", ""))
    n, b = named.get("n", 0), named.get("b", 0)
    return (int(n), int(b)) if n >= 1 and b >= 1 and n == int(n) and b == int(b) else None


def _parse(question: str) -> Mapping[str, Any] | None:
    sizes = read_sizes(question)
    others = ("이터레이션", "iteration", "갱신", "업데이트", "고쳐", "스텝", "잡음", "메모리")
    if sizes is None or has(question, others):
        return None
    count = has(question, ("배치는몇", "배치가몇", "배치수", "몇묶음", "몇배치", "배치개수", "몇개의배치", "len("))
    last = has(question, ("마지막", "남아", "남나", "남는지", "남을까"), ("몇", "크기", "개수"))
    drop = has(question, ("drop_last=true", "droplast=true", "버리면", "버릴때"))
    return {"n": sizes[0], "b": sizes[1], "count": count, "last": last, "drop": drop} if count or last else None


def _run(n: int, b: int, count: bool, last: bool, drop: bool) -> Computed:
    number = batches(n, b, drop)
    rest = n % b if n % b and not drop else min(n, b) if not drop else b if number else 0
    way = f"{written(n)} ÷ {written(b)} = {written(n / b)}이므로 "
    way += f"내림해서 배치는 {number}개" if drop else f"올림해서 배치는 {number}개"
    way += f", 마지막 배치는 {rest}개입니다." + (f" 자투리 {n - number * b}개는 버립니다." if drop else "")
    value = f"{number}개, 마지막 배치 {rest}개" if count and last else written(number if count else rest)
    return Computed(value, way, "$\\lfloor N/B \\rfloor$" if drop else "$\\lceil N/B \\rceil$")


CONCEPT = Concept(
    slug="dataloader",
    title="데이터로더",
    aliases=("DataLoader", "데이터 로더", "Dataset", "데이터셋 클래스", "TensorDataset", "shuffle", "셔플", "drop_last",
             "num_workers", "collate_fn", "torch.utils.data"),
    summary="데이터셋의 샘플을 섞고 묶어 반복문에 건넨다.",
    demo=demo,
    controls=(
        Control("samples", "샘플 수", 20, 1, 40, 1, words=SIZE_WORDS["n"]),
        Control("batch_size", "배치 크기", 6, 1, 40, 1, words=SIZE_WORDS["b"]),
        Control("shuffle", "섞기", True),
        Control("drop_last", "자투리 버리기", False),
        Control("epochs", "에포크", 3, 1, 5, 1, words=("에포크", "epoch")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("batches", _parse, _run, "배치의 수 계산 마지막 배치 drop_last"),),
)
