"""Both losses against BCE, the best discriminator, and a game that ends on the ring."""

import math

import pytest
import torch
from torch.nn import functional as F

from models.generative.gan import CONCEPT, GAN, best_discriminator, discriminator_loss, generator_loss, ring


def test_the_losses_are_binary_cross_entropies_with_labels_one_and_zero():
    torch.manual_seed(0)
    real, fake = torch.randn(20, 1, dtype=torch.float64), torch.randn(20, 1, dtype=torch.float64)
    bce = F.binary_cross_entropy_with_logits
    both = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    torch.testing.assert_close(discriminator_loss(real, fake), both, atol=1e-6, rtol=0)
    torch.testing.assert_close(generator_loss(fake), bce(fake, torch.ones_like(fake)), atol=1e-6, rtol=0)


def test_the_generators_loss_has_a_gradient_where_the_other_form_has_none():
    sure = torch.tensor([-20.0], requires_grad=True)  # D가 가짜라고 확신한다
    saturating = torch.autograd.grad(-F.softplus(sure).sum(), sure)[0]  # log(1 - D)
    assert abs(saturating.item()) < 1e-8
    assert torch.autograd.grad(generator_loss(sure), sure)[0].item() == pytest.approx(-1, abs=1e-6)


def test_equal_densities_leave_the_best_discriminator_guessing_at_minus_log_four():
    d = best_discriminator(0.3, 0.3)
    assert d == 0.5
    assert math.log(d) + math.log(1 - d) == pytest.approx(-1.386, abs=1e-3)
    with pytest.raises(ValueError, match="densities"):
        best_discriminator(0, 0)


def test_the_data_lie_on_the_ring_in_as_many_lumps_as_asked():
    torch.manual_seed(0)
    points = ring(2000, 4)
    assert (points.norm(dim=1) - 2).abs().max() < 0.4
    angles = (torch.atan2(points[:, 1], points[:, 0]) / (math.pi / 2)).round() % 4
    assert angles.unique().tolist() == [0, 1, 2, 3]


def test_the_discriminators_turn_sends_no_gradient_to_the_generator():
    torch.manual_seed(0)
    game = GAN()
    judged = game.discriminator(game.sample(5).detach())
    discriminator_loss(judged, judged).backward()
    assert all(p.grad is None for p in game.generator.parameters())


def test_after_the_game_the_fakes_lie_on_the_ring_and_the_discriminator_nearly_guesses():
    numbers = CONCEPT.run().numbers
    assert numbers["고리 위에 놓인 가짜의 비율"] > 0.8
    assert numbers["판별자의 정확도"] < 0.7


@pytest.mark.parametrize(("question", "value"), [
    ("p_data=0.6, p_g=0.2인 곳에서 최적 판별자 D*(x)는 얼마야?", "0.75"),
    ("GAN에서 D(x)=0.9, D(G(z))=0.2일 때 판별자 손실은?", "0.3285"),
    ("D(G(z))가 0.1일 때 생성자의 손실은 얼마인가요?", "2.3026"),
])
def test_questions_with_verdicts_are_computed(question, value):
    parsed = [(c, c.parse(question)) for c in CONCEPT.computations]
    assert [c.run(**arguments).value for c, arguments in parsed if arguments is not None] == [value]


@pytest.mark.parametrize("question",
                         ["GAN의 최적 판별자는 왜 p_data/(p_data+p_g)가 되나", "판별자의 손실은 어떻게 구하나요?"])
def test_questions_without_numbers_are_not_computed(question):
    assert all(c.parse(question) is None for c in CONCEPT.computations)
