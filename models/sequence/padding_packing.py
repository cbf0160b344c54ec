"""패딩과 패킹: 길이가 다른 시퀀스를 한 배치에 담는 두 방법.

패딩은 가장 긴 길이까지 빈칸을 채운다. 낭비되는 칸은

$$ B \\cdot L_{\\max} - \\sum_b L_b $$

패킹은 긴 것부터 세우고 시점마다 아직 끝나지 않은 시퀀스의 값만 한 줄로 잇는다.

출처: PyTorch 문서, torch.nn.utils.rnn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import titled
from models.reading import has, lists
from models.sequence.recurrent import Recurrent
from models.sequence.rnn import RNN


@dataclass(frozen=True)
class Packed:
    """A batch without blanks, laid out as ``torch.nn.utils.rnn.PackedSequence``.

    data: (sum of lengths, ...), step after step; batch_sizes: sequences alive at each step (T,);
    sorted_indices: which sequence stands where, longest first (B,); unsorted_indices: the way back (B,).
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor
    unsorted_indices: Tensor


def pad(sequences: Sequence[Tensor], value: float = 0.0) -> Tensor:
    """Fill up to the longest: B tensors (L_b, ...) -> (B, L_max, ...)."""
    longest = max(len(s) for s in sequences)
    out = sequences[0].new_full((len(sequences), longest, *sequences[0].shape[1:]), value)
    for row, sequence in zip(out, sequences, strict=True):
        row[: len(sequence)] = sequence
    return out


def pack(padded: Tensor, lengths: Tensor) -> Packed:
    """Leave the blanks out. ``padded``: (B, L_max, ...), ``lengths``: (B,), every one at least 1."""
    if int(lengths.min()) < 1 or int(lengths.max()) > padded.shape[1]:
        raise ValueError(f"lengths {lengths.tolist()}: must lie between 1 and {padded.shape[1]}")
    order = lengths.argsort(descending=True, stable=True)
    steps = torch.arange(int(lengths.max()))
    batch_sizes = (lengths[:, None] > steps).sum(0)  # (B, 1) > (T,) -> (T,): 시점마다 살아 있는 시퀀스 수
    data = torch.cat([padded[order[:alive], step] for step, alive in enumerate(batch_sizes.tolist())])
    return Packed(data, batch_sizes, order, order.argsort())


def unpack(packed: Packed, value: float = 0.0) -> tuple[Tensor, Tensor]:
    """The padded batch (B, L_max, ...) in its first order, and the lengths (B,)."""
    sizes = packed.batch_sizes.tolist()
    lengths = (packed.batch_sizes[None] > torch.arange(sizes[0])[:, None]).sum(1)  # (B,), 긴 것부터
    out = packed.data.new_full((sizes[0], len(sizes), *packed.data.shape[1:]), value)
    for step, piece in enumerate(packed.data.split(sizes)):
        out[: len(piece), step] = piece
    return out[packed.unsorted_indices], lengths[packed.unsorted_indices]


def last_states(layer: Recurrent, packed: Packed) -> Tensor:
    """The state of a one-layer network where each sequence really ends: (B, H), in the first order."""
    state = packed.data.new_zeros(int(packed.batch_sizes[0]), layer.hidden_size)
    for piece in layer.project(packed.data, 0).split(packed.batch_sizes.tolist()):
        alive = len(piece)  # 끝난 시퀀스의 상태는 더 건드리지 않는다
        (now,) = layer.step(piece, layer.recur(state[:alive], 0), (state[:alive],))
        state = torch.cat([now, state[alive:]])
    return state[packed.unsorted_indices]


CODE = """\
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

lengths = torch.tensor({lengths})
batch = [torch.full((n,), float(i + 1)) for i, n in enumerate(lengths.tolist())]
padded = pad_sequence(batch, batch_first=True)
packed = pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)
print(padded)
print("한 줄로:", packed.data)
print("시점마다 살아 있는 수:", packed.batch_sizes)
print("낭비되는 칸:", padded.numel() - int(lengths.sum()))
print("되돌리면:", pad_packed_sequence(packed, batch_first=True)[1])
"""


def read_lengths(text: str) -> list[int]:
    """Lengths as whole numbers: "5, 3, 2, 4" -> [5, 3, 2, 4]; at most 12 sequences of 1 to 40 steps."""
    lengths = [int(n) for n in re.findall(r"\d+", text)]
    if not 1 <= len(lengths) <= 12 or not all(1 <= n <= 40 for n in lengths):
        raise ConceptError(f"길이(lengths)={text!r}: 1 이상 40 이하의 정수를 1개에서 12개까지 쉼표로 적어야 합니다.")
    return lengths


