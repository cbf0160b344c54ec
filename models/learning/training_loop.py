"""학습 루프(training loop): 예측, 비용, 기울기, 갱신을 배치마다 되풀이하는 반복문.

$$ \\text{에포크당 이터레이션} = \\lceil N/B \\rceil, \\qquad
   w \\leftarrow w - \\alpha \\frac{\\partial}{\\partial w}\\frac{1}{B}\\sum_i (wx_i + b - y_i)^2 $$

기울기는 쌓이므로 배치마다 비우고(zero_grad), 구하고(backward), 그만큼 옮긴다(step).

출처: Paszke et al. (2019), "PyTorch: An Imperative Style, High-Performance Deep Learning Library", NeurIPS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREY, titled
from models.learning.dataloader import SIZE_WORDS, DataLoader, TensorDataset, batches, read_sizes
from models.learning.linear_layer import Linear
from models.learning.losses import mse
from models.learning.optimizers import SGD, Optimizer
from models.reading import has, named_numbers, written


class Sequential(nn.Module):
    """Modules one after the other; the same as ``torch.nn.Sequential``."""

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()  # 이 줄이 있어야 대입한 층이 parameters()에 들어간다
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def forward(self, x: Tensor) -> Tensor:
        """The output of each module is the input of the next."""
        for module in self.children():
            x = module(x)
        return x


@dataclass(frozen=True)
class Iteration:
    """One pass over the loop: where it was, the cost, and the first parameters before, their gradient, and after."""

    epoch: int
    number: int
    cost: float
    before: tuple[float, ...]
    gradient: tuple[float, ...]
    after: tuple[float, ...]


def _numbers(model: nn.Module, gradient: bool = False) -> tuple[float, ...]:
    return tuple(cast(Tensor, p.grad if gradient else p.detach()).flatten()[0].item() for p in model.parameters())


def train(model: nn.Module, loader: DataLoader, cost: Callable[[Tensor, Tensor], Tensor], optimizer: Optimizer,
          epochs: int, *, zero_grad: bool = True) -> list[Iteration]:
    """The loop itself; ``loader`` gives (input, answer) batches.

    Args:
        zero_grad: forget the gradients of the batch before. Leaving it out lets them pile up.
    """
    done: list[Iteration] = []
    for epoch in range(1, epochs + 1):
        for x, y in loader:
            before = _numbers(model)
            value = cost(model(x), y)  # 1 예측, 2 비용
            if zero_grad:
                optimizer.zero_grad()  # 3 지난 기울기를 비운다
            value.backward()  # 4 기울기: .grad에 더해진다
            optimizer.step()  # 5 갱신
            done.append(Iteration(epoch, len(done) + 1, value.item(), before, _numbers(model, True), _numbers(model)))
    return done


CODE = """\
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed({seed})
x = torch.linspace(-1, 1, {samples}).view(-1, 1)
y = 2 * x + 1 + 0.1 * torch.randn({samples}, 1)
loader = DataLoader(TensorDataset(x, y), batch_size={batch_size}, shuffle=True)
model = nn.Sequential(nn.Linear(1, 1))
optimizer = torch.optim.SGD(model.parameters(), lr={lr})
for epoch in range({epochs}):
    for batch_x, batch_y in loader:
        cost = nn.functional.mse_loss(model(batch_x), batch_y)
        {zero}optimizer.zero_grad()
        cost.backward()
        optimizer.step()
