"""창(window)의 산수: 합성곱과 풀링이 함께 쓰는 출력 크기, 그리고 질문에서 그 수를 읽는 법.

$$ O = \\left\\lfloor \\frac{I + 2P - D(K-1) - 1}{S} \\right\\rfloor + 1 $$

출처: Dumoulin & Visin (2016), "A guide to convolution arithmetic for deep learning".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from models.concept import Computed, ConceptError
from models.reading import has, named_numbers, shapes

FORMULA = "O = ⌊(I + 2P − D(K−1) − 1) / S⌋ + 1"
POOLING, DILATION = ("풀링", "pool"), ("팽창", "확장합성곱", "dilat", "atrous", "아트러스")
GROUPS = ("그룹", "group", "depthwise", "separable", "깊이별", "채널별", "묶음")
ONE_AXIS = ("1차원", "1d", "신호", "시계열", "길이")
COUNTED = {"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9, "열": 10}

_NAMES = {
    "kernel": ("커널 크기", "필터 크기", "kernel_size", "kernel size", "kernel", "커널", "필터", "filter",
               "폭", "k"),
    "stride": ("스트라이드", "stride", "보폭", "s"),
    "padding": ("패딩", "padding", "p"),
    "dilation": ("팽창률", "팽창", "dilation rate", "dilation", "d"),
    "groups": ("그룹", "groups", "group", "묶음"),
    "inputs": ("입력 채널", "in_channels"),
    "outputs": ("출력 채널", "out_channels", "출력"),
    "layers": ("층수", "층", "layers"),
    "length": ("길이", "입력 크기", "입력", "input", "이미지 크기", "특징 맵", "특징맵", "이미지",
               "사진"),
}
_SIDE = r"(\d+)\s*[x×*]\s*(\d+)(?![\s]*[x×*\d])"
_OF = r"\s*(?:크기의?|짜리|의)?\s*"
_WINDOW = ("(?:합성곱|컨볼루션|필터|커널|맥스|최대|평균|풀링|창|구역|깊이별|"
           "conv|kernel|filter|max|avg|average|pool|depthwise)")
_CALL = r"(?:Conv[12]d|(?:Max|Avg)Pool[12]d)\s*\(([^()]*)\)"

Pair = int | tuple[int, int]


@dataclass(frozen=True)
class Window:
    """What a question says about a sliding window; ``None`` where it says nothing. ``sides``: one number per axis."""

    sides: tuple[int, ...] | None = None
    batch: int | None = None
    kernel: tuple[int, ...] | None = None
    stride: int | None = None
    padding: int | None = None
    dilation: int | None = None
    groups: int | None = None
    inputs: int | None = None
    outputs: int | None = None
    layers: int | None = None
    bias: bool | None = None


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """The number of places a window takes along one axis.

    Raises:
        ConceptError: the (dilated) window is larger than the padded input, or a number is out of its range.
    """
    if min(size, kernel, stride, dilation) < 1 or padding < 0:
        raise ConceptError(f"입력 {size}, 커널 {kernel}, 스트라이드 {stride}, 패딩 {padding}, 팽창률 {dilation}: "
                           "패딩은 0 이상, 나머지는 1 이상이어야 합니다.")
    span = dilation * (kernel - 1) + 1  # 벌어진 창이 덮는 폭
    if span > size + 2 * padding:
        raise ConceptError(f"커널이 덮는 폭 {span}이 패딩을 더한 입력 {size + 2 * padding}보다 큽니다.")
    return (size + 2 * padding - span) // stride + 1


def pair(value: Pair) -> tuple[int, int]:
    """``3`` -> ``(3, 3)``."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def windows(x: Tensor, kernel: Pair, stride: Pair = 1, dilation: Pair = 1) -> Tensor:
    """Every place that a window takes, as a view: (B, C, H, W) -> (B, C, H_out, W_out, K_h, K_w).

    Raises:
        ConceptError: the window is larger than the picture.
    """
    for axis, k, s, d in zip((2, 3), pair(kernel), pair(stride), pair(dilation), strict=True):
        output_size(x.shape[axis], k, s, 0, d)  # 맞지 않으면 여기서 알린다
        x = x.unfold(axis, d * (k - 1) + 1, s)  # 축 끝에 창의 칸이 붙는다
        x = x[..., ::d] if d > 1 else x
    return x


def amount(number: int) -> str:
    """``1200`` -> ``"1,200"``."""
    return f"{number:,}"


def both(number: int) -> str:
    """The number as it is read and as it is typed: ``"1,200 (=1200)"``."""
    return amount(number) if number < 1000 else f"{amount(number)} (={number})"


