import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.sequence.beam_search import CONCEPT, END, beam_search, demo, sentence

NOTE = {(): {"가": 0.6, "나": 0.4}, ("가",): {"다": 0.35, "라": 0.33, "마": 0.32}, ("나",): {"다": 0.9, "라": 0.1}}


def note_model(words):
    return NOTE.get(words, {})


def test_greedy_takes_021_and_a_beam_of_two_finds_036():
    greedy, beam = beam_search(note_model, 1).finished[0], beam_search(note_model, 2).finished[0]
    assert greedy.words == ("가", "다") and math.isclose(math.exp(greedy.log_probability), 0.21)
    assert beam.words == ("나", "다") and math.isclose(math.exp(beam.log_probability), 0.36)


def random_model(seed, words="abc"):
    def follow(path):
        weights = [random.Random(f"{seed}{path}{word}").random() + 0.01 for word in words]
        return {word: weight / sum(weights) for word, weight in zip(words, weights, strict=True)}

    return follow


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), length=st.integers(1, 4))
def test_a_beam_that_keeps_everything_finds_the_best_of_all(seed, length):
    model = random_model(seed)

    def probability(words):
        return math.prod(model(words[:i])[word] for i, word in enumerate(words))

    best = max(itertools.product("abc", repeat=length), key=probability)
    found = beam_search(model, 3**length, most=length).finished[0]
    assert math.isclose(math.exp(found.log_probability), probability(best))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999))
def test_a_beam_of_one_is_greedy(seed):
    model, words = random_model(seed), ()
    for _ in range(4):
        follow = model(words)
        words = (*words, max(follow, key=follow.get))
    assert beam_search(model, 1, most=4).finished[0].words == words


def test_every_step_weighs_k_times_v_and_keeps_k():
    search = beam_search(random_model(0), 2, most=4)
    assert [len(step) for step in search.weighed] == [3, 6, 6, 6]
    assert [len(step) for step in search.kept] == [2, 2, 2, 2]


def test_the_length_penalty_lets_the_longer_sentence_win():
    table = {(): {"a": 0.5, END: 0.5}, ("a",): {END: 0.9, "b": 0.1}}
    plain, fair = (beam_search(lambda words: table.get(words, {END: 1.0}), 5, alpha=alpha) for alpha in (0.0, 1.0))
    assert sentence(plain.finished[0]) == ""
    assert sentence(fair.finished[0]) == "a"


def test_the_demo_finds_more_with_a_wider_beam():
    chances = [demo(width=width).numbers["그 확률"] for width in (1, 2, 5)]
    assert chances == [0.126, 0.1728, 0.184]


def test_a_beam_of_nothing_is_refused():
    with pytest.raises(ValueError, match="width=0"):
        beam_search(note_model, 0)


@pytest.mark.parametrize(
    "question, value",
    [
        ("빔 폭 3, 어휘 1000개인 빔 서치는 한 단계에서 후보를 몇 개 따지나요?", "3,000개"),
        ("빔 크기 5, 어휘 크기 32000이면 빔 서치가 단계마다 비교하는 후보 수는?", "160,000개"),
    ],
)
def test_the_question_for_the_candidates_is_computed(question, value):
    computation = CONCEPT.computations[0]
    assert computation.run(**computation.parse(question)).value == value


def test_a_question_without_the_vocabulary_is_left_alone():
    assert CONCEPT.computations[0].parse("num_beams=5 로 하면 계산하는 후보 수가 5배?") is None
