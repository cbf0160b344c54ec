"""The narrow passage: what fits through, against PCA, and the questions about it."""

import pytest
import torch
from sklearn.decomposition import PCA

from models.generative.autoencoder import CONCEPT, Autoencoder, learn, principal_error


def test_the_code_is_short_and_the_output_has_the_shape_of_the_input():
    model, x = Autoencoder(20, 12, 3), torch.rand(5, 20)
    assert model.encode(x).shape == (5, 3)
    assert model(x).shape == x.shape
    torch.testing.assert_close(model(x), model.decode(model.encode(x)))


def test_data_that_vary_in_two_ways_fit_through_two_numbers():
    torch.manual_seed(0)
    data = torch.sigmoid(torch.randn(200, 2) @ torch.randn(2, 16))
    losses = learn(Autoencoder(16, 32, 2), data, 400)
    assert losses[-1] < 0.05 * losses[0]


def test_the_comparison_equals_scikit_learns_pca():
    torch.manual_seed(0)
    train, test = torch.randn(60, 8, dtype=torch.float64), torch.randn(20, 8, dtype=torch.float64)
    pca = PCA(3).fit(train.numpy())
    restored = torch.from_numpy(pca.inverse_transform(pca.transform(test.numpy())))
    assert principal_error(train, test, test, 3) == pytest.approx(((restored - test) ** 2).mean().item())


def test_a_narrower_bottleneck_loses_more():
    errors = [CONCEPT.run({"code": code}).numbers["재구성 오차"] for code in (1, 8)]
    assert errors[0] > 1.5 * errors[1]


def test_strange_pictures_come_back_worse_than_digits():
    numbers = CONCEPT.run().numbers
    assert numbers["처음 보는 잡음 그림의 오차"] > 3 * numbers["재구성 오차"]


@pytest.mark.parametrize(("question", "value"), [
    ("오토인코더가 입력 784차원을 코드 32차원으로 줄이면 압축률은 몇 배야?", "24.5"),
    ("784차원을 16차원으로 줄이는 오토인코더의 압축률은?", "49"),
    ("784-128-32-128-784 오토인코더의 파라미터는 모두 몇 개?", "209,968"),
])
def test_questions_with_sizes_are_computed(question, value):
    parsed = [(c, c.parse(question)) for c in CONCEPT.computations]
    assert [c.run(**arguments).value for c, arguments in parsed if arguments is not None] == [value]


def test_a_question_without_sizes_is_not_computed():
    assert all(c.parse("오토인코더의 압축률은 어떻게 정하나요?") is None for c in CONCEPT.computations)
