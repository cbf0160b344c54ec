"""격자 세상: 강화학습 데모가 길을 찾는 작은 판. 칸마다 상하좌우로 움직이고, 목표와 함정에서 끝난다."""

from __future__ import annotations

from torch import Tensor

# 격자 세상: S 출발, G 목표(+1), X 함정(-1), # 벽
MAP = ("...#G",
       ".#.#.",
       ".#...",
       "...X.",
       "S.#..")
MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))
ARROWS = "↑↓←→"  # MOVES의 차례대로
SIDE = len(MAP)
STATES = SIDE * SIDE
CELLS = "".join(MAP)
START, GOAL = CELLS.index("S"), CELLS.index("G")
FREE = [state for state, cell in enumerate(CELLS) if cell in ".S"]
LONGEST = 40  # 이만큼 걸어도 끝나지 않으면 그만둔다


def move(state: int, action: int) -> tuple[int, float, bool]:
    """The next cell, the reward and whether the walk ends; a wall or the edge leaves one where one is."""
    row, column = state // SIDE + MOVES[action][0], state % SIDE + MOVES[action][1]
    inside = 0 <= row < SIDE and 0 <= column < SIDE
    after = row * SIDE + column if inside and MAP[row][column] != "#" else state
    cell = CELLS[after]
    return after, {"G": 1.0, "X": -1.0}.get(cell, 0.0), cell in "GX"


def walk(table: Tensor) -> list[int]:
    """The cells visited by always taking the best action from the start."""
    state, path = START, [START]
    for _ in range(LONGEST):
        state, _, done = move(state, int(table[state].argmax()))
        path.append(state)
        if done:
            break
    return path


def _shortest() -> int:
    reached, front, steps = {START}, {START}, 0
    while GOAL not in reached:
        front = {move(s, a)[0] for s in front if CELLS[s] != "X" for a in range(len(MOVES))} - reached
        reached |= front
        steps += 1
    return steps


SHORTEST = _shortest()
