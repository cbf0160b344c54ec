"""이미지 변환(image transforms): 크기와 값의 범위를 맞추어 모델이 받을 텐서로 다듬는다.

$$ x' = \\frac{x/255 - \\mu_c}{\\sigma_c} $$

크기를 바꾸는 일은 축마다 행렬을 한 번 곱하는 것과 같다: 출력의 한 칸은 가까운 입력 칸들의 가중 평균이다(쌍선형 보간).

출처: PyTorch torchvision.transforms의 정의; He et al. (2016)의 ImageNet 전처리.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from plotly.subplots import make_subplots
from torch import Tensor

from models.concept import Computation, Computed, Concept, ConceptError, Control, Demo
from models.figures import BLUE, GREEN, RED, titled
from models.reading import NUMBER, has

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # 채널별 평균과 표준편차
Transform = Callable[[Tensor], Tensor]


def to_tensor(image: Tensor) -> Tensor:
    """(H, W, C) of whole numbers 0 to 255 -> (C, H, W) of floats 0 to 1."""
    return image.permute(2, 0, 1).to(torch.get_default_dtype()) / 255


def normalize(image: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Subtract the mean and divide by the standard deviation, channel by channel: (C, H, W) -> (C, H, W).

    Raises:
        ConceptError: a standard deviation that is not positive, or another number of channels.
    """
    if len(mean) != len(image) or len(std) != len(image) or min(std) <= 0:
        raise ConceptError(f"평균 {tuple(mean)}, 표준편차 {tuple(std)}: 채널 {len(image)}개에 하나씩, "
                           "표준편차는 0보다 커야 합니다.")
    return (image - image.new_tensor(mean)[:, None, None]) / image.new_tensor(std)[:, None, None]


