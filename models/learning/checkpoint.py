"""체크포인트: 학습하던 모델과 옵티마이저의 상태를 저장했다가, 새 모델에 불러와 이어 간다.

`state_dict`는 층의 이름과 텐서를 짝지은 사전이다. 텐서만 담는 safetensors 파일은 머리글 길이 8바이트, JSON 머리글,
텐서의 바이트를 차례로 이어 붙인 것이라 여는 동안 코드가 실행되지 않는다.

$$ \\text{바이트} \\approx P \\times b $$

출처: PyTorch 문서 "Saving and Loading Models"; Hugging Face (2022), safetensors 형식 설명.
"""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Mapping
from typing import IO, Any

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, COLORS, GREEN, RED, titled
from models.learning.losses import mse
from models.learning.mlp import MLP
from models.reading import COUNT_WORDS, NUMBER, has, to_number, written

DTYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
          torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL"}


def save_checkpoint(file: str | IO[bytes], model: nn.Module, optimizer: torch.optim.Optimizer | None = None,
                    epoch: int = 0) -> None:
    """Write what is needed to go on: the model's state, the optimizer's (where given), and the epoch."""
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict() if optimizer else None,
                "epoch": epoch}, file)


def load_checkpoint(file: str | IO[bytes], model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> int:
    """Put a saved state into ``model`` (and ``optimizer``) in place; returns the epoch. Runs no code from the file.

    Raises:
        RuntimeError: the model has other names or shapes than the file.
    """
    saved = torch.load(file, map_location="cpu", weights_only=True)  # GPU에서 저장한 것도 CPU에서 열린다
    model.load_state_dict(saved["model"])
    if optimizer is not None and saved["optimizer"] is not None:
        optimizer.load_state_dict(saved["optimizer"])
    return saved["epoch"]


def to_safetensors(tensors: Mapping[str, Tensor]) -> bytes:
    """The bytes of a safetensors file: the header's length (8 bytes, little endian), the JSON header, the values."""
    header: dict[str, Any] = {}
    values: list[bytes] = []
    start = 0
    for name in sorted(tensors, key=lambda n: (-tensors[n].element_size(), n)):  # 큰 자료형부터: 자리가 어긋나지 않는다
        tensor = tensors[name].detach().cpu().contiguous()
        data = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [start, start + len(data)]}
        values.append(data)
        start += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(values)


