import pytest
import torch
from torch import nn

from models.concept import ConceptError
from models.vision.resnet import CONCEPT, STAGES, BasicBlock, Bottleneck, ResNet, gradients, parameters
from models.vision.summary import count


@pytest.mark.parametrize(("depth", "published"), [
    (18, 11_689_512), (34, 21_797_672), (50, 25_557_032), (101, 44_549_160), (152, 60_192_808)])
def test_the_published_parameters(depth, published):
    assert parameters(depth) == published


@pytest.mark.parametrize("depth", list(STAGES))
def test_the_number_in_the_name_counts_the_layers_with_weights(depth):
    block, repeats = STAGES[depth]
    assert 1 + sum(repeats) * (2 if block is BasicBlock else 3) + 1 == depth


def test_at_256_channels_a_bottleneck_costs_a_seventeenth_of_a_basic_block():
    def weights(block):
        return sum(p.numel() for p in block.parameters() if p.dim() == 4)

    assert weights(BasicBlock(256, 256)) == 1_179_648
    assert weights(Bottleneck(256, 64)) == 69_632


def test_a_skip_of_the_same_shape_has_no_parameters_and_another_shape_gets_a_1x1_convolution():
    assert count(BasicBlock(8, 8)) == count(BasicBlock(8, 8, skip=False))
    wider = BasicBlock(8, 16, stride=2)
    assert wider.downsample[0].weight.shape == (16, 8, 1, 1)
    assert wider(torch.rand(2, 8, 6, 6)).shape == (2, 16, 3, 3)


def test_blocks_that_add_nothing_are_the_identity():
    block = BasicBlock(4, 4).eval()
    nn.init.zeros_(block.bn2.weight)  # F(x) = 0
    x = torch.rand(1, 4, 5, 5)
    assert torch.equal(block(x), x)


@pytest.mark.parametrize(("block", "channels"), [(BasicBlock, 6), (Bottleneck, 24)])
def test_a_block_equals_torchs_layers(block, channels):
    ours = block(channels, 6).double().eval()
    x = torch.randn(2, channels, 5, 5, dtype=torch.float64)
    y = x
    names = ("1", "2") if block is BasicBlock else ("1", "2", "3")
    for name in names:
        weight = getattr(ours, f"conv{name}").weight
        norm = nn.BatchNorm2d(weight.shape[0]).double().eval()
        norm.load_state_dict(getattr(ours, f"bn{name}").state_dict())
        y = norm(nn.functional.conv2d(y, weight, padding=weight.shape[2] // 2))
        y = y.relu() if name != names[-1] else y
    torch.testing.assert_close(ours(x), (y + x).relu())


def test_parameters_are_named_as_in_torchvision():
    with torch.device("meta"):
        names = ResNet(50).state_dict()
    assert names["layer1.0.downsample.0.weight"].shape == (256, 64, 1, 1)
    assert names["layer4.2.bn3.running_mean"].shape == (2048,)
    assert names["fc.weight"].shape == (1000, 2048)
    assert len(names) == 320


def test_224_becomes_7_before_the_average():
    with torch.device("meta"):
        net = ResNet(18)
        x = net.maxpool(net.conv1(torch.empty(1, 3, 224, 224)))
        sizes = [x.shape[2]]
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = stage(x)
            sizes.append(x.shape[2])
    assert sizes == [56, 56, 28, 14, 7]


@pytest.mark.parametrize("depth", [18, 50])
def test_a_narrow_one_runs_and_gives_a_gradient_to_every_layer(depth):
    net = ResNet(depth, classes=3, width=4)
    scores = net(torch.rand(2, 3, 64, 64))
    assert scores.shape == (2, 3)
    scores.square().sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_deep_towers_learn_with_skips_and_hardly_without():
    numbers = CONCEPT.run().numbers
    assert numbers["마지막 손실(지름길 있음)"] < numbers["마지막 손실(지름길 없음)"] - 0.2


def test_gradients_stay_closer_together_with_skips():
    spread = [max(norms) / min(norms) for norms in (gradients(12, 8, skip, 0) for skip in (True, False))]
    assert spread[0] < spread[1]


def test_a_depth_without_a_table_is_named():
    with pytest.raises(ConceptError, match="층 수 20"):
        ResNet(20)
