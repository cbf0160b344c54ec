import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from models.concept import ConceptError
from models.vision.image_transforms import (
    CONCEPT,
    IMAGENET,
    center_crop,
    compose,
    denormalize,
    normalize,
    photo,
    random_crop,
    resize,
    to_tensor,
)

(PIXEL,) = CONCEPT.computations


def test_resizing_equals_bilinear_interpolation_with_antialiasing():
    @settings(max_examples=15, deadline=None)
    @given(height=st.integers(3, 20), width=st.integers(3, 20), size=st.tuples(st.integers(2, 25), st.integers(2, 25)))
    def check(height, width, size):
        image = torch.rand(3, height, width, dtype=torch.float64)
        twin = F.interpolate(image[None], size=size, mode="bilinear", antialias=True)[0]
        torch.testing.assert_close(resize(image, size), twin, rtol=1e-6, atol=1e-6)

    check()


def test_one_number_sets_the_shorter_side_and_keeps_the_ratio():
    assert resize(torch.rand(3, 60, 80), 30).shape == (3, 30, 40)
    assert resize(torch.rand(3, 60, 80), (30, 30)).shape == (3, 30, 30)


def test_to_tensor_moves_the_channels_first_and_divides_by_255():
    image = torch.zeros(2, 3, 3, dtype=torch.uint8)
    image[1, 2, 0] = 255
    out = to_tensor(image)
    assert out.shape == (3, 2, 3)
    assert out[0, 1, 2] == 1 and out.sum() == 1


def test_normalize_gives_mean_0_and_deviation_1_and_can_be_undone():
    image = to_tensor(photo()).double()
    mean, std = image.mean(dim=(1, 2)).tolist(), image.std(dim=(1, 2), unbiased=False).tolist()
    normal = normalize(image, mean, std)
    torch.testing.assert_close(normal.mean(dim=(1, 2)), torch.zeros(3, dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close(normal.std(dim=(1, 2), unbiased=False), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(denormalize(normal, mean, std), image)


def test_halves_move_0_and_1_to_minus_1_and_1():
    ends = torch.tensor([0.0, 1.0]).reshape(1, 1, 2)
    assert normalize(ends, [0.5], [0.5]).flatten().tolist() == [-1, 1]


def test_resize_256_then_center_crop_224_gives_a_square_of_the_middle():
    prepare = compose(lambda x: resize(x, 256), lambda x: center_crop(x, 224), lambda x: normalize(x, *IMAGENET))
    assert prepare(torch.rand(3, 300, 400)).shape == (3, 224, 224)
    row = torch.arange(6.0).expand(1, 6, 6)
    assert center_crop(row, 2)[0, 0].tolist() == [2, 3]


def test_a_random_crop_is_some_part_of_the_padded_picture():
    image = torch.arange(1.0, 17).reshape(1, 4, 4)
    cut = random_crop(image, 4, padding=2, generator=torch.Generator().manual_seed(3))
    padded = F.pad(image, (2, 2, 2, 2))
    assert any(torch.equal(cut, padded[:, i: i + 4, j: j + 4]) for i in range(5) for j in range(5))


def test_a_crop_larger_than_the_picture_is_named():
    with pytest.raises(ConceptError, match="9가"):
        random_crop(torch.rand(1, 8, 8), 9)


def test_a_pixel_is_normalized():
    asked = PIXEL.parse("픽셀값 128을 평균 0.485, 표준편차 0.229로 정규화하면 얼마인가요?")
    assert PIXEL.run(**asked).value == "0.074"
    asked = PIXEL.parse("픽셀 값 1을 mean 0.5, std 0.5로 normalize하면 몇이야?")
    assert PIXEL.run(**asked).value == "1.000"
    assert PIXEL.parse("Normalize에서 평균 빼고 표준편차로 나누면 픽셀은 어떻게 되나요?") is None