def from_safetensors(data: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        ValueError: the header does not fit into the bytes.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or 8 + length > len(data):
        raise ValueError(f"header of {length} bytes in a file of {len(data)}: not a safetensors file")
    header, values = json.loads(data[8:8 + length]), data[8 + length:]
    kinds = {name: dtype for dtype, name in DTYPES.items()}
    out = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            flat = torch.frombuffer(bytearray(values[start:end]), dtype=kinds[entry["dtype"]]) if end > start else \
                torch.empty(0, dtype=kinds[entry["dtype"]])
            out[name] = flat.view(entry["shape"])
    return out


CODE = """\
import io
import torch
from torch import nn

torch.manual_seed({seed})
x = torch.linspace(-3, 3, 64)[:, None]
y = torch.sin(2 * x)

def new():
    model = nn.Sequential(nn.Linear(1, {hidden}), nn.Tanh(), nn.Linear({hidden}, 1))
    return model, torch.optim.Adam(model.parameters(), lr=0.02)

def train(model, optimizer, steps):
    for _ in range(steps):
        loss = ((model(x) - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()

model, optimizer = new()
train(model, optimizer, {before})
file = io.BytesIO()  # 디스크라면 "checkpoint.pt"
torch.save({{"model": model.state_dict(), "optimizer": optimizer.state_dict()}}, file)

file.seek(0)
saved = torch.load(file, weights_only=True)
again, optimizer_again = new()
again.load_state_dict(saved["model"])
optimizer_again.load_state_dict(saved["optimizer"])
print("출력이 같은가:", torch.equal(model(x), again(x)))
print(train(model, optimizer, {after}), train(again, optimizer_again, {after}))
"""


def demo(*, before: int = 80, after: int = 80, hidden: int = 32, seed: int = 0) -> Demo:
    """A run cut in the middle: gone on from a checkpoint with and without the optimizer's state."""
    torch.manual_seed(seed)
    x = torch.linspace(-3, 3, 64)[:, None]  # (64, 1)
    y = torch.sin(2 * x)

    def go_on(model: MLP, optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
        losses = []
        for _ in range(steps):
            loss = mse(model(x), y)
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return losses

    def fresh() -> tuple[MLP, torch.optim.Optimizer]:
        model = MLP((1, hidden, 1), "tanh")
        return model, torch.optim.Adam(model.parameters(), lr=0.02)

    model, optimizer = fresh()
    first = go_on(model, optimizer, before)
    file = io.BytesIO()
    save_checkpoint(file, model, optimizer, epoch=before)
    whole, state_less = fresh(), fresh()
    for (restored, its_optimizer), with_state in ((whole, True), (state_less, False)):
        file.seek(0)
        load_checkpoint(file, restored, its_optimizer if with_state else None)
    same = torch.equal(model(x), whole[0](x))
    tensors = copy.deepcopy(model.state_dict())
    uncut = go_on(model, optimizer, after)
    runs = {"끊기지 않은 학습": uncut, "모델 + 옵티마이저를 불러옴": go_on(*whole, after),
            "모델만 불러옴": go_on(*state_less, after)}

    figure = go.Figure(go.Scatter(y=[round(v, 5) for v in first], mode="lines", name="저장하기 전", line_color=BLUE))
    looks: tuple[dict[str, Any], ...] = ({"color": GREEN, "width": 6}, {"color": BLUE, "dash": "dot", "width": 3},
                                         {"color": RED})
    for (name, losses), line in zip(runs.items(), looks, strict=True):
        figure.add_trace(go.Scatter(x=list(range(before, before + after)), y=[round(v, 5) for v in losses],
                                    mode="lines", name=name, line=line))
    figure.add_vline(x=before, line_dash="dash", annotation_text="저장하고 불러옴")
    figure.update_yaxes(type="log")
    titled(figure, "체크포인트에서 이어 간 학습", "걸음", "손실(MSE)")

    sizes = {"state_dict(.pt)": _pt_size(tensors), "safetensors": len(to_safetensors(tensors)),
             "옵티마이저까지(.pt)": file.getbuffer().nbytes}
    detail = go.Figure(go.Bar(x=list(sizes), y=list(sizes.values()), text=[f"{v:,}" for v in sizes.values()],
                              marker_color=list(COLORS[:3])))
    titled(detail, "파일의 크기", "저장한 것", "바이트")
    gap = max(abs(a - b) for a, b in zip(uncut, runs["모델만 불러옴"], strict=True))
    return Demo(
        figure=figure,
        numbers={"파라미터 수": sum(t.numel() for t in tensors.values()), "불러온 모델의 출력이 같은가": same,
                 "마지막 손실(끊기지 않음)": round(uncut[-1], 6),
                 "마지막 손실(이어 감)": round(runs["모델 + 옵티마이저를 불러옴"][-1], 6),
                 "마지막 손실(모델만)": round(runs["모델만 불러옴"][-1], 6),
                 **{f"{k} 바이트": v for k, v in sizes.items()}},
        text=f"불러온 모델의 출력은 저장할 때와 {'똑같습니다' if same else '다릅니다'}. 옵티마이저까지 불러오면 "
             f"끊기지 않은 학습과 같은 곡선을 그리고, 모델만 불러오면 손실이 최대 {gap:.2g}만큼 벗어납니다.",
        code=CODE.format(seed=seed, before=before, after=after, hidden=hidden),
        detail=detail,
    )


def _pt_size(tensors: Mapping[str, Tensor]) -> int:
    file = io.BytesIO()
    torch.save(dict(tensors), file)
    return file.getbuffer().nbytes


_BYTES = {"float64": 8, "double": 8, "float32": 4, "fp32": 4, "float16": 2, "fp16": 2, "bfloat16": 2, "bf16": 2,
          "half": 2, "int8": 1}
_UNITS = {"억": 10**8, "만": 10**4, "백만": 10**6, "천만": 10**7, "M": 10**6, "B": 10**9, "K": 10**3}


def parse(question: str) -> Mapping[str, Any] | None:
    """``파라미터 1,000,000개를 float32로 저장하면 몇 바이트?`` -> the parameters and the type (float32 unless said)."""
    if not has(question, ("저장", "체크포인트", "checkpoint", "파일", "state_dict"),
               ("바이트", "크기", "용량", "MB", "GB"), (*COUNT_WORDS, "?")):
        return None
    amount = rf"({NUMBER})\s*(백만|천만|억|만|[MBK](?![A-Za-z]))?\s*개?"
    found = re.search(rf"(?:파라미터|매개변수|가중치|parameters?)(?:\s*수)?(?:가|는|이|의)?\s*{amount}", question) or \
        re.search(rf"{amount}\s*(?:의|짜리)?\s*(?:파라미터|매개변수|parameters?)", question)
    if found is None:
        return None
    count = round(to_number(found[1]) * _UNITS.get(found[2] or "", 1))
    kind = next((k for k in sorted(_BYTES, key=len, reverse=True) if has(question, (k,))), "float32")
    return {"parameters": count, "kind": kind} if count > 0 else None


def run(parameters: int, kind: str = "float32") -> Computed:
    """The bytes of the weights alone; a file adds names and shapes, a few kilobytes."""
    total = parameters * _BYTES[kind]
    return Computed(value=written(total), formula="$P \\times b$",
                    steps=f"{kind} 값 하나는 {_BYTES[kind]}바이트이므로 {parameters:,} × {_BYTES[kind]} = "
                          f"{total:,}바이트(약 {total / 1e6:,.1f} MB)입니다. "
                          "이름과 모양을 적은 머리글은 따로 조금 더해집니다.")


CONCEPT = Concept(
    slug="checkpoint",
    title="체크포인트",
    aliases=("checkpoint", "체크포인트", "모델 저장", "모델 불러오기", "state_dict", "스테이트딕트", "torch.save",
             "torch.load", "load_state_dict", "safetensors", "세이프텐서", "save_file", "weights_only"),
    summary="학습하던 모델의 상태를 파일로 저장했다가 불러와 이어 간다.",
    demo=demo,
    controls=(
        Control("before", "저장하기 전 걸음", 80, 5, 200, 5, words=("저장 전", "before")),
        Control("after", "불러온 뒤 걸음", 80, 5, 200, 5, words=("저장 후", "after")),
        Control("hidden", "은닉 유닛", 32, 2, 256, 1, words=("은닉", "hidden")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("체크포인트의 크기", parse, run, "체크포인트 파일의 크기 파라미터 바이트"),),
)
