"""드롭아웃(dropout): 학습하는 동안 뉴런을 무작위로 꺼서 서로 기대지 못하게 한다.

확률 $p$로 각 활성값을 0으로 만들고, 살아남은 값은 $1/(1-p)$배 해서 기댓값을 지킨다(inverted dropout).

$$ y_i = \\frac{m_i}{1-p}\\,x_i, \\qquad m_i \\sim \\mathrm{Bernoulli}(1-p) $$

평가할 때는 아무것도 끄지 않는다: $y_i = x_i$.

출처: Srivastava et al. (2014), "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 15.
"""

from __future__ import annotations

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.concept import Concept, Control, Demo
from models.figures import grid, titled


class Dropout(nn.Module):
    """Inverted dropout; the same as ``torch.nn.Dropout``.

    Args:
        p: the probability that a value is dropped, 0 <= p <= 1.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p={p}: a probability lies between 0 and 1")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """``x``: any shape -> the same shape."""
        if not self.training or self.p == 0:
            return x  # 평가: 모든 뉴런이 함께 일한다
        if self.p == 1:
            return torch.zeros_like(x)
        mask = torch.empty_like(x).bernoulli_(1 - self.p)  # m_i ~ Bernoulli(1-p)
        return x * mask / (1 - self.p)  # y_i = m_i / (1-p) * x_i


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
layer = nn.Dropout(p={p})
x = torch.ones(4, 8)

layer.train()
print("학습:", layer(x))      # 일부는 0, 나머지는 1/(1-p)
layer.eval()
print("평가:", layer(x))      # 그대로
"""


def demo(*, p: float = 0.5, rows: int = 4, seed: int = 0) -> Demo:
    """The mask of one training pass beside the evaluation pass; below it, how the mean settles over passes."""
    torch.manual_seed(seed)
    layer = Dropout(p)
    x = torch.ones(rows, 12)
    trained = layer.train()(x)  # (rows, 12)
    evaluated = layer.eval()(x)  # (rows, 12)

    figure = make_subplots(rows=1, cols=2, subplot_titles=("학습: 꺼진 칸은 0", "평가: 모두 그대로"))
    figure.add_trace(grid(trained.tolist()), row=1, col=1)
    figure.add_trace(grid(evaluated.tolist()), row=1, col=2)
    figure.update_yaxes(autorange="reversed")
    titled(figure, f"드롭아웃 p={p:g}", "뉴런", "샘플")

    layer.train()
    passes = torch.stack([layer(x).mean() for _ in range(200)])  # (200,)
    running = passes.cumsum(0) / torch.arange(1, 201)
    detail = titled(go.Figure(go.Scatter(y=running.tolist(), mode="lines")),
                    "여러 번 끄고 켠 평균은 원래 값 1에 가까워진다", "반복 횟수", "출력의 평균")
    dropped = (trained == 0).float().mean().item()
    return Demo(
        figure=figure,
        numbers={"꺼진 비율": round(dropped, 3), "살아남은 값의 배율": round(1 / (1 - p), 3) if p < 1 else 0.0,
                 "200번 평균": round(running[-1].item(), 3)},
        text=f"확률 {p:g}로 뉴런을 껐더니 이번에는 {dropped:.0%}가 0이 되었습니다. 남은 값은 기댓값을 지키도록 커집니다.",
        code=CODE.format(p=p, seed=seed),
        detail=detail,
    )


CONCEPT = Concept(
    slug="dropout",
    title="드롭아웃",
    aliases=("dropout", "드랍아웃", "드롭 아웃"),
    summary="학습 중에 뉴런을 무작위로 꺼서 과적합을 줄인다.",
    demo=demo,
    controls=(
        Control("p", "끄는 비율 p", 0.5, 0.0, 0.95, 0.05, words=("드롭아웃 비율", "드롭아웃", "비율", "확률", "dropout", "p")),
        Control("rows", "샘플 수", 4, 1, 16, 1, words=("샘플", "배치")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
)