def demo(*, lengths: str = "5, 3, 2, 4", seed: int = 0) -> Demo:
    """The padded table with its blanks, the packed order, and what reading the blanks does to the last state."""
    sizes = read_lengths(lengths)
    torch.manual_seed(seed)
    tokens = [torch.arange(1, n + 1, dtype=torch.float32).unsqueeze(-1) for n in sizes]
    padded, lengths_tensor = pad(tokens), torch.tensor(sizes)  # (B, L, 1), (B,)
    packed = pack(padded, lengths_tensor)
    place = pad([torch.arange(1, n + 1) for n in sizes], 0)  # (B, L)
    numbered = pack(place, lengths_tensor)
    order = unpack(
        Packed(
            torch.arange(1, len(numbered.data) + 1),
            numbered.batch_sizes,
            numbered.sorted_indices,
            numbered.unsorted_indices,
        )
    )[0]  # (B, L): 한 줄에서의 번호, 빈칸은 0
    cells, real = padded.shape[0] * padded.shape[1], sum(sizes)

    names = [f"문장 {i + 1} (길이 {n})" for i, n in enumerate(sizes)]
    labels = [[str(int(v)) if v else "pad" for v in row] for row in order]
    figure = go.Figure(
        go.Heatmap(
            x=list(range(1, padded.shape[1] + 1)),
            y=names,
            z=(order > 0).int().tolist(),
            text=labels,
            texttemplate="%{text}",
            showscale=False,
            xgap=2,
            ygap=2,
            zmin=0,
            zmax=1,
            colorscale=[[0, "#e5e7eb"], [1, "#93c5fd"]],
        )
    )
    figure.update_yaxes(autorange="reversed")
    titled(figure, "패딩한 표: 회색은 빈칸, 숫자는 패킹했을 때의 순서", "시점", "문장")
    alive = packed.batch_sizes.tolist()
    detail = titled(
        go.Figure(go.Bar(x=list(range(1, len(alive) + 1)), y=alive, text=alive)),
        "시점마다 아직 살아 있는 문장의 수 (batch_sizes)",
        "시점",
        "문장 수",
    )

    layer = RNN(1, 8, batch_first=True)
    scaled = padded / max(sizes)
    with torch.no_grad():
        wrong = layer(scaled)[1][0]  # 빈칸까지 읽은 상태 (B, H)
        right = last_states(layer, pack(scaled, lengths_tensor))
    drift = (wrong - right).norm(dim=1)
    waste = cells - real
    return Demo(
        figure=figure,
        numbers={
            "표의 칸": cells,
            "진짜 토큰": real,
            "낭비되는 칸": waste,
            "낭비 비율": round(waste / cells, 4),
            "batch_sizes": str(alive),
            "빈칸을 읽어 어긋난 상태(최대)": round(drift.max().item(), 4),
        },
        text=f"문장 {len(sizes)}개를 가장 긴 {max(sizes)}칸에 맞추면 "
        f"{cells}칸 가운데 {waste}칸({waste / cells:.0%})이 빈칸입니다. "
        f"RNN이 빈칸까지 읽으면 "
        f"마지막 은닉 상태가 최대 {drift.max().item():.3f}만큼 달라지고, 패킹하면 어긋나지 않습니다.",
        code=CODE.format(lengths=sizes),
        detail=detail,
    )


def read_waste(question: str) -> Mapping[str, Any] | None:
    """The lengths of a question for the cells that padding wastes, or None."""
    if not has(
        question,
        ("패딩", "padding", "채우", "pad"),
        ("낭비", "빈칸", "쓸모없", "버려지", "pad 수", "패딩 수", "패딩 칸"),
    ):
        return None
    found = [numbers for numbers in lists(question) if len(numbers) > 1]
    if not found:
        bare = re.search(r"길이[가는이]?\s*(?:각각\s*)?(\d+(?:\s*,\s*\d+)+)", question)
        found = [[float(n) for n in bare[1].split(",")]] if bare else []
    if not found or not all(n >= 1 and n == int(n) for n in found[0]):
        return None
    return {"lengths": [int(n) for n in found[0]]}


def count_waste(lengths: list[int]) -> Computed:
    """B * L_max - sum of L_b."""
    cells, real = len(lengths) * max(lengths), sum(lengths)
    return Computed(
        f"{cells - real:,}칸",
        f"가장 긴 {max(lengths)}에 맞추면 {len(lengths)} × {max(lengths)} = {cells:,}칸, "
        f"진짜 토큰은 {real:,}개이므로 "
        f"{cells:,} - {real:,} = {cells - real:,}칸({(cells - real) / cells:.1%})이 빈칸입니다.",
        "$B \\cdot L_{\\max} - \\sum_b L_b$",
    )


CONCEPT = Concept(
    slug="padding_packing",
    title="패딩과 패킹",
    aliases=(
        "패딩과 패킹",
        "시퀀스 패딩",
        "sequence padding",
        "패킹",
        "packing",
        "pack_padded_sequence",
        "pad_sequence",
        "pad_packed_sequence",
        "pack_sequence",
        "PackedSequence",
        "packed sequence",
        "enforce_sorted",
    ),
    summary="길이가 다른 시퀀스를 빈칸으로 채우거나, 길이를 기억해 빈칸 없이 이어 한 배치로 처리한다.",
    demo=demo,
    controls=(
        Control(
            "lengths",
            "문장 길이(쉼표로)",
            "5, 3, 2, 4",
            max_length=100,
            pattern=r"길이[가는이]?\s*(?:각각\s*)?[\[(]?(\d+(?:\s*,\s*\d+)+)",
        ),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("패딩으로 낭비되는 칸", read_waste, count_waste, "낭비되는 칸 패딩 길이"),),
)
