"""적대적 생성 신경망(GAN): 가짜를 만드는 생성자 G와 진짜를 가려내는 판별자 D가 겨루며 함께 배운다.

$$ \\min_G \\max_D\\; \\mathbb{E}_{x}[\\log D(x)] + \\mathbb{E}_{z}[\\log(1 - D(G(z)))] $$

G를 고정하면 가장 좋은 판별자는 $D^*(x) = p_{data}(x) / (p_{data}(x) + p_g(x))$이다. 실제로는 생성자가
$-\\log D(G(z))$를 줄인다. 판별자가 압도할 때도 기울기가 남기 때문이다.

출처: Goodfellow et al. (2014), "Generative Adversarial Nets", NIPS.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn
from torch.nn import functional as F

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREY, RED, titled
from models.learning.mlp import MLP
from models.reading import VALUE_WORDS, has, written

RADIUS, THICKNESS = 2.0, 0.05
_NUMBER = r"(\d*\.\d+|\d+)"


def ring(count: int, lumps: int) -> Tensor:
    """The data to imitate: points (count, 2) on a circle, in ``lumps`` heaps, or all round where it is 0."""
    turn = torch.rand(count) if lumps == 0 else torch.randint(lumps, (count,)) / lumps
    angle = 2 * math.pi * turn
    return RADIUS * torch.stack([angle.cos(), angle.sin()], 1) + THICKNESS * torch.randn(count, 2)


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))), means; takes logits, so that nothing overflows."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()  # -log σ(a) = softplus(-a)


def generator_loss(fake: Tensor) -> Tensor:
    """-log D(G(z)), mean: large gradients while the discriminator still wins. Takes logits."""
    return F.softplus(-fake).mean()


def best_discriminator(data: float, generated: float) -> float:
    """The probability "real" that no discriminator can beat where the densities are these.

    Raises:
        ValueError: a negative density, or nothing of either.
    """
    if data < 0 or generated < 0 or data + generated == 0:
        raise ValueError(f"densities {data}, {generated}: not negative, and not both 0")
    return data / (data + generated)


class GAN(nn.Module):
    """A generator from noise to points and a discriminator from points to a logit.

    Args:
        noise: length of z.
        hidden: units of both hidden layers of both players.
        features: length of a data point.
    """

    def __init__(self, noise: int = 4, hidden: int = 32, features: int = 2) -> None:
        super().__init__()
        self.noise = noise
        self.generator = MLP((noise, hidden, hidden, features), "relu")
        self.discriminator = MLP((features, hidden, hidden, 1), "relu")

    def sample(self, count: int) -> Tensor:
        """Fakes: (count, features)."""
        return self.generator(torch.randn(count, self.noise))

    def play(self, steps: int, lumps: int, rate: float = 0.01, batch: int = 64) -> list[tuple[float, float]]:
        """Both players in turn, ``steps`` times, at a rate that falls to 0; returns both losses of each step."""
        players = [torch.optim.Adam(p.parameters(), lr=rate, betas=(0.5, 0.999), fused=True)
                   for p in (self.discriminator, self.generator)]
        losses = []
        for step in range(steps):
            for optimizer in players:
                optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
            real, fake = ring(batch, lumps), self.sample(batch)
            players[0].zero_grad()
            judged = self.discriminator(torch.cat([real, fake.detach()]))  # detach: 생성자로는 기울기를 보내지 않는다
            d_loss = discriminator_loss(judged[:batch], judged[batch:])
            d_loss.backward()
            players[0].step()
            players[1].zero_grad()
            g_loss = generator_loss(self.discriminator(fake))
            g_loss.backward()
            players[1].step()
            losses.append((d_loss.item(), g_loss.item()))
        return losses


CODE = """\
import math
import torch
from torch import nn

torch.manual_seed({seed})
G = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
D = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
g_opt = torch.optim.Adam(G.parameters(), lr=0.005, betas=(0.5, 0.999))
d_opt = torch.optim.Adam(D.parameters(), lr=0.005, betas=(0.5, 0.999))
bce = nn.functional.binary_cross_entropy_with_logits
one, zero = torch.ones(64, 1), torch.zeros(64, 1)

