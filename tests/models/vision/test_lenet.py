import torch
from torch import nn

from models.vision.lenet import CONCEPT, LeNet, large_digits
from models.vision.summary import count, rows


def test_the_layers_have_the_published_sizes_and_parameters():
    table = {row.name: row for row in rows(LeNet().to("meta").layers, (1, 32, 32))}
    assert {name: table[name].shape for name in ("C1", "S2", "C3", "S4", "펼치기", "C5", "F6", "출력")} == {
        "C1": (6, 28, 28), "S2": (6, 14, 14), "C3": (16, 10, 10), "S4": (16, 5, 5), "펼치기": (400,), "C5": (120,),
        "F6": (84,), "출력": (10,)}
    assert [table[name].parameters for name in ("C1", "C3", "C5", "F6", "출력")] == [156, 2416, 48120, 10164, 850]
    assert count(LeNet()) == 61_706


def test_torchs_layers_with_the_same_weights_give_the_same_scores():
    ours = LeNet().double()
    twin = nn.Sequential(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
                         nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(),
                         nn.Linear(84, 10)).double()
    for a, b in zip(twin.parameters(), ours.parameters(), strict=True):
        a.data.copy_(b.data)
    x = torch.rand(2, 1, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(ours(x), twin(x))


def test_a_picture_of_28x28_would_leave_256_instead_of_400():
    convolutions = LeNet().to("meta").layers[:7]
    assert convolutions(torch.empty(1, 1, 28, 28, device="meta")).shape == (1, 256)


def test_colour_pictures_only_change_the_first_layer():
    assert count(LeNet(channels=3)) - count(LeNet()) == 6 * 2 * 25


def test_it_reads_enlarged_digits():
    assert large_digits().x.shape == (1437, 1, 32, 32)
    assert CONCEPT.run().numbers["테스트 정확도"] > 0.6
