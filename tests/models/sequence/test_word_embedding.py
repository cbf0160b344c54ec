import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.sequence.word_embedding import CONCEPT, NOUNS, Embedding, cosine, demo, plane


@settings(max_examples=15, deadline=None)
@given(
    rows=st.integers(2, 9),
    dim=st.integers(1, 5),
    padding=st.sampled_from([None, 0, 1]),
    shape=st.sampled_from([(3,), (2, 4), (1, 2, 3)]),
)
def test_values_and_gradients_equal_torch(rows, dim, padding, shape):
    twin = torch.nn.Embedding(rows, dim, padding_idx=padding).double()
    ours = Embedding(rows, dim, padding_idx=padding).double()
    ours.load_state_dict(twin.state_dict())
    ids = torch.randint(rows, shape)
    for table in (ours, twin):
        table(ids).sin().sum().backward()
    torch.testing.assert_close(ours(ids), twin(ids))
    torch.testing.assert_close(ours.weight.grad, twin.weight.grad, rtol=1e-6, atol=1e-6)


def test_looking_up_a_row_equals_multiplying_a_one_hot_vector():
    table = Embedding(7, 3).double()
    ids = torch.tensor([2, 5, 2])
    torch.testing.assert_close(table(ids), torch.eye(7, dtype=torch.float64)[ids] @ table.weight)


def test_the_padding_row_starts_at_zero():
    assert torch.equal(Embedding(4, 3, padding_idx=1).weight[1], torch.zeros(3))


def test_an_id_outside_the_table_is_refused():
    with pytest.raises(IndexError, match="rows 0 to 3"):
        Embedding(4, 2)(torch.tensor([4]))


def test_one_hot_words_are_all_equally_far_apart():
    assert torch.equal(cosine(torch.eye(5)), torch.eye(5))


def test_the_plane_keeps_all_distances_of_points_that_lie_in_one():
    points = torch.randn(6, 2, dtype=torch.float64) @ torch.randn(2, 5, dtype=torch.float64)
    torch.testing.assert_close(torch.cdist(plane(points), plane(points)), torch.cdist(points, points))


@pytest.mark.parametrize("word", [NOUNS[0], NOUNS[5], NOUNS[9]])
def test_the_nearest_words_after_training_are_of_the_same_group(word):
    assert demo(word=word).numbers["이웃 셋 중 같은 무리"] == 3


@pytest.mark.parametrize(
    "question, value",
    [
        ("nn.Embedding(10000, 64)의 파라미터는 몇 개인가요?", "640,000개"),
        ("어휘 50000개를 300차원으로 임베딩하면 파라미터 수는?", "15,000,000개"),
        ("어휘 크기 30,000이고 임베딩 차원이 128이면 임베딩 가중치는 몇 개?", "3,840,000개"),
    ],
)
def test_the_question_for_the_parameters_is_computed(question, value):
    computation = CONCEPT.computations[0]
    assert computation.run(**computation.parse(question)).value == value


def test_a_question_without_sizes_is_left_alone():
    assert CONCEPT.computations[0].parse("임베딩 층의 파라미터 수는 어떻게 구하나요?") is None