def denormalize(image: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Undo ``normalize``."""
    return image * image.new_tensor(std)[:, None, None] + image.new_tensor(mean)[:, None, None]


def resize(image: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Bilinear resizing with antialiasing, as torchvision's ``Resize`` does: (C, H, W) -> (C, h, w).

    ``size``: (h, w), or the length of the shorter side, whereby the ratio of the sides stays.
    """
    height, width = image.shape[1:]
    if isinstance(size, int):
        short = min(height, width)
        size = (size * height // short, size * width // short)
    rows, columns = (_blend(n, m).to(image.dtype) for n, m in zip((height, width), size, strict=True))
    return rows @ image @ columns.T  # (h, H) @ (C, H, W) @ (W, w)


def _blend(length: int, out: int) -> Tensor:
    """How much each input cell counts in each output cell along one axis, (out, length); rows sum to 1."""
    scale = length / out
    centre = (torch.arange(out, dtype=torch.float64) + 0.5) * scale  # 출력 칸의 가운데를 입력의 자로 잰다
    distance = (torch.arange(length, dtype=torch.float64) + 0.5 - centre[:, None]).abs()
    weight = (1 - distance / max(scale, 1.0)).clamp(min=0)  # 세모꼴: 줄일 때는 넓어져 계단 무늬를 막는다
    return weight / weight.sum(dim=1, keepdim=True)


def crop(image: Tensor, top: int, left: int, size: int) -> Tensor:
    """The square of ``size`` cells whose upper left corner is (top, left)."""
    height, width = image.shape[1:]
    if top < 0 or left < 0 or top + size > height or left + size > width:
        raise ConceptError(f"자르는 크기 {size}가 이미지 {height}x{width} 밖으로 나갑니다.")
    return image[:, top: top + size, left: left + size]


def center_crop(image: Tensor, size: int) -> Tensor:
    """The square in the middle, rounded as torchvision rounds."""
    height, width = image.shape[1:]
    return crop(image, round((height - size) / 2), round((width - size) / 2), size)


def random_crop(image: Tensor, size: int, *, padding: int = 0, generator: torch.Generator | None = None) -> Tensor:
    """A square at a random place, after ``padding`` zeros were put around the picture."""
    image = F.pad(image, (padding,) * 4)
    height, width = image.shape[1:]
    if size > min(height, width):
        raise ConceptError(f"자르는 크기 {size}가 이미지의 짧은 변 {min(height, width)}보다 큽니다.")
    top = int(torch.randint(0, height - size + 1, (), generator=generator))
    left = int(torch.randint(0, width - size + 1, (), generator=generator))
    return crop(image, top, left, size)


def compose(*transforms: Transform) -> Transform:
    """One transform that applies ``transforms`` from left to right."""
    def apply(image: Tensor) -> Tensor:
        for transform in transforms:
            image = transform(image)
        return image
    return apply


def photo(height: int = 60, width: int = 80) -> Tensor:
    """A little landscape drawn on the spot: (H, W, 3), whole numbers 0 to 255."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    image = torch.stack([90 + 60 * y, 150 + 40 * y, 235 - 30 * y], dim=-1)  # 하늘
    image[(x - 0.75) ** 2 + (y - 0.25) ** 2 < 0.012] = torch.tensor([250.0, 220, 90])  # 해
    image[y > 0.55 + 0.12 * torch.sin(7 * x)] = torch.tensor([60.0, 130, 60])  # 언덕
    house = (x > 0.2) & (x < 0.42) & (y > 0.45) & (y < 0.8)
    image[house] = torch.tensor([190.0, 70, 60])
    image[house & ((x * 40).long() % 4 == 0)] = torch.tensor([120.0, 40, 40])  # 줄무늬: 줄이면 뭉개진다
    return image.round().clamp(0, 255).to(torch.uint8)


def _picture(image: Tensor) -> go.Image:
    return go.Image(z=(image.permute(1, 2, 0) * 255).round().clamp(0, 255).int().tolist())


CODE = """\
import torch
from torch import nn

torch.manual_seed(0)
photo = torch.randint(0, 256, (60, 80, 3), dtype=torch.uint8)                     # (높이, 너비, 채널)
x = photo.permute(2, 0, 1).float() / 255                                          # ToTensor
x = nn.functional.interpolate(x[None], size=({short}, {long}), mode="bilinear", antialias=True)[0]   # Resize({short})
top, left = ({short} - {size}) // 2, ({long} - {size}) // 2
x = x[:, top:top + {size}, left:left + {size}]                                    # CenterCrop({size})
mean, std = torch.tensor({mean})[:, None, None], torch.tensor({std})[:, None, None]
x = (x - mean) / std                                                              # Normalize
print(x.shape, "평균", x.mean().item(), "표준편차", x.std().item())
"""


def demo(*, short: int = 48, size: int = 32, statistics: str = "이 사진", randomly: bool = False,
         seed: int = 0) -> Demo:
    """Resize, crop, to-tensor and normalize on a picture; the values before and after."""
    generator = torch.Generator().manual_seed(seed)
    whole = to_tensor(photo())  # (3, 60, 80)
    small = resize(whole, short)
    cut = random_crop(small, size, generator=generator) if randomly else center_crop(small, size)
    mean: Sequence[float]
    std: Sequence[float]
    if statistics == "이 사진":
        mean, std = cut.mean(dim=(1, 2)).tolist(), cut.std(dim=(1, 2), unbiased=False).clamp(min=1e-3).tolist()
    else:
        mean, std = IMAGENET if statistics == "ImageNet" else ((0.5,) * 3, (0.5,) * 3)
    normal = normalize(cut, mean, std)

    figure = make_subplots(rows=1, cols=3, subplot_titles=(
        "원본 60x80", f"Resize({short}): {small.shape[1]}x{small.shape[2]}",
        f"{'Random' if randomly else 'Center'}Crop({size})"))
    for column, image in enumerate((whole, small, cut), start=1):
        figure.add_trace(_picture(image), row=1, col=column)
    titled(figure, "크기를 맞추고 자르기", "열", "행", height=360)

    detail = make_subplots(rows=1, cols=2, subplot_titles=("ToTensor 뒤: 0~1", "Normalize 뒤"))
    for channel, (name, color) in enumerate((("빨강", RED), ("초록", GREEN), ("파랑", BLUE))):
        for column, image in enumerate((cut, normal), start=1):
            values = image[channel].flatten()
            values = values[:: max(1, len(values) // 800)]
            detail.add_trace(go.Histogram(x=[round(v, 3) for v in values.tolist()], marker_color=color, opacity=0.5,
                                          name=name, nbinsx=30, showlegend=column == 1), row=1, col=column)
    detail.update_layout(barmode="overlay")
    titled(detail, "정규화는 값의 자리와 폭만 바꾼다", "값", "픽셀 수")
    low, high = normal.min().item(), normal.max().item()
    return Demo(
        figure=figure,
        numbers={"출력 모양": str(tuple(normal.shape)), "정규화 전 평균": round(cut.mean().item(), 3),
                 "정규화 전 표준편차": round(cut.std().item(), 3), "정규화 뒤 평균": round(normal.mean().item(), 3),
                 "정규화 뒤 표준편차": round(normal.std().item(), 3), "가장 작은 값": round(low, 3),
                 "가장 큰 값": round(high, 3)},
        text=f"60x80 사진의 짧은 변을 {short}에 맞추고 {size}x{size}만 잘라 {tuple(normal.shape)} 텐서를 얻었습니다. "
             f"정규화한 값은 {low:.2f}에서 {high:.2f} 사이에 있어 0~1을 벗어납니다.",
        code=CODE.format(short=short, long=small.shape[2], size=size, mean=[round(m, 3) for m in mean],
                         std=[round(s, 3) for s in std]),
        detail=detail,
    )


def _after(question: str, words: str) -> float | None:
    match = re.search(rf"(?:{words})\s*(?:값|이|가|은|는|을|를|=|:)?\s*({NUMBER})", question, re.I)
    return float(match[1].replace(",", "")) if match else None


def _parse(question: str) -> dict | None:
    if not has(question, ("정규화", "normalize"), ("픽셀",), ("얼마", "몇", "값은", "되나", "계산", "?")):
        return None
    pixel, mean = _after(question, "픽셀값|픽셀 값|픽셀"), _after(question, "평균|mean")
    std = _after(question, "표준편차|표준 편차|std")
    if pixel is None or mean is None or std is None or std <= 0 or not 0 <= pixel <= 255:
        return None
    return {"pixel": pixel, "mean": mean, "std": std}


def _run(pixel: float, mean: float, std: float) -> Computed:
    scaled = pixel / 255 if pixel > 1 else pixel
    value = (scaled - mean) / std
    first = f"{pixel:g}/255 = {scaled:.4f}, " if pixel > 1 else "이미 0~1인 값이므로 255로 나누지 않고 "
    return Computed(value=f"{value:.3f}", steps=f"{first}({scaled:.4f} − {mean:g}) / {std:g} = {value:.3f}",
                    formula="x' = (x/255 − μ) / σ")


CONCEPT = Concept(
    slug="image_transforms",
    title="이미지 변환",
    aliases=("image transforms", "이미지 전처리", "torchvision transforms", "transforms.Compose", "ToTensor",
             "CenterCrop", "RandomCrop", "RandomResizedCrop", "transforms.Normalize", "이미지 정규화",
             "이미지 크기 조정", "데이터 증강", "data augmentation"),
    summary="사진의 크기와 값의 범위를 맞추어 모델이 받을 텐서로 다듬는다.",
    demo=demo,
    controls=(
        Control("short", "Resize: 짧은 변", 48, 32, 96, 1, words=("짧은 변", "resize", "크기")),
        Control("size", "Crop: 자르는 크기", 32, 8, 32, 1, words=("자르는 크기", "crop")),
        Control("statistics", "평균과 표준편차", "이 사진", choices=("이 사진", "ImageNet", "0.5")),
        Control("randomly", "무작위로 자르기", False),
        Control("seed", "시드", 0, 0, 9999, 1, words=("시드", "seed")),
    ),
    computations=(Computation("픽셀값 정규화", _parse, _run, cite="픽셀 정규화 평균 표준편차"),),
)
