"""Self-attention: tokens of one sentence that look at each other."""

import pytest
import torch
from torch.nn import functional as F

from models.attention.self_attention import CONCEPT, SENTENCE, SelfAttention, embed, words


def ask(question):
    for computation in CONCEPT.computations:
        found = computation.parse(question)
        if found is not None:
            return computation.run(**found).value
    return None


def test_the_layer_is_torchs_attention_between_its_projections():
    torch.manual_seed(0)
    layer = SelfAttention(6, 4).double()
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    inner = F.scaled_dot_product_attention(layer.query(x), layer.key(x), layer.value(x))
    torch.testing.assert_close(layer(x), layer.out(inner), atol=1e-6, rtol=0)


def test_the_output_has_the_shape_of_the_input():
    assert SelfAttention(32)(torch.randn(1, 6, 32)).shape == (1, 6, 32)


def test_shuffling_the_words_only_shuffles_the_output():
    torch.manual_seed(0)
    layer, x, order = SelfAttention(8), torch.randn(1, 5, 8), torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(layer(x[:, order]), layer(x)[:, order])


def test_words_that_share_letters_see_each_other_most():
    numbers = CONCEPT.run().numbers
    assert numbers["고른 낱말"] == "고양이가" and numbers["가장 많이 본 다른 낱말"] == "고양이는"


def test_a_word_scores_three_with_itself():
    x = embed(["사과", "포도"])
    scores = x @ x.T / 8
    torch.testing.assert_close(scores.diagonal(), torch.full((2,), 3.0))
    assert scores[0, 1] < 1


def test_a_single_word_is_read_letter_by_letter_and_a_long_sentence_is_cut():
    assert words("트랜스포머") == list("트랜스포머")
    demo = CONCEPT.run({"sentence": "말 " * 30})
    assert demo.numbers["낱말 수 n"] == 16 and "16개만" in demo.text


def test_the_running_encoders_attention_is_drawn_until_the_reader_types_a_sentence():
    live = {"tokens": ["[CLS]", "나", "[SEP]"], "weights": [[[[0.2, 0.5, 0.3]] * 3] * 2] * 2, "neighbours": []}
    demo = CONCEPT.run(live=live)
    assert demo.numbers["가장 많이 본 다른 낱말"] == "나" and demo.numbers["자신에게 둔 가중치"] == 0.2
    assert "실행 중인 인코더" in demo.figure.layout.title.text
    typed = CONCEPT.run({"sentence": SENTENCE + " 정말"}, live=live)
    assert typed.numbers["낱말 수 n"] == len(SENTENCE.split()) + 1


@pytest.mark.parametrize(("question", "value"), [
    ("토큰이 128개인 문장의 셀프 어텐션 점수표는 모두 몇 칸인가요?", "16,384"),
    ("문장 길이 10인 self-attention에서 비교하는 쌍은 몇 개?", "100")])
def test_a_question_with_a_length_is_computed(question, value):
    assert ask(question) == value


@pytest.mark.parametrize("question", ["셀프 어텐션의 계산량은 왜 길이의 제곱인가요?",
                                      "셀프 어텐션 점수표는 몇 칸인가요?"])
def test_a_question_without_a_length_is_left_alone(question):
    assert ask(question) is None
