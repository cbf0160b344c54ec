"""DQN(심층 Q 네트워크): 상태를 넣으면 행동마다 앞으로 받을 점수를 내는 신경망으로 길을 찾는다.

$$ Q(s,a) \\leftarrow Q(s,a) + \\alpha\\,[\\,r + \\gamma \\max_{a'} Q(s',a') - Q(s,a)\\,], \\qquad
   L(\\theta) = \\big(r + \\gamma \\max_{a'} Q(s',a';\\theta^-) - Q(s,a;\\theta)\\big)^2 $$

경험 재생(버퍼에서 무작위로 꺼내기)과 목표망 $\\theta^-$(가끔 복사하기)가 학습을 안정시킨다.

출처: Watkins (1989), Q-learning; Mnih et al. (2015), "Human-level control through deep reinforcement learning",
Nature 518.
"""

from __future__ import annotations

import copy
import random
from collections import deque
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import torch
from torch import Tensor

from models.concept import Computation, Computed, Concept, Control, Demo
from models.figures import BLUE, GREY, titled
from models.generative import grid_world as world
from models.learning.losses import mse
from models.learning.mlp import MLP
from models.reading import VALUE_WORDS, has, named_numbers, written


def q_update(q: float, alpha: float, reward: float, gamma: float, best_next: float) -> float:
    """One step of Q-learning: the new Q(s, a)."""
    return q + alpha * (reward + gamma * best_next - q)


class Replay:
    """The diary of the last ``size`` moves, read in random order.

    A move is (state, action, reward, next state, 1 where the walk ended).
    """

    def __init__(self, size: int, seed: int) -> None:
        self.moves: deque[tuple[int, int, float, int, float]] = deque(maxlen=size)
        self.random = random.Random(seed)

    def sample(self, count: int) -> tuple[Tensor, ...]:
        """``count`` moves: five tensors of length ``count``."""
        s, a, r, after, done = zip(*self.random.choices(self.moves, k=count), strict=True)
        return torch.tensor(s), torch.tensor(a), torch.tensor(r), torch.tensor(after), torch.tensor(done)


class DQN:
    """A network from a cell (one-hot) to four Q values, its target copy, and the diary it learns from.

    Args:
        gamma: how much a reward one step later is worth.
        seed: of the weights, the walks and the diary.
        every: updates between two copies to the target network.
    """

    def __init__(self, gamma: float, seed: int, every: int = 25) -> None:
        torch.manual_seed(seed)
        self.network = MLP((world.STATES, 48, len(world.MOVES)), "relu")
        self.target = copy.deepcopy(self.network)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=0.01, fused=True)
        self.replay = Replay(2000, seed)
        self.gamma, self.every, self.updates = gamma, every, 0
        self.table = self.q_values()

    @torch.no_grad()
    def q_values(self) -> Tensor:
        """Q of every cell and action: (states, 4)."""
        return self.network(torch.eye(world.STATES))

    def update(self, batch: int = 64) -> float:
        """One step of descent on moves from the diary; returns the loss."""
        s, a, r, after, done = self.replay.sample(batch)
        eye = torch.eye(world.STATES)
        q = self.network(eye[s]).gather(1, a[:, None])[:, 0]  # Q(s, a; θ): (batch,)
        with torch.no_grad():
            goal = r + self.gamma * (1 - done) * self.target(eye[after]).amax(1)  # 끝났으면 목표값은 r뿐
        loss = mse(q, goal)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.updates += 1
        if self.updates % self.every == 0:
            self.target.load_state_dict(self.network.state_dict())  # 과녁을 가끔만 옮긴다
        self.table = self.q_values()
        return loss.item()

    def learn(self, episodes: int, stay_curious: float = 0.05) -> list[float]:
        """Walk and learn; epsilon falls from 1 over the first 60 % of the walks. Returns each walk's reward."""
        coin = random.Random(self.replay.random.random())
        rewards = []
        for episode in range(episodes):
            epsilon = max(stay_curious, 1 - episode / (0.6 * episodes))
            state, total = coin.choice(world.FREE), 0.0  # 아무 칸에서나 출발해야 구석까지 겪는다
            for step in range(world.LONGEST):
                greedy = int(self.table[state].argmax())
                action = coin.randrange(len(world.MOVES)) if coin.random() < epsilon else greedy
                after, reward, done = world.move(state, action)
                self.replay.moves.append((state, action, reward, after, float(done)))
                if step % 2 == 0 and len(self.replay.moves) >= 32:
                    self.update()
                state, total = after, total + reward
                if done:
                    break
            rewards.append(total)
        return rewards


