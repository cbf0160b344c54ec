import pytest
import torch

from models.language.hallucination import (
    CONCEPT,
    NOTES,
    REFUSAL,
    NGram,
    demo,
    groundedness,
    look_up,
    particle,
    tokens,
    topic_of,
)


def test_probabilities_are_counts():
    model = NGram([["a", "b"], ["a", "b"], ["a", "c"]], 2)
    assert model.next_words(["a"]) == {"b": 2 / 3, "c": 1 / 3}


def test_an_unseen_context_is_shortened_and_the_model_speaks_on():
    model = NGram([tokens(note) for note in NOTES], 3)
    chances = model.next_words(["트랜스포머", "는"])
    assert chances == model.next_words(["는"])
    assert sum(chances.values()) == pytest.approx(1)


def test_three_words_of_context_tell_a_known_topic_rightly():
    model = NGram([tokens(note) for note in NOTES], 3)
    written = model.write(["LSTM", "은"], 1.0, torch.Generator().manual_seed(0))
    assert written[2] == "1997년에"


def test_an_order_of_one_is_refused():
    with pytest.raises(ValueError, match="order=1"):
        NGram([["a"]], 1)


def test_the_topic_and_its_particle_are_told_apart():
    assert topic_of("배치 정규화는 언제 나왔나?") == "배치 정규화"
    assert tokens("GAN은 2014년에 발표되었다") == ["GAN", "은", "2014년에", "발표되었다"]
    assert [particle(t) for t in ("GAN", "트랜스포머", "어텐션")] == ["은", "는", "은"]


def test_a_known_topic_is_cited_word_for_word_and_an_unknown_one_refused():
    found = look_up("드롭아웃은 언제 발표되었나?")
    assert found["answerable"] and found["citations"] == [NOTES[0]]
    assert look_up("트랜스포머는 언제 발표되었나?") == {"answer": REFUSAL, "answerable": False, "citations": []}


def test_an_unknown_topic_is_answered_fluently_without_any_ground():
    shown = demo(question="트랜스포머는 언제 발표되었나?")
    assert shown.numbers["노트 없는 답의 근거율"] == 0
    assert not shown.numbers["노트로 답할 수 있는가"]
    assert "트랜스포머는" in shown.text


def test_a_known_topic_is_grounded():
    numbers = demo(question="BERT는 언제 어디에서 발표되었나?").numbers
    assert numbers["노트 없는 답의 근거율"] == 1
    assert numbers["인용 수"] == 1


def test_groundedness_is_the_share_of_words_in_the_evidence():
    assert groundedness(["2014년에", "구글에서"], [NOTES[0]]) == 0.5
    assert groundedness(["2014년에"], []) == 0


def test_the_running_systems_answers_are_shown_as_they_are():
    live = {
        "question": "LSTM?",
        "with_notes": {"answer": "게이트가 셋이다. [1]", "answerable": True, "citations": ["lstm.md"]},
        "without_notes": {"answer": "게이트가 다섯이다."},
    }
    shown = CONCEPT.run(live=live)
    assert shown.figure.data[0].cells["values"][1][0] == "게이트가 다섯이다."
    assert shown.figure.data[0].cells["values"][2][:2] == ["게이트가 셋이다. [1]", "lstm.md"]
    assert shown.numbers["인용 수"] == 1


@pytest.mark.parametrize(
    "question, value",
    [
        ("문장 10개 중 8개가 자료로 뒷받침되면 근거율은?", "0.8"),
        ("문장 20개 가운데 5개가 근거 없는 말이면 환각 비율은?", "0.25"),
        ("문장 10개 중 8개가 뒷받침되면 환각 비율은?", "0.2"),
    ],
)
def test_the_question_for_the_share_is_computed(question, value):
    computation = CONCEPT.computations[0]
    assert computation.run(**computation.parse(question)).value == value


def test_a_question_without_counts_is_left_alone():
    assert CONCEPT.computations[0].parse("환각 비율은 어떤 지표로 재나") is None
