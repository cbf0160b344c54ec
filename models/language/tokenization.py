"""토큰화: 글을 모델이 다루는 조각으로 나누고 번호를 붙인다.

바이트 쌍 부호화(BPE)는 글자에서 시작해 가장 자주 이웃하는 두 조각을 합치는 일을 되풀이한다.

$$ (a^*, b^*) = \\arg\\max_{(a, b)} \\mathrm{count}(ab) $$

출처: Sennrich, Haddow & Birch (2016), "Neural Machine Translation of Rare Words with Subword Units".
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import plotly.graph_objects as go
from tokenizers import Tokenizer

from models.concept import Concept, ConceptError, Control, Demo
from models.figures import BLUE, GREEN, GREY, PURPLE, titled

SHIPPED = Path(__file__).parents[1] / "pretrained" / "encoder" / "tokenizer.json"
Pair = tuple[str, str]


def merge(pieces: list[str], pair: Pair) -> list[str]:
    """Join every neighbouring ``pair``, from left to right: (a b a b), ab -> (ab ab)."""
    out: list[str] = []
    for piece in pieces:
        if out and (out[-1], piece) == pair:
            out[-1] += piece
        else:
            out.append(piece)
    return out


@dataclass(frozen=True)
class BytePairEncoding:
    """Byte-pair encoding over letters: the merges in the order in which they were learned.

    Words are cut at blanks first; no piece crosses a blank.
    """

    merges: tuple[Pair, ...]

    @classmethod
    def train(cls, text: str, merges: int, least: int = 2) -> BytePairEncoding:
        """Learn at most ``merges`` merges from ``text``; stop where no pair occurs ``least`` times.

        Of pairs that are equally frequent the one that is met first is taken.
        """
        words = {word: list(word) for word in text.split()}
        often = Counter(text.split())
        learned: list[Pair] = []
        while len(learned) < merges:
            counts: Counter[Pair] = Counter()
            for word, pieces in words.items():
                for pair in pairwise(pieces):
                    counts[pair] += often[word]
            best = max(counts, key=counts.__getitem__, default=None)  # argmax count(ab); 같으면 먼저 만난 쌍
            if best is None or counts[best] < least:
                break
            learned.append(best)
            words = {word: merge(pieces, best) for word, pieces in words.items()}
        return cls(tuple(learned))

    def encode(self, text: str) -> list[str]:
        """The pieces of ``text``, word by word, each merge applied in the order it was learned."""
        out = []
        for word in text.split():
            pieces = list(word)
            for pair in self.merges:
                pieces = merge(pieces, pair)
            out += pieces
        return out


@cache
def shipped() -> Tokenizer:
    """The tokenizer of the encoder that comes with the project.

    Raises:
        ConceptError: its file is missing.
    """
    if not SHIPPED.is_file():
        raise ConceptError(f"토크나이저 파일이 없습니다: {SHIPPED}. 함께 배포되는 인코더를 이 자리에 두어야 합니다.")
    return Tokenizer.from_file(str(SHIPPED))


def spans(text: str, pieces: list[str]) -> list[tuple[int, int]]:
    """Where each piece stands in ``text``: [start, end), blanks skipped."""
    out, at = [], 0
    for piece in pieces:
        at = text.index(piece, at)
        out.append((at, at + len(piece)))
        at += len(piece)
    return out


CODE = """\
from collections import Counter
from itertools import pairwise

text = {sentence!r}
words = [list(word) for word in text.split()]
for step in range({merges}):
    counts = Counter(pair for word in words for pair in pairwise(word))
    if not counts:
        break
    (a, b), times = counts.most_common(1)[0]
    for word in words:                       # 가장 자주 이웃하는 두 조각을 합친다
        i = 0
        while i < len(word) - 1:
            if (word[i], word[i + 1]) == (a, b):
                word[i : i + 2] = [a + b]
            i += 1
    print(f"{{step + 1}}번째 병합: {{a}} + {{b}} ({{times}}번)")
