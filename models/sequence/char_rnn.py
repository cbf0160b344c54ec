"""글자 단위 RNN: 글을 한 글자씩 읽으며 다음 글자를 맞히고, 뽑은 글자를 다시 넣어 글을 잇는다.

$$ p(c_{t+1} \\mid c_1, \\dots, c_t) = \\mathrm{softmax}\\left(\\frac{W h_t + b}{T}\\right) $$

$h_t$는 RNN의 은닉 상태, $T$는 온도다(학습할 때는 1).

출처: Karpathy (2015), "The Unreasonable Effectiveness of Recurrent Neural Networks".
"""

from __future__ import annotations

import math
from itertools import pairwise

import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from models.concept import Concept, ConceptError, Control, Demo
from models.figures import BLUE, titled
from models.language.sampling import with_temperature
from models.learning.linear_layer import Linear
from models.learning.losses import cross_entropy
from models.sequence.rnn import RNN


class CharRNN(nn.Module):
    """One-hot letters -> RNN -> a score for every letter.

    Args:
        letters: how many different letters there are (V).
        hidden_size: length of the hidden state.
    """

    def __init__(self, letters: int, hidden_size: int) -> None:
        super().__init__()
        self.letters = letters
        self.rnn = RNN(letters, hidden_size, batch_first=True)
        self.scores = Linear(hidden_size, letters)

    def forward(self, ids: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """``ids``: (B, T) -> the next letter's logits (B, T, V) and the last state (1, B, H)."""
        onehot = torch.eye(self.letters, dtype=self.scores.weight.dtype)[ids]  # (B, T) -> (B, T, V)
        output, state = self.rnn(onehot, state)
        return self.scores(output), state


def training_pair(text: str) -> tuple[list[str], Tensor, Tensor]:
    """The letters of ``text`` (sorted), and input and target ids (1, T-1): the target is the text one step on."""
    letters = sorted(set(text))
    ids = torch.tensor([[letters.index(c) for c in text]])
    return letters, ids[:, :-1], ids[:, 1:]


@torch.no_grad()
def write(
    model: CharRNN, letters: list[str], first: str, length: int, temperature: float | None, generator: torch.Generator
) -> str:
    """Go on from ``first`` to ``length`` letters; ``temperature`` None takes the likeliest letter each time."""
    text, state, now = first, None, torch.tensor([[letters.index(first)]])
    while len(text) < length:
        logits, state = model(now, state)
        if temperature is None:
            now = logits[:, -1].argmax(-1, keepdim=True)
        else:
            now = torch.multinomial(with_temperature(logits[:, -1], temperature), 1, generator=generator)
        text += letters[int(now)]  # 뽑은 글자가 다음 입력이 된다
    return text


CODE = """\
import torch
from torch import nn

torch.manual_seed({seed})
text = {text!r}
letters = sorted(set(text))
ids = torch.tensor([letters.index(c) for c in text])
x, y = torch.eye(len(letters))[ids[:-1]], ids[1:]      # 정답은 한 칸 뒤의 글자
rnn, scores = nn.RNN(len(letters), {hidden_size}), nn.Linear({hidden_size}, len(letters))
optimizer = torch.optim.Adam([*rnn.parameters(), *scores.parameters()], lr=0.02)
for epoch in range({epochs}):
    output, _ = rnn(x)
    loss = nn.functional.cross_entropy(scores(output), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

now, state, argmax = x[:1], None, text[0]
while len(argmax) < len(text):
    output, state = rnn(now, state)
    best = scores(output)[-1].argmax().item()          # 표본으로 뽑으려면 torch.multinomial
    argmax += letters[best]
    now = torch.eye(len(letters))[[best]]
print(argmax)
"""


def demo(
    *,
    text: str = "순환 신경망은 앞을 기억한다",
    epochs: int = 20,
    hidden_size: int = 24,
    temperature: float = 1.5,
    seed: int = 0,
) -> Demo:
    """Learn the reader's sentence letter by letter; what gets written early, midway and at the end."""
    if len(text) < 2:
        raise ConceptError(f"문장(text)={text!r}: 두 자 이상이어야 다음 글자를 배울 수 있습니다.")
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    letters, x, y = training_pair(text)
    model = CharRNN(len(letters), hidden_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    shown = {1, max(1, epochs // 10), max(1, epochs // 3), epochs}
    losses, rows = [], []
    for epoch in range(1, epochs + 1):
        logits, _ = model(x)
        loss = cross_entropy(logits[0], y[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if epoch in shown:
            picked = [write(model, letters, text[0], len(text), t, generator) for t in (None, temperature)]
            rows.append([f"{epoch}번", f"{losses[-1]:.3f}", *picked])

    figure = go.Figure(
        go.Table(
            header={"values": ["학습", "손실", "최댓값(argmax)으로", f"표본으로 (온도 {temperature:g})"]},
            cells={"values": [list(column) for column in zip(*rows, strict=True)], "align": "left", "height": 28},
            columnwidth=[1, 1, 4, 4],
            domain={"y": [0, 0.45]},
        )
    )
    figure.add_trace(go.Scatter(x=list(range(1, epochs + 1)), y=losses, mode="lines", line_color=BLUE, name="손실"))
    titled(figure, f"‘{text}’을(를) 한 글자씩 배우기", "학습 횟수", "교차 엔트로피", height=520)
    figure.update_yaxes(domain=[0.58, 1])

    with torch.no_grad():
        probs = with_temperature(model(x)[0][0], temperature)  # (T, V)
    steps = [f"{i + 1}. {a}→{b}" for i, (a, b) in enumerate(pairwise(text))]
    detail = go.Figure(
        go.Heatmap(
            x=steps,
            y=[repr(c) if c == " " else c for c in letters],
            z=probs.T.round(decimals=3).tolist(),
            zmin=0,
            zmax=1,
            colorscale="Blues",
        )
    )
    titled(detail, "시점마다 다음 글자의 확률 (앞 글자→정답)", "읽은 글자와 정답", "다음 글자 후보", height=480)
    argmax, sampled = rows[-1][2:]
    right = sum(a == b for a, b in zip(argmax, text, strict=True))
    return Demo(
        figure=figure,
        numbers={
            "글자 종류": len(letters),
            "찍을 때의 손실 ln(글자 종류)": round(math.log(len(letters)), 3),
            "처음 손실": round(losses[0], 3),
            "마지막 손실": round(losses[-1], 3),
            "최댓값으로 쓴 글": argmax,
            "표본으로 쓴 글": sampled,
            "맞힌 글자": f"{right}/{len(text)}",
        },
        text=f"손실이 {losses[0]:.2f}에서 {losses[-1]:.2f}까지 변했습니다. "
        f"첫 글자만 주고 최댓값으로 이어 쓰면 ‘{argmax}’, "
        f"온도 {temperature:g}에서 표본으로 뽑으면 ‘{sampled}’이(가) 나옵니다.",
        code=CODE.format(seed=seed, text=text, hidden_size=hidden_size, epochs=epochs),
        detail=detail,
    )


CONCEPT = Concept(
    slug="char_rnn",
    title="글자 단위 RNN",
    aliases=(
        "char-rnn",
        "char rnn",
        "글자 단위 RNN",
        "문자 단위 RNN",
        "character-level RNN",
        "char_rnn",
        "글자 생성 모델",
        "auto-regressive",
        "자기회귀",
    ),
    summary="글을 한 글자씩 읽으며 다음 글자를 맞히도록 배우고, 뽑은 글자를 되먹여 글을 잇는다.",
    demo=demo,
    controls=(
        Control("text", "외울 문장", "순환 신경망은 앞을 기억한다", max_length=40),
        Control("epochs", "학습 횟수", 20, 1, 200, 10, words=("학습 횟수", "에폭", "epoch")),
        Control("hidden_size", "은닉 크기", 24, 2, 64, 1, words=("은닉 크기", "hidden_size", "은닉")),
        Control("temperature", "온도", 1.5, 0.1, 3.0, 0.1, words=("온도", "temperature")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
)
