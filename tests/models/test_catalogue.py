"""Finding concepts by name, ranking them for a question, and filling their controls from its numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from models import catalogue
from models.concept import Concept, ConceptError, Control, Demo


def slugs(found: list[Concept]) -> list[str]:
    return [concept.slug for concept in found]


@pytest.mark.parametrize("name", ["batch_norm", "배치 정규화", "배치정규화", "Batch Normalization", "batchnorm", "BN", "BATCH-NORM", "ＢＮ"])
def test_a_concept_is_got_by_any_of_its_names(name: str) -> None:
    assert catalogue.get(name).slug == "batch_norm"


def test_an_unknown_name_is_refused_with_near_ones_or_the_list() -> None:
    with pytest.raises(ConceptError, match=r"'합성곱층의 커널' 개념이 없습니다: 혹시 .*convolution"):
        catalogue.get("합성곱층의 커널")
    with pytest.raises(ConceptError, match="'김치찌개' 개념이 없습니다: 'pilgi demo --list'"):
        catalogue.get("김치찌개")


@pytest.mark.parametrize(("text", "first"), [
    ("배치 정규화와 층", "batch_norm"), ("LSTM의 망각 게이트", "lstm"), ("셀프 어텐션은 어떻게 계산하나요?", "self_attention"),
    ("GANs를 학습하기", "gan"), ("nn.Conv1d의 출력", "conv1d"), ("드롭아웃이란", "dropout"), ("멀티헤드어텐션", "multi_head_attention"),
])
def test_the_most_specific_name_comes_first(text: str, first: str) -> None:
    assert slugs(catalogue.find(text))[0] == first


def test_a_name_inside_a_longer_one_does_not_count() -> None:
    assert "attention" not in slugs(catalogue.find("셀프 어텐션"))
    assert {"self_attention", "attention"} <= set(slugs(catalogue.find("셀프 어텐션과 어텐션")))


@pytest.mark.parametrize("text", ["", "김치찌개를 끓인다", "organ began", "grunt", "lenettic", "1234"])
def test_a_text_without_a_name_has_no_concept(text: str) -> None:
    assert catalogue.find(text) == []


def test_the_question_counts_more_than_what_is_heard_and_that_more_than_what_is_cited() -> None:
    assert slugs(catalogue.ranked("드롭아웃이 뭐야?", ["합성곱 합성곱"], {"lstm": 0.9})) == ["dropout", "lstm", "convolution"]
    assert slugs(catalogue.ranked("이게 뭐야?", ["합성곱"], {"lstm": 0.2})) == ["convolution", "lstm"]


def test_the_first_cited_passage_counts_most() -> None:
    assert slugs(catalogue.ranked("이게 뭐야?", ["드롭아웃", "합성곱", "LSTM"])) == ["dropout", "convolution", "lstm"]


def test_at_most_three_are_ranked_and_unknown_ones_left_out() -> None:
    assert len(catalogue.ranked("드롭아웃 합성곱 LSTM GRU 어텐션")) == 3
    assert len(catalogue.ranked("드롭아웃 합성곱 LSTM GRU 어텐션", most=1)) == 1
    assert catalogue.ranked("뭐야?", heard={"nowhere": 1.0}) == []
    assert catalogue.ranked("뭐야?") == []


@pytest.mark.parametrize(("slug", "text", "values"), [
    ("convolution", "입력 64, 커널 3, 스트라이드 2, 패딩 1", {"height": 64, "width": 64, "kernel": 3, "stride": 2, "padding": 1}),
    ("convolution", "64x64 입력에 5x5 커널을 쓰면", {"height": 64, "width": 64, "kernel": 5}),
    ("convolution", "kernel_size=3, stride=2", {"kernel": 3, "stride": 2}),
    ("convolution", "합성곱이 뭐야?", {}),
    ("dropout", "드롭아웃 확률 0.3이면?", {"p": 0.3}),
    ("lstm", "은닉 크기 16인 LSTM", {"hidden_size": 16}),
])
def test_controls_are_filled_with_the_numbers_of_the_question(slug: str, text: str, values: dict[str, Any]) -> None:
    assert catalogue.prefilled(catalogue.get(slug), text) == values


def test_the_question_is_read_before_the_note_and_what_is_out_of_bounds_is_left() -> None:
    convolution = catalogue.get("convolution")
    both = catalogue.prefilled(convolution, "커널 5로", "입력 32, 커널 3")
    assert (both["kernel"], both["height"]) == (5, 32)
    assert catalogue.prefilled(convolution, "입력 100000000") == {}
    assert catalogue.prefilled(convolution, "입력 100000000", "입력 32")["height"] == 32


def test_what_was_filled_runs() -> None:
    for text in ("입력 64, 커널 3, 스트라이드 2, 패딩 1", "p=0.3, 배치 크기 32, 학습률 0.01, 은닉 크기 16, 길이 20"):
        for concept in catalogue.concepts().values():
            values = catalogue.prefilled(concept, text)
            assert concept.check(values) == values


def test_a_pattern_reads_what_is_no_number_beside_a_word() -> None:
    concept = Concept("x", "가", (), lambda **_: Demo(None, {}, "", ""), (  # type: ignore[arg-type]
        Control("shape", "크기", "1, 2", pattern=r"(\(\d+(?:, ?\d+)*\))"),
        Control("rate", "비율", 0.5, 0.0, 1.0, pattern=r"(\d+(?:\.\d+)?) ?만큼")))
    assert catalogue.prefilled(concept, "(3, 4) 텐서를 0.25만큼") == {"shape": "(3, 4)", "rate": 0.25}


def test_every_concept_lives_in_its_room() -> None:
    assert catalogue.room("lstm") == "sequence"
    assert catalogue.room("배치 정규화") == "learning"
    order = list(dict.fromkeys(catalogue.room(slug) for slug in catalogue.concepts()))
    assert order == list(catalogue.ROOMS)


def test_two_files_with_one_slug_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    concept = catalogue.get("lstm")
    names = [SimpleNamespace(name="one"), SimpleNamespace(name="two")]
    monkeypatch.setattr(catalogue.pkgutil, "iter_modules", lambda path: names)
    monkeypatch.setattr(catalogue.importlib, "import_module", lambda name: SimpleNamespace(
        __name__=name, __path__=[], CONCEPT=concept))
    with pytest.raises(ValueError, match="two concepts have the slug 'lstm'"):
        catalogue.concepts.__wrapped__()
