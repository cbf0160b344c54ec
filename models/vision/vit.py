"""비전 트랜스포머(Vision Transformer, ViT): 사진을 조각(patch)으로 잘라 단어처럼 인코더에 넣는다.

$$ N = \\frac{HW}{P^2}, \\qquad z_0 = [x_{cls};\\, x_1E;\\, \\dots;\\, x_NE] + E_{pos} $$

어텐션 롤아웃은 층마다 잔차를 나타내는 항등 행렬을 더해 곱해 나간다.

$$ \\tilde{A}_l = \\tfrac12 (A_l + I), \\qquad R = \\tilde{A}_L \\cdots \\tilde{A}_1 $$

출처: Dosovitskiy et al. (2021), "An Image is Worth 16x16 Words";
Abnar & Zuidema (2020), "Quantifying Attention Flow in Transformers".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import plotly.graph_objects as go
import torch
from plotly.subplots import make_subplots
from torch import Tensor, nn

from models.attention.transformer_block import Encoder
from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import BLUE, pixels, titled
from models.learning.linear_layer import Linear
from models.reading import has, named_numbers
from models.vision.cnn import accuracy, digits, train
from models.vision.convolution import Conv2d
from models.vision.summary import count
from models.vision.window import amount


def patch_count(height: int, width: int, patch: int) -> int:
    """How many patches a picture is cut into.

    Raises:
        ConceptError: the patch does not divide a side.
    """
    if patch < 1 or height % patch or width % patch:
        raise ConceptError(f"이미지 {height}x{width}는 한 변이 {patch}인 패치로 나누어떨어지지 않습니다.")
    return (height // patch) * (width // patch)  # N = HW / P^2


def patches(images: Tensor, patch: int) -> Tensor:
    """Cut pictures into flat patches, row by row: (B, C, H, W) -> (B, N, C * patch * patch).

    Raises:
        ConceptError: see ``patch_count``.
    """
    patch_count(images.shape[2], images.shape[3], patch)
    tiles = images.unfold(2, patch, patch).unfold(3, patch, patch)  # (B, C, H/P, W/P, P, P)
    return tiles.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)  # (B, H/P, W/P, C, P, P) -> (B, N, C*P*P)


class ViT(nn.Module):
    """Patches, CLS, positions, a pre-norm encoder, and a linear layer on CLS.

    Args:
        side: of the square pictures. patch: side of a patch. channels: of the pictures.
        dim: length D of a token. layers, heads, hidden: of the encoder (hidden: width of its feed-forward layers).
        spread: standard deviation of the position vectors before training.
    """

    def __init__(self, side: int = 224, patch: int = 16, channels: int = 3, dim: int = 768, layers: int = 12,
                 heads: int = 12, hidden: int = 3072, classes: int = 1000, spread: float = 0.02) -> None:
        super().__init__()
        self.patch = patch
        self.embed = Conv2d(channels, dim, patch, stride=patch)  # 조각마다 같은 선형층 E를 거는 것과 같다
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.position = nn.Parameter(torch.empty(1, patch_count(side, side, patch) + 1, dim))
        nn.init.normal_(self.position, std=spread)
        self.encoder = Encoder(layers, dim, heads, hidden, 0.0, "gelu", norm_first=True)
        self.classify = Linear(dim, classes)

    def forward(self, x: Tensor, kept: list[Tensor] | None = None) -> Tensor:
        """(B, channels, side, side) -> scores (B, classes); ``kept`` receives each layer's attention (B, nh, T, T)."""
        patch_count(x.shape[2], x.shape[3], self.patch)
        tokens = self.embed(x).flatten(2).transpose(1, 2)  # (B, D, H/P, W/P) -> (B, N, D)
        tokens = torch.cat([self.cls.expand(len(x), -1, -1), tokens], dim=1) + self.position  # z_0, (B, N + 1, D)
        return self.classify(self.encoder(tokens, kept=kept)[:, 0])  # 마지막 층의 CLS만 본다


