"""A stack of RBMs: what each layer sees, what the classifier inherits, and what it is good for."""

import pytest
import torch

from models.generative.dbn import CONCEPT, DBN, parse, run


def test_every_layer_learns_from_the_hidden_values_of_the_one_below(monkeypatch):
    torch.manual_seed(0)
    stack, data = DBN((6, 5, 3)), torch.rand(20, 6)
    seen = []
    for rbm in stack.rbms:
        learn = rbm.learn
        monkeypatch.setattr(rbm, "learn", lambda x, epochs, learn=learn: (seen.append(x), learn(x, epochs))[1])
    errors = stack.pretrain(data, 2)
    assert [len(e) for e in errors] == [2, 2]
    assert torch.equal(seen[0], data)
    torch.testing.assert_close(seen[1], stack.rbms[0].encode(data).detach())


def test_the_classifier_starts_where_the_stack_ends():
    torch.manual_seed(0)
    stack, x = DBN((6, 5, 3)).double(), torch.rand(4, 6, dtype=torch.float64)
    h = x
    for rbm in stack.rbms:
        h = rbm.encode(h)
    model = stack.classifier(10)
    torch.testing.assert_close(model.hidden(x)[-1], h, atol=1e-6, rtol=0)
    assert model(x).shape == (4, 10)


def test_dreams_are_pictures_of_probabilities():
    torch.manual_seed(0)
    dreams = DBN((6, 5, 3)).dream(torch.rand(7, 6), 3)
    assert dreams.shape == (7, 6)
    assert ((dreams >= 0) & (dreams <= 1)).all()


def test_a_stack_needs_a_hidden_layer():
    with pytest.raises(ValueError, match="at least"):
        DBN((6,))


def test_three_sigmoid_layers_learn_from_pretraining_and_not_from_random_weights():
    numbers = CONCEPT.run().numbers
    assert numbers["사전학습에서 시작한 정확도"] > 0.7
    assert numbers["무작위에서 시작한 정확도"] < 0.3


@pytest.mark.parametrize(("question", "value"), [
    ("64-64-32-10 구조의 DBN에서 사전 학습하는 RBM은 몇 개인가?", "2"),
    ("784-500-500-2000-10인 심층 신뢰 신경망의 가중치는 모두 몇 개야?", "1,662,000"),
])
def test_questions_with_layer_sizes_are_computed(question, value):
    assert run(**parse(question)).value == value


def test_a_question_without_sizes_is_not_computed():
    assert parse("DBN에서 RBM은 몇 개를 쌓는 것이 좋아?") is None
