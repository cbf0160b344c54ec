"""시계열 예측: 지난 값들의 창을 읽고 다음 값 하나를 맞힌다(다대일).

$$ \\hat{x}_{t+1} = W h_t + b, \\qquad h_t = \\mathrm{RNN}(x_{t-w+1}, \\dots, x_t) $$

길이 $N$인 수열을 길이 $w$의 창으로 자르면 학습 쌍은 $N - w$개다.

출처: Box & Jenkins (1970), "Time Series Analysis: Forecasting and Control".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GOLD, GREY, RED, titled
from models.learning.linear_layer import Linear
from models.learning.losses import mse
from models.reading import has, named_numbers, typed
from models.sequence.rnn import RNN

MADE = "만든 파도"


class Forecaster(nn.Module):
    """A window in, one value out: only the last hidden state reaches the linear layer.

    ``windows``: (B, w, 1) -> (B, 1).
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.rnn = RNN(1, hidden_size, batch_first=True)
        self.head = Linear(hidden_size, 1)

    def forward(self, windows: Tensor) -> Tensor:
        output, _ = self.rnn(windows)
        return self.head(output[:, -1])  # (B, w, H) -> (B, H): 다대일


def slide(series: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Every window of ``series`` (N,) and the value after it: (N-w, w, 1) and (N-w, 1)."""
    if not 0 < window < len(series):
        raise ValueError(f"window={window}: must lie between 1 and {len(series) - 1}")
    return series.unfold(0, window, 1)[:-1].unsqueeze(-1), series[window:].unsqueeze(-1)


@torch.no_grad()
def roll_out(model: nn.Module, start: Tensor, steps: int) -> Tensor:
    """Forecast ``steps`` values, each forecast becoming part of the next window. ``start``: (w,) -> (steps,)."""
    window, out = start, []
    for _ in range(steps):
        value = model(window.view(1, -1, 1))[0]  # (1,)
        out.append(value)
        window = torch.cat([window[1:], value])
    return torch.cat(out)


def made_series(noise: float, generator: torch.Generator, length: int = 160) -> Tensor:
    """Two waves (periods 20 and 47) and noise: (length,)."""
    time = torch.arange(length)
    wave = torch.sin(2 * torch.pi * time / 20) + 0.5 * torch.sin(2 * torch.pi * time / 47)
    return wave + noise * torch.randn(length, generator=generator)


def read_series(text: str, window: int) -> Tensor:
    """The reader's own numbers; at least the window and eight more."""
    return torch.tensor(typed(text, f"수열(‘{MADE}’라고 적거나, 창 길이보다 8개 이상 많은 수)", window + 8, 400))


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
time = torch.arange(160)
series = torch.sin(2 * torch.pi * time / 20) + 0.5 * torch.sin(2 * torch.pi * time / 47) + {noise} * torch.randn(160)
x = series.unfold(0, {window}, 1)[:-1].unsqueeze(-1)     # (160 - w, w, 1)
y = series[{window}:].unsqueeze(-1)
cut = 120 - {window}                                    # 앞쪽으로 배우고 뒤쪽으로 잰다
rnn, head = nn.RNN(1, {hidden_size}, batch_first=True), nn.Linear({hidden_size}, 1)
optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=0.02)
for epoch in range({epochs}):
    loss = nn.functional.mse_loss(head(rnn(x[:cut])[0][:, -1]), y[:cut])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
with torch.no_grad():
    print("RNN:", nn.functional.mse_loss(head(rnn(x[cut:])[0][:, -1]), y[cut:]).item())
