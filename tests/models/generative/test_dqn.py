"""Q-learning by hand, the grid, and a network that finds the shortest way."""

import pytest
import torch

from models.generative.dqn import CONCEPT, DQN, Replay, q_update
from models.generative.grid_world import GOAL, MOVES, SHORTEST, START, STATES, move, walk


def exact_values(gamma: float) -> torch.Tensor:
    """Value iteration: what Q has to become, (states, 4)."""
    q = torch.zeros(STATES, len(MOVES))
    for _ in range(60):
        for state in range(STATES):
            for action in range(len(MOVES)):
                after, reward, done = move(state, action)
                q[state, action] = reward + (0 if done else gamma * q[after].max().item())
    return q


def test_one_update_of_the_notes():
    assert q_update(2, 0.5, 1, 0.9, 4) == pytest.approx(3.3)


def test_walls_and_edges_leave_one_where_one_is_and_the_goal_ends_the_walk():
    assert move(START, 1) == (START, 0.0, False)
    assert move(START, 2) == (START, 0.0, False)
    assert move(GOAL + 5, 0) == (GOAL, 1.0, True)


def test_the_best_policy_takes_the_shortest_way_and_its_value_is_discounted_by_it():
    q = exact_values(0.9)
    assert len(walk(q)) - 1 == SHORTEST == 8
    assert q[START].max().item() == pytest.approx(0.9**7)


def test_the_diary_forgets_the_oldest_moves():
    replay = Replay(3, seed=0)
    replay.moves.extend((i, 0, 0.0, i, 0.0) for i in range(5))
    assert set(replay.sample(50)[0].tolist()) == {2, 3, 4}


def test_the_target_network_stands_still_between_copies():
    agent = DQN(0.9, seed=0, every=3)
    agent.replay.moves.append((START, 0, 1.0, START, 1.0))
    before = agent.target.layers[0].weight.clone()
    for _ in range(2):
        agent.update(batch=4)
    assert torch.equal(agent.target.layers[0].weight, before)
    agent.update(batch=4)
    assert torch.equal(agent.target.layers[0].weight, agent.network.layers[0].weight)


def test_a_move_that_ends_the_walk_is_worth_its_reward_alone():
    agent = DQN(0.9, seed=0)
    agent.replay.moves.append((START, 0, 1.0, GOAL, 1.0))
    for _ in range(150):
        agent.update(batch=8)
    assert agent.table[START, 0].item() == pytest.approx(1, abs=0.02)


def test_the_demo_reaches_the_goal_on_the_shortest_way():
    numbers = CONCEPT.run().numbers
    assert numbers["목표에 닿는가"] is True
    assert numbers["걸음 수"] == SHORTEST
    assert numbers["출발 칸의 max Q"] == pytest.approx(0.9**7, abs=0.12)


@pytest.mark.parametrize(("question", "value"), [
    ("Q=2, 학습률 0.5, 보상 1, 할인율 0.9, 다음 상태의 최대 Q가 4일 때 갱신된 Q값은?", "3.3"),
    ("Q-learning에서 Q(s,a)=0, alpha=0.1, r=10, gamma=0.95, max Q(s',a')=20이면 새 Q는?", "2.9"),
    ("DQN에서 보상 -1, 감마 0.99, 다음 상태의 최대 Q 5일 때 목표값은?", "3.95"),
])
def test_questions_with_rewards_are_computed(question, value):
    parsed = [(c, c.parse(question)) for c in CONCEPT.computations]
    assert [c.run(**arguments).value for c, arguments in parsed if arguments is not None] == [value]


@pytest.mark.parametrize("question",
                         ["Q값은 어떻게 갱신하나요?", "DQN에서 감마 0.99는 무슨 뜻이야?",
                          "DQN의 목표값은 어떻게 계산해?"])
def test_questions_that_leave_a_number_out_are_not_computed(question):
    assert all(c.parse(question) is None for c in CONCEPT.computations)