print("w, b:", [p.item() for p in model.parameters()], "마지막 비용:", cost.item())
"""


def demo(*, samples: int = 20, batch_size: int = 5, epochs: int = 10, lr: float = 0.1, zero_grad: bool = True,
         seed: int = 0) -> Demo:
    """y = 2x + 1 learned: the cost of every iteration, and a table of the first ones, number by number."""
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, samples).view(-1, 1)  # (N, 1)
    y = 2 * x + 1 + 0.1 * torch.randn(samples, 1)
    model = Sequential(Linear(1, 1))
    nn.init.zeros_(model.get_parameter("0.weight"))
    nn.init.zeros_(model.get_parameter("0.bias"))
    loader = DataLoader(TensorDataset(x, y), batch_size, shuffle=True)
    done = train(model, loader, mse, SGD(model.parameters(), lr), epochs, zero_grad=zero_grad)

    dotted = {"color": GREY, "width": 1, "dash": "dot"}
    thin = done[::max(1, len(done) // 400)]
    figure = go.Figure(go.Scatter(x=[i.number for i in thin], y=[min(i.cost, 1e6) for i in thin], mode="lines+markers",
                                  line_color=BLUE, marker_size=4))
    ends = [epoch * len(loader) + 0.5 for epoch in range(1, epochs)]
    figure.update_layout(shapes=[{"x0": e, "x1": e, "y0": 0, "y1": 1, "yref": "paper", "line": dotted} for e in ends])
    titled(figure, f"{epochs}에포크 × {len(loader)}이터레이션(점선은 에포크의 끝)", "이터레이션", "비용")
    head = ["이터레이션", "w", "b", "비용", "w의 기울기", "b의 기울기", "새 w", "새 b"]
    rows = [[i.number, *i.before, i.cost, *i.gradient, *i.after] for i in done[:8]]
    cells = [[written(v) for v in column] for column in zip(*rows, strict=True)]
    detail = go.Figure(go.Table(header={"values": head}, cells={"values": cells}))
    detail.update_layout(title=f"처음 {len(rows)}번: 새 w = w - {lr:g} × 기울기", height=380)
    w, b = done[-1].after
    first, last = done[0].cost, done[-1].cost
    told = f"가중치를 {len(done)}번 고쳐 w={written(w)}, b={written(b)}가 되었습니다(정답은 w=2, b=1). " \
           f"비용은 {written(first)}에서 {written(last)}로 바뀌었습니다."
    if not zero_grad:
        told += " 기울기를 비우지 않아 지난 배치의 기울기가 계속 쌓인 결과입니다."
    return Demo(
        figure=figure,
        numbers={"에포크당 이터레이션": len(loader), "전체 갱신 횟수": len(done), "w": written(w), "b": written(b),
                 "처음 비용": written(first), "마지막 비용": written(last)},
        text=told,
        code=CODE.format(samples=samples, batch_size=batch_size, epochs=epochs, lr=lr, seed=seed,
                         zero="" if zero_grad else "# "),
        detail=detail,
    )


def _parse_iterations(question: str) -> Mapping[str, Any] | None:
    updates = ("이터레이션", "iteration", "갱신", "업데이트", "고쳐", "스텝")
    asked = has(question, updates, ("몇", "횟수", "수는", "얼마"))
    sizes = read_sizes(question)
    if sizes is None or not asked:
        return None
    word = r"(?:에포크|에폭|epochs?)"
    epochs = re.search(rf"(\d+)\s*{word}|{word}\s*(?:수)?\s*(?:=|는|가|를)?\s*(\d+)", question, re.IGNORECASE)
    drop = has(question, ("drop_last=true", "버리"))
    return {"n": sizes[0], "b": sizes[1], "epochs": int(epochs[1] or epochs[2]) if epochs else 1, "drop": drop}


def _run_iterations(n: int, b: int, epochs: int, drop: bool) -> Computed:
    each = batches(n, b, drop)
    way = f"{written(n)} ÷ {written(b)} = {written(n / b)}이므로 한 에포크에 {written(each)}번"
    way += "(자투리는 버림)" if drop and n % b else "(자투리도 한 번으로 올림)" if n % b else ""
    if epochs > 1:
        way += f", {epochs}에포크면 {written(each)} × {epochs} = {written(each * epochs)}번"
    return Computed(written(each * epochs), way + "입니다.", "$\\lceil N/B \\rceil \\times$ 에포크 수")


def _parse_step(question: str) -> Mapping[str, Any] | None:
    named = named_numbers(question, {"w": ("가중치", "w"), "x": ("입력", "x"), "y": ("정답", "y"), "b": ("편향", "b"),
                                     "lr": ("학습률", "학습율", "learning rate", "lr")})
    if not {"w", "x", "y", "lr"} <= set(named) or not has(question, ("제곱오차", "mse", "비용", "학습하면", "갱신")):
        return None
    return named if not has(question, ("모멘텀", "adam", "시그모이드", "sigmoid", "교차", "크로스")) else None


def _run_step(w: float, x: float, y: float, lr: float, b: float = 0.0) -> Computed:
    model = Linear(1, 1, dtype=torch.float64)
    assert model.bias is not None
    with torch.no_grad():
        model.weight.fill_(w)
        model.bias.fill_(b)
    one = TensorDataset(*(torch.tensor([[v]], dtype=torch.float64) for v in (x, y)))
    (done,) = train(model, DataLoader(one), mse, SGD(model.parameters(), lr), 1)
    new = written(done.after[0])
    slope = written(done.gradient[0])
    return Computed(new, f"예측 {written(w * x + b)}, 비용 {written(done.cost)}, 기울기 2x(예측-정답) = {slope}, "
                         f"새 가중치 {written(w)} - {written(lr)}×({slope}) = {new}입니다.",
                    "$w \\leftarrow w - \\alpha \\cdot 2x(wx + b - y)$")


CONCEPT = Concept(
    slug="training_loop",
    title="학습 루프",
    aliases=("training loop", "훈련 루프", "학습 반복문", "에포크", "에폭", "epoch", "이터레이션", "iteration",
             "zero_grad", "optimizer.step", "loss.backward", "nn.Module", "nn.Sequential"),
    summary="예측, 비용, 기울기, 갱신을 배치마다 되풀이한다.",
    demo=demo,
    controls=(
        Control("samples", "샘플 수", 20, 2, 100, 1, words=SIZE_WORDS["n"]),
        Control("batch_size", "배치 크기", 5, 1, 100, 1, words=SIZE_WORDS["b"]),
        Control("epochs", "에포크", 10, 1, 30, 1, words=("에포크", "에폭", "epoch")),
        Control("lr", "학습률", 0.1, 0.001, 1.0, 0.001, words=("학습률", "lr")),
        Control("zero_grad", "기울기 비우기", True),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("iterations", _parse_iterations, _run_iterations, "에포크당 이터레이션 배치 크기"),
        Computation("one_step", _parse_step, _run_step, "가중치 하나 예측 비용 기울기 갱신"),
    ),
)