def read_window(question: str) -> Window:
    """Read every number about a window out of ``question``: words, or a call such as ``nn.Conv2d(3, 16, 5)``."""
    text = re.sub(r"(패딩|padding)\s*[이은을]?\s*(없이|없는|없다면|없으면|없을|안)", r"\1 0 ", question, flags=re.I)
    found: dict[str, int] = {}
    kernel: tuple[int, ...] | None = None

    if call := re.search(_CALL, text):
        given = [a.strip() for a in call[1].split(",")]
        order = ("kernel", "stride", "padding") if "Pool" in call[0] else (
            "inputs", "outputs", "kernel", "stride", "padding", "dilation", "groups")
        found |= {name: int(a) for name, a in zip(order, given, strict=False) if a.isdigit()}
        keywords = ", ".join(a for a in given if "=" in a)
        text = f"{text[:call.start()]} {keywords} {text[call.end():]}"

    def take(pattern: str) -> re.Match[str] | None:
        nonlocal text
        match = re.search(pattern, text, re.I)
        if match:
            text = text[:match.start()] + " ; " + text[match.end():]
        return match

    if m := take(rf"{_SIDE}{_OF}(?={_WINDOW})") or take(rf"(?:커널|필터|kernel|filter)[^\d;,.?]{{0,8}}{_SIDE}"):
        kernel = (int(m[1]), int(m[2]))
    if m := take(r"필터\s*의?\s*(?:개수|수)?\s*[를을가는은]?\s*(\d+)\s*개") or take(r"(\d+)\s*개의?\s*(?:필터|filter)"):
        found["outputs"] = int(m[1])
    if m := take(r"(\d+)\s*(?:채널)?\s*(?:->|→|에서)\s*(\d+)\s*채널"):
        found["inputs"], found["outputs"] = int(m[1]), int(m[2])
    if m := take(r"(\d+)\s*(?:칸|픽셀)\s*씩"):
        found["stride"] = int(m[1])
    if m := take(r"(한|두|세|네|다섯)\s*칸\s*씩"):
        found["stride"] = COUNTED[m[1]]
    if m := take(rf"({'|'.join(COUNTED)})\s*(?:층|번|겹)"):
        found["layers"] = COUNTED[m[1]]
    shape = next(iter(shapes(text)), None)
    named = {k: int(v) for k, v in named_numbers(text, _NAMES).items() if v == int(v)}
    found = {**named, **found}
    if kernel is None and "kernel" in found:
        kernel = (found["kernel"],)
    sides, batch = None, None
    if shape is not None and len(shape) >= 2:
        sides, inputs, batch = _axes(shape, "(" in text or "[" in text, has(question, ONE_AXIS))
        if inputs is not None:
            found.setdefault("inputs", inputs)
    elif "length" in found:
        sides = (found["length"],)
    if m := re.search(r"(?<![\d.])(\d+)\s*채널", text):
        found.setdefault("inputs", int(m[1]))
    if has(question, ("rgb", "컬러")):
        found.setdefault("inputs", 3)
    elif has(question, ("흑백",)):
        found.setdefault("inputs", 1)
    known = {name: found.get(name) for name in ("stride", "padding", "dilation", "groups", "inputs", "outputs", "layers")}
    return Window(sides=sides, batch=batch, kernel=kernel, bias=_bias(question), **known)


def _axes(shape: tuple[int, ...], bracketed: bool, one_axis: bool) -> tuple[tuple[int, ...], int | None, int | None]:
    """(spatial sides, channels, batch) of a shape: (N, C, H, W), (C, H, W), HxWxC or HxW; (N, C, L) on one axis."""
    if one_axis:
        return (shape[-1:], shape[-2], shape[0] if len(shape) == 3 else None) if bracketed else (shape[-1:], None, None)
    if len(shape) == 4:
        return shape[2:], shape[1], shape[0]
    if len(shape) == 3:
        return (shape[1:], shape[0], None) if bracketed and shape[2] not in (1, 3) else (shape[:2], shape[2], None)
    return shape[:2], None, None


def _bias(question: str) -> bool | None:
    flat = re.sub(r"\s+", "", question).lower()
    if re.search(r"(편향|바이어스|bias)(은|는|이|을|를|=)?(없|빼|제외|안|false|무시)", flat):
        return False
    return True if re.search(r"(편향|바이어스|bias)", flat) else None


def asks_size(question: str) -> bool:
    """Whether the question asks for an output size (and not for a reason, or for the padding that gives a size)."""
    unknown = (r"(패딩|padding|커널|kernel|스트라이드|stride)(?:이|은|는|을|를)?\s*(?:크기)?(?:이|은|는|을|를)?\s*"
               r"(얼마|몇|왜|어떻|뭐|무엇|\?)")
    return (has(question, ("출력", "결과", "output", "특징맵", "featuremap", "통과", "나오"),
                ("크기", "size", "몇", "얼마", "shape", "모양", "길이", "해상도", "바뀌", "계산"))
            and not has(question, ("이유", "왜", "유지", "파라미터", "parameter", "가중치"))
            and not re.search(unknown, question))


def asks_count(question: str) -> bool:
    """Whether the question asks for a number of parameters."""
    return (has(question, ("파라미터", "매개변수", "가중치", "parameter", "파라매터", "weight"),
                ("몇", "개수", "갯수", "수는", "수를", "수 계산", "얼마", "how many", "개야", "수 알려", "수?"))
            and not has(question, ("이유", "왜")))


def sized(axis: str, sides: Sequence[int], kernel: Sequence[int], stride: int, padding: int, dilation: int,
          *, lead: Iterable[int] = ()) -> Computed:
    """The output size of every axis, with the numbers put in. ``lead``: sizes that stand before (batch, channels).

    Raises:
        ConceptError: see ``output_size``.
    """
    if len(set(kernel)) == 1:
        kernel = tuple(kernel[:1]) * len(sides)
    elif len(sides) == 1:
        sides = tuple(sides) * len(kernel)
    outs = [output_size(i, k, stride, padding, dilation) for i, k in zip(sides, kernel, strict=True)]
    lines = []
    for i, k, o in dict.fromkeys(zip(sides, kernel, outs, strict=True)):
        lines.append(f"⌊({i} + 2×{padding} − {dilation}×({k}−1) − 1) / {stride}⌋ + 1 = {o}")
    value = "x".join(map(str, outs))
    if lead:
        value = f"({', '.join(map(str, [*lead, *outs]))})"
    given = f"{axis} {'x'.join(map(str, sides))}, 커널 {'x'.join(map(str, kernel))}, "
    given += f"스트라이드 {stride}, 패딩 {padding}"
    given += f", 팽창률 {dilation}" if dilation != 1 else ""
    return Computed(value=value, steps=f"{given}: " + "; ".join(lines), formula=FORMULA)
