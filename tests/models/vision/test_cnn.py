import torch
from torch import nn

from models.learning.linear_layer import Linear
from models.vision.cnn import CNN, CONCEPT, accuracy, digits, train
from models.vision.convolution import Conv2d


def test_a_network_of_torchs_layers_with_the_same_weights_gives_the_same_scores_and_gradients():
    ours = CNN(4).double()
    twin = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3, padding=1),
                         nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 10)).double()
    for a, b in zip(twin.parameters(), ours.parameters(), strict=True):
        a.data.copy_(b.data)
    x = torch.rand(5, 1, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(ours(x), twin(x))
    ours(x).square().sum().backward()
    twin(x).square().sum().backward()
    for a, b in zip(twin.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_the_digits_are_1797_pictures_split_without_overlap():
    data = digits()
    assert data.x.shape == (1437, 1, 8, 8) and data.test_x.shape == (360, 1, 8, 8)
    assert data.x.min() == 0 and data.x.max() == 1


def test_the_notes_counts_12560_against_160():
    assert sum(p.numel() for p in Linear(784, 16).parameters()) == 12_560
    assert sum(p.numel() for p in Conv2d(1, 16, 3).parameters()) == 160


def test_it_learns_the_digits_while_one_waits():
    numbers = CONCEPT.run().numbers
    assert numbers["테스트 정확도"] > 0.9
    assert numbers["학습 전 정확도"] < 0.4


def test_shuffled_pixels_are_harder_for_the_same_network():
    data, order = digits(), torch.randperm(64, generator=torch.Generator().manual_seed(1))

    def mixed(x):
        return x.flatten(2)[..., order].reshape(x.shape)

    scores = []
    for change in (lambda x: x, mixed):
        torch.manual_seed(0)
        net = CNN()
        train(net, change(data.x), data.y, steps=60, rate=0.02, generator=torch.Generator().manual_seed(0))
        scores.append(accuracy(net, change(data.test_x), data.test_y))
    assert scores[0] > scores[1] + 0.05