for step in range({steps}):
    angle = 2 * math.pi * torch.rand(64)
    real = 2 * torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(64, 2)
    fake = G(torch.randn(64, 4))
    d_loss = bce(D(real), one) + bce(D(fake.detach()), zero)  # 판별자의 차례
    d_opt.zero_grad()
    d_loss.backward()
    d_opt.step()
    g_loss = bce(D(fake), one)                                # 생성자의 차례
    g_opt.zero_grad()
    g_loss.backward()
    g_opt.step()
print("가짜가 놓인 반지름의 평균:", G(torch.randn(500, 4)).norm(dim=1).mean().item())
"""


def demo(*, steps: int = 500, lumps: int = 0, hidden: int = 32, seed: int = 0) -> Demo:
    """Real and fake points over what the discriminator believes; below, both losses."""
    torch.manual_seed(seed)
    game = GAN(hidden=hidden)
    losses = game.play(steps, lumps)
    with torch.no_grad():
        real, fake = ring(400, lumps), game.sample(400)
        judged = torch.sigmoid(game.discriminator(torch.cat([real, fake])))[:, 0]  # (800,)
        axis = torch.linspace(-3.2, 3.2, 41)
        cells = torch.cartesian_prod(axis, axis).flip(1)  # (41*41, 2)
        belief = torch.sigmoid(game.discriminator(cells)).view(41, 41)
    accuracy = ((judged[:400] > 0.5).float().mean() + (judged[400:] <= 0.5).float().mean()).item() / 2
    on_ring = ((fake.norm(dim=1) - RADIUS).abs() < 0.3).float().mean().item()
    parts = lumps or 12
    sector = (torch.atan2(fake[:, 1], fake[:, 0]) / (2 * math.pi) * parts).round().long() % parts
    covered = int((sector.bincount(minlength=parts) > 0.2 * 400 / parts).sum())

    figure = go.Figure([
        go.Contour(x=axis.tolist(), y=axis.tolist(), z=[[round(v, 2) for v in row] for row in belief.tolist()],
                   colorscale="RdBu", reversescale=True, zmin=0, zmax=1, opacity=0.4, colorbar={"title": "D(x)"}),
        *(go.Scatter(x=[round(v, 2) for v in points[:, 0].tolist()], y=[round(v, 2) for v in points[:, 1].tolist()],
                     mode="markers", name=name, marker={"color": color, "size": 4}) for points, name,
          color in ((real, "진짜", GREY), (fake, "가짜", RED))),
    ])
    figure.update_yaxes(scaleanchor="x")
    titled(figure, f"{steps}번 겨룬 뒤: 가짜가 고리 위로 모인다", "x₁", "x₂", height=480)

    detail = make_subplots(rows=1, cols=1)
    stride = max(1, steps // 200)
    for column, (name, color, rest) in enumerate((("판별자", BLUE, 2 * math.log(2)), ("생성자", RED, math.log(2)))):
        detail.add_trace(go.Scatter(x=list(range(0, steps, stride)),
                                    y=[round(pair[column], 4) for pair in losses[::stride]], mode="lines",
                                    name=f"{name}의 손실", line_color=color))
        detail.add_hline(y=rest, line_dash="dot", line_color=color, annotation_text=f"비겼을 때 {rest:.3f}")
    titled(detail, "두 손실은 오르내리며 줄다리기한다", "걸음", "손실")
    verdict = ("판별자가 거의 반반으로밖에 못 맞힙니다" if accuracy < 0.65 else "판별자가 아직 가짜를 꽤 가려냅니다")
    missing = parts - covered
    spread = "고리를 빠짐없이 덮었습니다"
    if missing:
        spread = f"고리의 {parts}조각 가운데 {missing}조각을 놓쳤습니다(모드 붕괴)"
    return Demo(
        figure=figure,
        numbers={"판별자의 정확도": round(accuracy, 3), "고리 위에 놓인 가짜의 비율": round(on_ring, 3),
                 "덮은 조각": f"{covered}/{parts}",
                 "판별자의 손실": round(losses[-1][0], 4), "생성자의 손실": round(losses[-1][1], 4)},
        text=f"{steps}번 겨룬 뒤 가짜의 {on_ring:.0%}가 고리 위에 놓였고 {spread}. 정확도 {accuracy:.1%}로, {verdict}.",
        code=CODE.format(seed=seed, steps=steps),
        detail=detail,
    )


def parse_best(question: str) -> Mapping[str, Any] | None:
    """``p_data=0.6, p_g=0.2인 곳에서 최적 판별자는?`` -> both densities."""
    if not has(question, ("최적 판별자", "최적의 판별자", "가장 좋은 판별자", "optimal discriminator", "D*"),
               VALUE_WORDS):
        return None
    link = rf"\s*(?:\(x\))?\s*(?:=|는|은|가|이|:)?\s*{_NUMBER}"
    data = re.search(rf"p_?\{{?(?:data|데이터)\}}?{link}", question, re.IGNORECASE)
    generated = re.search(rf"p_?\{{?(?:g|gen|model|모델)\}}?{link}", question, re.IGNORECASE)
    if data is None or generated is None or float(data[1]) + float(generated[1]) == 0:
        return None
    return {"data": float(data[1]), "generated": float(generated[1])}


def run_best(data: float, generated: float) -> Computed:
    """The value of the best discriminator."""
    value = best_discriminator(data, generated)
    return Computed(value=written(value), formula="$D^*(x) = \\frac{p_{data}(x)}{p_{data}(x) + p_g(x)}$",
                    steps=f"{written(data)} / ({written(data)} + {written(generated)}) = {written(value)}입니다. 두 "
                          "분포가 같으면 0.5입니다.")


def parse_loss(question: str) -> Mapping[str, Any] | None:
    """``D(x)=0.9, D(G(z))=0.2일 때 판별자 손실은?`` -> both verdicts, and whose loss."""
    link = rf"\s*(?:=|가|이|는|은|:)?\s*{_NUMBER}"
    real, fake = re.search(rf"D\(\s*x\s*\){link}", question), re.search(rf"D\(\s*G\(\s*z\s*\)\s*\){link}", question)
    player = "판별자" if has(question, ("판별자", "discriminator")) else "생성자" if has(question,
                                                                                ("생성자", "generator")) else None
    if player is None or fake is None or (player == "판별자" and real is None) or not has(question, ("손실", "loss")):
        return None
    verdicts = {"real": float(real[1]) if real else 0.5, "fake": float(fake[1])}
    return {**verdicts, "player": player} if all(0 < v < 1 for v in verdicts.values()) else None


def run_loss(real: float, fake: float, player: str) -> Computed:
    """The loss of either player for one real and one fake sample (natural logarithm)."""
    if player == "생성자":
        value, way, formula = -math.log(fake), f"-log {written(fake)}", "$-\\log D(G(z))$"
    else:
        value = -math.log(real) - math.log(1 - fake)
        way, formula = f"-log {written(real)} - log(1 - {written(fake)})", "$-\\log D(x) - \\log(1 - D(G(z)))$"
    return Computed(value=written(value), steps=f"{player}의 손실은 {way} = {written(value)}입니다(자연로그).",
                    formula=formula)


CONCEPT = Concept(
    slug="gan",
    title="적대적 생성 신경망 (GAN)",
    aliases=("GAN", "Generative Adversarial Network", "적대적 생성 신경망", "생성적 적대 신경망", "생성자", "판별자",
             "generator", "discriminator", "모드 붕괴", "mode collapse", "DCGAN", "WGAN"),
    summary="가짜를 만드는 생성자와 진짜를 가려내는 판별자가 겨루며 함께 배운다.",
    demo=demo,
    controls=(
        Control("steps", "겨루는 횟수", 500, 50, 1500, 50, words=("횟수", "걸음", "steps", "스텝")),
        Control("lumps", "덩어리의 수(0이면 고리 전체)", 0, 0, 10, 1, words=("덩어리", "모드")),
        Control("hidden", "은닉 유닛", 32, 4, 64, 4, words=("은닉", "hidden")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("최적 판별자의 값", parse_best, run_best, "GAN 최적 판별자 p_data p_g"),
        Computation("GAN의 손실", parse_loss, run_loss, "GAN 판별자 생성자 손실 log D"),
    ),
)