def rollout(attentions: Sequence[Tensor]) -> Tensor:
    """How much each token drew from each input token through all layers, (T, T); rows sum to 1.

    ``attentions``: of each layer, first layer first, (nh, T, T).
    """
    flow = torch.eye(attentions[0].shape[-1], dtype=attentions[0].dtype)
    for attention in attentions:
        mixed = (attention.mean(dim=0) + torch.eye(len(flow), dtype=flow.dtype)) / 2  # (A + I) / 2
        flow = mixed @ flow
    return flow


CODE = """\
import torch
from sklearn.datasets import load_digits
from torch import nn


class ViT(nn.Module):
    def __init__(self, side, patch, dim, layers, heads):
        super().__init__()
        self.embed = nn.Conv2d(1, dim, patch, stride=patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.position = nn.Parameter(torch.randn(1, (side // patch) ** 2 + 1, dim))
        layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(dim), enable_nested_tensor=False)
        self.classify = nn.Linear(dim, 10)

    def forward(self, x):
        tokens = self.embed(x).flatten(2).transpose(1, 2)              # (배치, 패치 수, dim)
        tokens = torch.cat([self.cls.expand(len(x), -1, -1), tokens], dim=1) + self.position
        return self.classify(self.encoder(tokens)[:, 0])


torch.manual_seed({seed})
data = load_digits()
x, y = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16, torch.tensor(data.target)
x = (x - x[:1437].mean()) / x[:1437].std()
vit = ViT(8, {patch}, {dim}, {layers}, {heads})
optimizer = torch.optim.Adam(vit.parameters(), lr=0.006)
for step in range({steps}):
    rows = torch.randint(0, 1437, (32,))
    loss = nn.functional.cross_entropy(vit(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("토큰 수:", vit.position.shape[1], "테스트 정확도:", (vit(x[1437:]).argmax(1) == y[1437:]).float().mean().item())
"""


