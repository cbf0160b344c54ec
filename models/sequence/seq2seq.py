"""Seq2Seq: 인코더가 입력을 끝까지 읽어 벡터 하나로 요약하고, 디코더가 그 벡터에서 한 토큰씩 쓴다.

$$ h_t = f(x_t, h_{t-1}), \\qquad c = h_T = s_0 $$
$$ s_j = g(y_{j-1}, s_{j-1}), \\qquad p(y_j) = \\mathrm{softmax}(W s_j) $$

$y_0$은 시작 토큰 SOS이고, 끝 토큰 EOS가 나오면 멈춘다. 교사 강요를 켜면 학습할 때 $y_{j-1}$에 정답을 넣는다.

출처: Sutskever, Vinyals & Le (2014), "Sequence to Sequence Learning with Neural Networks";
교사 강요는 Williams & Zipser (1989).
"""

from __future__ import annotations

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Concept, ConceptError, Control, Demo
from models.figures import BLUE, RED, titled
from models.learning.linear_layer import Linear
from models.learning.losses import cross_entropy
from models.learning.softmax_classification import softmax
from models.sequence.gru import GRU
from models.sequence.word_embedding import Embedding

SOS, EOS = 0, 1
LETTERS = "가나다라마"


class Seq2Seq(nn.Module):
    """Two GRUs joined by one vector.

    Args:
        source_size, target_size: how many tokens either side has; ids 0 and 1 are SOS and EOS.
        hidden_size: length of the context vector c.
    """

    def __init__(self, source_size: int, target_size: int, hidden_size: int) -> None:
        super().__init__()
        self.source, self.target = Embedding(source_size, hidden_size), Embedding(target_size, hidden_size)
        self.encoder = GRU(hidden_size, hidden_size, batch_first=True)
        self.decoder = GRU(hidden_size, hidden_size, batch_first=True)
        self.scores = Linear(hidden_size, target_size)

    def encode(self, source: Tensor) -> Tensor:
        """The context vector: (B, T) -> (1, B, H)."""
        return self.encoder(self.source(source))[1]

    def advance(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the decoder: (B,), (1, B, H) -> logits (B, V) and the new state."""
        output, state = self.decoder(self.target(token[:, None]), state)
        return self.scores(output[:, 0]), state

    def forward(self, source: Tensor, target: Tensor, forcing: Tensor) -> Tensor:
        """Logits of every target step: (B, T), (B, J) -> (B, J, V).

        ``forcing``: (J,) of bool; where True the next input is the right token (teacher forcing), else the model's own.
        """
        state = self.encode(source)
        token, out = torch.full_like(target[:, 0], SOS), []
        for right, forced in zip(target.T, forcing.tolist(), strict=True):
            logits, state = self.advance(token, state)
            out.append(logits)
            token = right if forced else logits.argmax(-1)
        return torch.stack(out, dim=1)

    @torch.no_grad()
    def write(self, source: Tensor, most: int) -> list[int]:
        """The tokens for one source (1, T), up to EOS or ``most``; the model is fed what it wrote itself."""
        state, token = self.encode(source), torch.tensor([SOS])
        out: list[int] = []
        while len(out) < most:
            logits, state = self.advance(token, state)
            token = logits.argmax(-1)
            if token.item() == EOS:
                break
            out.append(int(token))
        return out


def reversal_batch(batch: int, length: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random letter rows (B, length) and the same backwards with EOS: (B, length + 1)."""
    source = torch.randint(2, 2 + len(LETTERS), (batch, length), generator=generator)
    return source, torch.cat([source.flip(1), torch.full((batch, 1), EOS)], dim=1)


def train(model: Seq2Seq, length: int, epochs: int, ratio: float, generator: torch.Generator) -> list[float]:
    """Train on fresh batches; each decoder step is forced with probability ``ratio``. Returns the losses."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.015)
    losses = []
    for _ in range(epochs):
        source, target = reversal_batch(96, length, generator)
        forcing = torch.rand(target.shape[1], generator=generator) < ratio
        logits = model(source, target, forcing)  # (B, J, V)
        loss = cross_entropy(logits.flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def accuracy(model: Seq2Seq, length: int, generator: torch.Generator) -> float:
    """The share of fresh rows written without a fault, the model fed with its own tokens."""
    source, target = reversal_batch(200, length, generator)
    written = model(source, target, torch.zeros(length + 1, dtype=torch.bool)).argmax(-1)
    return (written == target).all(1).double().mean().item()


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
SOS, EOS, V, H = 0, 1, 7, {hidden_size}
source_table, target_table = nn.Embedding(V, H), nn.Embedding(V, H)
encoder, decoder, scores = nn.GRU(H, H, batch_first=True), nn.GRU(H, H, batch_first=True), nn.Linear(H, V)
parts = nn.ModuleList([source_table, target_table, encoder, decoder, scores])
optimizer = torch.optim.Adam(parts.parameters(), lr=0.015)
for epoch in range({epochs}):
    source = torch.randint(2, V, (96, {length}))
    target = torch.cat([source.flip(1), torch.full((96, 1), EOS)], dim=1)      # 뒤집은 글과 끝 토큰
    given = torch.cat([torch.full((96, 1), SOS), target[:, :-1]], dim=1)       # 교사 강요: 한 칸 민 정답
    _, context = encoder(source_table(source))                                 # 문맥 벡터 하나
    logits = scores(decoder(target_table(given), context)[0])
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("손실:", loss.item())
"""


def read_word(word: str) -> Tensor:
    """Letters to ids (1, T)."""
    if not 1 <= len(word) <= 8 or any(letter not in LETTERS for letter in word):
        raise ConceptError(f"글자열(word)={word!r}: {', '.join(LETTERS)} 가운데에서 1자 이상 8자 이하로 적어야 합니다.")
    return torch.tensor([[LETTERS.index(letter) + 2 for letter in word]])


def demo(
    *, word: str = "가나라", length: int = 3, ratio: float = 1.0, hidden_size: int = 24, epochs: int = 60, seed: int = 0
) -> Demo:
    """Teach two models to write letters backwards, with and without teacher forcing, and let one write the reader's."""
    source = read_word(word)
    losses, right, models = {}, {}, {}
    for name, chance in (("on", ratio), ("off", 0.0)):
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        models[name] = Seq2Seq(2 + len(LETTERS), 2 + len(LETTERS), hidden_size)
        losses[name] = train(models[name], length, epochs, chance, generator)
        right[name] = accuracy(models[name], length, generator)
    figure = go.Figure(
        [
            go.Scatter(y=losses["on"], name=f"교사 강요 {ratio:.0%}", line_color=BLUE),
            go.Scatter(y=losses["off"], name="교사 강요 끔", line_color=RED),
        ]
    )
    titled(figure, f"길이 {length}의 글자열을 뒤집어 쓰기: 학습 손실", "학습 횟수", "교차 엔트로피")

    model, names = models["on"], ["SOS", "EOS", *LETTERS]
    written = model.write(source, len(word) + 2)
    fed = torch.tensor([[*written, EOS]])
    with torch.no_grad():
        logits = model(source, fed, torch.ones(fed.shape[1], dtype=torch.bool))[0]
    probs = softmax(logits)  # (J, V)
    steps = [f"{j + 1}. {names[token]}" for j, token in enumerate(fed[0].tolist())]
    detail = go.Figure(
        go.Heatmap(
            x=steps,
            y=names,
            z=probs.T.round(decimals=3).tolist(),
            zmin=0,
            zmax=1,
            colorscale="Blues",
            colorbar={"title": "확률"},
        )
    )
    titled(detail, f"{word}: 다 읽은 뒤 디코더가 낸 확률", "쓴 차례와 고른 토큰", "토큰")
    answer = "".join(names[token] for token in written)
    verdict = "맞습니다" if answer == word[::-1] else f"정답 {word[::-1]}과(와) 다릅니다"
    return Demo(
        figure=figure,
        numbers={
            "쓴 글": answer,
            "정답": word[::-1],
            "문맥 벡터의 크기": hidden_size,
            "마지막 손실(교사 강요)": round(losses["on"][-1], 3),
            "마지막 손실(끔)": round(losses["off"][-1], 3),
            "통째로 맞힌 비율(교사 강요)": round(right["on"], 3),
            "통째로 맞힌 비율(끔)": round(right["off"], 3),
        },
        text=f"디코더는 {word} → {answer}라고 썼고, {verdict}. 처음 보는 글자열을 통째로 맞힌 비율은 "
        f"교사 강요 {ratio:.0%}로 배우면 {right['on']:.0%}, 끄고 배우면 {right['off']:.0%}입니다.",
        code=CODE.format(seed=seed, hidden_size=hidden_size, epochs=epochs, length=length),
        detail=detail,
    )


CONCEPT = Concept(
    slug="seq2seq",
    title="Seq2Seq",
    aliases=(
        "seq2seq",
        "시퀀스 투 시퀀스",
        "시퀀스투시퀀스",
        "sequence to sequence",
        "인코더-디코더 RNN",
        "교사 강요",
        "teacher forcing",
        "티처 포싱",
        "문맥 벡터",
        "context vector",
        "exposure bias",
    ),
    summary="인코더가 입력을 벡터 하나로 요약하고, 디코더가 거기서 출력을 한 토큰씩 쓴다.",
    demo=demo,
    controls=(
        Control("word", f"뒤집을 글자열({', '.join(LETTERS)})", "가나라", max_length=8),
        Control("length", "배울 때의 길이", 3, 1, 5, 1, words=("길이",)),
        Control(
            "ratio",
            "교사 강요 비율",
            1.0,
            0.0,
            1.0,
            0.1,
            words=("교사 강요 비율", "교사 강요", "teacher forcing ratio"),
        ),
        Control("hidden_size", "은닉 크기", 24, 4, 48, 1, words=("은닉 크기", "hidden_size", "은닉")),
        Control("epochs", "학습 횟수", 60, 5, 150, 5, words=("학습 횟수", "에폭", "epoch")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
)
