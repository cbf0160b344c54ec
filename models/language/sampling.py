"""How a next token is picked from logits, and the numbers about it: temperature, top-k, top-p, perplexity.

$$ p_i = \\frac{\\exp(z_i / T)}{\\sum_j \\exp(z_j / T)}, \\qquad \\mathrm{PPL} = e^{H} $$

Source of top-p: Holtzman et al. (2020), "The Curious Case of Neural Text Degeneration".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from models.concept import Computed
from models.learning.softmax_classification import softmax
from models.reading import has, lists, named_numbers, written, written_list


def with_temperature(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """p_i = exp(z_i / T) / sum_j exp(z_j / T) over the last axis; ``temperature`` > 0."""
    if temperature <= 0:
        raise ValueError(f"temperature={temperature}: must be above 0")
    return softmax(logits / temperature)


def keep_top_k(probs: Tensor, k: int) -> Tensor:
    """Keep the ``k`` likeliest of the last axis and share their sum out anew; ties keep the earlier one."""
    order = probs.argsort(dim=-1, descending=True, stable=True)
    kept = torch.zeros_like(probs).scatter(-1, order[..., :k], 1.0) * probs
    return kept / kept.sum(-1, keepdim=True)


def keep_top_p(probs: Tensor, p: float) -> Tensor:
    """Keep the fewest likeliest whose sum reaches ``p`` (nucleus sampling), and share their sum out anew."""
    order = probs.argsort(dim=-1, descending=True, stable=True)
    sorted_probs = probs.gather(-1, order)
    before = sorted_probs.cumsum(-1) - sorted_probs  # 자기보다 앞선 후보들의 합
    kept = torch.zeros_like(probs).scatter(-1, order, sorted_probs * (before < p))  # 1등은 앞선 합이 0이라 늘 남는다
    return kept / kept.sum(-1, keepdim=True)


def perplexity(cross_entropy: float) -> float:
    """exp(H), H in nats per token: among how many equally likely tokens the model wavers."""
    return math.exp(cross_entropy)


def restrict(logits: Tensor, temperature: float, top_k: int, top_p: float) -> Tensor:
    """The distribution that is drawn from: temperature, then top-k, then top-p."""
    return keep_top_p(keep_top_k(with_temperature(logits, temperature), top_k), top_p)


def read_perplexity(question: str) -> Mapping[str, Any] | None:
    """The cross-entropy of a question for the perplexity, or None."""
    if not has(question, ("퍼플렉시티", "perplexity", "ppl", "혼란도")):
        return None
    names = (
        "교차 엔트로피",
        "크로스 엔트로피",
        "크로스엔트로피",
        "교차엔트로피",
        "cross-entropy",
        "cross entropy",
        "엔트로피",
        "손실",
        "loss",
    )
    found = named_numbers(question, {"cross_entropy": names})
    if not found or not 0 <= found["cross_entropy"] <= 100:
        return None
    return {**found, "bits": has(question, ("비트", "bit", "log2", "로그2"))}


def compute_perplexity(cross_entropy: float, bits: bool = False) -> Computed:
    """2^H or e^H."""
    value = 2**cross_entropy if bits else perplexity(cross_entropy)
    base, unit = ("2", "비트") if bits else ("e", "자연로그")
    return Computed(
        f"{value:,.3f}",
        f"교차 엔트로피의 단위를 {unit}로 보면 {base}^{cross_entropy:g} = {value:,.3f}. "
        f"토큰마다 평균 {value:,.1f}개의 후보 사이에서 헷갈리는 셈입니다.",
        f"$\\mathrm{{PPL}} = {base}^{{H}}$",
    )


def read_temperature(question: str) -> Mapping[str, Any] | None:
    """The logits and the temperature of a question, or None."""
    found = named_numbers(question, {"temperature": ("온도", "temperature", "템퍼러처", "T")})
    wanted = has(question, ("소프트맥스", "softmax", "확률", "분포"))
    listed = [numbers for numbers in lists(question) if len(numbers) > 1]
    if not listed:
        bare = re.search(r"(?:로짓|logits?)\D{0,8}?(-?\d+(?:\.\d+)?(?:\s*,\s*-?\d+(?:\.\d+)?)+)", question)
        listed = [[float(n) for n in bare[1].split(",")]] if bare else []
    if not (wanted and listed and found) or found["temperature"] <= 0:
        return None
    return {"logits": listed[0], "temperature": found["temperature"]}


def compute_temperature(logits: list[float], temperature: float) -> Computed:
    """softmax(z / T)."""
    probs = with_temperature(torch.tensor(logits, dtype=torch.float64), temperature).tolist()
    divided, value = ", ".join(written(z / temperature) for z in logits), written_list(probs)
    return Computed(
        value,
        f"로짓을 온도 T={temperature:g}로 나누면 {divided}입니다. 지수를 취해 합으로 나누면 {value}입니다.",
        "$p_i = e^{z_i/T} / \\sum_j e^{z_j/T}$",
    )
