"""Morphemes: particles gone, AI terms whole, Latin words as people search them."""

from __future__ import annotations

import threading
import unicodedata

import pytest

from indexer.korean import compounds, kiwi, morphemes, normalize, split_latin, words
from indexer.terms import builtin_terms


@pytest.mark.parametrize(("text", "expected"), [
    ("커널을", {"커널"}), ("커널이란", {"커널"}), ("커널에서는", {"커널"}), ("커널들과의", {"커널"}),
    ("학습률을 낮추면", {"학습률", "낮추다"}), ("1,024개의 필터가", {"1024", "필터"}), ("3.14입니다", {"3.14"}),
])
def test_particles_and_endings_are_dropped(text: str, expected: set[str]) -> None:
    assert expected == set(morphemes(text))


@pytest.mark.parametrize(("text", "expected"), [
    ("지휘권을 다시 받았다", ["지휘권"]),  # a noun and its suffix
    ("한남대교가 놓인 해는?", ["한남대교"]),
    ("아이케 장군이", ["아이케"]),  # an exclamation and an adverb, for all that Kiwi knows
    ("경사 하강법의 학습률", []),  # one morpheme each
    ("잘 된 학습", []),  # a space between them
    ("BatchNorm1d층", []),  # a noun beside a Latin word
])
def test_a_noun_of_several_morphemes_is_found_as_it_is_written(text: str, expected: list[str]) -> None:
    assert list(compounds(text)) == expected


def test_a_compound_is_found_in_part_and_as_a_whole() -> None:
    text = "한남대교가 놓인 해는?"
    assert {"한남", "대교", "한남대교"} <= set(words(text))
    assert list(words(text)) == [*morphemes(text), "한남대교"]


@pytest.mark.parametrize("term", ["드롭아웃", "합성곱", "역전파", "옵티마이저", "트랜스포머", "시그모이드", "오토인코더", "학습률"])
def test_ai_terms_are_not_split(term: str) -> None:
    assert next(iter(morphemes(f"{term}에서는 무엇을 하나"))) == term


def test_every_one_word_korean_name_of_the_table_is_one_morpheme() -> None:
    split = [word for word in builtin_terms().korean_words() if word not in set(morphemes(word))]
    assert split == []


@pytest.mark.parametrize(("word", "parts"), [
    ("BatchNorm1d", ["batchnorm1d", "batch", "norm"]), ("Conv2d", ["conv2d", "conv"]), ("LSTM", ["lstm"]),
    ("LSTMCell", ["lstmcell", "lstm", "cell"]), ("GoogLeNet", ["googlenet", "goog", "le", "net"]),
    ("batches", ["batch"]), ("classes", ["class"]), ("losses", ["loss"]), ("biases", ["bias"]), ("boxes", ["box"]),
    ("features", ["feature"]), ("entropies", ["entropy"]), ("bias", ["bias"]), ("loss", ["loss"]), ("axis", ["axis"]),
    ("pos", ["pos"]), ("gaussian", ["gaussian"]), ("torus", ["torus"]),
])
def test_latin_words_are_split_as_people_search_them(word: str, parts: list[str]) -> None:
    assert split_latin(word) == parts


@pytest.mark.parametrize("plural", ["GANs", "LSTMs", "CNNs", "GPUs"])
def test_plural_initials_hold_the_singular(plural: str) -> None:
    assert plural[:-1].lower() in split_latin(plural)


@pytest.mark.parametrize("text", ["배치 정규화를 쓴다", "학습률", "ＲＮＮ의 은닉 상태", "２층 신경망"])
def test_every_unicode_form_gives_the_same_morphemes(text: str) -> None:
    forms = {tuple(morphemes(unicodedata.normalize(form, text))) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert len(forms) == 1
    assert normalize(unicodedata.normalize("NFD", text)) == unicodedata.normalize("NFKC", text)


def test_kiwi_is_loaded_once_and_answers_many_threads_alike() -> None:
    assert kiwi() is kiwi()
    texts = [f"{i}번째 배치에서 드롭아웃을 적용한다" for i in range(20)]
    alone = [list(morphemes(text)) for text in texts]
    together: list[list[str]] = [[] for _ in texts]

    def work(i: int) -> None:
        together[i] = list(morphemes(texts[i]))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


@pytest.mark.parametrize("text", ["", " \n\t", "!?…", "🙂", "\x00", "\ud800", "\udfff\ud800"])
def test_text_without_words_has_no_meaning_and_does_no_harm(text: str) -> None:
    assert list(morphemes(text)) == []
