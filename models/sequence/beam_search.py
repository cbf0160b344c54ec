"""빔 서치: 매번 1등 하나가 아니라 누적 점수가 높은 후보 k개를 함께 들고 간다.

$$ \\mathrm{score}(y) = \\frac{1}{n^{\\alpha}} \\sum_{t=1}^{n} \\log p(y_t \\mid y_{<t}) $$

$n$은 문장의 토큰 수, $\\alpha$는 길이 벌점의 세기다. $k=1$이면 탐욕 탐색과 같다.

출처: Sutskever, Vinyals & Le (2014); 길이로 나누기는 Wu et al. (2016), "Google's Neural Machine Translation System".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREEN, GREY, titled
from models.reading import has, named_numbers

END = "<끝>"
Next = Callable[[tuple[str, ...]], Mapping[str, float]]

# 앞말의 끝 단어에 따라 다음 단어의 확률. 첫 단어는 '오늘'이 낫지만 '나는'으로 시작한 문장이 전체로는 더 그럴듯하다.
TABLE: Mapping[str, Mapping[str, float]] = {
    "": {"오늘": 0.6, "나는": 0.4},
    "오늘": {"비가": 0.35, "눈이": 0.33, "바람이": 0.32},
    "나는": {"책을": 0.54, "읽는다": 0.46},
    "비가": {"온다": 0.6, "그쳤다": 0.4},
    "눈이": {"온다": 0.7, "그쳤다": 0.3},
    "바람이": {"분다": 0.8, "그쳤다": 0.2},
    "책을": {"읽는다": 0.8, "쓴다": 0.2},
}


@dataclass(frozen=True)
class Path:
    """A sentence under way: its words, the sum of the logs, and whether it has reached the end mark."""

    words: tuple[str, ...]
    log_probability: float
    done: bool = False

    def score(self, alpha: float) -> float:
        """The sum divided by the length to the power of ``alpha``."""
        return self.log_probability / max(1, len(self.words)) ** alpha


@dataclass(frozen=True)
class Search:
    """What a search found: finished paths (best first), and per step every path weighed and those kept."""

    finished: tuple[Path, ...]
    weighed: tuple[tuple[Path, ...], ...]
    kept: tuple[tuple[Path, ...], ...]


def beam_search(next_words: Next, width: int, *, most: int = 10, alpha: float = 0.0) -> Search:
    """Keep the ``width`` best paths at each step.

    Args:
        next_words: the words that may follow a path, with their probabilities; the end mark ends it.
        most: longest sentence in words; what is unfinished then counts as finished.
        alpha: strength of the length penalty; 0 compares sums, 1 means per word.
    """
    if width < 1 or most < 1:
        raise ValueError(f"width={width}, most={most}: both must be at least 1")
    alive, finished, weighed, kept = [Path((), 0.0)], [], [], []
    for _ in range(most):
        grown = [
            Path((*path.words, word), path.log_probability + math.log(p), word == END)  # log p를 더해 간다
            for path in alive
            for word, p in next_words(path.words).items()
            if p > 0
        ]
        if not grown:
            break
        best = sorted(grown, key=lambda path: -path.score(alpha))[:width]  # kV개에서 k개만 남긴다
        weighed.append(tuple(grown))
        kept.append(tuple(best))
        finished += [path for path in best if path.done]
        alive = [path for path in best if not path.done]
        if not alive:
            break
    finished += [path for path in alive if path.words]
    return Search(tuple(sorted(finished, key=lambda path: -path.score(alpha))), tuple(weighed), tuple(kept))


def small_model(words: tuple[str, ...]) -> Mapping[str, float]:
    """The demo's model: the last word decides; a word without a row ends the sentence."""
    return TABLE.get(words[-1] if words else "", {END: 1.0})


def sentence(path: Path) -> str:
    """The words without the end mark."""
    return " ".join(word for word in path.words if word != END)


def tree(search: Search, best: Path) -> go.Figure:
    """Every path that was weighed; kept branches blue, the winner green, cut ones grey."""
    kept = {path.words for step in search.kept for path in step}
    nodes = sorted({path.words for step in search.weighed for path in step})
    height = {words: float(i) for i, words in enumerate(nodes)} | {(): len(nodes) / 2}
    probability = {path.words: math.exp(path.log_probability) for step in search.weighed for path in step}
    winner = {best.words[: i + 1] for i in range(len(best.words))}
    groups = (
        ("버린 가지", GREY, "dot", [n for n in nodes if n not in kept]),
        ("남긴 가지", BLUE, "solid", [n for n in nodes if n in kept - winner]),
        ("고른 문장", GREEN, "solid", [n for n in nodes if n in winner]),
    )
    figure = go.Figure()
    for name, color, dash, members in groups:
        xs, ys, labels = [], [], []
        for words in members:
            xs += [len(words) - 1, len(words), None]
            ys += [height[words[:-1]], height[words], None]
            labels += ["", f"{words[-1]} {probability[words]:.3f}", ""]
        line = {"color": color, "dash": dash}
        figure.add_trace(go.Scatter(x=xs, y=ys, text=labels, name=name, line=line, textposition="top center"))
    figure.update_traces(mode="lines+markers+text", marker_size=7)
    figure.update_yaxes(showticklabels=False)
    return titled(figure, "펼친 가지와 누적 확률", "단어 수", "후보", height=max(420, 26 * len(nodes)))