def demo(*, patch: str = "2", dim: int = 32, layers: int = 2, heads: int = 4, steps: int = 60, seed: int = 0) -> Demo:
    """A small ViT trained on digits: its patches, and the rollout over three digits it has not seen."""
    if dim % heads:
        raise ConceptError(f"폭(dim)={dim}은 헤드 수(heads)={heads}로 나누어떨어져야 합니다.")
    side, p = 8, int(patch)
    torch.manual_seed(seed)
    data = digits()
    x, test_x = ((images - data.x.mean()) / data.x.std() for images in (data.x, data.test_x))  # 훈련 데이터의 통계로
    net = ViT(side, p, 1, dim, layers, heads, 2 * dim, 10, spread=1.0)
    losses = train(net, x, data.y, steps=steps, batch=32, rate=0.006, generator=torch.Generator().manual_seed(seed))
    score = accuracy(net, test_x, data.test_y)

    picked = data.test_x[:3]
    kept: list[Tensor] = []
    with torch.no_grad():
        guesses = net(test_x[:3], kept).argmax(dim=1).tolist()
    figure = make_subplots(rows=2, cols=3, vertical_spacing=0.14, subplot_titles=[
        *[f"정답 {answer}" for answer in data.test_y[:3].tolist()], *[f"롤아웃 (예측 {g})" for g in guesses]])
    for i in range(3):
        figure.add_trace(pixels(picked[i, 0]), row=1, col=i + 1)
        for cut in range(p, side, p):  # 패치의 경계
            figure.add_vline(cut - 0.5, line={"color": BLUE, "width": 1}, row=1, col=i + 1)
            figure.add_hline(cut - 0.5, line={"color": BLUE, "width": 1}, row=1, col=i + 1)
        seen = rollout([attention[i] for attention in kept])[0, 1:].reshape(side // p, side // p)  # CLS 행
        figure.add_trace(pixels(seen / seen.max(), colorscale="Hot"), row=2, col=i + 1)
    figure.update_yaxes(autorange="reversed")
    titled(figure, f"{p}x{p} 조각으로 자른 숫자와, CLS가 본 곳", "열", "행", height=560)

    detail = make_subplots(rows=1, cols=2, subplot_titles=("걸음마다 훈련 손실", "위치 임베딩끼리의 코사인 유사도"))
    detail.add_trace(go.Scatter(y=[round(v, 4) for v in losses], mode="lines", line={"color": BLUE}), row=1, col=1)
    places = nn.functional.normalize(net.position[0, 1:].detach(), dim=-1)
    detail.add_trace(pixels(places @ places.T, colorscale="RdBu", middle=0), row=1, col=2)
    detail.update_xaxes(title_text="걸음", row=1, col=1)
    detail.update_yaxes(title_text="교차 엔트로피", row=1, col=1)
    detail.update_yaxes(autorange="reversed", row=1, col=2)
    titled(detail, "학습과 위치", "패치", "패치")
    number = patch_count(side, side, p)
    return Demo(
        figure=figure,
        numbers={"패치 수": number, "토큰 수(CLS 포함)": number + 1, "테스트 정확도": round(score, 4),
                 "파라미터 수": count(net), "마지막 손실": round(losses[-1], 4)},
        text=f"8x8 숫자를 {p}x{p}로 자르면 패치 {number}개에 CLS를 더해 토큰이 {number + 1}개입니다. 파라미터 "
             f"{amount(count(net))}개인 ViT가 {steps}걸음 만에 테스트 숫자의 {score:.1%}를 맞혔습니다.",
        code=CODE.format(patch=p, dim=dim, layers=layers, heads=heads, steps=steps, seed=seed),
        detail=detail,
    )


_PATCH = r"(?:패치|patch|조각)"


def _parse(question: str) -> dict | None:
    if (not has(question, ("패치", "patch", "조각"), ("몇", "얼마", "개수", "갯수", "수는", "how many"))
            or has(question, ("이유", "왜", "차원", "길이"))):
        return None
    named_after = rf"{_PATCH}\s*의?\s*(?:크기|size|한 변)?\s*[가이는은를을=:]?\s*(\d+)"
    after = rf"{named_after}(?:\s*[x×]\s*\d+)?(?!\d|\s*개)"
    match = re.search(rf"(\d+)(?:\s*[x×]\s*\1)?\s*(?:픽셀|크기의?|짜리|씩)?\s*{_PATCH}", question, re.I) or re.search(
        after, question, re.I)
    if match is None:
        return None
    rest = question[:match.start()] + " ; " + question[match.end():]
    sides = re.search(r"(\d+)\s*[x×]\s*(\d+)", rest)
    named = named_numbers(rest, {"side": ("이미지 크기", "이미지", "사진", "입력", "image")})
    if sides is None and "side" not in named:
        return None
    height, width = (int(sides[1]), int(sides[2])) if sides else (int(named["side"]),) * 2
    return {"height": height, "width": width, "patch": int(match[1]), "tokens": has(question, ("토큰", "cls", "token"))}


def _run(height: int, width: int, patch: int, tokens: bool) -> Computed:
    number = patch_count(height, width, patch)
    steps = f"({height}/{patch}) × ({width}/{patch}) = {number}"
    if tokens:
        return Computed(value=amount(number + 1), steps=f"패치 {steps}, CLS 하나를 더해 {number + 1}", formula="N + 1")
    return Computed(value=amount(number), steps=steps, formula="N = HW / P²")


CONCEPT = Concept(
    slug="vit",
    title="비전 트랜스포머",
    aliases=("ViT", "Vision Transformer", "비전트랜스포머", "비젼 트랜스포머", "패치 임베딩", "patch embedding",
             "이미지 패치", "이미지 트랜스포머", "어텐션 롤아웃", "attention rollout", "롤아웃", "ViT-B/16"),
    summary="사진을 조각으로 잘라 단어처럼 트랜스포머 인코더에 넣어 분류한다.",
    demo=demo,
    controls=(
        Control("patch", "패치의 한 변", "2", choices=("2", "4", "8"), pattern=r"(?:패치|patch)(?:\s*크기)?\s*=?\s*([248])(?!\d)"),
        Control("dim", "토큰의 폭", 32, 8, 64, 8, words=("폭", "차원", "dim")),
        Control("layers", "인코더 층 수", 2, 1, 4, 1, words=("층수", "층", "layers")),
        Control("heads", "헤드 수", 4, 1, 8, 1, words=("헤드", "heads")),
        Control("steps", "학습 걸음", 60, 5, 100, 1, words=("걸음", "학습 단계", "steps")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("ViT의 패치 수", _parse, _run, cite="패치 수 이미지 크기 패치 크기"),),
)
