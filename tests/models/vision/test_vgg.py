import pytest
import torch
from torch import nn

from models.concept import ConceptError
from models.vision.convolution import count_parameters
from models.vision.receptive_field import receptive_field
from models.vision.vgg import CONCEPT, VGG, parameters, table


@pytest.mark.parametrize(("depth", "published"), [
    (11, 132_863_336), (13, 133_047_848), (16, 138_357_544), (19, 143_667_240)])
def test_the_published_parameters(depth, published):
    assert parameters(depth) == published
    assert CONCEPT.run({"depth": str(depth)}).numbers["파라미터 수"] == published


def test_the_paper_rounds_them_to_133_133_138_and_144_million():
    assert [round(parameters(depth) / 1e6) for depth in (11, 13, 16, 19)] == [133, 133, 138, 144]


def test_batch_normalization_adds_two_numbers_per_channel():
    assert parameters(16, batch_norm=True) == 138_365_992


@pytest.mark.parametrize("depth", [11, 13, 16, 19])
def test_the_number_in_the_name_counts_the_layers_with_weights(depth):
    assert sum(bool(row.parameters) for row in table(depth)) == depth


def test_only_the_pools_halve_the_size_and_89_percent_are_fully_connected():
    layers = table(16)
    assert [row.shape[1] for row in layers if row.name.startswith("pool")] == [112, 56, 28, 14, 7]
    assert next(row.parameters for row in layers if row.name == "fc1") == 102_764_544
    assert CONCEPT.run().numbers["완전연결층의 비율"] == pytest.approx(0.894, abs=0.001)


def test_vgg16_multiplies_15_5_billion_times():
    assert sum(row.multiplications for row in table(16)) == 15_470_264_320


def test_three_3x3_layers_see_as_far_as_one_7x7_with_45_percent_fewer_weights():
    assert receptive_field([(3, 1, 1)] * 3) == receptive_field([(7, 1, 1)]) == 7
    small, large = 3 * count_parameters(64, 64, 3, bias=False), count_parameters(64, 64, 7, bias=False)
    assert small / large == pytest.approx(27 / 49)


def test_a_narrow_one_runs_equal_to_torchs_layers():
    torch.manual_seed(0)
    ours = VGG(11, classes=4, side=32, hidden=8, narrow=16).double().eval()
    layers, channels = [], 3
    for width, repeats in zip((4, 8, 16, 32, 32), (1, 1, 2, 2, 2), strict=True):
        for _ in range(repeats):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    twin = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(),
                         nn.Linear(8, 4)).double()
    for a, b in zip(twin.parameters(), ours.parameters(), strict=True):
        a.data.copy_(b.data)
    x = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(ours(x), twin(x))


def test_a_depth_without_a_table_is_named():
    with pytest.raises(ConceptError, match="층 수 12"):
        VGG(12)
