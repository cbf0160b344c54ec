import torch
from torch import nn

from models.vision.inception import BLOCKS, CONCEPT, GoogLeNet, Inception
from models.vision.summary import count, rows

(CHANNELS,) = CONCEPT.computations


def test_block_3a_turns_192_channels_into_64_plus_128_plus_32_plus_32():
    with torch.device("meta"):
        block = Inception(192, 64, 96, 128, 16, 32, 32)
        assert [b.shape[1] for b in block.branches(torch.empty(1, 192, 28, 28))] == [64, 128, 32, 32]
        assert block(torch.empty(1, 192, 28, 28)).shape == (1, 256, 28, 28)
    assert count(block) == 163_696


def test_each_branch_equals_torchs_layers():
    block = Inception(5, 2, 3, 4, 2, 3, 2).double()
    x = torch.randn(2, 5, 6, 7, dtype=torch.float64)

    def twin(conv, padding=0):
        layer = nn.Conv2d(conv.weight.shape[1], conv.weight.shape[0], conv.weight.shape[2], padding=padding).double()
        layer.load_state_dict(conv.state_dict())
        return layer

    want = torch.cat([twin(block.one)(x).relu(), twin(block.three, 1)(twin(block.reduce3)(x).relu()).relu(),
                      twin(block.five, 2)(twin(block.reduce5)(x).relu()).relu(),
                      twin(block.pooled)(nn.MaxPool2d(3, 1, 1)(x)).relu()], dim=1)
    torch.testing.assert_close(block(x), want)


def test_reducing_by_1x1_saves_nine_tenths_of_the_5x5_branch():
    assert 192 * 32 * 25 == 153_600
    assert 192 * 16 + 16 * 32 * 25 == 15_872
    numbers = CONCEPT.run().numbers
    assert numbers["모듈의 파라미터 수"] == 163_696 < numbers["줄이지 않을 때의 파라미터 수"]


def test_googlenet_has_nine_blocks_and_6998552_parameters():
    with torch.device("meta"):
        net = GoogLeNet().eval()
    assert count(net) == 6_998_552
    assert sum(widths is not None for widths in BLOCKS.values()) == 9
    shapes = {row.name: row.shape for row in rows(net.layers, (3, 224, 224))}
    assert shapes["3b"] == (480, 28, 28) and shapes["4e"] == (832, 14, 14) and shapes["5b"] == (1024, 7, 7)
    assert shapes["fc"] == (1000,)


def test_a_narrow_googlenet_runs_and_gives_a_gradient_to_every_layer():
    net = GoogLeNet(classes=3, narrow=8)
    scores = net(torch.rand(2, 3, 32, 32))
    assert scores.shape == (2, 3)
    scores.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_the_output_channels_are_added():
    asked = CHANNELS.parse("인셉션 모듈의 네 가지 채널이 64, 128, 32, 32이면 출력 채널은 몇 개?")
    assert CHANNELS.run(**asked).value == "256"
    assert CHANNELS.parse("인셉션 모듈에서 출력 채널 수는 어떻게 계산해요?") is None