print(words)
"""


def demo(*, sentence: str = "먹는다 먹는데 먹었다 먹었는데 보았다 보았는데 가는데", merges: int = 6) -> Demo:
    """The reader's sentence cut four ways, each piece where it stands; below, what every merge saves."""
    letters = [c for c in sentence if not c.isspace()]
    words = sentence.split()
    encoding = shipped().encode(sentence, add_special_tokens=False)
    bpe = BytePairEncoding.train(sentence, merges, least=1)
    learned = bpe.encode(sentence)
    rows = (
        ("글자", letters, spans(sentence, letters), GREY),
        ("띄어쓰기 단어", words, spans(sentence, words), GREEN),
        ("이 프로젝트의 토크나이저", encoding.tokens, encoding.offsets, BLUE),
        (f"이 문장에서 배운 BPE ({len(bpe.merges)}번 병합)", learned, spans(sentence, learned), PURPLE),
    )
    figure = go.Figure()
    for name, pieces, places, color in reversed(rows):
        figure.add_trace(go.Bar(
            y=[f"{name}: {len(pieces)}조각"] * len(pieces), base=[start for start, _ in places],
            x=[end - start for start, end in places], text=pieces, orientation="h", insidetextanchor="middle",
            marker={"color": color, "line": {"color": "white", "width": 2}}, showlegend=False))
    figure.update_layout(barmode="overlay")
    titled(figure, "같은 문장을 네 가지로 나누기", "문장에서의 자리", "나눈 방법")

    counts = [len(BytePairEncoding(bpe.merges[:i]).encode(sentence)) for i in range(len(bpe.merges) + 1)]
    labels = ["처음", *[f"{i}. {a}+{b}" for i, (a, b) in enumerate(bpe.merges, start=1)]]
    detail = titled(go.Figure(go.Scatter(x=labels, y=counts, mode="lines+markers+text", text=counts,
                                         textposition="top center")),
                    "병합할 때마다 줄어드는 BPE 조각 수", "합친 두 조각", "조각 수")
    unknown = encoding.tokens.count("[UNK]")
    first = f"첫 병합은 {bpe.merges[0][0]} + {bpe.merges[0][1]}입니다" if bpe.merges else "아직 합친 조각이 없습니다"
    return Demo(
        figure=figure,
        numbers={"글자 수": len(letters), "단어 수": len(words), "토크나이저 조각 수": len(encoding.tokens),
                 "토크나이저 번호": ", ".join(map(str, encoding.ids[:12])) + (" …" if len(encoding.ids) > 12 else ""),
                 "모르는 조각([UNK])": unknown, "BPE 조각 수": len(learned), "UTF-8 바이트": len(sentence.encode()),
                 "토크나이저 어휘 크기": shipped().get_vocab_size()},
        text=f"글자로는 {len(letters)}조각, 띄어쓰기로는 {len(words)}조각인 문장을 "
             f"토크나이저는 {len(encoding.tokens)}조각으로 나눕니다. "
             f"이 문장만 보고 배운 BPE는 {len(learned)}조각으로 나누고, {first}.",
        code=CODE.format(sentence=sentence, merges=merges),
        detail=detail,
    )


CONCEPT = Concept(
    slug="tokenization",
    title="토큰화",
    aliases=("토큰화", "토크나이저", "토크나이져", "tokenizer", "tokenization", "서브워드", "subword",
             "BPE", "byte pair encoding", "바이트 쌍 부호화", "WordPiece", "워드피스", "SentencePiece", "센텐스피스"),
    summary="문장을 모델이 다루는 조각으로 나누고 조각마다 번호를 붙인다.",
    demo=demo,
    controls=(
        Control("sentence", "문장", "먹는다 먹는데 먹었다 먹었는데 보았다 보았는데 가는데", max_length=120),
        Control("merges", "BPE 병합 횟수", 6, 0, 40, 1, words=("병합 횟수", "병합", "merges", "merge")),
    ),
)
