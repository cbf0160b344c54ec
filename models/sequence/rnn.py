"""순환 신경망(RNN): 같은 셀을 시점마다 되풀이해 부르고, 은닉 상태에 지난 일을 담아 넘긴다.

$$ h_t = \\tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}), \\qquad h_0 = 0 $$

가중치는 모든 시점이 함께 쓰므로 파라미터 수는 길이와 상관없다. 시점을 도는 고리는 recurrent.py에 있다.

출처: Elman (1990), "Finding Structure in Time", Cognitive Science 14.
"""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Concept, Control, Demo
from models.figures import BLUE, GREY, RED, titled
from models.sequence.recurrent import WORDS, Recurrent, parameter_computation, parameter_count


class RNN(Recurrent):
    """The vanilla recurrent network; the same as ``torch.nn.RNN`` with tanh."""

    def step(self, from_input: Tensor, from_hidden: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (torch.tanh(from_input + from_hidden),)  # h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
rnn = nn.RNN(input_size={input_size}, hidden_size={hidden_size}, batch_first=True)
x = torch.randn(1, {steps}, {input_size})
output, h_n = rnn(x)
print("모든 시점:", output.shape)    # (1, {steps}, {hidden_size})
print("마지막 상태:", h_n.shape)      # (1, 1, {hidden_size})
print("파라미터:", sum(p.numel() for p in rnn.parameters()))
"""

STRUCTURES = {"다대다": "many-to-many", "다대일": "many-to-one", "일대다": "one-to-many"}


def used_steps(structure: str, steps: int) -> Sequence[int]:
    """The time steps whose output a structure uses."""
    return [steps - 1] if structure == "다대일" else range(steps)


def demo(
    *,
    structure: str = "다대다",
    steps: int = 20,
    input_size: int = 1,
    hidden_size: int = 8,
    scale: float = 0.9,
    seed: int = 0,
) -> Demo:
    """The hidden state over time, the outputs a structure uses, and how far back the last state still feels."""
    torch.manual_seed(seed)
    rnn = RNN(input_size, hidden_size, batch_first=True)
    nn.init.orthogonal_(rnn.weight_hh_l0)
    with torch.no_grad():
        rnn.weight_hh_l0.mul_(scale)  # 모든 방향을 똑같이 scale배 하는 순환 가중치
    time = torch.arange(steps, dtype=torch.float32)
    x = torch.sin(time[:, None] * torch.arange(1, input_size + 1) * 0.5)[None]  # (1, T, D)
    if structure == "일대다":
        x = torch.cat([torch.ones(1, 1, input_size), torch.zeros(1, steps - 1, input_size)], dim=1)
    x.requires_grad_()
    output, last = rnn(x)  # (1, T, H), (1, 1, H)
    reach = torch.autograd.grad(last.pow(2).sum(), x)[0].norm(dim=-1)[0]  # (T,)

    figure = make_subplots(
        rows=2,
        cols=1,
        shared_xaxes=True,
        row_heights=[0.35, 0.65],
        vertical_spacing=0.12,
        subplot_titles=("입력 x (첫 특성)", "은닉 상태 h: 빨간 점이 쓰는 출력"),
    )
    figure.add_trace(
        go.Bar(x=list(range(1, steps + 1)), y=x[0, :, 0].tolist(), marker_color=BLUE, name="입력", showlegend=False),
        row=1,
        col=1,
    )
    figure.add_trace(
        go.Heatmap(
            x=list(range(1, steps + 1)),
            z=output[0].T.tolist(),
            zmin=-1,
            zmax=1,
            colorscale="RdBu",
            colorbar={"title": "값"},
        ),
        row=2,
        col=1,
    )
    used = [t + 1 for t in used_steps(structure, steps)]
    figure.add_trace(
        go.Scatter(
            x=used, y=[hidden_size] * len(used), mode="markers", marker_color=RED, name="쓰는 출력", showlegend=False
        ),
        row=2,
        col=1,
    )
    figure.update_yaxes(title_text="값", row=1, col=1)
    titled(figure, f"RNN을 시간으로 펼치기: {structure}({STRUCTURES[structure]})", "시점", "은닉 뉴런", height=480)

    detail = titled(
        go.Figure(go.Bar(x=list(range(1, steps + 1)), y=reach.tolist(), marker_color=GREY)),
        "마지막 상태가 각 시점의 입력에 얼마나 민감한가(기울기)",
        "시점",
        "기울기의 크기",
    )
    total = parameter_count(1, input_size, hidden_size)
    ratio = (reach[0] / reach.max()).item() if reach.max() > 0 else 0.0
    word = "거의 잊었습니다" if ratio < 0.01 else "아직 기억합니다"
    return Demo(
        figure=figure,
        numbers={
            "파라미터 수": total,
            "output의 모양": str(tuple(output.shape)),
            "h_n의 모양": str(tuple(last.shape)),
            "쓰는 출력의 수": len(used),
            "첫 입력의 영향(최대 대비)": round(ratio, 5),
        },
        text=f"{steps}시점을 모두 같은 셀 하나(파라미터 {total:,}개)로 처리했습니다. "
        f"순환 가중치의 배율이 {scale:g}일 때 마지막 상태는 첫 입력을 {word}: 영향이 가장 큰 시점의 {ratio:.2%}입니다.",
        code=CODE.format(seed=seed, steps=steps, input_size=input_size, hidden_size=hidden_size),
        detail=detail,
    )


CONCEPT = Concept(
    slug="rnn",
    title="순환 신경망(RNN)",
    aliases=(
        "RNN",
        "순환 신경망",
        "순환신경망",
        "recurrent neural network",
        "바닐라 RNN",
        "vanilla RNN",
        "nn.RNN",
        "은닉 상태",
        "hidden state",
        "순환 셀",
        "many-to-many",
        "one-to-many",
        "일대다",
        "다대다",
    ),
    summary="앞 시점의 은닉 상태를 다음 시점의 입력과 함께 받아 순서가 있는 데이터를 처리한다.",
    demo=demo,
    controls=(
        Control("structure", "구조", "다대다", choices=tuple(STRUCTURES)),
        Control("steps", "시점 수", 20, 2, 60, 1, words=("시점", "스텝", "sequence length", "시퀀스 길이", "길이")),
        Control(
            "input_size",
            "입력 크기",
            1,
            1,
            64,
            1,
            words=WORDS["input_size"],
            pattern=r"RNN\(\s*(?:input_size\s*=\s*)?(\d+)",
        ),
        Control(
            "hidden_size",
            "은닉 크기",
            8,
            1,
            64,
            1,
            words=WORDS["hidden_size"],
            pattern=r"RNN\(\s*(?:\w+\s*=\s*)?\d+\s*,\s*(?:hidden_size\s*=\s*)?(\d+)",
        ),
        Control("scale", "순환 가중치의 배율", 0.9, 0.0, 2.0, 0.05, words=("배율", "순환 가중치")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(parameter_computation("RNN", 1),),
)
