import pytest
import torch
from torch import nn

from models.concept import ConceptError
from models.vision.alexnet import CONCEPT, AlexNet, LocalResponseNorm, feature_side, table
from models.vision.summary import count


def test_the_shapes_from_227_to_1000_are_the_published_ones():
    assert [(row.name, row.shape) for row in table()] == [
        ("입력", (3, 227, 227)), ("CONV1", (96, 55, 55)), ("POOL1", (96, 27, 27)), ("CONV2", (256, 27, 27)),
        ("POOL2", (256, 13, 13)), ("CONV3", (384, 13, 13)), ("CONV4", (384, 13, 13)), ("CONV5", (256, 13, 13)),
        ("POOL3", (256, 6, 6)), ("FC6", (4096,)), ("FC7", (4096,)), ("FC8", (1000,))]


def test_the_parameters_layer_by_layer():
    assert [row.parameters for row in table(groups=1) if row.parameters] == [
        34_944, 614_656, 885_120, 1_327_488, 884_992, 37_752_832, 16_781_312, 4_097_000]
    assert sum(row.parameters for row in table(groups=1)) == 62_378_344
    assert sum(row.parameters for row in table(groups=2)) == 60_965_224


def test_94_percent_of_the_parameters_are_in_the_fully_connected_layers():
    assert CONCEPT.run().numbers["완전연결층의 비율"] == pytest.approx(0.94, abs=0.001)


def test_a_picture_of_224_would_give_54_instead_of_55():
    assert table(side=224)[1].shape == (96, 54, 54)
    assert feature_side(227) == 6


def test_local_response_normalization_equals_torch():
    x = torch.randn(2, 7, 3, 3, dtype=torch.float64, requires_grad=True)
    for size in (3, 4, 5):
        ours, twin = LocalResponseNorm(size, 0.1, 0.75, 2.0)(x), nn.LocalResponseNorm(size, 0.1, 0.75, 2.0)(x)
        torch.testing.assert_close(ours, twin)
        torch.testing.assert_close(*[torch.autograd.grad(y.square().sum(), x)[0] for y in (ours, twin)])


def test_a_narrow_one_runs_and_gives_a_gradient_to_every_layer():
    torch.manual_seed(0)
    net = AlexNet(classes=5, side=67, channels=(4, 6, 8, 8, 6), hidden=16)
    scores = net(torch.rand(2, 3, 67, 67))
    assert scores.shape == (2, 5)
    scores.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert count(net) < 10_000


def test_too_small_a_picture_is_named():
    with pytest.raises(ConceptError, match="보다 큽니다"):
        AlexNet(side=40)
