"""Bytes to text: the encodings that Korean notes come in, nothing normalized, binary refused."""

from __future__ import annotations

import codecs
import unicodedata

import pytest

from indexer.errors import NoteError
from indexer.readers.decode import decode

TEXT = "# 경사 하강법\r\n손실을 줄이는 방향으로 가중치를 바꾼다. learning rate η = 0.1\r\n"


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (codecs.BOM_UTF8 + TEXT.encode(), "utf-8"),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"), "utf-32-le"),
    ],
)
def test_the_text_comes_out_as_it_was_written_without_its_byte_order_mark(raw: bytes, encoding: str) -> None:
    decoded = decode(raw)
    assert decoded.text == TEXT
    assert decoded.encoding == encoding


@pytest.mark.parametrize("codec", ["cp949", "euc-kr"])
def test_windows_and_unix_korean_files_are_read(codec: str) -> None:
    text = "딥러닝은 지속될까?\n신경망의 층을 쌓는다."
    assert decode(text.encode(codec)).text == text


def test_syllables_that_only_cp949_has_are_read() -> None:
    assert decode("뷁 똠방각하 펲시콜라".encode("cp949")).text == "뷁 똠방각하 펲시콜라"


def test_decomposed_hangul_is_left_decomposed() -> None:
    text = unicodedata.normalize("NFD", "합성곱")
    assert decode(text.encode()).text == text


def test_a_declared_charset_is_believed_only_where_utf_8_fails() -> None:
    assert decode("가중치".encode(), hint="euc-kr").text == "가중치"
    assert decode("重み".encode("shift_jis"), hint="shift_jis").text == "重み"
    assert decode("가중치".encode("cp949"), hint="no-such-codec").text == "가중치"


def test_a_copy_cut_in_the_middle_of_a_character_is_still_read() -> None:
    raw = ("역전파는 연쇄 법칙을 쓴다. " * 20).encode()[:-2]
    decoded = decode(raw)
    assert decoded.encoding == "utf-8"
    assert decoded.text.startswith("역전파는 연쇄 법칙을 쓴다.")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "PNG 그림"),
        (b"PK\x03\x04" + bytes(100), "압축 파일"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "옛 오피스·한글 문서"),
        (bytes(range(256)) * 4, "이진 파일"),
        (b"\x01\x02\x03\x04abc\x05\x06" * 50, "제어 문자"),
    ],
)
def test_binary_is_refused_with_what_it_is_and_what_to_do(raw: bytes, reason: str) -> None:
    with pytest.raises(NoteError, match=reason) as caught:
        decode(raw)
    assert "\n" not in str(caught.value)
    assert "저장하" in str(caught.value)


def test_a_mark_that_lies_names_the_broken_byte() -> None:
    with pytest.raises(NoteError, match="UTF-8 표시"):
        decode(codecs.BOM_UTF8 + b"abc \xff\xfe\xff def")
