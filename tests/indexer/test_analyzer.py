"""How a question is read: question words left out, slips mended, names recognized."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata

import pytest

from indexer.analyzer import mend, passage_tokens, query, question_words, tokens
from indexer.korean import compounds
from indexer.terms import Terms, builtin_terms

TERMS = builtin_terms()
VOCABULARY = {"과적합", "막다", "데이터", "증강", "배치", "정규화", "학습률", "전이", "학습", "gradient", "batch", "size", "convolution",
              "경사", "하강", "커널", "크기", "이미지"}


def read(question: str) -> set[str]:
    return set(query(question, TERMS, VOCABULARY).tokens)


@pytest.mark.parametrize(("typed", "meant"), [
    ("convolutoin", "convolution"), ("gradeint", "gradient"), ("normalizaiton", "normalization"), ("과적함", "과적합"),
    ("드롭아우트", "드롭아웃"), ("시그모이트", "시그모이드"), ("인공신겸망", "인공신경망"),
])
def test_a_slip_is_read_as_the_nearest_word_of_the_notes(typed: str, meant: str) -> None:
    text, mended = mend(f"{typed} 설명해줘", TERMS, VOCABULARY)
    assert mended == {typed: meant}
    assert text == f"{meant} 설명해줘"


@pytest.mark.parametrize("word", ["batch", "gradient", "드랍아웃", "배치 정규화", "BatchNorm1d", "nn.Conv2d", "Transformer", "xyz",
                                  "쿠버네티스", "김치찌개", "PostgreSQL", "이미지"])
def test_known_and_far_words_stay_as_they_are(word: str) -> None:
    assert mend(f"{word} 설명", TERMS, VOCABULARY) == (f"{word} 설명", {})


def test_of_two_words_equally_near_the_same_one_is_always_taken() -> None:
    script = "from indexer.analyzer import mend; from indexer.terms import Terms; print(mend('gradiemt', Terms(()), {'gradient', 'gradiest'})[0])"
    said = {subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": str(seed)}, capture_output=True, text=True,
                           check=True).stdout for seed in range(4)}
    assert said == {"gradient\n"}


def test_mending_one_word_leaves_another_that_holds_it() -> None:
    text, mended = mend("gradien gradienty_gradients", TERMS, {"gradient"})
    assert mended["gradien"] == "gradient"
    assert "gradientt" not in text
    assert text.startswith("gradient ")


@pytest.mark.parametrize("written", ["배치 정규화", "배치정규화", "batch normalization", "BN", "BatchNorm1d", "배치 노멀라이제이션", "배치놈"])
def test_all_names_of_one_thing_share_a_token(written: str) -> None:
    assert "§배치정규화" in read(f"{written}는 왜 쓰나요?")


@pytest.mark.parametrize(("question", "kept"), [
    ("과적합을 막는 방법은 무엇인가요?", {"과적합", "막다", "§과적합"}),
    ("과적합이 뭐야?", {"과적합", "§과적합"}),
    ("왜 데이터 증강을 하나요?", {"데이터", "증강", "§데이터증강"}),
    ("What is the batch size?", {"batch", "size", "§배치크기"}),
])
def test_question_words_are_left_out(question: str, kept: set[str]) -> None:
    assert read(question) == kept


def test_a_question_of_question_words_alone_keeps_them() -> None:
    assert read("왜 쓰는 방법이 필요해?") == {"쓰다", "방법", "필요"}


def test_the_list_of_question_words_holds_searched_morphemes() -> None:
    assert {"왜", "이유", "차이", "설명", "쓰다", "뭐"} <= question_words()
    assert not any(word.startswith("#") or " " in word for word in question_words())


def test_particles_and_unicode_forms_do_not_matter() -> None:
    expected = read("커널 크기")
    for text in ("커널의 크기는?", "커널크기가", "커널 크기란", unicodedata.normalize("NFD", "커널의 크기를")):
        assert read(text) == expected, text


def test_a_passage_keeps_every_repeat_and_its_names() -> None:
    terms = Terms((("배치 정규화", "BN"),))
    assert sorted(tokens("BN과 BN", terms)) == ["bn", "bn", "§배치정규화", "§배치정규화"]


def test_a_passage_is_found_by_its_compounds_and_by_the_names_within_a_name() -> None:
    terms = Terms((("배치 정규화", "batch normalization"), ("정규화", "normalization")))
    found = passage_tokens("한남대교의 Batch Normalization", terms)
    assert sorted(found) == ["batch", "normalization", "§배치정규화", "§정규화", "대교", "한남", "한남대교"]


@pytest.mark.parametrize(("vocabulary", "kept"), [
    ({"한남", "대교", "한남대교"}, {"한남", "대교", "한남대교"}),
    ({"한남", "대교"}, {"한남", "대교"}),  # a compound that stands nowhere asks for nothing
])
def test_a_question_asks_for_a_compound_where_the_notes_hold_it(vocabulary: set[str], kept: set[str]) -> None:
    assert set(query("한남대교란?", TERMS, vocabulary).tokens) == kept


def test_a_compound_of_question_words_is_one() -> None:
    assert list(compounds("배치의 설명방법은?")) == ["설명방법"]
    assert set(query("배치의 설명방법은?", TERMS, {*VOCABULARY, "설명방법"}).tokens) == read("배치의 설명방법은?") == {"배치"}


def test_a_name_that_kiwi_takes_for_no_noun_is_asked_for_as_a_whole() -> None:
    assert "아이케" in query("아이케 장군이 한 일은?", TERMS, {"아이케", "장군"}).tokens


@pytest.mark.parametrize(("word", "near"), [("표본분석", "표본분산"), ("재무제표", "재무지표"), ("성장률", "생장률"), ("선형함수", "원형함수")])
def test_a_compound_a_letter_away_is_another_thing(word: str, near: str) -> None:
    assert mend(f"{word} 설명", TERMS, {near}) == (f"{word} 설명", {})


@pytest.mark.parametrize("question", ["???", "...", "🙂🙂", "\n"])
def test_a_question_without_words_is_no_error(question: str) -> None:
    assert query(question, TERMS, VOCABULARY).tokens == {}


def test_a_long_question_of_unknown_words_is_read_in_a_moment() -> None:
    vocabulary = {f"단어{chr(0xAC00 + i)}{chr(0xAC00 + i // 7)}" for i in range(8000)}
    query("모르는낱말 " * 100, TERMS, vocabulary)