print("어제와 같다:", nn.functional.mse_loss(x[cut:, -1], y[cut:]).item())
"""


def demo(
    *, values: str = MADE, window: int = 12, noise: float = 0.1, hidden_size: int = 12, epochs: int = 60, seed: int = 0
) -> Demo:
    """Train on the first three quarters, forecast the rest one step ahead, and far ahead in the detail."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    series = made_series(noise, generator) if values.strip() == MADE else read_series(values, window)
    cut = max(window + 1, round(len(series) * 0.75))
    mean, std = series[:cut].mean(), series[:cut].std().clamp_min(1e-6)  # 학습 기간의 통계만 쓴다
    x, y = slide((series - mean) / std, window)
    known = cut - window
    model = Forecaster(hidden_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(epochs):
        loss = mse(model(x[:known]), y[:known])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        forecast = model(x[known:])[:, 0] * std + mean  # 원래 단위로 되돌린다
    real, naive = series[cut:], series[cut - 1 : -1]
    error, baseline = (mse(p, real).item() for p in (forecast, naive))
    far = roll_out(model, ((series - mean) / std)[cut - window : cut], len(real)) * std + mean
    far_error = mse(far, real).item()

    after = list(range(cut, len(series)))
    actual = go.Scatter(y=series.tolist(), mode="lines", name="실제", line_color=GREY)
    figure = go.Figure(
        [
            actual,
            go.Scatter(x=after, y=forecast.tolist(), name="한 칸 앞 예측", line_color=BLUE),
            go.Scatter(x=after, y=naive.tolist(), name="어제와 같다", line={"color": GOLD, "dash": "dot"}),
        ]
    )
    figure.add_vline(x=cut - 0.5, line_dash="dash")
    titled(figure, f"창 {window}칸을 읽고 다음 값 맞히기 (점선 뒤는 배우지 않은 기간)", "시점", "값")
    detail = go.Figure([actual, go.Scatter(x=after, y=far.tolist(), name="예측을 되먹인 긴 예측", line_color=RED)])
    titled(detail, "예측을 다시 입력으로 넣으면 오차가 쌓인다", "시점", "값")
    verdict = "낫습니다" if error < baseline else "나을 것이 없습니다"
    return Demo(
        figure=figure,
        numbers={
            "학습 쌍의 수": known,
            "전체 쌍의 수 N-w": len(x),
            "RNN의 MSE": round(error, 4),
            "기준선의 MSE": round(baseline, 4),
            "긴 예측의 MSE": round(far_error, 4),
        },
        text=f"배우지 않은 {len(real)}시점에서 RNN의 MSE는 {error:.3f}, "
        f"어제와 같다고 찍는 기준선은 {baseline:.3f}이어서 "
        f"기준선보다 {verdict}. "
        f"예측을 되먹여 끝까지 가면 MSE가 {far_error:.3f}입니다.",
        code=CODE.format(seed=seed, noise=noise, window=window, hidden_size=hidden_size, epochs=epochs),
        detail=detail,
    )


def read_windows(question: str) -> Mapping[str, Any] | None:
    """The length and the window of a question for the number of training pairs, or None."""
    if not has(
        question, ("시계열", "윈도우", "window", "창", "time series"), ("쌍", "샘플", "sample", "개수", "몇 개")
    ):
        return None
    found = {
        key: int(n)
        for key, n in named_numbers(
            question,
            {
                "length": ("데이터", "시계열", "시점", "길이", "값이", "값", "수열"),
                "window": (
                    "window_size",
                    "윈도우 크기",
                    "윈도우 길이",
                    "창 크기",
                    "창 길이",
                    "윈도우",
                    "window",
                    "창",
                    "lookback",
                ),
            },
        ).items()
        if n == int(n)
    }
    return found if len(found) == 2 and 0 < found["window"] < found["length"] else None


def count_windows(length: int, window: int) -> Computed:
    """N - w."""
    return Computed(
        f"{length - window:,}쌍",
        f"창의 다음 값이 있어야 하므로 {length:,} - {window:,} = {length - window:,}쌍입니다. "
        "한 칸씩 밀고 다음 값 하나를 맞힌다고 보았습니다.",
        "$N - w$",
    )


CONCEPT = Concept(
    slug="time_series",
    title="시계열 예측",
    aliases=(
        "시계열",
        "시계열 예측",
        "time series",
        "time series forecasting",
        "many-to-one",
        "다대일",
        "lookback",
        "슬라이딩 윈도우",
        "sliding window",
    ),
    summary="지난 값들의 창을 읽고 다음 값 하나를 맞힌다.",
    demo=demo,
    controls=(
        Control("values", "수열(쉼표로 적은 내 수, 또는 ‘만든 파도’)", MADE, max_length=2000),
        Control("window", "창 길이", 12, 1, 40, 1, words=("창 길이", "창", "window", "윈도우", "lookback")),
        Control("noise", "잡음", 0.1, 0.0, 1.0, 0.05, words=("잡음", "noise")),
        Control("hidden_size", "은닉 크기", 12, 2, 32, 1, words=("은닉 크기", "hidden_size", "은닉")),
        Control("epochs", "학습 횟수", 60, 1, 150, 10, words=("학습 횟수", "에폭", "epoch")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("창으로 자른 학습 쌍의 수", read_windows, count_windows, "창 학습 쌍 N - w"),),
)
