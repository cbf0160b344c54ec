import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.language.language_model import CONCEPT, TrainedModel, demo
from models.language.sampling import keep_top_k, keep_top_p, perplexity, restrict, with_temperature


@settings(max_examples=15, deadline=None)
@given(rows=st.integers(1, 4), words=st.integers(1, 9), temperature=st.floats(0.1, 5.0))
def test_values_and_gradients_equal_torchs_softmax(rows, words, temperature):
    logits = torch.randn(rows, words, dtype=torch.float64) * 5
    results = []
    for function in (with_temperature, lambda z, t: torch.softmax(z / t, dim=-1)):
        z = logits.clone().requires_grad_()
        probs = function(z, temperature)
        probs.pow(2).sum().backward()
        results.append((probs, z.grad))
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)


def test_the_temperatures_of_the_note():
    logits = torch.tensor([2.0, 1.0, 0.0])
    assert [round(p, 3) for p in with_temperature(logits).tolist()] == [0.665, 0.245, 0.09]
    assert [round(p, 3) for p in with_temperature(logits, 0.5).tolist()] == [0.867, 0.117, 0.016]


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(ValueError, match="temperature=0"):
        with_temperature(torch.zeros(2), 0)


def test_top_k_keeps_k_and_top_p_the_fewest_that_reach_p():
    probs = torch.tensor([0.1, 0.5, 0.15, 0.25])
    torch.testing.assert_close(keep_top_k(probs, 2), torch.tensor([0, 2 / 3, 0, 1 / 3]))
    torch.testing.assert_close(keep_top_p(probs, 0.7), torch.tensor([0, 2 / 3, 0, 1 / 3]))
    torch.testing.assert_close(keep_top_p(probs, 0.5), torch.tensor([0.0, 1.0, 0.0, 0.0]))
    torch.testing.assert_close(keep_top_p(probs, 1.0), probs)


def test_what_is_drawn_from_always_sums_to_one():
    probs = restrict(torch.randn(5, 30), 1.7, 10, 0.8)
    torch.testing.assert_close(probs.sum(-1), torch.ones(5))
    assert int((probs > 0).sum(-1).max()) <= 10


def test_a_fair_die_has_a_perplexity_of_six():
    assert math.isclose(perplexity(math.log(6)), 6)


def test_the_model_learns_its_sentences():
    torch.manual_seed(0)
    trained = TrainedModel(("나는 밥 을 먹는다", "너는 책 을 읽는다"), epochs=100)
    assert trained.write(["나는"], lambda z: z.argmax()) == "나는 밥 을 먹는다"
    assert trained.split("밥을") == ["밥", "을"]


def test_a_higher_temperature_spreads_the_distribution():
    spread = "조절한 분포의 퍼플렉시티"
    assert demo(temperature=0.3).numbers[spread] < demo(temperature=2.0).numbers[spread]
    assert demo(top_k=1).numbers["남은 후보 수"] == 1


def test_an_unknown_word_is_named():
    assert "우주선" in demo(context="우주선").text


@pytest.mark.parametrize(
    "question, value",
    [
        ("교차 엔트로피가 2일 때 퍼플렉시티는?", "7.389"),
        ("cross-entropy loss 3.0이면 perplexity는 얼마야?", "20.086"),
        ("교차 엔트로피가 3비트면 퍼플렉시티는?", "8.000"),
    ],
)
def test_the_perplexity_question_is_computed(question, value):
    computation = CONCEPT.computations[0]
    assert computation.run(**computation.parse(question)).value == value


@pytest.mark.parametrize(
    "question, value",
    [
        ("로짓이 [2, 1, 0]이고 온도가 0.5일 때 소프트맥스 확률은?", "[0.8668, 0.1173, 0.0159]"),
        ("로짓 [1, 2, 3]에 temperature 2를 적용한 softmax 값을 계산해 줘", "[0.1863, 0.3072, 0.5065]"),
        ("로짓 2, 1, 0, 온도 1이면 확률은?", "[0.6652, 0.2447, 0.0900]"),
    ],
)
def test_the_temperature_question_is_computed(question, value):
    computation = CONCEPT.computations[1]
    assert computation.run(**computation.parse(question)).value == value


@pytest.mark.parametrize(
    "question",
    [
        "퍼플렉시티는 어떻게 계산하나요?",
        "온도를 낮추면 확률 분포가 어떻게 돼요?",
        "로짓 [2, 1, 0]의 소프트맥스 확률은?",
    ],
)
def test_questions_without_the_numbers_are_left_alone(question):
    assert all(computation.parse(question) is None for computation in CONCEPT.computations)