CODE = """\
import math

table = {table}
END, k, alpha = "<끝>", {width}, {alpha}

def score(path):
    return path[1] / len(path[0]) ** alpha

alive, finished = [([], 0.0)], []
for _ in range(5):
    grown = [(words + [w], total + math.log(p)) for words, total in alive
             for w, p in table.get(words[-1] if words else "", {{END: 1.0}}).items()]
    best = sorted(grown, key=score, reverse=True)[:k]
    finished += [path for path in best if path[0][-1] == END]
    alive = [path for path in best if path[0][-1] != END]
    if not alive:
        break
for words, total in sorted(finished, key=score, reverse=True):
    print(" ".join(words), round(math.exp(total), 4))
"""


def demo(*, width: int = 2, alpha: float = 0.0) -> Demo:
    """The tree that a beam of the reader's width walks, against greedy and against trying everything."""
    found, greedy = beam_search(small_model, width, alpha=alpha), beam_search(small_model, 1, alpha=alpha)
    everything = beam_search(small_model, 1000, alpha=alpha)
    best, first, ideal = found.finished[0], greedy.finished[0], everything.finished[0]
    figure = tree(found, best)
    top = found.finished[:8]
    columns = [
        list(range(1, len(top) + 1)),
        [sentence(p) for p in top],
        [f"{math.exp(p.log_probability):.4f}" for p in top],
        [f"{p.score(alpha):.3f}" for p in top],
    ]
    header = {"values": ["순위", "완성된 문장", "확률", "점수"]}
    detail = go.Figure(go.Table(header=header, cells={"values": columns, "align": "left"}))
    titled(detail, "완성된 문장의 순위", "", "", height=320)
    chance, greedy_chance = math.exp(best.log_probability), math.exp(first.log_probability)
    missed = f"더 나은 ‘{sentence(ideal)}’(확률 {math.exp(ideal.log_probability):.3f})은 중간에 놓쳤습니다"
    verdict = "모든 문장을 따져 본 최선과 같습니다" if best.words == ideal.words else missed
    return Demo(
        figure=figure,
        numbers={
            "고른 문장": sentence(best),
            "그 확률": round(chance, 4),
            "그 점수": round(best.score(alpha), 4),
            "탐욕 탐색의 문장": sentence(first),
            "탐욕 탐색의 확률": round(greedy_chance, 4),
            "따져 본 후보 수": sum(map(len, found.weighed)),
            "모두 따질 때의 수": sum(map(len, everything.weighed)),
        },
        text=f"빔 폭이 {width}일 때 고른 문장은 ‘{sentence(best)}’(확률 {chance:.3f})이고, {verdict}. "
        f"탐욕 탐색이 고르는 문장은 ‘{sentence(first)}’(확률 {greedy_chance:.3f})입니다.",
        code=CODE.format(table={key: dict(row) for key, row in TABLE.items()}, width=width, alpha=alpha),
        detail=detail,
    )


WIDTH_WORDS = ("beam_size", "beam_width", "num_beams", "빔 폭", "빔 크기", "beam size", "beam width", "빔", "k")
WORDS = {"width": WIDTH_WORDS, "vocabulary": ("vocab_size", "어휘 크기", "단어 수", "어휘", "사전", "vocab", "V")}


def read_candidates(question: str) -> Mapping[str, Any] | None:
    """Beam width and vocabulary of a question for the candidates per step, or None."""
    if not has(question, ("빔", "beam"), ("후보", "비교", "따지", "계산", "candidate"), ("몇", "수", "개수")):
        return None
    numbers = named_numbers(question, WORDS)
    found = {key: int(n) for key, n in numbers.items() if n == int(n) and n > 0}
    return found if len(found) == 2 else None


def count_candidates(width: int, vocabulary: int) -> Computed:
    """k * V."""
    total = width * vocabulary
    return Computed(
        f"{total:,}개",
        f"살아 있는 후보 {width:,}개를 각각 어휘 {vocabulary:,}개로 늘리므로 "
        f"{width:,} × {vocabulary:,} = {total:,}개를 따지고 {width:,}개만 남깁니다.",
        "$k \\cdot V$",
    )


CONCEPT = Concept(
    slug="beam_search",
    title="빔 서치",
    aliases=("빔 서치", "빔서치", "빔써치", "빔 탐색", "beam search", "빔 폭", "beam width", "beam size", "num_beams",
             "탐욕 탐색", "greedy search", "그리디 디코딩", "greedy decoding"),
    summary="누적 확률이 높은 후보 문장 k개를 함께 들고 가며 문장을 만든다.",
    demo=demo,
    controls=(
        Control("width", "빔 폭 k", 2, 1, 8, 1, words=WIDTH_WORDS),
        Control("alpha", "길이 벌점 α", 0.0, 0.0, 2.0, 0.1, words=("길이 벌점", "length penalty", "alpha")),
    ),
    computations=(
        Computation("빔 서치가 단계마다 따지는 후보 수", read_candidates, count_candidates, "후보 kV 빔 폭 어휘"),
    ),
)