CODE = """\
import torch

# 4x4 격자에서 표로 하는 Q 학습: 왼쪽 위에서 오른쪽 아래(보상 1)로
torch.manual_seed({seed})
q = torch.zeros(16, 4)
moves = [(-1, 0), (1, 0), (0, -1), (0, 1)]
for episode in range({episodes} * 5):
    s = 0
    epsilon = max(0.05, 1 - episode / ({episodes} * 3))
    for _ in range(50):
        a = int(torch.randint(4, (1,))) if torch.rand(1) < epsilon else int(q[s].argmax())
        row = min(max(s // 4 + moves[a][0], 0), 3)
        column = min(max(s % 4 + moves[a][1], 0), 3)
        after = 4 * row + column
        reward = float(after == 15)
        target = reward + (0 if after == 15 else {gamma} * q[after].max())
        q[s, a] += 0.5 * (target - q[s, a])
        s = after
        if s == 15:
            break
print(q.max(1).values.view(4, 4).round(decimals=2))
"""


def demo(*, episodes: int = 80, gamma: float = 0.9, seed: int = 0) -> Demo:
    """Values and best moves on the grid after learning; below, the reward of each walk."""
    agent = DQN(gamma, seed)
    rewards = agent.learn(episodes)
    best = agent.table.max(1)
    path = world.walk(agent.table)
    arrived = path[-1] == world.GOAL
    marks = {"G": "목표 +1", "X": "함정 -1", "#": "벽"}
    labels = [marks.get(cell) or f"{world.ARROWS[int(a)]}<br>{v:.2f}{' 출발' if cell == 'S' else ''}"
              for cell, v, a in zip(world.CELLS, best.values.tolist(), best.indices.tolist(), strict=True)]
    fixed = {"G": 1.0, "X": -1.0, "#": None}
    colors = [fixed.get(cell, round(v, 3)) for cell, v in zip(world.CELLS, best.values.tolist(), strict=True)]
    rows = [slice(i, i + world.SIDE) for i in range(0, world.STATES, world.SIDE)]

    figure = go.Figure([
        go.Heatmap(z=[colors[r] for r in rows], text=[labels[r] for r in rows], texttemplate="%{text}",
                   colorscale="RdBu", zmin=-1, zmax=1, xgap=2, ygap=2, hoverinfo="text", colorbar={"title": "max Q"}),
        go.Scatter(x=[s % world.SIDE for s in path], y=[s // world.SIDE for s in path], mode="lines", name="고른 길",
                   line={"color": BLUE, "width": 3}, opacity=0.5),
    ])
    figure.update_yaxes(autorange="reversed", showticklabels=False)
    figure.update_xaxes(showticklabels=False)
    titled(figure, f"{episodes}번 걸은 뒤의 Q값과 가장 좋은 행동 (γ={gamma:g})", "열", "행", height=460)

    mean = [sum(rewards[max(0, i - 9):i + 1]) / min(10, i + 1) for i in range(episodes)]
    detail = go.Figure([
        go.Scatter(y=rewards, mode="markers", name="한 번의 보상", marker_color=GREY),
        go.Scatter(y=[round(v, 3) for v in mean], mode="lines", name="최근 10번 평균", line_color=BLUE),
    ])
    titled(detail, "돌아다니던 처음에는 함정에 빠지고, 갈수록 목표에 닿는다", "에피소드", "보상")
    start, steps = best.values[world.START].item(), len(path) - 1
    outcome = f"배운 대로 가면 {steps}걸음만에 목표에 닿습니다" if arrived else "배운 대로 가도 아직 목표에 닿지 못합니다"
    ideal = gamma ** (world.SHORTEST - 1)
    return Demo(
        figure=figure,
        numbers={"목표에 닿는가": arrived, "걸음 수": steps, "출발 칸의 max Q": round(start, 4),
                 "이론값 γ^(걸음-1)": round(ideal, 4),
                 "학습(갱신) 횟수": agent.updates, "마지막 10번의 평균 보상": round(mean[-1], 3)},
        text=f"{episodes}번 걸으며 {agent.updates:,}번 고쳤습니다. {outcome}. 출발 칸의 값은 {start:.3f}이며, 가장 "
             f"짧은 길({world.SHORTEST}걸음)의 이론값 {gamma:g}^{world.SHORTEST - 1} = "
             f"{ideal:.3f}{'에 가깝습니다' if abs(start - ideal) < 0.1 else '과 아직 차이가 납니다'}.",
        code=CODE.format(seed=seed, episodes=episodes, gamma=gamma),
        detail=detail,
    )


_WORDS = {
    "alpha": ("학습률", "alpha", "알파", "α", "learning rate"),
    "gamma": ("할인율", "감마", "gamma", "γ", "할인 계수"),
    "best_next": ("다음 상태의 최대 Q값이", "다음 상태의 최대 Q가", "다음 상태의 최대 Q", "최대 Q값", "최대 Q",
                  "maxQ(s',a')", "maxQ"),
    "reward": ("보상", "reward", "r"),
    "q": ("현재 Q값", "현재 Q", "Q(s,a)", "Q값", "Q"),
}


def parse_update(question: str) -> Mapping[str, Any] | None:
    """``Q=2, 학습률 0.5, 보상 1, 할인율 0.9, 다음 상태의 최대 Q가 4일 때 갱신된 Q값은?`` -> all five."""
    found = named_numbers(question.replace("max Q", "maxQ"), _WORDS)
    return found if len(found) == 5 and has(question, ("q",), VALUE_WORDS) else None


def run_update(q: float, alpha: float, reward: float, gamma: float, best_next: float) -> Computed:
    """Q-learning with numbers in."""
    target = reward + gamma * best_next
    value = round(q_update(q, alpha, reward, gamma, best_next), 10)
    return Computed(
        value=written(value), formula="$Q \\leftarrow Q + \\alpha[r + \\gamma \\max Q' - Q]$",
        steps=f"목표값은 {written(reward)} + {gamma:g} × {written(best_next)} = {written(round(target, 10))}, TD "
              "오차는 "
              f"{written(round(target - q, 10))}입니다. {written(q)} + {alpha:g} × {written(round(target - q, 10))} = "
              f"{written(value)}입니다.",
    )


def parse_target(question: str) -> Mapping[str, Any] | None:
    """``DQN에서 보상 -1, 감마 0.99, 다음 상태의 최대 Q 5일 때 목표값은?`` -> the three."""
    found = named_numbers(question.replace("max Q", "maxQ"), _WORDS)
    if not has(question, ("목표값", "타깃", "타겟", "target", "TD 목표"), ("q",), VALUE_WORDS) or "alpha" in found:
        return None
    kept: dict[str, float] = {k: found[k] for k in ("reward", "gamma", "best_next") if k in found}
    return kept if len(kept) == 3 else None


def run_target(reward: float, gamma: float, best_next: float) -> Computed:
    """What a DQN's Q is pulled towards."""
    value = round(reward + gamma * best_next, 10)
    return Computed(value=written(value), formula="$r + \\gamma \\max_{a'} Q(s', a'; \\theta^-)$",
                    steps=f"{written(reward)} + {gamma:g} × {written(best_next)} = {written(value)}입니다. 끝난 "
                          f"상태라면 {written(reward)}뿐입니다.")


CONCEPT = Concept(
    slug="dqn",
    title="DQN (심층 Q 학습)",
    aliases=("DQN", "디큐엔", "Deep Q-Network", "심층 Q 네트워크", "Q-learning", "Q 학습", "큐러닝", "강화학습",
             "강화 학습", "reinforcement learning",
             "경험 재생", "experience replay", "리플레이 버퍼", "목표망", "타깃 네트워크", "target network",
             "입실론 탐욕", "epsilon-greedy"),
    summary="상태를 넣으면 행동마다 앞으로 받을 점수를 내는 신경망으로 행동을 고른다.",
    demo=demo,
    controls=(
        Control("episodes", "에피소드", 80, 5, 150, 5, words=("에피소드", "episodes")),
        Control("gamma", "할인율 γ", 0.9, 0.5, 0.99, 0.01, words=("할인율", "감마", "gamma", "γ")),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(
        Computation("Q 학습의 갱신", parse_update, run_update, "Q 학습 갱신 학습률 보상 할인율 최대 Q"),
        Computation("DQN의 목표값", parse_target, run_target, "DQN 목표값 보상 할인율 목표망"),
    ),
)
