import pytest
import torch
from torch import nn

from models.concept import ConceptError
from models.vision.summary import count
from models.vision.vit import CONCEPT, ViT, patch_count, patches, rollout

(PATCHES,) = CONCEPT.computations


def test_a_picture_of_224_gives_196_patches_and_197_tokens():
    assert patch_count(224, 224, 16) == 196
    with torch.device("meta"):
        net = ViT()
        kept = []
        assert net(torch.empty(2, 3, 224, 224), kept).shape == (2, 1000)
    assert net.position.shape == (1, 197, 768)
    assert len(kept) == 12 and kept[0].shape == (2, 12, 197, 197)


def test_vit_b_16_has_86567656_parameters():
    with torch.device("meta"):
        assert count(ViT()) == 86_567_656


def test_the_convolution_equals_a_linear_layer_on_flat_patches():
    net = ViT(side=8, patch=4, channels=3, dim=6, layers=1, heads=2, hidden=8, classes=2).double()
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    flat = patches(x, 4)
    assert flat.shape == (2, 4, 48)
    tokens = flat @ net.embed.weight.flatten(1).T + net.embed.bias
    torch.testing.assert_close(net.embed(x).flatten(2).transpose(1, 2), tokens)


def test_patches_go_row_by_row():
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert patches(image, 2)[0, 1].tolist() == [2, 3, 6, 7]


def test_torchs_encoder_with_the_same_weights_gives_the_same_scores():
    net = ViT(side=4, patch=2, channels=1, dim=8, layers=2, heads=2, hidden=16, classes=3).double().eval()
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True)
    twin = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8), enable_nested_tensor=False).double()
    twin.load_state_dict({name.replace("ffn.", ""): value for name, value in net.encoder.state_dict().items()})
    x = torch.rand(2, 1, 4, 4, dtype=torch.float64)
    tokens = torch.cat([net.cls.expand(2, -1, -1), net.embed(x).flatten(2).transpose(1, 2)], dim=1) + net.position
    torch.testing.assert_close(net(x), net.classify(twin(tokens)[:, 0]))


def test_without_positions_shuffled_patches_give_the_same_scores():
    net = ViT(side=4, patch=2, channels=1, dim=8, layers=1, heads=2, hidden=16, classes=3).double()
    x = torch.rand(1, 1, 4, 4, dtype=torch.float64)
    swapped = torch.cat([x[:, :, 2:], x[:, :, :2]], dim=2)  # 위아래 조각을 바꾼다
    assert not torch.allclose(net(x), net(swapped))
    nn.init.zeros_(net.position)
    torch.testing.assert_close(net(x), net(swapped))


def test_rollout_mixes_each_layer_with_the_identity_and_its_rows_sum_to_1():
    first = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    second = torch.tensor([[[1.0, 0.0], [0.5, 0.5]]])
    flow = rollout([first, second])
    half = (first[0] + torch.eye(2)) / 2
    torch.testing.assert_close(flow, (second[0] + torch.eye(2)) / 2 @ half)
    torch.testing.assert_close(flow.sum(dim=1), torch.ones(2))


def test_it_learns_the_digits():
    numbers = CONCEPT.run().numbers
    assert numbers["토큰 수(CLS 포함)"] == 17
    assert numbers["테스트 정확도"] > 0.6


def test_a_patch_that_does_not_divide_the_picture_is_named():
    with pytest.raises(ConceptError, match="한 변이 3인"):
        patches(torch.zeros(1, 1, 8, 8), 3)


@pytest.mark.parametrize(("question", "value"), [
    ("224x224 이미지를 패치 크기 16으로 자르면 ViT의 패치는 몇 개인가요?", "196"),
    ("384x384 사진을 16x16 패치로 자르면 CLS까지 토큰이 몇 개야?", "577"),
    ("이미지 크기 32, 패치 크기 4인 ViT의 패치 수는?", "64"),
    ("224x224 사진을 8x8 조각으로 자르면 조각이 몇 개?", "784"),
])
def test_the_patches_are_counted(question, value):
    assert PATCHES.run(**PATCHES.parse(question)).value == value


@pytest.mark.parametrize("question", [
    "ViT의 패치 수는 어떻게 계산하나요?", "조각 크기를 16에서 8로 줄이면 토큰 수와 계산량이 얼마나 늘어?",
    "조각 하나가 16*16*3 = 768차원 벡터가 되는 계산",
    "224x224 이미지를 16씩 자르면 토큰이 196개, 하나 더 붙어서 197개가 되는 이유",
])
def test_other_questions_are_left_alone(question):
    assert PATCHES.parse(question) is None
