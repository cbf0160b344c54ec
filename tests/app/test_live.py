"""Demos that open up the running system: what it hands them, and that every door runs them alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from app.answer import Answerer
from app.demos import run_demo
from app.errors import InputError, LLMError
from app.live import MOST_TOKENS, live_value
from indexer.encoder import EmbeddedEncoder
from models import catalogue
from models.attention.bert import SENTENCE
from models.concept import ConceptError
from tests.app.conftest import study_settings
from tests.app.language_models import Scripted

QUESTION = "드롭아웃은 과적합을 어떻게 줄이나요?"
LIVE = ("self_attention", "bert", "rag", "prompting", "hallucination")


def value(answerer: Answerer, slug: str, question: str = QUESTION) -> Any:
    return live_value(answerer, catalogue.get(slug), question)


def test_attention_is_that_of_the_encoder_on_the_question(study: Answerer) -> None:
    seen = value(study, "bert")
    encoder = study.encoder
    assert isinstance(encoder, EmbeddedEncoder)
    assert seen["tokens"] == encoder.tokenizer.encode(QUESTION).tokens
    layers, heads, length = len(seen["weights"]), len(seen["weights"][0]), len(seen["tokens"])
    assert (layers, heads) == (encoder.model.config.num_hidden_layers, encoder.model.config.num_attention_heads)
    for layer in seen["weights"]:
        for head in layer:
            assert [len(row) for row in head] == [length] * length
            assert all(sum(row) == pytest.approx(1, abs=0.02) for row in head)


def test_the_nearest_terms_are_terms_of_the_notes_nearest_first(study: Answerer) -> None:
    near = value(study, "bert")["neighbours"]
    assert near[0][0] == "드롭아웃"
    cosines = [cosine for _, cosine in near]
    assert cosines == sorted(cosines, reverse=True)
    assert all(set(study.index.terms.tokens_of(name)) & study.index.search(name).vocabulary for name, _ in near)


def test_a_long_question_is_cut_to_what_a_picture_holds_and_ends_as_a_sentence_does(study: Answerer) -> None:
    seen = value(study, "self_attention", QUESTION * 10)
    assert len(seen["tokens"]) == len(seen["weights"][0][0]) == MOST_TOKENS
    assert seen["tokens"][-1] == "[SEP]"


def test_search_is_this_very_search_leg_by_leg(study: Answerer) -> None:
    found, ranked = study.search(QUESTION)
    seen = value(study, "rag")
    assert [score for _, score in seen["keyword"]] == [round(s, 4) for _, s in found.legs["keyword"]]
    assert [score for _, score in seen["vector"]] == [round(s, 4) for _, s in found.legs["vector"]]
    assert [score for _, score in seen["fused"]] == [round(s, 4) for _, s in found.legs["fused"]]
    assert [score for _, score in seen["reranked"]] == [round(r.score, 4) for r in ranked.results]
    assert seen["reranked"][0][0].startswith("드롭아웃") and "규제/드롭아웃.md:" in seen["reranked"][0][0]
    assert not any("§" in token for token in seen["tokens"])
    assert len({label for label, _ in seen["fused"]}) == len(seen["fused"])
    assert QUESTION in seen["prompt"] and "뉴런을 확률 p로 끄는" in seen["prompt"]


def test_prompts_are_those_over_the_passages_found(study: Answerer) -> None:
    seen = value(study, "prompting")
    assert list(seen) == ["zero_shot", "few_shot", "chain_of_thought"]
    assert all(QUESTION in text and "뉴런을 확률 p로 끄는" in text for text in seen.values())
    assert seen[study.settings.prompt] == value(study, "rag")["prompt"]


def test_without_a_language_model_nothing_answers_without_the_notes(study: Answerer) -> None:
    assert value(study, "hallucination") is None
    ran = run_demo("hallucination", question=QUESTION, answerer=study)
    assert not ran.live and ran.demo == run_demo("hallucination").demo  # its small model knows other notes


def over(study: Answerer, says: Any) -> Answerer:
    """An answerer over the same index with a language model."""
    return Answerer(study.settings, llm=Scripted(says))


def test_a_language_model_is_asked_without_the_notes_too(study: Answerer) -> None:
    def says(messages: Sequence[BaseMessage]) -> str:
        return "<think>음</think>지어낸 답이다." if len(messages) == 1 else "학습할 때 뉴런을 확률 p로 끄는 규제 기법이다. [1]"

    answerer = over(study, says)
    seen = value(answerer, "hallucination")
    assert seen["without_notes"]["answer"] == "지어낸 답이다."
    assert seen["with_notes"]["answerable"] and seen["with_notes"]["citations"]
    shown = run_demo("hallucination", question=QUESTION, answerer=answerer).demo
    assert "지어낸 답이다." in str(shown.figure.to_json())


def test_a_language_model_that_fails_leaves_the_demo_its_own_values(study: Answerer) -> None:
    def says(messages: Sequence[BaseMessage]) -> str:
        raise LLMError("서버가 없습니다")

    assert value(over(study, says), "hallucination") is None


@pytest.mark.parametrize("slug", LIVE)
def test_no_index_is_no_error(slug: str, tmp_path: Path) -> None:
    answerer = Answerer(study_settings(tmp_path))
    assert value(answerer, slug) is None
    assert run_demo(slug, question=QUESTION, answerer=answerer).demo.figure.data


def test_without_an_encoder_the_search_shows_its_keywords_and_attention_is_the_demos_own(tmp_path: Path) -> None:
    answerer = Answerer(study_settings(tmp_path, encoder="none"))
    answerer.build()
    assert value(answerer, "bert") is None
    seen = value(answerer, "rag")
    assert seen["keyword"] and seen["vector"] == []
    for slug in LIVE:
        assert run_demo(slug, question=QUESTION, answerer=answerer).demo.figure.data


@pytest.mark.parametrize("slug", LIVE[:-1])
def test_every_live_demo_runs_on_the_question_and_is_the_same_again(slug: str, study: Answerer) -> None:
    first, again = (run_demo(slug, question=QUESTION, answerer=study).demo for _ in range(2))
    assert first.figure.to_json() == again.figure.to_json()
    assert first.figure.to_json() != run_demo(slug).demo.figure.to_json()


def test_the_question_goes_where_a_demo_has_room_for_one_and_never_into_a_sentence(study: Answerer) -> None:
    assert run_demo("rag", question=QUESTION, answerer=study).params["question"] == QUESTION
    assert run_demo("bert", question=QUESTION, answerer=study).params["sentence"] == SENTENCE
    long = QUESTION * 15
    ran = run_demo("rag", question=long, answerer=study)
    assert ran.params["question"] != long
    assert run_demo("rag", ran.params, question=long, answerer=study).demo == ran.demo
    assert "question" not in run_demo("dropout", question=QUESTION, answerer=study).params


def test_a_question_typed_into_the_demo_is_searched_instead(study: Answerer) -> None:
    typed = "소프트맥스가 무엇인가요?"
    ran = run_demo("rag", {"question": typed}, question=QUESTION, answerer=study)
    assert str(ran.demo.numbers["맨 앞의 글"]).startswith("소프트맥스")


def test_a_value_out_of_bounds_is_said_before_anything_is_asked(study: Answerer) -> None:
    with pytest.raises(ConceptError, match="alpha"):
        run_demo("rag", {"alpha": 5}, question=QUESTION, answerer=study)


def test_a_question_that_is_too_long_is_refused(study: Answerer) -> None:
    with pytest.raises(InputError, match="너무 깁니다"):
        value(study, "rag", "가" * 3000)
